// The series that carry a target's name. They are kept as plain numbers, a few hundred bytes a target, and become
// metric families one at a time when somebody asks, so that 10 000 targets stay small.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <utility>

#include <prometheus/metric_family.h>

#include "base/clock.h"
#include "base/names.h"
#include "model/action.h"
#include "model/alert.h"
#include "model/decision.h"
#include "model/view.h"

namespace alertscaler::record {

struct TargetSeries {
  struct Gauges {
    std::optional<int> replicas;  // absent while the target cannot be observed
    std::optional<int> ready;
    int desired = 0;
    std::optional<int> min;  // absent of a target of nodes
    std::optional<int> max;
    bool paused = false;
    bool dry_run = false;
    std::optional<Instant> up_cooldown_until;
    std::optional<Instant> down_cooldown_until;
  };
  std::optional<Gauges> gauges;                             // absent before the first look
  std::array<std::optional<std::size_t>, 5> active_alerts;  // by AlertAction; absent: never told
  std::map<std::pair<Outcome, Reason>, std::uint64_t> decisions;
  std::map<std::pair<Reason, ActionOutcome>, std::uint64_t> actions;
};

// Not thread-safe: its owner guards it.
class TargetMetrics {
 public:
  [[nodiscard]] TargetSeries& of(const TargetName& target) { return series_[target]; }
  void forget(const TargetName& target) { series_.erase(target); }

  static constexpr std::size_t family_count = 11;
  // REQUIRES: index < family_count.
  [[nodiscard]] prometheus::MetricFamily family(std::size_t index, Instant now) const;

 private:
  std::map<TargetName, TargetSeries> series_;
};

}  // namespace alertscaler::record
