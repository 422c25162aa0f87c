// The annotations by which we know our own hand on the objects of a cluster.
#pragma once

#include <string_view>

namespace alertscaler::kubernetes {

// On a node that we have cordoned: the name of the target that asked for it.
inline constexpr std::string_view cordoned_by = "alertscaler.io/cordoned-by";
// On an HPA or a ScaledObject: its floor from before we moved it, and where we moved it to.
inline constexpr std::string_view original_min = "alertscaler.io/original-min";
inline constexpr std::string_view set_min = "alertscaler.io/set-min";
// On a ScaledObject: it was we who paused it, at 0.
inline constexpr std::string_view kept_at_zero = "alertscaler.io/kept-at-zero";

}  // namespace alertscaler::kubernetes
