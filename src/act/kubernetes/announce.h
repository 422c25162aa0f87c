// What became of a target, as an event that people read. Pure.
#pragma once

#include <optional>

#include "act/kubernetes/events.h"
#include "model/action.h"
#include "model/decision.h"

namespace alertscaler::kubernetes {

// Of a workload's action that has ended. Absent: nothing that anybody needs to know, as of a dry run.
[[nodiscard]] std::optional<EventNote> note_of(const HistoryEntry& entry);
// Of an action on a node, when it begins and when it has ended.
[[nodiscard]] std::optional<EventNote> note_of_node(const HistoryEntry& entry);
// Of a decision: that the target is blocked by how things are in the cluster.
[[nodiscard]] std::optional<EventNote> note_of(const Decision& decision);

}  // namespace alertscaler::kubernetes
