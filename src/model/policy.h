// A target's policy: bounds, steps, cooldowns, and what to do when an alert ends.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"

namespace alertscaler {

// "2" or "50%".
struct Step {
  int amount = 1;  // at least 1
  bool percent = false;

  // Of `observed` when it is a percentage: rounded up, at least 1, and never past int's range.
  [[nodiscard]] int of(int observed) const;
  bool operator==(const Step&) const = default;
};
[[nodiscard]] Result<Step> parse_step(std::string_view text);
[[nodiscard]] std::string to_string(const Step& step);

enum class OnResolve { stay, restore, min };
enum class Repeat { while_firing, once };
[[nodiscard]] std::string_view to_string(OnResolve value);
[[nodiscard]] std::string_view to_string(Repeat value);

enum class DrainFailure { leave, uncordon };
[[nodiscard]] std::string_view to_string(DrainFailure value);

// How a node is drained.
struct DrainPolicy {
  Duration timeout = std::chrono::minutes{15};  // until every pod has gone; then it has failed, and is tried again
  std::optional<Duration> grace_period;         // of each pod; absent: the pod's own
  Step max_unavailable;                         // of the target's nodes, drained or draining at once
  bool delete_emptydir_data = false;
  bool force = false;                             // pods that nothing would bring back
  DrainFailure on_failure = DrainFailure::leave;  // leave: it stays cordoned, as kubectl does
  bool replace = false;                           // a new node comes first, and the drained one is removed
  bool operator==(const DrainPolicy&) const = default;
};

struct Policy {
  int min = 1;   // 0: the target may be scaled to zero
  int max = 10;  // at least min
  Step up_step;
  Duration up_cooldown = std::chrono::seconds{30};  // from the end of the last scale-up
  Step down_step;
  Duration down_cooldown = std::chrono::minutes{5};  // from the end of the last change in either direction
  Duration down_stabilization{0};                    // how long a down intent must have held without a break
  OnResolve on_resolve = OnResolve::stay;            // of up and to
  OnResolve drain_on_resolve = OnResolve::restore;   // of drain: restore or stay
  Repeat repeat = Repeat::while_firing;
  Duration timeout = std::chrono::minutes{2};  // for one action to converge
  // What an action that takes replicas away has on top, for each of them: where they are drained before they go.
  Duration removal_timeout{0};
  bool dry_run = false;
  DrainPolicy drain;  // for targets that are nodes

  bool operator==(const Policy&) const = default;
};

}  // namespace alertscaler
