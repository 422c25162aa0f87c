// Time as a value. Decisions get `now` as an argument; only the edges of the program read a clock.
#pragma once

#include <chrono>

namespace alertscaler {

// Wall clock, milliseconds: cooldowns and alerts outlive the process, so no monotonic clock can serve.
using Instant = std::chrono::sys_time<std::chrono::milliseconds>;
using Duration = std::chrono::milliseconds;

// Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  [[nodiscard]] virtual Instant now() const = 0;
};

class SystemClock final : public Clock {
 public:
  [[nodiscard]] Instant now() const override;
};

}  // namespace alertscaler
