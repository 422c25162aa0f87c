// Decisions that stand side by side in one target: those about its nodes, and the one about its count beside them.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "decide/nodes.h"

namespace alertscaler::decide {

// The one that matters most, and the text of all. `available`: how many nodes take work.
[[nodiscard]] Decision all_in_one(const std::vector<NodeDecision>& nodes, int available);

// The same of a target whose replicas are nodes.
[[nodiscard]] Decision together(const Decision& count, const NodesLook& nodes);

// "2 nodes are out of work (a, b), and max_unavailable allows 1 at once".
[[nodiscard]] std::string out_of_work(const std::set<std::string>& nodes, int allowed);

// Of a target whose replicas are nodes: why its scale-down, which drains what it removes, must not begin to do so now.
[[nodiscard]] std::optional<NodesAway> nodes_away(const NodesInputs& inputs);

// Those that ask something of its count. A drain is for the one node that it names.
[[nodiscard]] std::vector<Alert> about_count(std::vector<Alert> alerts);

}  // namespace alertscaler::decide
