#include "decide/decide.h"

#include <algorithm>

#include "decide/floor.h"
#include "decide/gates.h"
#include "decide/intent.h"
#include "decide/progress.h"
#include "decide/render.h"

namespace alertscaler::decide {
namespace {

// The bounds limit what we do: a count that somebody else put outside them is not fought, and an up goes at least to
// min.
int bounded(const Inputs& in, const Intent& intent, int there) {
  if (intent.exact || intent.wanted == there) return intent.wanted;
  // Where an autoscaler's floor was without us is inside of any bounds; and alerts never lead below it.
  if (intent.floor && intent.kind == IntentKind::restore) return intent.wanted;
  const int own = intent.floor ? in.observed.floor->original : 0;
  const int clamped = std::clamp(std::max(intent.wanted, own), in.policy.min, in.policy.max);
  if (intent.wanted > there) return std::max(clamped, there);
  return std::min(std::max(clamped, own), there);
}

// An intent of another kind, or none, has nothing to do with what failed before.
void forget_unfinished(TargetState& state) {
  state.unfinished.reset();
  state.retry_at.reset();
  state.failures = 0;
}

// From here on the count that a person chose is what everything starts from: there is nothing older to come back to.
// Who chose 0 has said nothing of an autoscaler's floor.
void take(TargetState& state, OrderId order, bool floor) {
  if (order != 0) state.orders_taken = order;
  if (floor || (state.baseline && !state.baseline->floor)) state.baseline.reset();
  state.drain_baseline.reset();
}

}  // namespace

std::optional<Instant> up_cooldown_until(const Policy& policy, const TargetState& state, Instant now) {
  if (!state.last_up || *state.last_up + policy.up_cooldown <= now) return std::nullopt;
  return *state.last_up + policy.up_cooldown;
}

std::optional<Instant> down_cooldown_until(const Policy& policy, const TargetState& state, Instant now) {
  if (!state.last_change || *state.last_change + policy.down_cooldown <= now) return std::nullopt;
  return *state.last_change + policy.down_cooldown;
}

namespace {

// With `gates`, what each of them says goes there.
Look look_at(const Inputs& given, std::vector<GateNote>* gates) {
  Look look;
  look.state = noticed(given);
  const Inputs in{given.now,      given.policy, given.alerts,   look.state,
                  given.observed, given.orders, given.unproven, given.nodes_away};
  const Intent intent = find_intent(in);

  Decision& decision = look.decision;
  decision.intent = intent.kind;
  const int there = position(in, intent);
  decision.from = decision.to = there;
  decision.floor = intent.floor;
  decision.cause = intent.cause;
  if (intent.kind == IntentKind::none) {
    decision.reason = intent.none_because;
    look.state.down_since.reset();
    if (!look.state.in_flight) forget_unfinished(look.state);
  } else {
    Wish wish{in, look.state, intent, bounded(in, intent, there), there};
    if (wish.upward() && in.observed.replicas_max) {
      wish.wanted = std::min(wish.wanted, std::max(*in.observed.replicas_max, there));
      if (wish.wanted == there) wish.wanted = bounded(in, intent, there);
    }
    const bool wants_down = wish.downward() && !intent.exact && !on_hold(wish);
    if (wants_down && !look.state.down_since) look.state.down_since = in.now;
    if (!wants_down) look.state.down_since.reset();
    const Command* command = waiting_command(in);
    if (look.state.unfinished && (command != nullptr || look.state.unfinished->action != action_of(intent.kind))) {
      forget_unfinished(look.state);
    }
    if (gates != nullptr) *gates = describe_gates(wish);
    const auto gate = find_gate(wish);
    decision.to = wish.wanted;
    decision.outcome = gate ? gate->outcome : Outcome::act;
    decision.reason = gate ? gate->reason : action_of(intent.kind);
    decision.until = gate ? gate->until : std::nullopt;
    look.supersedes = !gate && look.state.in_flight.has_value();
    if (command != nullptr) {
      decision.order = command->id;
      const bool is_so = gate && gate->outcome == Outcome::none;
      const bool passes = in.observed.blocked && in.observed.blocked->passes;
      const bool never = gate && !passes && (gate->reason == Reason::not_scalable || gate->reason == Reason::hpa_owned);
      if (is_so || never) take(look.state, command->id, intent.floor);
    }
  }
  decision.text = render(decision, in, look.state);
  return look;
}

}  // namespace

Look decide(const Inputs& inputs) {
  return look_at(inputs, nullptr);
}

Explained explain(const Inputs& inputs) {
  Explained explained;
  explained.decision = look_at(inputs, &explained.gates).decision;
  return explained;
}

TargetState started(TargetState state, const Decision& decision, ActionId id, const Policy& policy,
                    std::span<const Alert> alerts, Instant now) {
  const Instant deadline = now + time_for(decision.from, decision.to, policy);
  state.in_flight =
      InFlight{id, decision.reason, decision.from, decision.to, now, deadline, decision.cause, {}, 0, decision.floor};
  state.asked = decision.to;
  state.retry_at.reset();
  if (decision.intent == IntentKind::manual) {
    take(state, decision.order, decision.floor);
    state.in_flight->order = decision.order;
  }
  if (decision.intent == IntentKind::drain && !state.drain_baseline && decision.cause) {
    state.drain_baseline =
        Baseline{decision.from, -1, std::get<AlertCause>(*decision.cause), episodes_of(alerts, {AlertAction::drain})};
  }
  if (state.baseline && (decision.intent == IntentKind::up || decision.intent == IntentKind::to)) {
    const int before = state.baseline->replicas;
    state.baseline->moved = decision.to > before ? 1 : decision.to < before ? -1 : 0;
  }
  // A firing down alert is newer and better evidence than a count to come back to.
  if (decision.intent == IntentKind::down) state.baseline.reset();
  if (policy.repeat == Repeat::once) {
    for (const Alert& alert : alerts) {
      const bool stepped = (decision.intent == IntentKind::up && alert.mapping.action == AlertAction::up) ||
                           (decision.intent == IntentKind::down && alert.mapping.action == AlertAction::down);
      const Episode episode{alert.fingerprint, alert.starts_at};
      if (stepped && state.stepped.insert(episode).second) state.in_flight->stepped.insert(episode);
    }
  }
  return state;
}

TargetState ended(TargetState state, const End& end, Instant now) {
  const InFlight action = *state.in_flight;
  state.in_flight.reset();
  const bool counts = end.outcome == ActionOutcome::done || end.outcome == ActionOutcome::timeout ||
                      end.outcome == ActionOutcome::dry_run;
  if (counts) {
    state.last_change = now;
    if (action.to > action.from) {
      state.last_up = now;
      state.last_up_not_ready = end.outcome == ActionOutcome::timeout;
    }
    state.failures = 0;
  }
  if (end.outcome == ActionOutcome::dry_run) {
    if (action.floor) state.dry_run_floor = action.to;
    // Where a lowered floor leads, only the autoscaler knows.
    if (!action.floor || action.to > action.from) {
      state.dry_run_replicas = action.to;
    } else {
      state.dry_run_replicas.reset();
    }
  }
  if (end.outcome == ActionOutcome::failed) {
    constexpr int failures_max = 1000;
    state.failures = std::min(state.failures + 1, failures_max);
    state.retry_at = now + end.retry_after;
  }
  if (counts && end.reached && action.floor && end.outcome != ActionOutcome::dry_run) {
    state.floor_set = action.action == Reason::restore ? std::nullopt : std::optional(action.to);
  }
  if (end.reached) {
    state.unfinished.reset();
    return state;
  }
  if (end.moved_to || !state.unfinished || state.unfinished->action != action.action) {
    state.unfinished = Unfinished{action.action, end.moved_to.value_or(action.from)};
  }
  for (const Episode& episode : action.stepped) state.stepped.erase(episode);
  if (action.order != 0 && end.outcome == ActionOutcome::interrupted) {
    state.orders_taken = std::min(state.orders_taken, action.order - 1);
  }
  return state;
}

TargetState withdrawn(const TargetState& state, TargetState before) {
  before.in_flight.reset();
  before.unfinished.reset();  // of a count that is no more
  before.retry_at.reset();
  before.nodes = state.nodes;  // each has a story of its own
  // A command that came while this one waited is not forgotten; this one is given back.
  const OrderId order = state.in_flight->order;
  before.orders_taken = order == 0 ? state.orders_taken : std::min(state.orders_taken, order - 1);
  return before;
}

TargetState without_floor(TargetState state) {
  state.floor_set.reset();
  if (state.baseline && state.baseline->floor) state.baseline.reset();
  return state;
}

TargetState for_real(TargetState state, const Observed& observed) {
  if (!state.dry_run_replicas && !state.dry_run_floor) return state;
  state.dry_run_replicas.reset();
  state.dry_run_floor.reset();
  if (observed.replicas > 0) state.drain_baseline.reset();  // at 0 it may be a drain of ours from before
  return state;
}

TargetState left(TargetState state) {
  if (state.baseline && !state.baseline->floor) state.baseline.reset();
  for (std::optional<Baseline>* baseline : {&state.baseline, &state.drain_baseline}) {
    if (*baseline) (*baseline)->unproven = true;
  }
  for (auto& [name, node] : state.nodes) node.unproven = true;
  return state;
}

TargetState elsewhere(TargetState state, bool is_same_object) {
  TargetState kept;
  kept.last_up = state.last_up;
  kept.last_change = state.last_change;
  kept.stepped = std::move(state.stepped);
  kept.orders_taken = state.orders_taken;
  if (is_same_object) {
    kept.drain_baseline = std::move(state.drain_baseline);
    kept.asked = state.asked;
  }
  return kept;
}

}  // namespace alertscaler::decide
