#include "remember/schema.h"

#include <array>
#include <string>
#include <utility>

namespace alertscaler::schema {
namespace {

constexpr std::int64_t application_id = 0x616C7363;  // "alsc", in the file's header: whose file it is

// Times are milliseconds since 1970. What changes at every delivery of an alert (sighting) stands apart from what does
// not (alert): a heartbeat of 1000 alerts touches a few pages and not a thousand.
constexpr std::array<std::string_view, 5> all_migrations{R"sql(
CREATE TABLE alert (
  id          INTEGER PRIMARY KEY,
  fingerprint TEXT NOT NULL UNIQUE,
  starts_at   INTEGER NOT NULL,
  source      TEXT NOT NULL,
  group_key   TEXT NOT NULL,
  labels      TEXT NOT NULL,        -- JSON, as the next two
  annotations TEXT NOT NULL,
  mapping     TEXT NOT NULL
) STRICT;
CREATE TABLE sighting (
  id        INTEGER PRIMARY KEY,    -- of the alert
  last_seen INTEGER NOT NULL,
  ends_at   INTEGER
) STRICT;
CREATE TABLE resolved (
  fingerprint TEXT PRIMARY KEY,
  starts_at   INTEGER NOT NULL,
  resolved_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE target (
  name  TEXT PRIMARY KEY,
  state TEXT NOT NULL               -- JSON
) STRICT;
CREATE TABLE action (
  id         INTEGER PRIMARY KEY AUTOINCREMENT,
  time       INTEGER NOT NULL,
  target     TEXT NOT NULL,
  action     TEXT NOT NULL,
  from_count INTEGER NOT NULL,
  to_count   INTEGER NOT NULL,
  outcome    TEXT,                  -- NULL: not finished
  finished   INTEGER,
  error      TEXT NOT NULL,
  cause      TEXT                   -- JSON
) STRICT;
CREATE INDEX action_by_target ON action (target, id) WHERE outcome IS NOT NULL;
CREATE INDEX action_by_time ON action (time);
CREATE INDEX action_unfinished ON action (id) WHERE outcome IS NULL;
CREATE TABLE kept (
  key   TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT;
)sql",
                                                         R"sql(
CREATE TABLE orders (
  target TEXT PRIMARY KEY,          -- empty: of all
  orders TEXT NOT NULL              -- JSON
) STRICT;
)sql",
                                                         R"sql(
ALTER TABLE resolved ADD COLUMN unproven INTEGER NOT NULL DEFAULT 0;
)sql",
                                                         R"sql(
ALTER TABLE alert ADD COLUMN generator_url TEXT NOT NULL DEFAULT '';
)sql",
                                                         R"sql(
ALTER TABLE action ADD COLUMN node TEXT NOT NULL DEFAULT '';
)sql"};

Status as_status(DbResult<void> result, const std::filesystem::path& file) {
  if (!result) return fail(unusable(file, result.error()));
  return {};
}

// SQLite deletes the log of an empty database, and with it whatever the lost file could be saved from.
Status check_not_emptied(const std::filesystem::path& file) {
  std::error_code error;
  if (std::filesystem::file_size(file, error) != 0 || error) return {};
  const auto log_bytes = std::filesystem::file_size(file.string() + "-wal", error);
  if (error || log_bytes == 0) return {};
  return fail(damaged(file, "it is empty, but has a log beside it"));
}

Status check_content(Db& db, const std::filesystem::path& file) {
  auto check = db.prepare("PRAGMA quick_check(1)");
  if (!check) return fail(unusable(file, check.error()));
  const auto row = check->first();
  if (!row) return fail(unusable(file, row.error()));
  const std::string finding(*row ? check->text(0) : "no answer");
  if (finding != "ok") return fail(damaged(file, finding));
  return {};
}

Status use_log(Db& db, const std::filesystem::path& file) {
  auto mode = db.prepare("PRAGMA journal_mode = WAL");
  if (!mode) return fail(unusable(file, mode.error()));
  const auto row = mode->first();
  if (!row) return fail(unusable(file, row.error()));
  const std::string chosen(*row ? mode->text(0) : "none");
  mode->reset();
  if (chosen != "wal") {  // SQLite says so and carries on with another mode
    return fail(ErrorKind::storage, file.string() +
                                        ": its file system cannot share memory between processes, which "
                                        "SQLite's log needs; put --storage.path on a local disk");
  }
  return as_status(db.run("PRAGMA synchronous = FULL; PRAGMA journal_size_limit = 4194304; PRAGMA cache_size = -1024"),
                   file);
}

Status migrate(Db& db, const std::filesystem::path& file, std::span<const std::string_view> migrations,
               std::size_t version) {
  for (; version < migrations.size(); ++version) {
    auto transaction = Transaction::begin(db);
    if (!transaction) return fail(unusable(file, transaction.error()));
    auto done = db.run(migrations[version]);
    if (done) done = db.run("PRAGMA user_version = " + std::to_string(version + 1));
    if (done) done = transaction->commit();
    if (!done) {
      return fail(unusable(file, done.error()).wrap("bring the schema to version " + std::to_string(version + 1)));
    }
  }
  return {};
}

}  // namespace

std::span<const std::string_view> migrations() {
  return all_migrations;
}

Error damaged(const std::filesystem::path& file, std::string_view why) {
  return {ErrorKind::storage,
          file.string() + " is damaged (" + std::string(why) + "). Move it, " + file.filename().string() + "-wal and " +
              file.filename().string() +
              "-shm away and start again: cooldowns, pending actions and the history are lost; the alerts come back "
              "with Alertmanager's next notifications. Nothing was changed"};
}

Error unusable(const std::filesystem::path& file, const DbError& error) {
  switch (classify(error)) {
    case DbFailure::corrupt:
      return damaged(file, error.text);
    case DbFailure::busy:
      return {ErrorKind::busy, file.string() + ": " + error.text +
                                   ". Another process holds it, or the disk is full: end that or make room, then try "
                                   "again"};
    case DbFailure::other:
      break;
  }
  return {ErrorKind::storage, file.string() + ": " + error.text};
}

Status prepare(Db& db, const std::filesystem::path& file, std::span<const std::string_view> migrations) {
  if (Status status = check_not_emptied(file); !status) return status;
  const auto tables = db.number("SELECT count(*) FROM sqlite_schema");
  if (!tables) return fail(unusable(file, tables.error()));
  const auto owner = db.number("PRAGMA application_id");
  if (!owner) return fail(unusable(file, owner.error()));
  const auto version = db.number("PRAGMA user_version");
  if (!version) return fail(unusable(file, version.error()));

  const bool fresh = *tables == 0 && *version == 0 && (*owner == 0 || *owner == application_id);
  if (!fresh && *owner != application_id) return fail(damaged(file, "it is not alertscaler's"));
  if (*version < 0) return fail(damaged(file, "its version is " + std::to_string(*version)));
  if (static_cast<std::size_t>(*version) > migrations.size()) {
    return fail(ErrorKind::storage, file.string() + " is of a newer alertscaler (version " + std::to_string(*version) +
                                        " of its schema; this one knows " + std::to_string(migrations.size()) +
                                        "). Start the newer alertscaler again, or give this one its own "
                                        "--storage.path. Nothing was changed");
  }
  if (!fresh) {
    if (Status status = check_content(db, file); !status) return status;
  } else {
    // Both must come before the first table; auto_vacuum before the log.
    Status status = as_status(
        db.run("PRAGMA auto_vacuum = INCREMENTAL; PRAGMA application_id = " + std::to_string(application_id)), file);
    if (!status) return status;
  }
  if (Status status = use_log(db, file); !status) return status;
  return migrate(db, file, migrations, static_cast<std::size_t>(*version));
}

}  // namespace alertscaler::schema
