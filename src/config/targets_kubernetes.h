// The kind `kubernetes` of a target: what has a scale subresource.
#pragma once

#include "config/fields.h"
#include "model/target.h"

namespace alertscaler::config {

// Says whether enough could be read to know which object is meant. The namespace may stay empty: that of the
// kubeconfig's context, or of our pod.
[[nodiscard]] bool read_workload_key(const Value& value, KubernetesWorkload& workload);

// The key `hpa`, which stands beside the kind.
[[nodiscard]] bool read_hpa(const Value& value, HpaMode& mode);

}  // namespace alertscaler::config
