// What to do about the nodes of one target: which to drain, which to let work again, and which must wait. Pure, as
// decide.h; semantics.md 4 for nodes as a function.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "decide/decide.h"
#include "model/nodes.h"

namespace alertscaler::decide {

struct NodesInputs {
  Instant now;
  const Policy& policy;
  std::span<const Alert> alerts;  // the active ones of this target
  const TargetState& state;
  std::span<const ObservedNode> observed;  // all nodes of the target
  Orders orders{};                         // what people asked for, as in_force() leaves it
  // Of the alerts in the state's nodes, those whose last resolve is no evidence that they are over.
  std::vector<Episode> unproven{};
  bool dry_run = false;
  std::optional<Blocked> blocked{};  // NodeBackend::blocked()
  std::string nodes_in_words{};      // what the nodes have in common: "the selector role=worker"
  bool come_and_go = false;          // they are replicas, which are made and removed
};

enum class NodeMove {
  none,      // nothing now; the decision says why
  begin,     // the action that the decision names begins
  carry_on,  // the action in flight goes on
  cancel,    // the action in flight ends as interrupted; the decision's text says why
  complete,  // the action in flight has come to its end: the node has been replaced, and is no more
  time_out,  // the action in flight has had its time
  forget,    // nothing more is to be remembered of it
};

struct NodeDecision {
  std::string node;
  NodeMove move = NodeMove::none;
  Decision decision;         // from and to count the target's nodes that take work
  std::string alert;         // the name of the one that asks for it; empty: none does
  bool is_refused = false;   // the alert names what is no node of the target, or several
  bool is_observed = false;  // it is one of the target's nodes now
};

// What a look at the nodes found. The state differs from inputs.state in what the look itself changes.
struct NodesLook {
  std::vector<NodeDecision> nodes;  // each that is wanted or remembered; in the order in which they get their turn
  Decision decision;                // all of it in one
  TargetState state;
};
[[nodiscard]] NodesLook decide_nodes(const NodesInputs& inputs);

// Does a drain of ours keep it from work, so that it counts for max_unavailable?
[[nodiscard]] bool is_held(const std::string& name, const NodeState& state, std::span<const ObservedNode> observed);

// The state with the action begun. REQUIRES: no action of that node is in flight.
[[nodiscard]] TargetState node_started(TargetState state, const NodeDecision& begun, ActionId id,
                                       const NodesInputs& inputs);
// The state once the action of that node has ended. REQUIRES: it is in flight.
struct NodeEnd {
  ActionOutcome outcome = ActionOutcome::done;
  std::string error;
  Duration retry_after{0};  // the backoff of a failed one
  bool gone = false;        // there is no such node any more
};
[[nodiscard]] TargetState node_ended(TargetState state, const std::string& node, const NodeEnd& end, Instant now);

}  // namespace alertscaler::decide
