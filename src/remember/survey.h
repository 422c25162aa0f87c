// What a resync found out about a whole set of alerts, and what it changed.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "remember/merge.h"

namespace alertscaler {

// A point in the order of the store's writes.
using WriteMark = std::uint64_t;

// The answer of those who know all the alerts of theirs: which of them fire.
struct Survey {
  WriteMark asked = 0;           // Store::mark() from before they were asked: what was delivered since is newer
  Instant now;                   // when they had answered
  std::vector<Incoming> firing;  // those that ask something of a target, each once; none is resolved
  // Fire as well, but what they ask for cannot be used now ("NaN"): they go on asking for what they asked for before.
  std::vector<Fingerprint> unusable;
  bool complete = false;  // all of them answered: what is not here does not fire
  // One of them started at that time and knows nothing of what was last seen before, unless it was told again.
  std::optional<Instant> forgotten_before;
};

// Each alert as it is, or was, in the active set.
struct Surveyed {
  std::vector<Alert> adopted;       // active from now on
  std::vector<Alert> ended;         // active until now
  std::vector<TargetName> changed;  // look at these again; each once
};

// Whether it is for a resync to say that this alert has ended: it came from Alertmanager, by a notification or by a
// resync. Grafana and Prometheus have alerts that the Alertmanager never heard of, and so have people.
[[nodiscard]] bool ends_by_survey(const Alert& alert);

}  // namespace alertscaler
