// What an object's documents say of its count, and the write that changes it. Pure.
#pragma once

#include <string>

#include "act/kubernetes/api_server.h"

namespace alertscaler::kubernetes {

struct Scale {
  std::string uid;
  int replicas = 0;      // that the object asks for
  int ready = 0;         // that its controller says are ready; of a Scale, which does not tell, those that exist
  bool settled = true;   // its controller has seen what it asks for, and none are left to be removed
  std::string selector;  // of its pods, as a query takes it; empty: unknown
};

// Of an autoscaling/v1 Scale, where 0 is left out.
[[nodiscard]] Scale scale_of(const Json& scale);
// Of a Deployment, StatefulSet, ReplicaSet or ReplicationController.
[[nodiscard]] Scale scale_of_object(const Json& object);

// "Deployment web", of whom the object is a part; empty: nobody's.
[[nodiscard]] std::string controller_of(const Json& object);

// Did asking for the scale fail because the object does not say a count at all?
[[nodiscard]] bool is_count_unset(const ApiError& error);

// The JSON patch of the scale that sets `to` if uid and count are still those; otherwise the server answers 422.
[[nodiscard]] Json compare_and_set(const Scale& seen, int to);

}  // namespace alertscaler::kubernetes
