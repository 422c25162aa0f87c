// The annotations by which we know our own hand on the objects of a cluster.
#pragma once

#include <string_view>

namespace alertscaler::kubernetes {

// On a node that we have cordoned: the signature of the target that asked for it.
inline constexpr std::string_view cordoned_by = "alertscaler.io/cordoned-by";
// On a node of a pool of containers: which pool's it is; that it is being drained so that it can be removed, and may
// still come back; that it will be removed, whatever comes; that another is made to take its place.
inline constexpr std::string_view pool_member = "alertscaler.io/pool";
inline constexpr std::string_view pool_leaving = "alertscaler.io/leaving-pool";
inline constexpr std::string_view pool_removed = "alertscaler.io/removed-from-pool";
inline constexpr std::string_view pool_replaced = "alertscaler.io/replaced-in-pool";
// On an HPA or a ScaledObject: its floor from before we moved it, and where we moved it to.
inline constexpr std::string_view original_min = "alertscaler.io/original-min";
inline constexpr std::string_view set_min = "alertscaler.io/set-min";
// On either: the signature of who put these, or the next, there.
inline constexpr std::string_view moved_by = "alertscaler.io/moved-by";
// On a ScaledObject: it was we who paused it, at 0.
inline constexpr std::string_view kept_at_zero = "alertscaler.io/kept-at-zero";

}  // namespace alertscaler::kubernetes
