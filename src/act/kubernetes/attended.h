// Around the backends of a cluster: what they may not do is said before they fail at it, and what they did is told in
// Events.
#pragma once

#include <memory>

#include "act/backend.h"
#include "act/kubernetes/api_server.h"
#include "act/kubernetes/count_owner.h"
#include "act/kubernetes/events.h"
#include "act/node_backend.h"
#include "base/clock.h"
#include "model/target.h"

namespace alertscaler::kubernetes {

// What they share; all of it outlives them.
struct Attendance {
  ApiServer& server;
  Events& events;
  const Clock& clock;
};

// `inner` is the backend of this workload, whose namespace is not empty, and `owner` (null: none) is of it. A missing
// right shows as `blocked`.
[[nodiscard]] std::unique_ptr<Backend> attended(std::unique_ptr<Backend> inner, KubernetesWorkload workload,
                                                const Attendance& with, const CountOwner* owner = nullptr);
// The same; what happens to a node `inner` tells itself.
[[nodiscard]] std::unique_ptr<NodeBackend> attended(std::unique_ptr<NodeBackend> inner, const Attendance& with);

}  // namespace alertscaler::kubernetes
