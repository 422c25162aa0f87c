// What to do about one target. Pure: no I/O, no clock, no logging, no randomness; the same inputs give the same
// decision. semantics.md 2 to 4 as a function.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "model/action.h"
#include "model/alert.h"
#include "model/decision.h"
#include "model/observed.h"
#include "model/policy.h"

namespace alertscaler::decide {

// Of a target whose replicas are nodes: others of them are out of work, so that none may be taken away beside them.
struct NodesAway {
  std::string text;  // which ones
  Instant until;     // when to look again
};

// Everything that a decision may depend on. If it is not in here, the decision cannot see it.
struct Inputs {
  Instant now;
  const Policy& policy;
  std::span<const Alert> alerts;  // the active ones of this target
  const TargetState& state;
  const Observed& observed;
  Orders orders{};  // what people asked for, as in_force() leaves it
  // Of the alerts in the state's baselines, those whose last resolve is no evidence that they are over.
  std::vector<Episode> unproven{};
  std::optional<NodesAway> nodes_away{};
};

// What a look at a target found: the decision, and the state that goes with it (stabilization, baselines), which
// differs from inputs.state only in what the look itself changes; actions change it through started() and ended().
struct Look {
  Decision decision;
  TargetState state;
  bool supersedes = false;  // the action in flight is to be given up: the decision takes its place
};
[[nodiscard]] Look decide(const Inputs& inputs);
// The same decision, with what each gate said of it; no gates when nothing is wanted.
[[nodiscard]] Explained explain(const Inputs& inputs);

// The state once the intent of `decision` is written down as the action `id`. REQUIRES: decision.outcome is act.
[[nodiscard]] TargetState started(TargetState state, const Decision& decision, ActionId id, const Policy& policy,
                                  std::span<const Alert> alerts, Instant now);
// The longest End::retry_after.
inline constexpr Duration retry_after_max = std::chrono::minutes{5};
// The state once the action in flight has ended. REQUIRES: state.in_flight.
struct End {
  ActionOutcome outcome = ActionOutcome::done;
  bool reached = true;      // the count that was asked for is there
  Duration retry_after{0};  // the backoff of a failed one
  // The count that somebody else made meanwhile: what comes next starts from there, and not from where this one did.
  std::optional<int> moved_to{};
};
[[nodiscard]] TargetState ended(TargetState state, const End& end, Instant now);

// The state after an action that was never carried out, as somebody else moved the count first: `before` is the state
// that it began in. REQUIRES: state.in_flight.
[[nodiscard]] TargetState withdrawn(const TargetState& state, TargetState before);

// The state of a target that from now on is something else: cooldowns stay, what speaks of counts is forgotten. Of the
// same object in another way, the count from before a drain is kept: it is still at 0 because of us.
// REQUIRES: no action in flight.
[[nodiscard]] TargetState elsewhere(TargetState state, bool is_same_object);

// The state of a target that the configuration has no more: with it went its alerts, which have not ended. Should it
// come back, nothing is brought back before such an alert has come again and has ended. REQUIRES: no action in flight.
[[nodiscard]] TargetState left(TargetState state);

// The state without what a dry run has only pretended: counts, and a drain. `observed`: what is.
[[nodiscard]] TargetState for_real(TargetState state, const Observed& observed);

// The state when the autoscaler's floor is nothing of ours any more.
[[nodiscard]] TargetState without_floor(TargetState state);

// Until when cooldowns forbid a move up or down; absent when they do not.
[[nodiscard]] std::optional<Instant> up_cooldown_until(const Policy& policy, const TargetState& state, Instant now);
[[nodiscard]] std::optional<Instant> down_cooldown_until(const Policy& policy, const TargetState& state, Instant now);

}  // namespace alertscaler::decide
