// The eviction of one pod: its request, and what the answer means. Pure.
#pragma once

#include <string>

#include "act/kubernetes/api_server.h"
#include "act/kubernetes/drain_filter.h"

namespace alertscaler::kubernetes {

// The version of the Eviction object that the server takes, from the list of its core resources (GET /api/v1): v1 from
// 1.22 on, v1beta1 before. Empty: it knows no evictions.
[[nodiscard]] std::string eviction_version(const Json& core_resources);

[[nodiscard]] ApiRequest eviction_request(const DrainPod& pod, const std::string& version, const DrainPolicy& policy,
                                          bool dry_run);

struct Evicted {
  enum class Kind {
    accepted,   // it ends within its grace period
    gone,       // it is not there any more
    waits,      // it may not go now; later it may
    throttled,  // the server is busy: nothing more now
    refused,    // this pod, and not only for now: see `error`
    failed,     // the call: see `error`
  };
  Kind kind = Kind::accepted;
  std::string why;          // of what waits: "the disruption budget web needs 2 healthy pods and has 2 currently"
  Duration again_after{0};  // of what waits
  Error error{};            // of what was refused or failed
};
[[nodiscard]] Evicted read_eviction(const ApiResult<Json>& answer);

}  // namespace alertscaler::kubernetes
