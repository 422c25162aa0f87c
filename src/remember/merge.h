// How a delivered alert changes the active set. Pure: semantics.md 1.3 to 1.5 as a function.
#pragma once

#include <optional>
#include <string>

#include "model/alert.h"

namespace alertscaler {

// One alert of a notification that maps to a target.
struct Incoming {
  Alert alert;  // last_seen is the time of receipt
  bool resolved = false;
  bool starts_at_known = true;  // false: the sender gave none; starts_at is then the time of receipt
};

// The last resolve of a fingerprint.
struct Resolved {
  Instant starts_at;    // of the episode that ended
  Instant resolved_at;  // by our clock
};

struct MergeOutcome {
  MergeResult result = MergeResult::accepted;
  std::string reason;                // for people; empty when accepted
  std::optional<Alert> active;       // what the active set holds for this fingerprint afterwards; absent: nothing
  std::optional<Resolved> resolved;  // to be remembered; absent: unchanged
  bool changes_intent = false;       // something that a decision can see changed: look at the target again
};

// A firing of an episode that was resolved less than this ago is a late delivery, not a new firing.
inline constexpr Duration late_firing_window = std::chrono::seconds{60};

// REQUIRES: all arguments are of one fingerprint.
[[nodiscard]] MergeOutcome merge(const std::optional<Alert>& known, const std::optional<Resolved>& resolved,
                                 const Incoming& incoming);

}  // namespace alertscaler
