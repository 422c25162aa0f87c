#include "control/pass.h"

#include <algorithm>

#include "base/crash_point.h"
#include "base/log.h"
#include "base/text.h"
#include "control/node_pass.h"
#include "control/retry.h"
#include "decide/progress.h"
#include "decide/together.h"

namespace alertscaler::control {
namespace {

// How soon to try again what the store could not take.
constexpr Duration store_retry_after = std::chrono::seconds{1};
// What a person should know of a target on which nothing has failed.
std::string remark(const Observed& observed) {
  return joined(joined(observed.blocked ? observed.blocked->text : "", observed.waits), observed.note);
}

}  // namespace

void pretend(const TargetState& state, Observed& observed) {
  if (state.dry_run_replicas) observed.replicas = observed.ready = *state.dry_run_replicas;
  if (!state.dry_run_floor || !observed.floor) return;
  observed.floor->current = *state.dry_run_floor;
  // It is back, and so would our note be off.
  if (observed.floor->current == observed.floor->original) observed.floor->ours = false;
}

bool Controller::is_dry_run(const Setup& setup) const {
  return options_.dry_run || setup.target.policy.dry_run;
}

Instant Controller::pass(const TargetName& name, const std::stop_token& stop) {
  constexpr Duration gone_for = std::chrono::hours{1};
  const RuntimePtr found = runtime_of(name);
  if (!found) return clock_.now() + gone_for;
  Runtime& runtime = *found;
  const auto setup = runtime.current();
  if (!setup->hands.replicas) return NodePass(*this, runtime, setup, stop).run();
  Look look{runtime,           setup, stop, store_.active_alerts(name), state_of(runtime, *setup), orders_of(name), {},
            is_dry_run(*setup)};
  std::optional<NodePass> nodes;
  if (look.is_pool()) {
    look.alerts = decide::about_count(std::move(look.alerts));
    nodes.emplace(*this, runtime, setup, stop);
    if (const Status seen = nodes->observe(); !seen) return unobservable(runtime, look.state, seen.error());
  }
  if (const Status seen = look_at_count(look); !seen) return unobservable(runtime, look.state, seen.error());
  if (look.state.in_flight) {
    if (const Status settled = settle(look); !settled) return not_stored(runtime, settled.error());
    if (look.failed) return clock_.now();  // decide from a fresh observation
  }
  if (nodes) {
    // First they: a drain that waits for its turn goes before the next scale-down.
    if (const Status done = nodes->act(); !done) return not_stored(runtime, done.error());
    look.state.nodes = store_.state(name).nodes;
    look.nodes_away = nodes->away();
    look.removal_waits = look.nodes_away && !nodes->any_leaving();
  }
  return act_on_count(look, nodes ? &*nodes : nullptr);
}

Status Controller::look_at_count(Look& look) {
  const auto change = look.state.in_flight ? std::optional(look.change()) : std::nullopt;
  Result<Observed> observed = look.setup->hands.replicas->observe(change, look.stop);
  if (!observed) return fail(observed.error());
  if (look.runtime.observe_failures > 0) {
    log::info("target.observable",
              {{"target", look.name().text}, {"replicas", observed->replicas}, {"ready", observed->ready}});
  }
  look.runtime.observe_failures = 0;
  look.observed = *std::move(observed);
  if (!look.dry_run) look.state = decide::for_real(look.state, look.observed);
  const auto& floor = look.observed.floor;
  if (floor && !floor->ours && look.state.dry_run_floor == floor->current) look.state.dry_run_floor.reset();
  if (look.dry_run) look.exists = look.observed;
  pretend(look.state, look.observed);
  return {};
}

// What is decided about the count, carried out and shown. `nodes`: null unless the target has them, too.
Instant Controller::act_on_count(Look& look, const NodePass* nodes) {
  Runtime& runtime = look.runtime;
  const decide::Look decided = decide::decide({clock_.now(), look.policy(), look.alerts, look.state, look.observed,
                                               look.orders, unproven_ends(look.state), look.nodes_away});
  const Decision& decision = decided.decision;
  metrics_.decided(look.name(), decision.outcome, decision.reason);
  Status status;
  bool has_ended = false;
  if (decision.outcome == Outcome::act) {
    status = execute(look, decided);
  } else {
    if (decided.state != store_.state(look.name())) status = store_.save(look.name(), decided.state);
    if (status) {
      look.state = decided.state;
      // No action answers it any more: what waits has been looked at.
      const bool nodes_answer = nodes != nullptr && nodes->decision().outcome == Outcome::act;
      if (!nodes_answer) runtime.received.with([](std::optional<Instant>& first) { first.reset(); });
    }
    say(look, decision);
    if (status && look.state.in_flight) {
      status = carry_on(look);
      has_ended = !look.state.in_flight;  // what was decided was decided beside it
    }
  }
  if (status && !look.state.in_flight) tidy(look);
  publish(look, decision, nodes);
  if (status && (look.failed || has_ended)) return clock_.now();
  if (!status) return not_stored(runtime, status.error());
  const Instant next = next_look(look, decision);
  return nodes == nullptr ? next : std::min(next, nodes->next_look());
}

// Nothing depends on it: what is left undone is tried again with the next pass. Who is paused is left as he is.
void Controller::tidy(Look& look) {
  if (look.dry_run || look.orders.pause) {
    look.runtime.untidy.clear();
    return;
  }
  const Status done = look.setup->hands.replicas->tidy(look.stop);
  const std::string error = done || done.error().kind == ErrorKind::cancelled ? "" : done.error().message;
  if (!error.empty() && look.runtime.untidy != error) {
    log::warn("target.untidy", {{"target", look.name().text}, {"error", error}});
  }
  look.runtime.untidy = error;
}

// What cannot be written down is not done.
Instant Controller::not_stored(Runtime& runtime, const Error& error) {
  metrics_.store_failed();
  if (runtime.last_error != error.message) {
    log::error("store.failed", {{"target", runtime.name.text}, {"error", error.message}});
  }
  runtime.last_error = error.message;
  show(runtime, [&](TargetView& v) { v.error = error.message; });
  return clock_.now() + store_retry_after;
}

// An observation that fails never becomes a decision.
Instant Controller::unobservable(Runtime& runtime, const TargetState& state, const Error& error) {
  const std::string& name = runtime.name.text;
  if (error.kind == ErrorKind::cancelled) return clock_.now();
  if (runtime.observe_failures++ == 0 || runtime.last_error != error.message) {
    log::warn("target.unobservable", {{"target", name}, {"error", error.message}});
  }
  runtime.last_error = error.message;
  constexpr Duration retry_at_most = std::chrono::seconds{15};  // an engine that comes back is found soon
  const Instant until = clock_.now() + std::min(backoff(runtime.observe_failures, jitter()), retry_at_most);
  metrics_.decided(runtime.name, Outcome::blocked, Reason::unobservable);
  runtime.needs_person = !passes_by_itself(error.kind);
  show(runtime, [&](TargetView& v) {
    v.observed.reset();
    v.status = TargetStatus::unknown;
    v.error = error.message;
    Decision decision;
    decision.outcome = Outcome::blocked;
    decision.reason = Reason::unobservable;
    decision.from = decision.to = v.desired;
    decision.until = until;
    decision.text = "blocked: it cannot be observed: " + error.message;
    v.decision = decision;
    if (state.in_flight) v.desired = state.in_flight->to;
  });
  return until;
}

// Journal, act, and for a dry run journal again.
Status Controller::execute(Look& look, const decide::Look& decided) {
  if (look.stuck) return {};
  if (decided.supersedes) {
    const Status given_up = give_up(look, ActionOutcome::interrupted, true,
                                    "superseded by " + std::string(to_string(decided.decision.reason)));
    if (!given_up || look.stuck) return given_up;
  }
  TargetState before = decided.state;
  before.in_flight.reset();
  before.object = object_of(look.setup->target.backend);
  const Instant now = clock_.now();
  const Decision& decision = decided.decision;
  HistoryEntry entry{0, now, look.name(), decision.reason, decision.from, decision.to, {}, {}, "", decision.cause};
  crash_point("before_intent");
  const Result<ActionId> id = store_.begin(
      entry, [&](ActionId given) { return decide::started(before, decision, given, look.policy(), look.alerts, now); });
  if (!id) return fail(id.error());
  say(look, decided.decision);
  crash_point("after_intent");
  look.state = store_.state(look.name());
  look.runtime.settled = true;
  look.runtime.last_error.clear();
  look.runtime.before = before;
  if (look.dry_run) return finish(look, ActionOutcome::dry_run, true, "");
  return carry_on(look);
}

// One more move of the action in flight. Absolute, so repeating it is harmless.
Status Controller::carry_on(Look& look) {
  const InFlight& action = *look.state.in_flight;
  if (look.stuck) return {};
  if (look.removal_waits && action.to < action.from) {
    tidy(look);  // what is certain to go waits for nobody
    return {};
  }
  if (look.observed.blocked && decide::carried_out(action, look.observed)) return {};  // only waits for readiness
  if (look.observed.blocked) return give_up(look, ActionOutcome::failed, false, look.observed.blocked->text);
  const Status applied = look.setup->hands.replicas->apply(look.change(), look.stop);
  if (applied) {
    look.runtime.last_error.clear();
    look.runtime.before.reset();
    look.runtime.applied = action.id;
    const auto first = look.runtime.received.with([](std::optional<Instant>& r) { return std::exchange(r, {}); });
    if (first) metrics_.reaction(clock_.now() - *first);
    return {};
  }
  const Error& error = applied.error();
  if (error.kind == ErrorKind::conflict) return overtaken(look, error);
  if (!passes_by_itself(error.kind)) {
    std::string text = error.message;
    if (look.is_pool() && !taken_back(look, text)) return {};
    TargetState failed = after(look, {ActionOutcome::failed, false});
    // It was there, and somebody has undone it before it was ever seen.
    if (action.floor && look.runtime.applied == action.id) failed.floor_set = action.to;
    return finish(look, ActionOutcome::failed, text, failed);
  }
  if (error.kind != ErrorKind::cancelled && look.runtime.last_error != error.message) {
    log::warn("action.delayed",
              {{"target", look.name().text}, {"id", look.state.in_flight->id}, {"error", error.message}});
    look.runtime.last_error = error.message;
  }
  return {};
}

// Somebody else moved the count. What was not carried out yet never was: it is decided anew, at once. What was carried
// out and then undone has failed, so that two who pull at one count do not do so without a pause.
Status Controller::overtaken(Look& look, const Error& error) {
  if (look.runtime.before) {
    return finish(look, ActionOutcome::interrupted, error.message, decide::withdrawn(look.state, *look.runtime.before));
  }
  return finish(look, ActionOutcome::failed, error.message,
                after(look, {ActionOutcome::failed, false, Duration{0}, look.observed.replicas}));
}

// One line per action and per change of what is waited for, not one per pass.
void Controller::say(Look& look, const Decision& decision) {
  const std::string what =
      std::string(to_string(decision.outcome)) + std::string(to_string(decision.reason)) + std::to_string(decision.to);
  const bool waits = decision.outcome == Outcome::postpone && decision.reason != Reason::in_flight;
  const bool worth = decision.outcome == Outcome::act || waits || decision.outcome == Outcome::blocked;
  const bool news = decision.outcome == Outcome::act || look.runtime.last_said != what;
  look.runtime.last_said = what;
  if (news && decision.outcome == Outcome::blocked && !look.dry_run) look.setup->hands.replicas->announce(decision);
  const log::Level level = worth && news ? log::Level::info : log::Level::debug;
  log::write(level, decision.outcome == Outcome::act ? "action.start" : "decision",
             {{"target", look.name().text},
              {"outcome", to_string(decision.outcome)},
              {"reason", to_string(decision.reason)},
              {"from", decision.from},
              {"to", decision.to},
              {"alert", alert_name(decision.cause)},
              {"user", user_name(decision.cause)},
              {"dry_run", look.dry_run ? "true" : ""},
              {"text", decision.text}});
}

void Controller::publish(Look& look, const Decision& decision, const NodePass* nodes) {
  const Instant now = clock_.now();
  const TargetState& state = look.state;
  const bool drain_fires = std::any_of(look.alerts.begin(), look.alerts.end(),
                                       [](const Alert& alert) { return alert.mapping.action == AlertAction::drain; });
  show(look.runtime, [&](TargetView& v) {
    v.observed = look.exists.value_or(look.observed);
    v.decision = decision;
    v.up_cooldown_until = decide::up_cooldown_until(look.policy(), state, now);
    v.down_cooldown_until = decide::down_cooldown_until(look.policy(), state, now);
    // The last action may have been one of its nodes.
    const bool is_ours = v.last_action && v.last_action->node.empty();
    v.error = state.failures == 0 ? remark(look.observed) : is_ours ? v.last_action->error : look.runtime.last_failure;
    if (look.stuck) v.error = joined("what was begun cannot be taken back yet: " + look.runtime.last_error, v.error);
    v.error = joined(v.error, look.runtime.untidy);
    v.desired = look.observed.replicas;
    // A floor that goes down says nothing of the count.
    const auto wanted = [&](int to, bool floor) { return floor ? std::max(to, look.observed.replicas) : to; };
    if (decision.outcome == Outcome::postpone) v.desired = wanted(decision.to, decision.floor);
    if (state.in_flight) v.desired = wanted(state.in_flight->to, state.in_flight->floor);
    // Not those that the look began with: an order that came meanwhile is shown already.
    const Orders orders = orders_of(look.name());
    v.pin = orders.pin;
    v.pause = orders.pause;
    if (state.in_flight) {
      v.status = state.in_flight->action == Reason::drain ? TargetStatus::draining : TargetStatus::scaling;
    } else if (v.pause) {
      v.status = TargetStatus::paused;
    } else if (state.failures > 0) {
      v.status = TargetStatus::failed;
    } else if (v.pin) {
      v.status = TargetStatus::pinned;
    } else if (drain_fires && look.observed.replicas == 0) {
      v.status = TargetStatus::drained;
    } else if (decision.outcome == Outcome::postpone) {
      v.status = TargetStatus::postponed;
    } else {
      v.status = TargetStatus::idle;
    }
    if (nodes != nullptr) nodes->add_to(v);
  });
  look.runtime.was_observed = true;
  std::map<AlertAction, std::size_t> counts;
  for (const Alert& alert : look.alerts) ++counts[alert.mapping.action];
  for (const AlertAction action :
       {AlertAction::up, AlertAction::down, AlertAction::to, AlertAction::drain, AlertAction::hold}) {
    if (nodes != nullptr && action == AlertAction::drain) continue;  // those are counted with the nodes
    metrics_.active_alerts(look.name(), action, counts[action]);
  }
}

void Controller::show(Runtime& runtime, const std::function<void(TargetView&)>& change) {
  runtime.view.with([&](TargetView& view) {
    change(view);
    const bool dry_run = is_dry_run(*runtime.current());
    view.target.policy.dry_run = dry_run;  // ours counts, too
    if (!runtime.gone) metrics_.target(view, clock_.now(), dry_run);
  });
  if (options_.target_changed) options_.target_changed(runtime.name);
}

Instant Controller::next_look(const Look& look, const Decision& decision) {
  const Instant now = clock_.now();
  constexpr Duration try_again_at_most = std::chrono::seconds{15};
  if (look.stuck) return now + std::min(backoff(look.runtime.not_taken_back, jitter()), try_again_at_most);
  if (look.state.in_flight) {
    // Soon at first, as most actions are quick; then at a quarter of the time that it has taken so far.
    const Duration elapsed = now - look.state.in_flight->started;
    // A removal waits for a drain, which takes longer.
    const bool drains = look.is_pool() && look.state.in_flight->to < look.state.in_flight->from;
    const Duration wait = drains ? std::clamp(elapsed / 10, Duration{500}, Duration{5000})
                                 : std::clamp(elapsed / 4, Duration{100}, Duration{1000});
    return std::min(now + wait, std::max(look.state.in_flight->deadline, now + Duration{100}));
  }
  // It has ended already: what then stands is decided afresh.
  if (decision.outcome == Outcome::act || decision.reason == Reason::in_flight) return now;
  const auto refresh =
      static_cast<Duration::rep>(static_cast<double>(options_.refresh_interval.count()) * (0.8 + 0.4 * jitter()));
  Instant slow = now + Duration{refresh};
  // What is getting ready by itself is followed more closely.
  constexpr Duration ready_refresh = std::chrono::seconds{5};
  if (!look.observed.settled || look.observed.ready < look.observed.replicas)
    slow = std::min(slow, now + ready_refresh);
  if (const auto end = next_end(look.orders)) slow = std::clamp(*end, now, slow);
  return decision.until ? std::clamp(*decision.until, now, slow) : slow;
}

}  // namespace alertscaler::control
