// How a delivered alert changes the active set. Pure: semantics.md 1.3 to 1.5 as a function.
#pragma once

#include <optional>
#include <string>
#include <utility>

#include "model/alert.h"

namespace alertscaler {

// One alert of a notification that maps to a target.
struct Incoming {
  Alert alert;  // last_seen is the time of receipt; ends_at of a resolved one is when it ended, if the sender said so
  bool resolved = false;
  bool starts_at_known = true;  // false: the sender gave none; starts_at is then the time of receipt
};

// The last resolve of a fingerprint.
struct Resolved {
  Instant starts_at;      // of the episode that ended
  Instant resolved_at;    // by our clock, when we first heard of it
  bool unproven = false;  // Grafana ended it for want of data: no evidence that what it said is over
  bool operator==(const Resolved&) const = default;
};

// What becomes of the fingerprint's place in the active set.
enum class ActiveChange {
  none,       // as it was
  refreshed,  // the same, last seen at MergeOutcome::last_seen, and ends_at is MergeOutcome::ends_at
  held,       // it holds MergeOutcome::alert
  left,       // nothing any more
};

struct MergeOutcome {
  MergeResult result = MergeResult::accepted;
  std::string reason;  // for people; empty when accepted
  ActiveChange change = ActiveChange::none;
  std::optional<Alert> alert;        // with `held` only
  Instant last_seen{};               // with `refreshed`
  std::optional<Instant> ends_at;    // with `refreshed`
  std::optional<Resolved> resolved;  // to be remembered; absent: unchanged
  bool changes_intent = false;       // something that a decision can see changed: look at the target again
};

// A firing of an episode that was resolved less than this ago is a late delivery, not a new firing.
inline constexpr Duration late_firing_window = std::chrono::seconds{60};

// `known` is what the active set holds for the fingerprint, or null; its last_seen is not looked at, and its end is
// `known_end`. `resolved` is its last resolve, or null; it is not looked at while the alert is active, and after
// late_firing_window only to tell a repeated resolve.
//
// A resolve that comes before its firing is remembered, so that the firing is known as late. A firing that is older
// than the active one is stale, but somebody said that the alert fires: it counts as seen. (Alertmanager moves a
// startsAt back when a second Prometheus reports an earlier one; such an alert must not expire while it is delivered.)
// For the same reason a resolve with an older startsAt than the active one's is stale only when it ended before that.
//
// What Prometheus pushes (Source::prometheus) is merged as Alertmanager does it. A firing whose start differs is the
// active episode all the same unless that has ended before: two Prometheus replicas never start at the same moment. The
// later of two ends counts. An alert that somebody asserts without an end, such as Alertmanager, keeps having none, and
// stays theirs.
// REQUIRES: all arguments are of one fingerprint.
[[nodiscard]] MergeOutcome merge(const Alert* known, std::optional<Instant> known_end, const Resolved* resolved,
                                 Incoming incoming);
[[nodiscard]] inline MergeOutcome merge(const Alert* known, const Resolved* resolved, Incoming incoming) {
  return merge(known, known == nullptr ? std::nullopt : known->ends_at, resolved, std::move(incoming));
}

}  // namespace alertscaler
