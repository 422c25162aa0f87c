// Which one this is of several installations of the program: what its marks on the objects of a cluster are signed
// with.
#pragma once

#include <string>

#include "act/keep.h"

namespace alertscaler::app {

struct Surroundings {
  std::string pod_namespace;  // of the pod that we are; empty: we are none
  std::string pod;
  std::string host;
  std::string storage_path;
};
[[nodiscard]] Surroundings surroundings(const std::string& storage_path);

// "alertscaler/alertscaler-0" of a StatefulSet, "alertscaler/alertscaler" of a Deployment, whose pods have a new name
// each time; else "ops-1:/var/lib/alertscaler". Pure.
[[nodiscard]] std::string name_for(const Surroundings& around);

// The name that the storage was given first, wherever it is used now; a new storage at the same place gets the same.
[[nodiscard]] std::string installation(Keep& keep, const Surroundings& around);

}  // namespace alertscaler::app
