// How long to wait after a failure. The only place that knows.
#pragma once

#include "base/clock.h"

namespace alertscaler::control {

// The n-th failure in a row (from 1): 1 s doubling to 5 min, the upper half of it random (`jitter` in 0..1), so that
// many targets of one broken engine do not come back in step.
[[nodiscard]] Duration backoff(int failures, double jitter);

}  // namespace alertscaler::control
