// How long to wait after a failure. The only place that knows.
#pragma once

#include "base/clock.h"
#include "base/result.h"

namespace alertscaler::control {

// The n-th failure in a row (from 1): 1 s, doubling, plus up to a half of it at random (`jitter` in 0..1) so that many
// targets of one broken engine do not come back in step; never more than 5 min.
[[nodiscard]] Duration backoff(int failures, double jitter);

// May the same call succeed a moment later?
[[nodiscard]] bool passes_by_itself(ErrorKind kind);

}  // namespace alertscaler::control
