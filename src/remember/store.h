// The durable memory: active alerts, per-target state, and the journal, which is the history. One SQLite file, WAL,
// synchronous=FULL, written by one thread that commits what has gathered in one transaction.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "model/action.h"
#include "model/alert.h"
#include "model/orders.h"
#include "remember/merge.h"
#include "remember/survey.h"

namespace alertscaler {

struct Merged {
  MergeResult result = MergeResult::accepted;
  std::string reason;
  bool changes_intent = false;  // look at the alert's target again
  // The target that it asked something of until now, when that is another one: look at that again, too. (A notification
  // that was mapped by the configuration from before a reload can be overtaken by one that was not.)
  std::optional<TargetName> left;
};

struct HistoryQuery {
  std::optional<TargetName> target;
  std::optional<Instant> since;  // by the entry's time
  std::size_t limit = 100;
};

// What one transaction changed, for those who are told of changes.
struct StoreChanges {
  struct OfAlert {
    std::shared_ptr<const Alert> alert;  // its last_seen and ends_at are those below, not its own
    Instant last_seen;
    std::optional<Instant> ends_at;
    bool active = false;  // false: it has left the active set
  };
  std::vector<OfAlert> alerts;        // began, changed or ended; being seen again is no change
  std::vector<HistoryEntry> history;  // of actions that ended
};

struct StoreOptions {
  Duration busy_timeout = std::chrono::seconds{1};  // how long a write waits for another process that locks the file
  std::int64_t pages_max = 0;                       // of 4096 bytes, in the file; 0: the disk alone limits it
  std::string vfs;                                  // SQLite's name of one that is registered; empty: its default
  // Called by the writer's thread when the changes are durable and visible, before their caller's call returns. Must
  // neither wait nor call the store.
  std::function<void(StoreChanges)> changed{};
};

// Thread-safe. Reads of alerts and states come from memory and never wait for the disk. Every write returns when it is
// durable, or fails and has changed nothing:
//   busy     the disk is full or the file is locked by another process: the same call may succeed later.
//   storage  a write or an fsync failed, so what is on the disk is unknown, or somebody took the file away: the store
//            is sealed, and every later write fails with `storage` until the process is started again. Reads go on.
class Store {
 public:
  // Opens or creates `directory`/alertscaler.db (directory 0700, file 0600), checks it and brings its schema up to
  // date. refused: the directory cannot be written, or another alertscaler has it open (the text names the lock);
  // storage: the file is corrupt or of a newer version, with what to do, or the file system failed; busy: another
  // process locks the file, or the disk is full. Nothing of a corrupt file is overwritten.
  [[nodiscard]] static Result<std::unique_ptr<Store>> open(const std::filesystem::path& directory,
                                                           const StoreOptions& options = {});

  // Waits for the writes under way, and leaves one file without a log beside it (unless sealed). No call may come after
  // it began.
  virtual ~Store() = default;

  // --- the active set ---
  // Merges in the given order, all or nothing on the disk; the answer has one element per incoming alert.
  [[nodiscard]] virtual Result<std::vector<Merged>> merge(std::vector<Incoming> incoming) = 0;
  [[nodiscard]] virtual std::vector<Alert> active_alerts() const = 0;                          // by fingerprint
  [[nodiscard]] virtual std::vector<Alert> active_alerts(const TargetName& target) const = 0;  // by fingerprint
  // The last resolve of an alert, as long as it is remembered: an hour at least.
  [[nodiscard]] virtual std::optional<Resolved> resolved(const Fingerprint& fingerprint) const = 0;
  // What the active set would hold for `target` after `incoming` (all of that target), changing nothing.
  [[nodiscard]] virtual std::vector<Alert> preview(const TargetName& target,
                                                   const std::vector<Incoming>& incoming) const = 0;
  // Now, in the order of the writes: what mark() was before a question is for Survey::asked.
  [[nodiscard]] virtual WriteMark mark() const = 0;
  // Merges the firing ones as merge() does. Then, if the survey is complete, ends the alerts of Alertmanager
  // (ends_by_survey) that are not in it. Neither touches what was delivered after `asked`.
  // An alert that ends here was not resolved: a firing of the same episode makes it active again at once.
  [[nodiscard]] virtual Result<Surveyed> apply(Survey survey) = 0;
  // Ends the alerts whose ends_at has come or that were last seen `stale_after` ago or earlier; the targets concerned.
  // Such an alert was not resolved: a firing of the same episode makes it active again at once. Cheap when none is due.
  [[nodiscard]] virtual Result<std::vector<TargetName>> expire(Instant now, Duration stale_after) = 0;
  // When expire() has something to do next; absent: never, as things stand.
  [[nodiscard]] virtual std::optional<Instant> next_expiry(Duration stale_after) const = 0;
  // Applies a (changed) configuration: each alert gets the mapping that `map` gives; one without leaves the set. `map`
  // runs on the writer's thread: it must not call the store, and other writes wait for it.
  using Mapper = std::function<std::optional<Mapping>(const Labels& labels, const Labels& annotations)>;
  [[nodiscard]] virtual Status remap(const Mapper& map) = 0;

  // --- targets ---
  [[nodiscard]] virtual TargetState state(const TargetName& target) const = 0;  // a fresh one when unknown
  [[nodiscard]] virtual std::vector<TargetName> known_targets() const = 0;      // those that have one, in any order
  [[nodiscard]] virtual Status save(const TargetName& target, const TargetState& state) = 0;

  // What people asked for, as they asked; the empty name stands for all targets.
  [[nodiscard]] virtual Orders orders(const TargetName& target) const = 0;
  [[nodiscard]] virtual Status put_orders(const TargetName& target, const Orders& orders) = 0;

  // --- the journal ---
  // Writes the intent (entry.outcome and entry.id are ignored) and the state that make_state gives for the new id, in
  // one transaction. The id. When it fails the id is never used again.
  using StateForId = std::function<TargetState(ActionId id)>;
  [[nodiscard]] virtual Result<ActionId> begin(HistoryEntry entry, const StateForId& make_state) = 0;
  // Writes the outcome of entry.id and the state, in one transaction. Repeating it is harmless. REQUIRES:
  // entry.outcome.
  [[nodiscard]] virtual Status finish(const HistoryEntry& entry, const TargetState& state) = 0;
  [[nodiscard]] virtual std::vector<HistoryEntry> unfinished() const = 0;  // from memory; oldest first
  // Reads the disk; newest first, which is the order of the ids; only entries with an outcome.
  [[nodiscard]] virtual Result<std::vector<HistoryEntry>> history(const HistoryQuery& query) const = 0;
  [[nodiscard]] virtual std::optional<HistoryEntry> last_action(const TargetName& target) const = 0;  // from memory
  // Forgets history and resolved episodes from before `before`, but nothing unfinished, and gives the space back. In
  // steps between which other writes get their turn, and at most 100 000 actions a call: the rest is for the next call.
  [[nodiscard]] virtual Status prune(Instant before) = 0;

  // --- small values of the backends ---
  [[nodiscard]] virtual std::optional<std::string> kept(std::string_view key) const = 0;
  [[nodiscard]] virtual Status keep(std::string_view key, std::string value) = 0;

  // Why nothing can be written any more; absent: all is well.
  [[nodiscard]] virtual std::optional<Error> sealed() const = 0;
};

}  // namespace alertscaler
