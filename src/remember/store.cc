#include "remember/store.h"

#include <algorithm>
#include <atomic>
#include <cassert>
#include <mutex>
#include <shared_mutex>
#include <utility>

#include "remember/db.h"
#include "remember/directory.h"
#include "remember/memory.h"
#include "remember/schema.h"
#include "remember/tables.h"
#include "remember/writer.h"

namespace alertscaler {
namespace {

constexpr int prune_steps_max = 100;
constexpr std::size_t resolved_a_prune_step = 1000;

std::vector<Alert> copies(const std::vector<ActiveEntry>& entries) {
  std::vector<Alert> out;
  out.reserve(entries.size());
  for (const ActiveEntry& entry : entries) out.push_back(entry.copy());
  return out;
}

class SqliteStore final : public Store {
 public:
  SqliteStore(Directory directory, StoreOptions options)
      : directory_(std::move(directory)), options_(std::move(options)) {}

  [[nodiscard]] Status start();

  [[nodiscard]] Result<std::vector<Merged>> merge(std::vector<Incoming> incoming) override;
  [[nodiscard]] std::vector<Alert> active_alerts() const override;
  [[nodiscard]] std::vector<Alert> active_alerts(const TargetName& target) const override;
  [[nodiscard]] std::optional<Resolved> resolved(const Fingerprint& fingerprint) const override;
  [[nodiscard]] std::vector<Alert> preview(const TargetName& target,
                                           const std::vector<Incoming>& incoming) const override;
  [[nodiscard]] WriteMark mark() const override;
  [[nodiscard]] Result<Surveyed> apply(Survey survey) override;
  [[nodiscard]] Result<std::vector<TargetName>> expire(Instant now, Duration stale_after) override;
  [[nodiscard]] std::optional<Instant> next_expiry(Duration stale_after) const override;
  [[nodiscard]] Status remap(const Mapper& map) override;

  [[nodiscard]] TargetState state(const TargetName& target) const override;
  [[nodiscard]] std::vector<TargetName> known_targets() const override;
  [[nodiscard]] Status save(const TargetName& target, const TargetState& state) override;
  [[nodiscard]] Orders orders(const TargetName& target) const override;
  [[nodiscard]] Status put_orders(const TargetName& target, const Orders& orders) override;

  [[nodiscard]] Result<ActionId> begin(HistoryEntry entry, const StateForId& make_state) override;
  [[nodiscard]] Status finish(const HistoryEntry& entry, const TargetState& state) override;
  [[nodiscard]] std::vector<HistoryEntry> unfinished() const override;
  [[nodiscard]] Result<std::vector<HistoryEntry>> history(const HistoryQuery& query) const override;
  [[nodiscard]] std::optional<HistoryEntry> last_action(const TargetName& target) const override;
  [[nodiscard]] Status prune(Instant before) override;

  [[nodiscard]] std::optional<std::string> kept(std::string_view key) const override;
  [[nodiscard]] Status keep(std::string_view key, std::string value) override;

  [[nodiscard]] std::optional<Error> sealed() const override { return writer_->sealed(); }

 private:
  template <class F>
  auto read(F f) const {  // auto on purpose: no reference escapes the lock
    const std::shared_lock lock(memory_mutex_);
    return f(memory_);
  }
  [[nodiscard]] DbResult<std::unique_ptr<Db>> connect(bool read_only) const;

  const Directory directory_;  // holds the lock until all else is gone
  const StoreOptions options_;
  std::atomic<ActionId> last_id_{0};

  mutable std::shared_mutex memory_mutex_;
  Memory memory_;

  std::unique_ptr<Writer> writer_;
  // A second connection for history(), opened when it is first asked for: a long query never holds up a write. Closed
  // before the writer's, whose closing empties the log.
  mutable Guarded<std::unique_ptr<Db>> reader_;
};

DbResult<std::unique_ptr<Db>> SqliteStore::connect(bool read_only) const {
  auto db = Db::open(directory_.database(),
                     {.read_only = read_only, .vfs = options_.vfs, .busy_timeout = options_.busy_timeout});
  if (!db) return tl::unexpected<DbError>(std::move(db).error());
  return std::make_unique<Db>(*std::move(db));
}

Status SqliteStore::start() {
  const std::filesystem::path& file = directory_.database();
  auto db = connect(false);
  if (!db) return fail(schema::unusable(file, db.error()));
  if (Status ready = schema::prepare(**db, file, schema::migrations()); !ready) return ready;
  if (options_.pages_max > 0) {
    const auto limited = (*db)->run("PRAGMA max_page_count = " + std::to_string(options_.pages_max));
    if (!limited) return fail(schema::unusable(file, limited.error()));
  }
  if (Status loaded = load(**db, file, memory_); !loaded) return loaded;
  const auto last_id = last_action_id(**db);
  if (!last_id) return fail(schema::unusable(file, last_id.error()));
  last_id_ = *last_id;
  auto writer = Writer::start(*std::move(db), file, memory_, memory_mutex_, options_.changed);
  if (!writer) return fail(schema::unusable(file, writer.error()));
  writer_ = *std::move(writer);
  return {};
}

Result<std::vector<Merged>> SqliteStore::merge(std::vector<Incoming> incoming) {
  std::vector<Merged> merged;
  merged.reserve(incoming.size());
  Status written = writer_->write([&](Batch& batch) {
    for (Incoming& one : incoming) merged.push_back(batch.alerts.merge(std::move(one)));
  });
  if (!written) return fail(std::move(written).error());
  return merged;
}

std::vector<Alert> SqliteStore::active_alerts() const {
  std::vector<ActiveEntry> entries = read([](const Memory& memory) { return memory.alerts.all(); });
  std::sort(entries.begin(), entries.end(),
            [](const ActiveEntry& a, const ActiveEntry& b) { return a.alert->fingerprint < b.alert->fingerprint; });
  return copies(entries);
}

std::vector<Alert> SqliteStore::active_alerts(const TargetName& target) const {
  return copies(read([&](const Memory& memory) { return memory.alerts.of(target); }));
}

std::optional<Resolved> SqliteStore::resolved(const Fingerprint& fingerprint) const {
  return read([&](const Memory& memory) -> std::optional<Resolved> {
    const Resolved* found = memory.alerts.resolved(fingerprint);
    if (found == nullptr) return std::nullopt;
    return *found;
  });
}

std::vector<Alert> SqliteStore::preview(const TargetName& target, const std::vector<Incoming>& incoming) const {
  return copies(read([&](const Memory& memory) {
    StagedAlerts staged(memory.alerts, memory.next_row, memory.written + 1);
    for (const Incoming& one : incoming) static_cast<void>(staged.merge(one));
    return staged.of(target);
  }));
}

WriteMark SqliteStore::mark() const {
  return read([](const Memory& memory) { return memory.written; });
}

Result<Surveyed> SqliteStore::apply(Survey survey) {
  Surveyed surveyed;
  Status written = writer_->write([&](Batch& batch) { batch.alerts.apply(std::move(survey), surveyed); });
  if (!written) return fail(std::move(written).error());
  return surveyed;
}

Result<std::vector<TargetName>> SqliteStore::expire(Instant now, Duration stale_after) {
  const auto next = next_expiry(stale_after);
  std::set<TargetName> targets;
  if (!next || *next > now) return std::vector<TargetName>{};
  Status written = writer_->write([&](Batch& batch) { batch.alerts.expire(now, stale_after, targets); });
  if (!written) return fail(std::move(written).error());
  return std::vector<TargetName>(targets.begin(), targets.end());
}

std::optional<Instant> SqliteStore::next_expiry(Duration stale_after) const {
  return read([&](const Memory& memory) { return memory.alerts.next_expiry(stale_after); });
}

Status SqliteStore::remap(const Mapper& map) {
  return writer_->write([&](Batch& batch) { batch.alerts.remap(map); });
}

TargetState SqliteStore::state(const TargetName& target) const {
  return read([&](const Memory& memory) {
    const auto found = memory.states.find(target);
    return found == memory.states.end() ? TargetState{} : found->second;
  });
}

std::vector<TargetName> SqliteStore::known_targets() const {
  return read([](const Memory& memory) {
    std::vector<TargetName> names;
    names.reserve(memory.states.size());
    for (const auto& [name, state] : memory.states) names.push_back(name);
    return names;
  });
}

Status SqliteStore::save(const TargetName& target, const TargetState& state) {
  if (!sealed() && this->state(target) == state) return {};
  return writer_->write([&](Batch& batch) { batch.states.insert_or_assign(target, state); });
}

Orders SqliteStore::orders(const TargetName& target) const {
  return read([&](const Memory& memory) {
    const auto found = memory.orders.find(target);
    return found == memory.orders.end() ? Orders{} : found->second;
  });
}

Status SqliteStore::put_orders(const TargetName& target, const Orders& orders) {
  return writer_->write([&](Batch& batch) { batch.orders.insert_or_assign(target, orders); });
}

Result<ActionId> SqliteStore::begin(HistoryEntry entry, const StateForId& make_state) {
  entry.id = ++last_id_;
  entry.outcome.reset();
  const TargetState state = make_state(entry.id);
  Status written = writer_->write([&](Batch& batch) {
    batch.begun.push_back(entry);
    batch.states.insert_or_assign(entry.target, state);
  });
  if (!written) return fail(std::move(written).error());
  return entry.id;
}

Status SqliteStore::finish(const HistoryEntry& entry, const TargetState& state) {
  assert(entry.outcome);
  return writer_->write([&](Batch& batch) {
    batch.finished.push_back(entry);
    batch.states.insert_or_assign(entry.target, state);
  });
}

std::vector<HistoryEntry> SqliteStore::unfinished() const {
  return read([](const Memory& memory) {
    std::vector<HistoryEntry> out;
    for (const auto& [id, entry] : memory.unfinished) out.push_back(entry);
    return out;
  });
}

Result<std::vector<HistoryEntry>> SqliteStore::history(const HistoryQuery& query) const {
  return reader_.with([&](std::unique_ptr<Db>& reader) -> Result<std::vector<HistoryEntry>> {
    if (!reader) {
      auto opened = connect(true);
      if (!opened) return fail(schema::unusable(directory_.database(), opened.error()));
      reader = *std::move(opened);
    }
    return read_history(*reader, directory_.database(), query);
  });
}

std::optional<HistoryEntry> SqliteStore::last_action(const TargetName& target) const {
  return read([&](const Memory& memory) -> std::optional<HistoryEntry> {
    const auto found = memory.last_actions.find(target);
    if (found == memory.last_actions.end()) return std::nullopt;
    return found->second;
  });
}

Status SqliteStore::prune(Instant before) {
  PruneStep step{.before = before, .more = true};
  for (int i = 0; i < prune_steps_max && step.more; ++i) {
    Status written = writer_->write([&](Batch& batch) {
      batch.prunes.push_back(&step);
      // One that was resolved within late_firing_window still matters, whatever `before` says.
      batch.alerts.forget_resolved(memory_.alerts.resolved_before(before - late_firing_window, resolved_a_prune_step));
    });
    if (!written) return written;
  }
  return {};
}

std::optional<std::string> SqliteStore::kept(std::string_view key) const {
  return read([&](const Memory& memory) -> std::optional<std::string> {
    const auto found = memory.kept.find(key);
    if (found == memory.kept.end()) return std::nullopt;
    return found->second;
  });
}

Status SqliteStore::keep(std::string_view key, std::string value) {
  if (!sealed() && kept(key) == value) return {};
  return writer_->write([&](Batch& batch) { batch.kept.insert_or_assign(std::string(key), std::move(value)); });
}

}  // namespace

Result<std::unique_ptr<Store>> Store::open(const std::filesystem::path& directory, const StoreOptions& options) {
  Result<Directory> taken = Directory::take(directory);
  if (!taken) return fail(std::move(taken).error());
  auto store = std::make_unique<SqliteStore>(*std::move(taken), options);
  if (Status started = store->start(); !started) return fail(std::move(started).error());
  return store;
}

}  // namespace alertscaler
