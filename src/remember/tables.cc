#include "remember/tables.h"

#include <algorithm>
#include <string>
#include <utility>

#include "remember/codec.h"
#include "remember/schema.h"

namespace alertscaler {
namespace {

// One step of prune(): about 10 ms of writing, so that other writers hardly notice.
constexpr int actions_a_step = 1000;
constexpr int pages_a_step = 256;

constexpr std::string_view action_columns =
    "SELECT id, time, target, action, from_count, to_count, outcome, finished, error, cause, node FROM action ";

Error unreadable(const std::filesystem::path& file, std::string_view row, const Error& why) {
  return schema::damaged(file, std::string(row) + ": " + why.message);
}

template <class T>
Result<T> named(std::optional<T> value, std::string_view text) {
  if (!value) return fail(ErrorKind::invalid, "unknown word \"" + std::string(text) + "\"");
  return *std::move(value);
}

// Calls use(statement) for each row; it returns a Status.
template <class Use, class... Args>
Status each_row(Db& db, const std::filesystem::path& file, std::string_view sql, Use use, const Args&... args) {
  auto statement = db.prepare(sql);
  if (!statement) return fail(schema::unusable(file, statement.error()));
  auto row = statement->first(args...);
  while (row && *row) {
    if (Status used = use(*statement); !used) return used;
    row = statement->next();
  }
  if (!row) return fail(schema::unusable(file, row.error()));
  return {};
}

Result<ActiveEntry> alert_of(const Statement& row) {
  auto labels = codec::decode_labels(row.text(4));
  if (!labels) return fail(std::move(labels).error().wrap("labels"));
  auto annotations = codec::decode_labels(row.text(5));
  if (!annotations) return fail(std::move(annotations).error().wrap("annotations"));
  auto mapping = codec::decode_mapping(row.text(6));
  if (!mapping) return fail(std::move(mapping).error().wrap("mapping"));
  const auto source = named(parse_source(row.text(3)), row.text(3));
  if (!source) return fail(source.error());
  if (row.is_null(8)) return fail(ErrorKind::invalid, "it was never seen");
  auto alert = std::make_shared<Alert>();
  alert->fingerprint = Fingerprint{std::string(row.text(1))};
  alert->starts_at = row.instant(2);
  alert->source = *source;
  alert->labels = *std::move(labels);
  alert->annotations = *std::move(annotations);
  alert->mapping = *std::move(mapping);
  alert->group_key = row.text(7);
  alert->generator_url = row.text(10);
  return ActiveEntry{row.integer(0), std::move(alert), {row.instant(8), row.optional_instant(9)}};
}

Result<HistoryEntry> action_of(const Statement& row) {
  const auto action = named(parse_action(row.text(3)), row.text(3));
  if (!action) return fail(action.error());
  HistoryEntry entry{.id = row.integer(0),
                     .time = row.instant(1),
                     .target = TargetName{std::string(row.text(2))},
                     .action = *action,
                     .from = static_cast<int>(row.integer(4)),
                     .to = static_cast<int>(row.integer(5)),
                     .finished = row.optional_instant(7),
                     .error = std::string(row.text(8))};
  if (!row.is_null(6)) {
    const auto outcome = named(parse_action_outcome(row.text(6)), row.text(6));
    if (!outcome) return fail(outcome.error());
    entry.outcome = *outcome;
  }
  if (!row.is_null(9)) {
    auto cause = codec::decode_cause(row.text(9));
    if (!cause) return fail(std::move(cause).error().wrap("cause"));
    entry.cause = *std::move(cause);
  }
  entry.node = row.text(10);
  return entry;
}

// Calls use(entry) for each row of `sql`, which begins with action_columns.
template <class Use, class... Args>
Status each_action(Db& db, const std::filesystem::path& file, const std::string& sql, Use use, const Args&... args) {
  const auto use_row = [&](const Statement& row) -> Status {
    Result<HistoryEntry> entry = action_of(row);
    if (!entry) return fail(unreadable(file, "action " + std::to_string(row.integer(0)), entry.error()));
    use(*std::move(entry));
    return {};
  };
  return each_row(db, file, sql, use_row, args...);
}

Status load_alerts(Db& db, const std::filesystem::path& file, Memory& memory) {
  Status status = each_row(
      db, file,
      "SELECT a.id, fingerprint, starts_at, source, labels, annotations, mapping, group_key, last_seen, ends_at, "
      "generator_url FROM alert a LEFT JOIN sighting s ON s.id = a.id ORDER BY a.id",
      [&](const Statement& row) -> Status {
        Result<ActiveEntry> entry = alert_of(row);
        if (!entry) return fail(unreadable(file, "alert " + std::string(row.text(1)), entry.error()));
        memory.next_row = entry->row + 1;
        memory.alerts.put(*std::move(entry));
        return {};
      });
  if (!status) return status;
  return each_row(db, file, "SELECT fingerprint, starts_at, resolved_at, unproven FROM resolved",
                  [&](const Statement& row) -> Status {
                    memory.alerts.remember(Fingerprint{std::string(row.text(0))},
                                           {row.instant(1), row.instant(2), row.integer(3) != 0});
                    return {};
                  });
}

}  // namespace

Status load(Db& db, const std::filesystem::path& file, Memory& memory) {
  if (Status status = load_alerts(db, file, memory); !status) return status;
  Status status = each_row(db, file, "SELECT name, state FROM target", [&](const Statement& row) -> Status {
    auto state = codec::decode_state(row.text(1));
    if (!state) return fail(unreadable(file, "target " + std::string(row.text(0)), state.error()));
    memory.states.emplace(TargetName{std::string(row.text(0))}, *std::move(state));
    return {};
  });
  if (!status) return status;
  status = each_row(db, file, "SELECT target, orders FROM orders", [&](const Statement& row) -> Status {
    auto orders = codec::decode_orders(row.text(1));
    if (!orders) return fail(unreadable(file, "orders for " + std::string(row.text(0)), orders.error()));
    memory.orders.emplace(TargetName{std::string(row.text(0))}, *std::move(orders));
    return {};
  });
  if (!status) return status;
  status = each_row(db, file, "SELECT key, value FROM kept", [&](const Statement& row) -> Status {
    memory.kept.emplace(row.text(0), row.text(1));
    return {};
  });
  if (!status) return status;
  const std::string columns(action_columns);
  status = each_action(db, file, columns + "WHERE outcome IS NULL",
                       [&](HistoryEntry entry) { memory.unfinished.emplace(entry.id, std::move(entry)); });
  if (!status) return status;
  return each_action(
      db, file, columns + "WHERE id IN (SELECT max(id) FROM action WHERE outcome IS NOT NULL GROUP BY target)",
      [&](HistoryEntry entry) { memory.last_actions.emplace(TargetName{entry.target}, std::move(entry)); });
}

DbResult<ActionId> last_action_id(Db& db) {
  return db.number("SELECT seq FROM sqlite_sequence WHERE name = 'action'");
}

Result<std::vector<HistoryEntry>> read_history(Db& db, const std::filesystem::path& file, const HistoryQuery& query) {
  std::string sql = std::string(action_columns) + "WHERE outcome IS NOT NULL";
  // Both parameters are always bound: one that does not apply is NULL, and coalesce() lets every row pass.
  sql += query.target ? " AND target = ?1" : " AND ?1 IS NULL";
  sql += query.since ? " AND time >= ?2" : " AND ?2 IS NULL";
  sql += " ORDER BY id DESC LIMIT ?3";
  std::optional<std::string> target;
  if (query.target) target = query.target->text;
  const auto limit = static_cast<std::int64_t>(std::min<std::size_t>(query.limit, 1U << 30U));
  std::vector<HistoryEntry> out;
  Status status = each_action(
      db, file, sql, [&](HistoryEntry entry) { out.push_back(std::move(entry)); }, target, query.since, limit);
  if (!status) return fail(std::move(status).error());
  return out;
}

DbResult<Tables> Tables::prepare(Db& db) {
  Tables tables(db);
  const std::pair<std::optional<Statement>*, std::string_view> statements[] = {
      {&tables.insert_alert_,
       "INSERT INTO alert (id, fingerprint, starts_at, source, group_key, labels, annotations, mapping, generator_url) "
       "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)"},
      {&tables.update_alert_,
       "UPDATE alert SET starts_at = ?3, source = ?4, group_key = ?5, labels = ?6, "
       "annotations = ?7, mapping = ?8, generator_url = ?9 WHERE id = ?1 AND fingerprint = ?2"},
      {&tables.delete_alert_, "DELETE FROM alert WHERE id = ?1"},
      {&tables.insert_sighting_, "INSERT INTO sighting (id, last_seen, ends_at) VALUES (?1, ?2, ?3)"},
      {&tables.update_sighting_, "UPDATE sighting SET last_seen = ?2, ends_at = ?3 WHERE id = ?1"},
      {&tables.delete_sighting_, "DELETE FROM sighting WHERE id = ?1"},
      {&tables.put_resolved_,
       "INSERT OR REPLACE INTO resolved (fingerprint, starts_at, resolved_at, unproven) VALUES (?1, ?2, ?3, ?4)"},
      {&tables.delete_resolved_, "DELETE FROM resolved WHERE fingerprint = ?1"},
      {&tables.put_state_,
       "INSERT INTO target (name, state) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET state = excluded.state"},
      {&tables.put_orders_,
       "INSERT INTO orders (target, orders) VALUES (?1, ?2) ON CONFLICT (target) DO UPDATE SET orders = "
       "excluded.orders"},
      {&tables.put_action_,
       "INSERT INTO action (id, time, target, action, from_count, to_count, outcome, finished, error, cause, node) "
       "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) ON CONFLICT (id) DO UPDATE SET "
       "outcome = excluded.outcome, finished = excluded.finished, error = excluded.error"},
      {&tables.put_kept_,
       "INSERT INTO kept (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = excluded.value"},
      {&tables.prune_actions_,
       "DELETE FROM action WHERE id IN "
       "(SELECT id FROM action WHERE time < ?1 AND outcome IS NOT NULL ORDER BY time LIMIT ?2)"},
  };
  for (const auto& [place, sql] : statements) {
    auto statement = db.prepare(sql);
    if (!statement) return tl::unexpected<DbError>(std::move(statement).error());
    place->emplace(*std::move(statement));
  }
  return tables;
}

DbResult<void> Tables::write_alert(const StagedAlerts::Change& change) {
  const ActiveEntry& after = change.after;
  if (!after.alert) {
    if (change.before == nullptr) return {};  // came and went within the batch
    auto done = delete_alert_->run(change.before->row);
    return done ? delete_sighting_->run(change.before->row) : done;
  }
  if (change.before == nullptr || change.before->alert != after.alert) {
    const Alert& alert = *after.alert;
    Statement& put = change.before == nullptr ? *insert_alert_ : *update_alert_;
    auto done = put.run(after.row, alert.fingerprint.text, alert.starts_at, to_string(alert.source), alert.group_key,
                        codec::encode(alert.labels), codec::encode(alert.annotations), codec::encode(alert.mapping),
                        alert.generator_url);
    if (!done) return done;
  }
  if (change.before == nullptr) return insert_sighting_->run(after.row, after.seen.last_seen, after.seen.ends_at);
  if (change.before->seen == after.seen) return {};
  return update_sighting_->run(after.row, after.seen.last_seen, after.seen.ends_at);
}

DbResult<void> Tables::write_prune(PruneStep& step) {
  auto done = prune_actions_->run(step.before, actions_a_step);
  if (!done) return done;
  step.more = db_->changes() == actions_a_step;
  const auto free_before = db_->number("PRAGMA freelist_count");
  if (!free_before) return tl::unexpected<DbError>(free_before.error());
  if (*free_before == 0) return {};
  done = db_->run("PRAGMA incremental_vacuum(" + std::to_string(pages_a_step) + ")");
  step.more = step.more || *free_before > pages_a_step;
  return done;
}

DbResult<void> Tables::write(const Batch& batch) {
  DbResult<void> done;
  for (const auto& change : batch.alerts.changes()) {
    if (done = write_alert(change); !done) return done;
  }
  for (const auto& fingerprint : batch.alerts.forgotten()) {
    if (done = delete_resolved_->run(fingerprint.text); !done) return done;
  }
  for (const auto& [fingerprint, resolved] : batch.alerts.remembered()) {
    const std::int64_t unproven = resolved.unproven ? 1 : 0;
    done = put_resolved_->run(fingerprint.text, resolved.starts_at, resolved.resolved_at, unproven);
    if (!done) return done;
  }
  for (const auto& [target, state] : batch.states) {
    if (done = put_state_->run(target.text, codec::encode(state)); !done) return done;
  }
  for (const auto& [target, orders] : batch.orders) {
    if (done = put_orders_->run(target.text, codec::encode(orders)); !done) return done;
  }
  for (const auto* entries : {&batch.begun, &batch.finished}) {
    for (const HistoryEntry& entry : *entries) {
      std::optional<std::string> outcome;
      if (entry.outcome) outcome = to_string(*entry.outcome);
      std::optional<std::string> cause;
      if (entry.cause) cause = codec::encode(*entry.cause);
      done = put_action_->run(entry.id, entry.time, entry.target.text, to_string(entry.action), entry.from, entry.to,
                              outcome, entry.finished, entry.error, cause, entry.node);
      if (!done) return done;
    }
  }
  for (const auto& [key, value] : batch.kept) {
    if (done = put_kept_->run(key, value); !done) return done;
  }
  for (PruneStep* step : batch.prunes) {
    if (done = write_prune(*step); !done) return done;
  }
  return done;
}

}  // namespace alertscaler
