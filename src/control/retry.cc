#include "control/retry.h"

#include <algorithm>

#include "decide/decide.h"

namespace alertscaler::control {

Duration backoff(int failures, double jitter) {
  constexpr Duration first = std::chrono::seconds{1};
  const int doublings = std::clamp(failures - 1, 0, 20);
  const Duration full{first.count() << doublings};
  const auto half = static_cast<double>(full.count()) / 2;
  return std::min(full + Duration{static_cast<Duration::rep>(half * std::clamp(jitter, 0.0, 1.0))},
                  decide::retry_after_max);
}

bool passes_by_itself(ErrorKind kind) {
  return kind == ErrorKind::busy || kind == ErrorKind::unreachable || kind == ErrorKind::conflict ||
         kind == ErrorKind::cancelled;
}

}  // namespace alertscaler::control
