// Targets that are one and the same object of a cluster, at whose count two hands would pull.
#pragma once

#include <map>
#include <vector>

#include "config/value.h"
#include "model/settings.h"

namespace alertscaler::config {

// A target of the list, and where it stands.
struct PlacedTarget {
  TargetName name;
  Value at;
};

// Reports each that is the object of an earlier one, whatever version of its kind and in whichever way its namespace
// is given. `placed`: in the order of the file, each one of `targets`. A namespace that is left open, and a cluster
// that cannot be seen from here, is a namespace of its own.
void check_same_objects(const std::vector<PlacedTarget>& placed, const std::map<TargetName, Target>& targets,
                        const KubernetesCluster& cluster);

}  // namespace alertscaler::config
