// What the actions of nodes leave behind in a target's state.
#include <algorithm>

#include "decide/nodes.h"

namespace alertscaler::decide {
namespace {

// For one call to let a node take work again.
constexpr Duration restore_timeout = std::chrono::minutes{2};

}  // namespace

// An action that has ended before it cordoned anything keeps nothing from work.
bool is_held(const std::string& name, const NodeState& state, std::span<const ObservedNode> observed) {
  if (!state.held || state.in_flight || state.dry_run) return state.held;
  return std::any_of(observed.begin(), observed.end(),
                     [&](const ObservedNode& node) { return node.name == name && node.cordoned; });
}

TargetState node_started(TargetState state, const NodeDecision& begun, ActionId id, const NodesInputs& inputs) {
  const Decision& decision = begun.decision;
  const bool is_drain = decision.reason == Reason::drain;
  const Duration allowed = is_drain ? inputs.policy.drain.timeout : restore_timeout;
  NodeState& node = state.nodes[begun.node];
  node.in_flight = InFlight{
      id, decision.reason, decision.from, decision.to, inputs.now, inputs.now + allowed, decision.cause, {}, 0};
  if (node.failed == decision.reason) node.retry_at.reset();
  if (!is_drain) return state;
  node.held = true;
  node.drained = false;
  node.dry_run = inputs.dry_run;
  if (decision.cause) node.cause = std::get<AlertCause>(*decision.cause);
  for (const Alert& alert : inputs.alerts) {
    const bool asks =
        alert.mapping.action == AlertAction::drain && node.cause && alert.fingerprint == node.cause->fingerprint;
    if (asks) node.alerts.insert({alert.fingerprint, alert.starts_at});
  }
  return state;
}

TargetState node_ended(TargetState state, const std::string& name, const NodeEnd& end, Instant now) {
  constexpr int failures_max = 1000;
  NodeState& node = state.nodes.at(name);
  const Reason action = node.in_flight->action;
  const bool was_drain = action == Reason::drain;
  node.in_flight.reset();
  switch (end.outcome) {
    case ActionOutcome::done:
    case ActionOutcome::dry_run:
      if (was_drain) {
        node.drained = true;
        node.held = !end.gone;
        node.failures = 0;
        node.error.clear();
      } else {
        node.held = node.drained = false;
      }
      break;
    case ActionOutcome::failed:
    case ActionOutcome::timeout:
      node.failures = std::min(node.failures + 1, failures_max);
      node.failed = action;
      node.retry_at = now + end.retry_after;
      node.error = end.error;
      break;
    case ActionOutcome::interrupted:
      break;
  }
  return state;
}

}  // namespace alertscaler::decide
