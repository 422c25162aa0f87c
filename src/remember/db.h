// A thin hold on SQLite: a connection and its statements as values with an owner, errors as results. It knows nothing
// of alerts, and never retries.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"

struct sqlite3;
struct sqlite3_stmt;

namespace alertscaler {

struct DbError {
  int code = 0;          // SQLite's extended result code
  int system_error = 0;  // errno; of a failed system call when the code speaks of one
  std::string text;      // SQLite's words and the system's
};

template <class T>
using DbResult = tl::expected<T, DbError>;

enum class DbFailure {
  busy,     // the disk is full, the quota is used up or the file is locked: nothing was written
  corrupt,  // what was read is no database, or a damaged one
  other,    // an I/O error or anything else: what is on the disk is unknown
};
[[nodiscard]] DbFailure classify(const DbError& error);

// One prepared statement. Not thread-safe, as the connection. REQUIRES: its Db lives longer.
class Statement {
 public:
  // Binds all parameters in order and steps once. Text is not copied: it must live until the statement is reset, which
  // next() does after the last row and run() always. True: there is a row.
  template <class... Args>
  [[nodiscard]] DbResult<bool> first(const Args&... args) {
    reset();
    int index = 0;
    (bind(++index, args), ...);
    return next();
  }
  [[nodiscard]] DbResult<bool> next();
  // For statements without rows.
  template <class... Args>
  [[nodiscard]] DbResult<void> run(const Args&... args) {
    DbResult<bool> row = first(args...);
    reset();
    if (!row) return tl::unexpected<DbError>(std::move(row).error());
    return {};
  }
  void reset();

  [[nodiscard]] bool is_null(int column) const;
  [[nodiscard]] std::int64_t integer(int column) const;
  [[nodiscard]] Instant instant(int column) const { return Instant{Duration{integer(column)}}; }
  [[nodiscard]] std::optional<Instant> optional_instant(int column) const;
  [[nodiscard]] std::string_view text(int column) const;  // valid until the next step

 private:
  friend class Db;
  struct Deleter {
    void operator()(sqlite3_stmt* statement) const noexcept;
  };
  explicit Statement(sqlite3_stmt* statement) : statement_(statement) {}
  void bind(int index, std::int64_t value);
  void bind(int index, int value) { bind(index, std::int64_t{value}); }
  void bind(int index, Instant value) { bind(index, std::int64_t{value.time_since_epoch().count()}); }
  void bind(int index, std::string_view value);
  void bind(int index, const std::string& value) { bind(index, std::string_view{value}); }
  template <class T>
  void bind(int index, const std::optional<T>& value) {
    if (value) {
      bind(index, *value);
    } else {
      bind_null(index);
    }
  }
  void bind_null(int index);
  void note(int code);

  std::unique_ptr<sqlite3_stmt, Deleter> statement_;
  int bind_error_ = 0;
};

struct DbOptions {
  bool read_only = false;
  std::string vfs;  // SQLite's name of it; empty: the default
  Duration busy_timeout{0};
};

// One connection. Not thread-safe: one thread at a time.
class Db {
 public:
  // Opens an existing file, and reads nothing of it yet.
  [[nodiscard]] static DbResult<Db> open(const std::filesystem::path& file, const DbOptions& options);

  [[nodiscard]] DbResult<Statement> prepare(std::string_view sql);
  [[nodiscard]] DbResult<void> run(std::string_view sql);             // every statement of it; rows are dropped
  [[nodiscard]] DbResult<std::int64_t> number(std::string_view sql);  // of the first row; 0 when there is none
  [[nodiscard]] std::int64_t changes() const;                         // rows that the last statement changed
  [[nodiscard]] bool in_transaction() const;

  // When the last connection closes, SQLite moves the log's content to the file and removes the log. Off until it is
  // asked for here: nothing may be moved into a file that is damaged, or after a write that failed.
  void empty_log_at_close(bool wanted);
  // Counts the pages in the log after each commit, so that checkpoint() can be called when it is time; SQLite's own
  // automatic checkpoint, which drops its errors, is off from then on.
  void watch_log();
  [[nodiscard]] int log_pages() const { return *log_pages_; }
  // The file that is open is no longer the one of its name: somebody deleted, moved or replaced it. What is written
  // goes where nobody will look for it.
  [[nodiscard]] bool has_moved() const;
  // Moves the log's content to the file, as far as readers let it.
  [[nodiscard]] DbResult<void> checkpoint();

 private:
  struct Closer {
    void operator()(sqlite3* db) const noexcept;
  };
  explicit Db(sqlite3* db) : db_(db) {}
  [[nodiscard]] DbError error(int code) const;

  std::unique_ptr<int> log_pages_ = std::make_unique<int>(0);  // its address is with SQLite
  std::unique_ptr<sqlite3, Closer> db_;
};

// Rolled back unless committed.
class Transaction {
 public:
  [[nodiscard]] static DbResult<Transaction> begin(Db& db);  // takes the write lock at once
  ~Transaction();
  Transaction(Transaction&& other) noexcept : db_(std::exchange(other.db_, nullptr)) {}
  Transaction& operator=(Transaction&&) = delete;
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  [[nodiscard]] DbResult<void> commit();

 private:
  explicit Transaction(Db& db) : db_(&db) {}
  Db* db_;
};

}  // namespace alertscaler
