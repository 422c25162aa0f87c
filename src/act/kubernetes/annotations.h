// The annotations by which we know our own hand on the objects of a cluster.
#pragma once

#include <string_view>

namespace alertscaler::kubernetes {

// On a node that we have cordoned: the name of the target that asked for it.
inline constexpr std::string_view cordoned_by = "alertscaler.io/cordoned-by";

}  // namespace alertscaler::kubernetes
