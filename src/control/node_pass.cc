#include "control/node_pass.h"

#include <algorithm>
#include <utility>

#include "base/crash_point.h"
#include "base/log.h"
#include "base/text.h"
#include "control/away.h"
#include "control/retry.h"
#include "decide/together.h"

namespace alertscaler::control {
namespace {

constexpr Duration settles_after = std::chrono::seconds{5};
constexpr Duration again_after = std::chrono::seconds{10};  // what nobody waits for

}  // namespace

Controller::NodePass::NodePass(Controller& controller, Runtime& runtime, std::shared_ptr<const Setup> setup,
                               std::stop_token stop)
    : controller_(controller),
      runtime_(runtime),
      setup_(std::move(setup)),
      stop_(std::move(stop)),
      alerts_(controller.store_.active_alerts(runtime.name)),
      orders_(controller.orders_of(runtime.name)),
      dry_run_(controller.is_dry_run(*setup_)),
      of_pool_(setup_->hands.replicas != nullptr),
      state_(controller.state_of(runtime, *setup_)) {}

decide::NodesInputs Controller::NodePass::inputs() const {
  return {controller_.clock_.now(),
          policy(),
          alerts_,
          state_,
          observed_,
          orders_,
          controller_.unproven_ends(state_),
          dry_run_,
          blocked_,
          nodes_in_words(setup_->target.backend),
          of_pool_};
}

Instant Controller::NodePass::run() {
  if (const Status observed = observe(); !observed) {
    return controller_.unobservable(runtime_, state_, observed.error());
  }
  if (runtime_.observe_failures > 0) {
    log::info("target.observable", {{"target", name().text}, {"nodes", observed_.size()}});
    runtime_.last_error.clear();
  }
  runtime_.observe_failures = 0;
  const Status status = act();
  // No action answers it any more: what waits has been looked at.
  if (look_.decision.outcome != Outcome::act) runtime_.received.with([](auto& first) { first.reset(); });
  publish();
  if (status) runtime_.last_error.clear();
  return status ? next_look() : controller_.not_stored(runtime_, status.error());
}

Status Controller::NodePass::observe() {
  Result<std::vector<ObservedNode>> observed = backend().observe(stop_);
  if (!observed) return fail(observed.error());
  observed_ = *std::move(observed);
  blocked_ = backend().blocked(stop_);
  runtime_.nodes.with([&](auto& nodes) { nodes = observed_; });
  runtime_.nodes_blocked.with([&](auto& blocked) { blocked = blocked_; });
  return {};
}

Status Controller::NodePass::act() {
  state_ = controller_.state_of(runtime_, *setup_);
  // Somebody else lets it take work again: it is theirs, and so is whoever cordons it next.
  for (const ObservedNode& node : observed_) {
    if (node.ours && !node.cordoned) static_cast<void>(let_go(node.name));
  }
  look_ = decide::decide_nodes(inputs());
  count();
  if (look_.state != state_) {
    if (Status saved = controller_.store_.save(name(), look_.state); !saved) return saved;
  }
  state_ = look_.state;
  for (const decide::NodeDecision& decided : look_.nodes) {
    say(decided);
    if (Status done = carry_out(decided); !done) return done;
  }
  return {};
}

std::optional<decide::NodesAway> Controller::NodePass::away() const {
  return decide::nodes_away(inputs());
}

bool Controller::NodePass::any_leaving() const {
  return std::any_of(observed_.begin(), observed_.end(),
                     [](const ObservedNode& node) { return node.leaving && !node.surplus; });
}

// False: it has to be tried again.
bool Controller::NodePass::let_go(const std::string& node) {
  const auto found = std::find_if(observed_.begin(), observed_.end(), [&](const auto& o) { return o.name == node; });
  const bool is_there = found != observed_.end();
  if (dry_run_ || (is_there && !(found->ours || found->replacing))) return true;
  // It may be out of sight for a while, and must not be taken for one whose state was lost when it comes back.
  const auto known = state_.nodes.find(node);
  if (!is_there && (known == state_.nodes.end() || !known->second.unproven)) return true;
  const Status done = backend().let_go(node, stop_);
  if (!done) {
    const bool is_news = runtime_.not_let_go.insert(node).second;
    log::write(is_news ? log::Level::warn : log::Level::debug, "node.not_let_go",
               {{"target", name().text}, {"node", node}, {"error", done.error().message}});
    return false;
  }
  runtime_.not_let_go.erase(node);
  if (!is_there) tell_left_drained(name(), node);
  return true;
}

void Controller::NodePass::farewell(const std::string& why) {
  for (const auto& [node, state] : TargetState(state_).nodes) {
    if (!state.in_flight) continue;
    if (const Status written = finish(node, ActionOutcome::interrupted, why); !written) {
      controller_.not_stored(runtime_, written.error());
      return;
    }
  }
  if (setup_->hands.replicas) return;  // a pool names what it leaves
  tell_left_drained(name(), held_nodes(state_));
}

// On an error of the store nothing of it is done.
Status Controller::NodePass::carry_out(const decide::NodeDecision& decided) {
  switch (decided.move) {
    case decide::NodeMove::none:
      return {};
    case decide::NodeMove::begin:
      return begin(decided);
    case decide::NodeMove::carry_on:
      return move_on(decided.node);
    case decide::NodeMove::cancel:
      return finish(decided.node, ActionOutcome::interrupted, decided.decision.text);
    case decide::NodeMove::complete:
      return finish(decided.node, ActionOutcome::done, "");
    case decide::NodeMove::time_out:
      return finish(decided.node, ActionOutcome::timeout, out_of_time(decided.node));
    case decide::NodeMove::forget:
      break;
  }
  if (!let_go(decided.node)) {
    again_ = true;
    return {};
  }
  TargetState without = state_;
  without.nodes.erase(decided.node);
  if (Status saved = controller_.store_.save(name(), without); !saved) return saved;
  state_ = std::move(without);
  runtime_.progress.erase(decided.node);
  changed_ = changed_ || decided.decision.outcome == Outcome::none;
  return {};
}

Status Controller::NodePass::begin(const decide::NodeDecision& decided) {
  const Instant now = controller_.clock_.now();
  const Decision& decision = decided.decision;
  const HistoryEntry entry{0,  now, name(), decision.reason, decision.from, decision.to,
                           {}, {},  "",     decision.cause,  decided.node};
  crash_point("before_intent");
  const decide::NodesInputs in = inputs();
  state_.object = object_of(setup_->target.backend);
  const Result<ActionId> id =
      controller_.store_.begin(entry, [&](ActionId given) { return decide::node_started(state_, decided, given, in); });
  if (!id) return fail(id.error());
  state_ = controller_.store_.state(name());
  runtime_.progress.erase(decided.node);
  crash_point("after_intent");
  HistoryEntry begun = entry;
  begun.id = *id;
  if (!dry_run_) backend().announce(decided.node, begun);
  return move_on(decided.node);
}

// One more move of the action in flight; repeating it is harmless.
Status Controller::NodePass::move_on(const std::string& node) {
  if (state_.nodes.at(node).in_flight->action != Reason::drain) return restore(node);
  return dry_run_ ? rehearse(node) : drain(node);
}

Status Controller::NodePass::drain(const std::string& node) {
  Result<DrainProgress> progress = backend().drain(node, policy().drain, stop_);
  if (!progress) return failed(node, progress.error());
  const auto first = runtime_.received.with([](std::optional<Instant>& r) { return std::exchange(r, {}); });
  if (first) controller_.metrics_.reaction(controller_.clock_.now() - *first);
  const bool empty = progress->empty;
  const std::string refused = progress->refused;
  came_to(node, *std::move(progress));
  if (!refused.empty()) return finish(node, ActionOutcome::failed, refused);
  // A scheduler that had not seen the cordon yet may have bound a pod to it: it is looked at again before it is done.
  // Of one that is replaced nothing is left to look at.
  const Duration taken = controller_.clock_.now() - state_.nodes.at(node).in_flight->started;
  const bool done = empty && (policy().drain.replace || taken >= settles_after);
  return done ? finish(node, ActionOutcome::done, "") : Status{};
}

Status Controller::NodePass::rehearse(const std::string& node) {
  Result<DrainProgress> progress = backend().rehearse(node, policy().drain, stop_);
  if (!progress) {
    if (passes_by_itself(progress.error().kind)) return failed(node, progress.error());
    return finish(node, ActionOutcome::dry_run, "it would fail: " + progress.error().message);
  }
  std::string error;
  if (!progress->refused.empty()) {
    error = "it would be refused: " + progress->refused;
  } else if (!progress->waits.empty()) {
    error = "it would wait: " + progress->waits;
  }
  came_to(node, *std::move(progress));
  return finish(node, ActionOutcome::dry_run, error);
}

Status Controller::NodePass::restore(const std::string& node) {
  if (dry_run_) return finish(node, ActionOutcome::dry_run, "");
  const Status done = backend().uncordon(node, stop_);
  return done ? finish(node, ActionOutcome::done, "") : failed(node, done.error());
}

// A call failed: the action with it, unless the same call may succeed a moment later.
Status Controller::NodePass::failed(const std::string& node, const Error& error) {
  // Gone: the next look does not see it any more, and says so.
  if (error.kind == ErrorKind::not_found) return {};
  if (!passes_by_itself(error.kind)) return finish(node, ActionOutcome::failed, error.message);
  if (error.kind != ErrorKind::cancelled && runtime_.nodes_error != error.message) {
    log::warn("action.delayed", {{"target", name().text},
                                 {"node", node},
                                 {"id", state_.nodes.at(node).in_flight->id},
                                 {"error", error.message}});
    runtime_.nodes_error = error.message;
  }
  return {};
}

void Controller::NodePass::came_to(const std::string& node, DrainProgress progress) {
  runtime_.nodes_error.clear();
  DrainProgress& known = runtime_.progress[node];
  if (!progress.waits.empty() && known.waits != progress.waits) {
    log::info("action.waits",
              {{"target", name().text}, {"node", node}, {"left", progress.left}, {"text", progress.waits}});
  }
  if (!progress.note.empty() && known.note != progress.note) {
    log::warn("action.note", {{"target", name().text}, {"node", node}, {"text", progress.note}});
  }
  known = std::move(progress);
}

std::string Controller::NodePass::out_of_time(const std::string& node) const {
  const InFlight& action = *state_.nodes.at(node).in_flight;
  std::string out = "after " + text::format_duration(action.deadline - action.started);
  const auto known = runtime_.progress.find(node);
  if (known != runtime_.progress.end()) {
    const int left = known->second.left;
    out += ": " + std::to_string(left) + (left == 1 ? " pod is" : " pods are") + " still there";
    if (!known->second.waits.empty()) out += ": " + known->second.waits;
  }
  return out + (runtime_.nodes_error.empty() ? "" : "; " + runtime_.nodes_error);
}

Status Controller::NodePass::finish(const std::string& node, ActionOutcome outcome, std::string error) {
  const Instant now = controller_.clock_.now();
  const NodeState& before = state_.nodes.at(node);
  const InFlight& action = *before.in_flight;
  HistoryEntry entry{action.id, action.started,   name(),       action.action, action.from, action.to, outcome,
                     now,       std::move(error), action.cause, node};
  const bool gone =
      of_pool_ && policy().drain.replace && outcome == ActionOutcome::done && entry.action == Reason::drain;
  const TargetState after = decide::node_ended(
      state_, node, {outcome, entry.error, backoff(before.failures + 1, controller_.jitter()), gone}, now);
  crash_point("before_outcome");
  if (Status written = controller_.store_.finish(entry, after); !written) return written;
  state_ = after;
  changed_ = true;
  controller_.metrics_.action_ended(name(), backend_name(setup_->target.backend), entry.action, outcome,
                                    now - entry.time);
  const bool bad = outcome == ActionOutcome::failed || outcome == ActionOutcome::timeout;
  log::write(bad ? log::Level::warn : log::Level::info, "action.end",
             {{"target", name().text},
              {"node", node},
              {"id", entry.id},
              {"action", to_string(entry.action)},
              {"outcome", to_string(outcome)},
              {"duration", text::format_duration(now - entry.time)},
              {"alert", alert_name(entry.cause)},
              {"error", entry.error}});
  if (!dry_run_) backend().announce(node, entry);
  last_ = std::move(entry);
  return {};
}

// One line per action and per change of what is waited for, not one per pass.
void Controller::NodePass::say(const decide::NodeDecision& decided) {
  const Decision& decision = decided.decision;
  const bool acts = decision.outcome == Outcome::act;
  const std::string what = std::string(to_string(decision.outcome)) + std::string(to_string(decision.reason));
  std::string& last = runtime_.last_said_of[decided.node];
  const bool news = acts || last != what;
  last = what;
  const bool waits = decision.outcome == Outcome::postpone && decision.reason != Reason::in_flight;
  const bool worth = acts || waits || decision.outcome == Outcome::blocked;
  log::write(worth && news ? log::Level::info : log::Level::debug, acts ? "action.start" : "decision",
             {{"target", name().text},
              {"node", decided.node},
              {"outcome", to_string(decision.outcome)},
              {"reason", to_string(decision.reason)},
              {"alert", alert_name(decision.cause)},
              {"dry_run", dry_run_ ? "true" : ""},
              {"text", decision.text}});
}

void Controller::NodePass::count() {
  Metrics& metrics = controller_.metrics_;
  if (look_.nodes.empty() && !of_pool_) metrics.decided(name(), look_.decision.outcome, look_.decision.reason);
  for (const decide::NodeDecision& each : look_.nodes) {
    metrics.decided(name(), each.decision.outcome, each.decision.reason);
  }
  std::map<AlertAction, std::size_t> counts;
  for (const Alert& alert : alerts_) ++counts[alert.mapping.action];
  for (const AlertAction action : {AlertAction::drain, AlertAction::hold}) {
    metrics.active_alerts(name(), action, counts[action]);
  }
  const auto is_known = [&](const auto& item) {
    return std::any_of(look_.nodes.begin(), look_.nodes.end(),
                       [&](const auto& each) { return each.node == item.first; });
  };
  std::erase_if(runtime_.last_said_of, [&](const auto& item) { return !is_known(item); });
  std::erase_if(runtime_.progress, [&](const auto& item) { return !is_known(item); });
}

Instant Controller::NodePass::next_look() const {
  const Instant now = controller_.clock_.now();
  if (changed_) return now;
  const Duration refresh_interval = controller_.options_.refresh_interval;
  const auto refresh =
      static_cast<Duration::rep>(static_cast<double>(refresh_interval.count()) * (0.8 + 0.4 * controller_.jitter()));
  Instant next = now + Duration{refresh};
  if (const auto end = next_end(orders_)) next = std::clamp(*end, now, next);
  if (again_) next = std::min(next, now + again_after);
  if (look_.decision.until && !(again_ && *look_.decision.until <= now)) {
    next = std::clamp(*look_.decision.until, now, next);
  }
  for (const auto& [node, state] : state_.nodes) {
    if (!state.in_flight) continue;
    // Soon at first, as an empty node is drained at once; then at a tenth of the time that it has taken so far.
    const Duration wait = std::clamp((now - state.in_flight->started) / 10, Duration{500}, Duration{5000});
    next = std::min({next, now + wait, std::max(state.in_flight->deadline, now + Duration{100})});
  }
  return next;
}

}  // namespace alertscaler::control
