// A clock that a test moves by hand.
#pragma once

#include <atomic>

#include "base/clock.h"

namespace alertscaler::test {

class ManualClock final : public Clock {
 public:
  [[nodiscard]] Instant now() const override { return Instant{Duration{now_ms_.load()}}; }
  void advance(Duration by) { now_ms_ += by.count(); }

 private:
  std::atomic<std::int64_t> now_ms_{1'767'225'600'000};  // 2026-01-01T00:00:00Z
};

}  // namespace alertscaler::test
