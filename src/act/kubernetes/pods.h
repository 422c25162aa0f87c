// What pods say about themselves. Pure.
#pragma once

#include <string>

#include "act/kubernetes/json.h"

namespace alertscaler::kubernetes {

[[nodiscard]] bool is_ready(const Json& pod);

// Of those pods of the list that are not ready, why: the one that is worst off by name, and how many more there are.
// "pod web-1: container app: CrashLoopBackOff: back-off 40s restarting failed container (exit code 1, restarted 3
// times); 2 more are not ready". Empty when all are ready, or going.
[[nodiscard]] std::string why_not_ready(const Json& pods);

// What the workload's own conditions say of pods that cannot be made at all: a quota, a webhook.
[[nodiscard]] std::string why_not_made(const Json& workload);

}  // namespace alertscaler::kubernetes
