// Scales anything that has a scale subresource, through that subresource alone.
#pragma once

#include <memory>

#include "act/backend.h"
#include "act/kubernetes/api_server.h"
#include "act/kubernetes/count_owner.h"
#include "model/target.h"

namespace alertscaler::kubernetes {

// `server` outlives it; a null owner: nobody else is asked about the count. The workload's namespace is not empty.
// It needs these rights in that namespace: `get` on the object itself (kinds of our own knowledge) or on its scale
// (all others), `patch` on its scale, `list` on pods.
// Each write is a compare-and-set: it names the object's uid and the count that was observed.
// A failed scale-up leaves its pods to the workload's controllers, which go on trying: to take them away would be a
// scale-down that nobody asked for.
[[nodiscard]] std::unique_ptr<Backend> make_workload_backend(KubernetesWorkload workload, ApiServer& server,
                                                             std::unique_ptr<CountOwner> owner);

}  // namespace alertscaler::kubernetes
