// How a target of nodes is shown after a pass.
#include <algorithm>
#include <array>

#include "control/node_pass.h"
#include "decide/together.h"

namespace alertscaler::control {
namespace {

// What a person would want to know first of a target that is both a count and nodes.
TargetStatus more_urgent(TargetStatus a, TargetStatus b) {
  constexpr std::array order = {TargetStatus::unknown,   TargetStatus::draining, TargetStatus::scaling,
                                TargetStatus::paused,    TargetStatus::failed,   TargetStatus::pinned,
                                TargetStatus::postponed, TargetStatus::drained,  TargetStatus::idle};
  return *std::find_if(order.begin(), order.end(), [&](TargetStatus each) { return each == a || each == b; });
}

bool has_state(const std::vector<NodeView>& nodes, std::string_view state) {
  return std::any_of(nodes.begin(), nodes.end(), [&](const NodeView& node) { return node.state == state; });
}

std::string in_words(const ObservedNode& node) {
  if (node.leaving) return "a scale-down removes it";
  if (!node.cordoned) return "not ready, and no alert asks for a drain";
  return node.ours ? "cordoned by us, in an earlier episode" : "cordoned by somebody else";
}

std::string pods(int count) {
  return std::to_string(count) + (count == 1 ? " pod" : " pods") + " left";
}

}  // namespace

NodeView Controller::NodePass::view_of(const decide::NodeDecision& decided) const {
  NodeView view;
  view.name = decided.node;
  view.text = decided.decision.text;
  view.until = decided.decision.until;
  view.alert = decided.alert;
  const auto known = state_.nodes.find(decided.node);
  const NodeState* state = known == state_.nodes.end() ? nullptr : &known->second;
  const auto progress = runtime_.progress.find(decided.node);
  if (progress != runtime_.progress.end()) {
    view.left = progress->second.left;
    for (const std::string* said : {&progress->second.waits, &progress->second.note}) {
      if (!said->empty()) view.text += "; " + *said;
    }
    if (state != nullptr && state->in_flight) view.text += "; " + pods(progress->second.left);
  }
  if (decided.is_refused) {
    view.state = "refused";
  } else if (state != nullptr && state->in_flight) {
    view.state = state->in_flight->action == Reason::drain ? "draining" : "restoring";
  } else if (state != nullptr && state->failures > 0) {
    view.state = "failed";
  } else if (state != nullptr && state->drained) {
    view.state = decided.is_observed || state->held ? "drained" : "removed";
  } else if (state != nullptr && state->unproven) {
    view.state = "cordoned";
  } else {
    view.state = "waiting";
  }
  return view;
}

// Nodes that just take work are only counted.
std::vector<NodeView> Controller::NodePass::views() const {
  std::vector<NodeView> views;
  std::set<std::string> told;
  for (const decide::NodeDecision& each : look_.nodes) {
    if (each.move == decide::NodeMove::forget && !each.is_refused) continue;
    views.push_back(view_of(each));
    told.insert(each.node);
  }
  for (const ObservedNode& node : observed_) {
    if (told.contains(node.name) || (node.ready && !node.cordoned && !node.leaving)) continue;
    views.push_back({.name = node.name,
                     .state = node.leaving    ? "leaving"
                              : node.cordoned ? "cordoned"
                                              : "not_ready",
                     .text = "node " + node.name + ": " + in_words(node),
                     .until = {},
                     .left = {},
                     .alert = ""});
  }
  return views;
}

TargetStatus Controller::NodePass::status_of(const std::vector<NodeView>& nodes, bool paused) const {
  if (has_state(nodes, "draining")) return TargetStatus::draining;
  if (has_state(nodes, "restoring")) return TargetStatus::scaling;
  if (paused) return TargetStatus::paused;
  if (has_state(nodes, "failed")) return TargetStatus::failed;
  if (has_state(nodes, "waiting")) return TargetStatus::postponed;
  if (has_state(nodes, "drained")) return TargetStatus::drained;
  return TargetStatus::idle;
}

// What a person should know of the nodes.
std::string Controller::NodePass::trouble() const {
  std::string error;
  for (const decide::NodeDecision& each : look_.nodes) {
    const auto state = state_.nodes.find(each.node);
    if (!error.empty()) continue;
    if (each.is_refused) error = each.decision.text;
    if (state != state_.nodes.end() && state->second.failures > 0) error = each.node + ": " + state->second.error;
  }
  if (!error.empty()) return error;
  return blocked_ ? blocked_->text : runtime_.nodes_error;
}

void Controller::NodePass::publish() {
  Observed counts;
  counts.replicas = static_cast<int>(observed_.size());
  int wanted_away = 0;
  for (const ObservedNode& node : observed_) {
    if (node.ready && !node.cordoned) ++counts.ready;
  }
  for (const decide::NodeDecision& each : look_.nodes) {
    if (each.is_observed && !each.alert.empty()) ++wanted_away;
  }
  std::vector<NodeView> nodes = views();
  controller_.show(runtime_, [&](TargetView& view) {
    view.observed = counts;
    view.decision = look_.decision;
    view.desired = counts.replicas - wanted_away;
    view.error = trouble();
    const Orders orders = controller_.orders_of(name());  // one that came meanwhile is shown already
    view.pin = orders.pin;
    view.pause = orders.pause;
    view.status = status_of(nodes, view.pause.has_value());
    view.nodes = std::move(nodes);
    if (last_) view.last_action = last_;
  });
  runtime_.was_observed = true;
}

// Beside what its count is shown as.
void Controller::NodePass::add_to(TargetView& view) const {
  view.nodes = views();
  view.status = more_urgent(view.status, status_of(view.nodes, view.pause.has_value()));
  const std::string of_nodes = trouble();
  if (!of_nodes.empty()) view.error += (view.error.empty() ? "" : "; ") + of_nodes;
  if (view.decision) view.decision = decide::together(*view.decision, look_);
  if (last_ && (!view.last_action || view.last_action->id < last_->id)) view.last_action = last_;
}

// What would be decided, node by node; before that of a target that is a count, too, what of the count.
Explained Controller::preview_nodes(const Runtime& runtime, const Setup& setup, const std::vector<Alert>& alerts,
                                    const TargetState& state, const Observed& count) const {
  const std::vector<ObservedNode> observed = runtime.nodes.with([](const auto& nodes) { return nodes; });
  const bool is_pool = setup.hands.replicas != nullptr;
  const decide::NodesInputs in{clock_.now(),
                               setup.target.policy,
                               alerts,
                               state,
                               observed,
                               orders_of(runtime.name),
                               unproven_ends(state),
                               is_dry_run(setup),
                               runtime.nodes_blocked.with([](const auto& blocked) { return blocked; }),
                               nodes_in_words(setup.target.backend),
                               is_pool};
  const decide::NodesLook look = decide::decide_nodes(in);
  Explained explained;
  if (is_pool) {
    const std::vector<Alert> counted = decide::about_count(alerts);
    explained =
        decide::explain({in.now, in.policy, counted, state, count, in.orders, in.unproven, decide::nodes_away(in)});
  }
  explained.decision = is_pool ? decide::together(explained.decision, look) : look.decision;
  for (const decide::NodeDecision& each : look.nodes) {
    const bool free = each.decision.outcome == Outcome::act || each.decision.reason == Reason::in_flight;
    explained.gates.push_back({.gate = "node " + each.node,
                               .verdict = free ? GateNote::Verdict::open : GateNote::Verdict::closed,
                               .text = each.decision.text});
  }
  return explained;
}

}  // namespace alertscaler::control
