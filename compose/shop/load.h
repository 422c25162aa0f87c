// `shop load`: real requests at a rate that rises and falls, to every address that the service's name stands for.
#pragma once

#include <optional>
#include <string>

#include "alertscaler_metrics.h"
#include "profile.h"
#include "web.h"

namespace shop {

struct LoadOptions {
  Address listen;   // its own /metrics
  std::string url;  // "http://web:8080/": the name is resolved once a second, and its addresses take turns
  Profile profile;
  int concurrency = 0;  // requests in flight at most; what does not fit is skipped and counted, never queued
  // When set, only the share of one of so many replicas is sent: the service behaves as one of a fleet whose other
  // replicas are simulated.
  std::optional<ReplicaSource> share_of;
};

// Returns after SIGINT or SIGTERM. REQUIRES: hold_signals() was called.
[[nodiscard]] alertscaler::Status run_load(const LoadOptions& options);

}  // namespace shop
