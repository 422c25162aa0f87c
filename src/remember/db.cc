#include "remember/db.h"

#include <cerrno>
#include <system_error>
#include <utility>

#include <sqlite3.h>

namespace alertscaler {
namespace {

// REQUIRES: errno was set to 0 before the call that failed. (sqlite3_system_errno() does not know of what a COMMIT
// met.)
DbError error_of(sqlite3* db, int code) {
  DbError out{.code = code, .system_error = errno, .text = sqlite3_errstr(code)};
  if (db == nullptr) return out;
  const std::string_view detail = sqlite3_errmsg(db);
  if (sqlite3_extended_errcode(db) == code && detail != out.text) out.text = detail;
  const int primary = code & 0xFF;
  const bool met_the_system = primary == SQLITE_IOERR || primary == SQLITE_CANTOPEN;
  if (met_the_system && out.system_error != 0) out.text += ": " + std::generic_category().message(out.system_error);
  return out;
}

}  // namespace

DbFailure classify(const DbError& error) {
  switch (error.code & 0xFF) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_FULL:
    case SQLITE_NOMEM:
      return DbFailure::busy;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_ERROR:  // our statements are right, so the tables are not
      return DbFailure::corrupt;
    case SQLITE_IOERR:
      // SQLite takes ENOSPC alone for a full disk. A write that a quota stopped has not happened either.
      return error.code == SQLITE_IOERR_WRITE && error.system_error == EDQUOT ? DbFailure::busy : DbFailure::other;
    default:
      return DbFailure::other;
  }
}

void Statement::Deleter::operator()(sqlite3_stmt* statement) const noexcept {
  sqlite3_finalize(statement);
}

DbResult<bool> Statement::next() {
  if (bind_error_ != SQLITE_OK) {
    return tl::unexpected<DbError>(error_of(sqlite3_db_handle(statement_.get()), bind_error_));
  }
  errno = 0;
  const int code = sqlite3_step(statement_.get());
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) {
    reset();
    return false;
  }
  DbError error = error_of(sqlite3_db_handle(statement_.get()), code);
  reset();
  return tl::unexpected<DbError>(std::move(error));
}

void Statement::reset() {
  sqlite3_reset(statement_.get());  // repeats the error of the last step, which next() has returned
  bind_error_ = SQLITE_OK;
}

bool Statement::is_null(int column) const {
  return sqlite3_column_type(statement_.get(), column) == SQLITE_NULL;
}

std::int64_t Statement::integer(int column) const {
  return sqlite3_column_int64(statement_.get(), column);
}

std::optional<Instant> Statement::optional_instant(int column) const {
  if (is_null(column)) return std::nullopt;
  return instant(column);
}

std::string_view Statement::text(int column) const {
  const void* bytes = sqlite3_column_blob(statement_.get(), column);  // as stored, also for text: no conversion
  const int size = sqlite3_column_bytes(statement_.get(), column);
  if (bytes == nullptr || size <= 0) return {};
  return {static_cast<const char*>(bytes), static_cast<std::size_t>(size)};
}

void Statement::note(int code) {
  if (bind_error_ == SQLITE_OK) bind_error_ = code;
}

void Statement::bind(int index, std::int64_t value) {
  note(sqlite3_bind_int64(statement_.get(), index, value));
}

void Statement::bind(int index, std::string_view value) {
  const char* bytes = value.data() == nullptr ? "" : value.data();  // a null pointer would bind NULL
  note(sqlite3_bind_text64(statement_.get(), index, bytes, value.size(), nullptr, SQLITE_UTF8));
}

void Statement::bind_null(int index) {
  note(sqlite3_bind_null(statement_.get(), index));
}

void Db::Closer::operator()(sqlite3* db) const noexcept {
  sqlite3_close_v2(db);
}

DbError Db::error(int code) const {
  return error_of(db_.get(), code);
}

DbResult<Db> Db::open(const std::filesystem::path& file, const DbOptions& options) {
  errno = 0;
  sqlite3* raw = nullptr;
  const int access = options.read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE;
  const int code = sqlite3_open_v2(file.c_str(), &raw, access | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE,
                                   options.vfs.empty() ? nullptr : options.vfs.c_str());
  Db db(raw);
  if (code != SQLITE_OK) return tl::unexpected<DbError>(db.error(code));
  sqlite3_busy_timeout(raw, static_cast<int>(options.busy_timeout.count()));
  // What the file says is never trusted: no functions in its schema, no writing to internal tables.
  sqlite3_db_config(raw, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(raw, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  db.empty_log_at_close(false);
  return db;
}

DbResult<Statement> Db::prepare(std::string_view sql) {
  sqlite3_stmt* raw = nullptr;
  const int code =
      sqlite3_prepare_v3(db_.get(), sql.data(), static_cast<int>(sql.size()), SQLITE_PREPARE_PERSISTENT, &raw, nullptr);
  Statement statement(raw);
  if (code != SQLITE_OK) return tl::unexpected<DbError>(error(code));
  return statement;
}

DbResult<void> Db::run(std::string_view sql) {
  errno = 0;
  const int code = sqlite3_exec(db_.get(), std::string(sql).c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return tl::unexpected<DbError>(error(code));
  return {};
}

DbResult<std::int64_t> Db::number(std::string_view sql) {
  auto statement = prepare(sql);
  if (!statement) return tl::unexpected<DbError>(std::move(statement).error());
  const auto row = statement->first();
  if (!row) return tl::unexpected<DbError>(row.error());
  return *row ? statement->integer(0) : 0;
}

std::int64_t Db::changes() const {
  return sqlite3_changes64(db_.get());
}

bool Db::in_transaction() const {
  return sqlite3_get_autocommit(db_.get()) == 0;
}

void Db::empty_log_at_close(bool wanted) {
  sqlite3_db_config(db_.get(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, wanted ? 0 : 1, nullptr);
}

void Db::watch_log() {
  sqlite3_wal_hook(
      db_.get(),
      [](void* pages_of, sqlite3*, const char*, int pages) {
        *static_cast<int*>(pages_of) = pages;
        return SQLITE_OK;
      },
      log_pages_.get());
}

bool Db::has_moved() const {
  int moved = 0;
  return sqlite3_file_control(db_.get(), "main", SQLITE_FCNTL_HAS_MOVED, &moved) == SQLITE_OK && moved != 0;
}

DbResult<void> Db::checkpoint() {
  errno = 0;
  const int code = sqlite3_wal_checkpoint_v2(db_.get(), nullptr, SQLITE_CHECKPOINT_PASSIVE, nullptr, nullptr);
  if (code != SQLITE_OK) return tl::unexpected<DbError>(error(code));
  return {};
}

DbResult<Transaction> Transaction::begin(Db& db) {
  const auto begun = db.run("BEGIN IMMEDIATE");
  if (!begun) return tl::unexpected<DbError>(begun.error());
  return Transaction(db);
}

Transaction::~Transaction() {
  // After some errors SQLite has rolled back by itself. Should this fail, the connection stays in its transaction, and
  // the next begin() says so.
  if (db_ != nullptr && db_->in_transaction()) static_cast<void>(db_->run("ROLLBACK"));
}

DbResult<void> Transaction::commit() {
  auto done = db_->run("COMMIT");
  if (done) db_ = nullptr;
  return done;
}

}  // namespace alertscaler
