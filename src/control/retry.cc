#include "control/retry.h"

#include <algorithm>

namespace alertscaler::control {

Duration backoff(int failures, double jitter) {
  constexpr Duration first = std::chrono::seconds{1};
  constexpr Duration most = std::chrono::minutes{5};
  const int doublings = std::clamp(failures - 1, 0, 20);
  const Duration full = std::min(Duration{first.count() << doublings}, most);
  const Duration half = full / 2;
  return half + Duration{static_cast<Duration::rep>(static_cast<double>(half.count()) * std::clamp(jitter, 0.0, 1.0))};
}

}  // namespace alertscaler::control
