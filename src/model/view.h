// A target as the API, the metrics and the command line show it: a snapshot, made after each pass.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/action.h"
#include "model/nodes.h"
#include "model/observed.h"
#include "model/orders.h"
#include "model/target.h"

namespace alertscaler {

enum class TargetStatus { idle, scaling, postponed, draining, drained, paused, pinned, failed, unknown };
[[nodiscard]] std::string_view to_string(TargetStatus status);

struct TargetView {
  Target target;
  std::optional<Observed> observed;  // absent until it was observed, and while it cannot be
  int desired = 0;
  TargetStatus status = TargetStatus::unknown;
  std::optional<Decision> decision;  // absent before the first pass
  std::optional<HistoryEntry> last_action;
  std::optional<Instant> up_cooldown_until;
  std::optional<Instant> down_cooldown_until;
  std::optional<Pin> pin;         // in force
  std::optional<Pause> pause;     // in force: its own, or that of all targets
  std::string error;              // why it is failed or unknown
  std::vector<NodeView> nodes{};  // of a target of nodes: those that are not just taking work
};

}  // namespace alertscaler
