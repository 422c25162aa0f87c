// A change that a backend was asked to make, and the state that a target keeps across restarts.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/names.h"
#include "model/decision.h"

namespace alertscaler {

enum class ActionOutcome { done, failed, timeout, dry_run, interrupted };
[[nodiscard]] std::string_view to_string(ActionOutcome outcome);
[[nodiscard]] std::optional<ActionOutcome> parse_action_outcome(std::string_view text);

using ActionId = std::int64_t;  // grows with time; 0 is none

// Absolute, so it can be repeated safely.
struct Change {
  ActionId id = 0;
  TargetName target;
  int from = 0;
  int to = 0;
  bool floor =
      false;  // `to` is for the floor of the autoscaler that sets the count (Observed::floor), not for the count
};

// One line of the history; the journal is the same rows, an unfinished one has no outcome.
struct HistoryEntry {
  ActionId id = 0;
  Instant time;  // when the intent was written
  TargetName target;
  Reason action = Reason::up;  // up, down, to, drain, restore or manual
  int from = 0;
  int to = 0;
  std::optional<ActionOutcome> outcome;
  std::optional<Instant> finished;
  std::string error;  // empty unless it failed
  std::optional<Cause> cause;
  std::string node{};  // of a target of nodes: which one; from and to then count the target's nodes that take work
  bool operator==(const HistoryEntry&) const = default;
};

// Which firing of which alert.
struct Episode {
  Fingerprint fingerprint;
  Instant starts_at;
  auto operator<=>(const Episode&) const = default;
};

// An action between its intent and its outcome.
struct InFlight {
  ActionId id = 0;
  Reason action = Reason::up;
  int from = 0;
  int to = 0;
  Instant started;
  Instant deadline;
  std::optional<Cause> cause;
  std::set<Episode> stepped{};  // repeat: once - those that get their one step with this; given back if it fails
  OrderId order = 0;            // the command that this carries out; given back if it is interrupted before
  bool floor = false;           // it moves the autoscaler's floor
  bool operator==(const InFlight&) const = default;
};

// A node that we have begun to drain, until it is nobody's concern any more.
struct NodeState {
  std::optional<InFlight> in_flight;  // a drain or a restore, which lets it take work again
  bool held = false;                  // it takes no work because of us, so it counts for max_unavailable
  bool drained = false;               // the last drain came to its end
  bool dry_run = false;               // all of this is only as if
  std::optional<AlertCause> cause;    // who asked for it last
  std::set<Episode> alerts;           // those that fired when one of them was last seen to fire
  int failures = 0;                   // in a row
  Reason failed = Reason::drain;      // what failed last: drain or restore
  std::optional<Instant> retry_at;    // backoff of what failed last
  std::string error;                  // of the last failure
  bool unproven = false;              // its alerts ended for want of data: it stays as it is until they really end
  bool operator==(const NodeState&) const = default;
};

// The count to come back to when what is firing ends.
struct Baseline {
  int replicas = 0;
  int moved = 0;  // where the episode's last action has led: 1 above `replicas`, -1 below; 0 there, or before the first
                  // one, when `replicas` still follows what is observed
  AlertCause cause;
  std::set<Episode> alerts{};  // those of the episode that fired when one of them was last seen to fire
  bool floor = false;          // `replicas` is the autoscaler's floor
  bool unproven = false;       // the episode ended for want of data: nothing comes of it until a later one really ends
  bool operator==(const Baseline&) const = default;
};

// An action that ended without having got there. The next one of its kind starts from the same count, so that what it
// did achieve is not a step of its own.
struct Unfinished {
  Reason action = Reason::up;
  int from = 0;
  bool operator==(const Unfinished&) const = default;
};

// Durable, one per target. Everything a decision needs to remember.
struct TargetState {
  std::optional<Instant> last_up;          // end of the last scale-up
  std::optional<Instant> last_change;      // end of the last change in either direction
  std::optional<Instant> down_since;       // since when a down intent holds without a break
  std::optional<Baseline> baseline;        // of the running up or to episode, for on_resolve
  std::optional<Baseline> drain_baseline;  // the count from before a drain
  std::set<Episode> stepped;               // repeat: once
  std::optional<int> asked;                // the last count that we asked for
  bool last_up_not_ready = false;          // the last scale-up ended by its timeout
  std::optional<Unfinished> unfinished;
  int failures = 0;                 // in a row
  std::optional<Instant> retry_at;  // backoff after a failure of the kind that `unfinished` names
  std::optional<InFlight> in_flight;
  std::optional<int> dry_run_replicas;  // the count as if dry-run actions had happened
  std::optional<int> dry_run_floor;     // and the autoscaler's floor
  OrderId orders_taken = 0;             // the last command that was begun, or found to be so already
  std::optional<int> floor_set;         // where the autoscaler's floor was last seen when it was where we had put it
  std::map<std::string, NodeState> nodes{};  // of a target of nodes, by name
  std::string object{};                      // what it speaks of: object_of() the target; empty: not written down yet
  bool operator==(const TargetState&) const = default;
};

}  // namespace alertscaler
