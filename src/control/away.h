// What stays behind when a target leaves the configuration, for the log. Private to control.
#pragma once

#include <string>

#include "base/names.h"
#include "model/action.h"

namespace alertscaler::control {

inline constexpr const char* floor_by_hand = "; put the autoscaler's floor back by hand, and take our annotations off";

// The nodes that an alert has drained for real, with blanks between them.
[[nodiscard]] std::string held_nodes(const TargetState& state);
void tell_left_drained(const TargetName& target, int replicas);
void tell_left_drained(const TargetName& target, const std::string& nodes);  // empty: nothing is told

}  // namespace alertscaler::control
