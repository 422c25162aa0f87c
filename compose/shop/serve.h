// `shop serve`: a web service whose every request costs some CPU time.
#pragma once

#include <chrono>

#include "base/result.h"
#include "web.h"

namespace shop {

struct ServeOptions {
  Address listen;
  std::chrono::milliseconds work;  // CPU time that a request to / costs
};

// Returns after SIGINT or SIGTERM. REQUIRES: hold_signals() was called.
[[nodiscard]] alertscaler::Status serve(const ServeOptions& options);

}  // namespace shop
