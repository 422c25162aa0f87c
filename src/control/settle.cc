// How the action under way on a target's count ends.
#include <algorithm>

#include "base/crash_point.h"
#include "base/log.h"
#include "base/text.h"
#include "control/away.h"
#include "control/node_pass.h"
#include "control/pass.h"
#include "control/retry.h"
#include "decide/progress.h"

namespace alertscaler::control {
namespace {

// Of what is done without the journal, for nobody will look at it again.
constexpr ActionId farewell_id = -1;

}  // namespace

// What an earlier process left unfinished: reached counts as done; what only waits for readiness goes on; the rest is
// decided again, from where it started.
void Controller::settle_earlier(Look& look) {
  look.runtime.settled = true;
  const InFlight& action = *look.state.in_flight;
  log::info("action.found_unfinished", {{"target", look.name().text},
                                        {"id", action.id},
                                        {"action", to_string(action.action)},
                                        {"from", action.from},
                                        {"to", action.to},
                                        {"replicas", look.observed.replicas}});
}

// Moves the journal forward: has the action under way ended? On an error nothing changed and the pass is over.
Status Controller::settle(Look& look) {
  const InFlight action = *look.state.in_flight;
  const bool earlier = !look.runtime.settled;
  if (earlier) settle_earlier(look);
  if (look.dry_run) return finish(look, ActionOutcome::interrupted, true, "dry run was switched on");
  if (decide::reached(action, look.observed)) return finish(look, ActionOutcome::done, true, "");
  if (decide::changed_hands(action, look.observed)) {
    return finish(look, ActionOutcome::interrupted, false,
                  look.observed.floor ? look.observed.floor->owner + " sets the count now"
                                      : "the autoscaler that set the count is gone");
  }
  const bool is_there = decide::carried_out(action, look.observed);
  const auto& pause = look.orders.pause;
  if (pause && look.is_pool() && action.to < action.from && !is_there) {
    return give_up(look, ActionOutcome::interrupted, false, "paused by " + pause->user);
  }
  if (!look.observed.broken.empty()) {
    std::string error = look.observed.broken;
    if (!taken_back(look, error)) return {};  // the next pass sees it broken again
    return finish(look, ActionOutcome::failed, false, error);
  }
  // A drain that is half done is not begun anew.
  if (earlier && !is_there && !look.is_pool()) {
    return finish(look, ActionOutcome::interrupted, false, "the program was stopped before it was carried out");
  }
  return clock_.now() >= action.deadline ? time_out(look) : Status{};
}

Status Controller::time_out(Look& look) {
  const InFlight& action = *look.state.in_flight;
  std::string error = joined(joined("after " + text::format_duration(action.deadline - action.started) + ": " +
                                        std::to_string(look.observed.replicas) + " replicas, " +
                                        std::to_string(look.observed.ready) + " of them ready",
                                    look.observed.waits),
                             look.runtime.last_error);
  const bool is_there = decide::carried_out(action, look.observed);
  const bool has_gone = is_there && action.to < action.from;
  if (!look.is_pool() || has_gone) return finish(look, ActionOutcome::timeout, is_there, error);
  // Nothing of it stays, so that it has failed, and is tried again as what has failed.
  if (!taken_back(look, error)) return {};
  return finish(look, ActionOutcome::timeout, error, after(look, {ActionOutcome::failed, false}));
}

// Takes back what the action under way has begun, and adds to `error` what of it cannot be. False: it is to be tried
// again, and until then the action is under way.
bool Controller::taken_back(Look& look, std::string& error) {
  const Status cleaned = look.setup->hands.replicas->clean_up(look.change(), look.stop);
  if (!cleaned && passes_by_itself(cleaned.error().kind)) {
    if (cleaned.error().kind != ErrorKind::cancelled && look.runtime.last_error != cleaned.error().message) {
      log::warn("action.not_taken_back", {{"target", look.name().text},
                                          {"id", look.state.in_flight->id},
                                          {"why", error},
                                          {"error", cleaned.error().message}});
      look.runtime.last_error = cleaned.error().message;
    }
    look.stuck = look.is_pool();
    ++look.runtime.not_taken_back;
    return false;
  }
  look.runtime.not_taken_back = 0;
  if (!cleaned) error += "; removing it failed: " + cleaned.error().message;
  return true;
}

// An action ends before it has got there. Where replicas are nodes, none is left that was only on its way in or out.
Status Controller::give_up(Look& look, ActionOutcome outcome, bool there, std::string error) {
  if (look.is_pool() && !taken_back(look, error)) return {};
  const Status written = finish(look, outcome, there, std::move(error));
  look.failed = look.failed || look.is_pool();
  return written;
}

// The end of what is in flight, when nobody will look at it again, or only at its count when it is to come back.
void Controller::farewell(Runtime& runtime, const std::string& why, bool is_to_come_back) {
  const auto setup = runtime.current();
  if (setup->hands.nodes) NodePass(*this, runtime, setup, reload_stop_.get_token()).farewell(why);
  if (!setup->hands.replicas) return;
  Look look{runtime, setup, reload_stop_.get_token(), {}, store_.state(runtime.name), {}, {}, is_dry_run(*setup)};
  put_floor_back(look);
  end_action(look, why);
  if (look.dry_run) return;
  if (look.state.drain_baseline && !is_to_come_back) {
    tell_left_drained(runtime.name, look.state.drain_baseline->replicas);
  }
  const Status left = setup->hands.replicas->leave(look.stop);
  if (!left) {
    log::warn("target.left_undone", {{"target", runtime.name.text}, {"error", left.error().message}});
  }
}

void Controller::end_action(Look& look, const std::string& why) {
  Runtime& runtime = look.runtime;
  if (!look.state.in_flight) return;
  const auto observed = look.setup->hands.replicas->observe(look.change(), look.stop);
  const bool is_there = observed && decide::reached(*look.state.in_flight, *observed);
  std::string error = is_there ? "" : why;
  if (look.is_pool() && !look.dry_run && !is_there && !taken_back(look, error)) {
    error += "; what it had begun stays as it is: " + look.runtime.last_error;
  }
  const Status written =
      finish(look, is_there ? ActionOutcome::done : ActionOutcome::interrupted, true, std::move(error));
  if (!written) not_stored(runtime, written.error());
}

// An autoscaler's floor that we have raised does not stay so when nobody looks after it any more.
void Controller::put_floor_back(Look& look) {
  const auto left = [&](const std::string& why) {
    const auto& action = look.state.in_flight;
    const bool being_raised = action && action->floor && action->action != Reason::restore;
    const std::optional<int> raised = being_raised ? action->to : look.state.floor_set;
    if (!raised) return;
    log::warn("target.floor_left", {{"target", look.name().text}, {"from", *raised}, {"error", why + floor_by_hand}});
  };
  if (look.dry_run) {
    if (look.state.floor_set) left("dry run is on");
    return;
  }
  const auto observed = look.setup->hands.replicas->observe({}, look.stop);
  if (!observed) return left(observed.error().message);
  if (!observed->floor && observed->blocked) return left(observed->blocked->text);
  if (!observed->floor || !observed->floor->ours) return forget_floor(look);
  const Floor& floor = *observed->floor;
  const Change back{
      .id = farewell_id, .target = look.name(), .from = floor.current, .to = floor.original, .floor = true};
  const Status done = look.setup->hands.replicas->apply(back, look.stop);
  log::write(done ? log::Level::info : log::Level::warn, done ? "target.floor_put_back" : "target.floor_left",
             {{"target", look.name().text},
              {"owner", floor.owner},
              {"from", floor.current},
              {"to", floor.original},
              {"error", done ? "" : done.error().message + floor_by_hand}});
  if (done) forget_floor(look);
}

void Controller::forget_floor(Look& look) {
  look.state = decide::without_floor(look.state);
  if (const Status saved = store_.save(look.name(), look.state); !saved) not_stored(look.runtime, saved.error());
}

TargetState Controller::after(const Look& look, decide::End end) {
  end.retry_after = backoff(look.state.failures + 1, jitter());
  return decide::ended(look.state, end, clock_.now());
}

Status Controller::finish(Look& look, ActionOutcome outcome, bool there, std::string error) {
  return finish(look, outcome, std::move(error), after(look, {outcome, there}));
}

Status Controller::finish(Look& look, ActionOutcome outcome, std::string error, const TargetState& state) {
  const Instant now = clock_.now();
  HistoryEntry entry = look.entry();
  entry.outcome = outcome;
  entry.finished = now;
  entry.error = std::move(error);
  crash_point("before_outcome");
  if (const Status written = store_.finish(entry, state); !written) return written;
  look.state = state;
  look.failed = outcome == ActionOutcome::failed || outcome == ActionOutcome::timeout;
  look.runtime.last_error.clear();
  look.runtime.not_taken_back = 0;
  if (look.failed) look.runtime.last_failure = entry.error;
  metrics_.action_ended(look.name(), backend_name(look.setup->target.backend), entry.action, outcome, now - entry.time);
  log::write(look.failed ? log::Level::warn : log::Level::info, "action.end",
             {{"target", look.name().text},
              {"id", entry.id},
              {"action", to_string(entry.action)},
              {"from", entry.from},
              {"to", entry.to},
              {"outcome", to_string(outcome)},
              {"duration", text::format_duration(now - entry.time)},
              {"alert", alert_name(entry.cause)},
              {"user", user_name(entry.cause)},
              {"error", entry.error}});
  look.runtime.view.with([&](TargetView& view) { view.last_action = entry; });
  look.setup->hands.replicas->announce(entry);
  return {};
}

}  // namespace alertscaler::control
