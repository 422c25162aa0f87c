// The active set in memory: what is durable, indexed for its readers; and the changes of one transaction on top of it.
// No disk, no locks.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "remember/merge.h"
#include "remember/store.h"

namespace alertscaler {

// What a re-delivery changes.
struct Sighting {
  Instant last_seen{};
  std::optional<Instant> ends_at;
  bool operator==(const Sighting&) const = default;
};

// One active alert. Readers take the pointer under the lock and copy the alert outside of it.
struct ActiveEntry {
  std::int64_t row = 0;
  std::shared_ptr<const Alert> alert;  // its last_seen and ends_at are those of `seen`, not its own
  Sighting seen;
  WriteMark delivered = 0;  // the write that last brought it; 0: it was there when the store was opened

  [[nodiscard]] Alert copy() const;
};

class ActiveSet {
 public:
  ActiveSet() = default;
  ActiveSet(const ActiveSet&) = delete;
  ActiveSet& operator=(const ActiveSet&) = delete;

  [[nodiscard]] const ActiveEntry* find(const Fingerprint& fingerprint) const;
  [[nodiscard]] std::vector<ActiveEntry> all() const;                         // in no order
  [[nodiscard]] std::vector<ActiveEntry> of(const TargetName& target) const;  // by fingerprint
  [[nodiscard]] std::size_t size() const { return entries_.size(); }
  void put(ActiveEntry entry);  // replaces the one of the same fingerprint
  void drop(const Fingerprint& fingerprint);

  [[nodiscard]] std::optional<Instant> next_expiry(Duration stale_after) const;
  [[nodiscard]] std::vector<ActiveEntry> due(Instant now, Duration stale_after) const;

  [[nodiscard]] const Resolved* resolved(const Fingerprint& fingerprint) const;
  void remember(const Fingerprint& fingerprint, const Resolved& resolved);
  void forget(const Fingerprint& fingerprint);
  // Oldest first, resolved before `before`.
  [[nodiscard]] std::vector<Fingerprint> resolved_before(Instant before, std::size_t at_most) const;

 private:
  struct ByFingerprint {
    bool operator()(const ActiveEntry* a, const ActiveEntry* b) const {
      return a->alert->fingerprint < b->alert->fingerprint;
    }
  };
  using AtTime = std::set<std::pair<Instant, const ActiveEntry*>>;
  void see(ActiveEntry& entry, const Sighting& seen);
  void drop_from_target(const ActiveEntry& entry);

  std::unordered_map<Fingerprint, ActiveEntry> entries_;  // its nodes never move: the indexes point to them
  std::unordered_map<TargetName, std::set<const ActiveEntry*, ByFingerprint>> by_target_;
  AtTime by_last_seen_;
  AtTime by_ends_at_;  // of those that have one
  std::unordered_map<Fingerprint, Resolved> resolved_;
  std::set<std::pair<Instant, Fingerprint>> by_resolved_at_;
};

// Changes to an ActiveSet that are not in it yet. What is staged later sees what was staged before.
class StagedAlerts {
 public:
  // REQUIRES: `base` lives longer and does not change before publish().
  StagedAlerts(const ActiveSet& base, std::int64_t next_row, WriteMark mark)
      : base_(base), next_row_(next_row), mark_(mark) {}

  [[nodiscard]] Merged merge(Incoming incoming);
  void apply(Survey survey, Surveyed& out);
  // The targets concerned are added to `targets`.
  void expire(Instant now, Duration stale_after, std::set<TargetName>& targets);
  void remap(const Store::Mapper& map);
  void forget_resolved(std::vector<Fingerprint> fingerprints);
  // Call once, before the changes are written: lets go of episodes that ended too long ago to matter, a few for each
  // one that was added, so that the set of them stays bounded.
  void forget_old_resolved();

  struct Change {
    const ActiveEntry* before;  // in the base; null: was not there
    ActiveEntry after;          // alert is null: not there any more
  };
  [[nodiscard]] const std::vector<Change>& changes() const { return changes_; }  // one a fingerprint
  [[nodiscard]] const std::unordered_map<Fingerprint, Resolved>& remembered() const { return remembered_; }
  [[nodiscard]] const std::vector<Fingerprint>& forgotten() const { return forgotten_; }
  [[nodiscard]] std::vector<ActiveEntry> of(const TargetName& target) const;  // by fingerprint
  [[nodiscard]] std::int64_t next_row() const { return next_row_; }
  void publish(ActiveSet& base) &&;  // REQUIRES: the base that it was made for

 private:
  [[nodiscard]] const ActiveEntry* find(const Fingerprint& fingerprint) const;
  [[nodiscard]] const Resolved* resolved(const Fingerprint& fingerprint) const;
  // What is to become of it. REQUIRES: `known` is what find() gives for it.
  ActiveEntry& change(const Fingerprint& fingerprint, const ActiveEntry* known);
  void end_absent(const Survey& survey, const std::unordered_set<Fingerprint>& present, std::set<TargetName>& changed,
                  std::vector<Alert>& ended);

  const ActiveSet& base_;
  std::int64_t next_row_;
  const WriteMark mark_;
  std::vector<Change> changes_;
  std::unordered_map<Fingerprint, std::size_t> index_;  // into changes_
  std::unordered_map<Fingerprint, Resolved> remembered_;
  std::vector<Fingerprint> forgotten_;
  Instant newest_resolve_{};
};

}  // namespace alertscaler
