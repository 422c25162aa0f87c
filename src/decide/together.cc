#include "decide/together.h"

#include <algorithm>

#include "base/text.h"

namespace alertscaler::decide {
namespace {

// How soon to look again at what waits for a node.
constexpr Duration away_recheck_after = std::chrono::seconds{5};
constexpr std::size_t names_shown_max = 3;

std::string names_of(const std::set<std::string>& nodes) {
  std::vector<std::string> names(nodes.begin(), nodes.end());
  const bool more = names.size() > names_shown_max;
  if (more) names.resize(names_shown_max);
  return text::join(names, ", ") + (more ? ", …" : "");
}

// How much it matters to who asks how the target is.
int weight(const Decision& decision) {
  switch (decision.outcome) {
    case Outcome::act:
      return 4;
    case Outcome::postpone:
      return decision.reason == Reason::in_flight ? 3 : 2;
    case Outcome::blocked:
      return 1;
    case Outcome::none:
      break;
  }
  return 0;
}

}  // namespace

Decision all_in_one(const std::vector<NodeDecision>& nodes, int available) {
  Decision all;
  all.from = all.to = available;
  all.text = "nothing to do: no alert asks for anything";
  if (nodes.empty()) return all;
  const auto first = std::max_element(nodes.begin(), nodes.end(), [](const NodeDecision& a, const NodeDecision& b) {
    return weight(a.decision) < weight(b.decision);
  });
  all = first->decision;
  constexpr std::size_t told_max = 3;
  std::vector<std::string> texts;
  for (const NodeDecision& each : nodes) {
    if (each.decision.until) all.until = std::min(all.until.value_or(*each.decision.until), *each.decision.until);
    if (texts.size() < told_max) texts.push_back(each.decision.text);
  }
  if (nodes.size() > told_max) texts.push_back("and " + std::to_string(nodes.size() - told_max) + " more");
  all.text = text::join(texts, "; ");
  return all;
}

Decision together(const Decision& count, const NodesLook& nodes) {
  if (nodes.nodes.empty()) return count;
  const bool idle = count.outcome == Outcome::none && count.reason == Reason::no_intent;
  if (idle) return nodes.decision;
  Decision all = weight(nodes.decision) > weight(count) ? nodes.decision : count;
  for (const auto& until : {count.until, nodes.decision.until}) {
    if (until) all.until = std::min(all.until.value_or(*until), *until);
  }
  all.text = count.text + "; " + nodes.decision.text;
  return all;
}

std::string out_of_work(const std::set<std::string>& nodes, int allowed) {
  return std::to_string(nodes.size()) + (nodes.size() == 1 ? " node is" : " nodes are") + " out of work (" +
         names_of(nodes) + "), and max_unavailable allows " + std::to_string(allowed) + " at once";
}

std::optional<NodesAway> nodes_away(const NodesInputs& in) {
  std::set<std::string> drains, away;
  for (const auto& [name, state] : in.state.nodes) {
    if (state.dry_run != in.dry_run) continue;
    if (state.in_flight && state.in_flight->action == Reason::drain) drains.insert(name);
    if (is_held(name, state, in.observed)) away.insert(name);
  }
  int replicas = 0;
  for (const ObservedNode& node : in.observed) {
    ++replicas;
    if (node.cordoned) away.insert(node.name);
    // What the scale-down itself takes away, or takes first.
    if (node.leaving || node.dead) away.erase(node.name);
  }
  const Instant until = in.now + away_recheck_after;
  if (!drains.empty()) {
    return NodesAway{names_of(drains) + (drains.size() == 1 ? " is" : " are") + " being drained", until};
  }
  const int allowed = in.policy.drain.max_unavailable.of(replicas);
  if (static_cast<int>(away.size()) < allowed) return std::nullopt;
  return NodesAway{out_of_work(away, allowed), until};
}

std::vector<Alert> about_count(std::vector<Alert> alerts) {
  std::erase_if(alerts, [](const Alert& alert) { return alert.mapping.action == AlertAction::drain; });
  return alerts;
}

}  // namespace alertscaler::decide
