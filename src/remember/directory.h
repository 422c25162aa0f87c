// The directory that one process at a time keeps its memory in: made, locked, and readable by our user alone.
#pragma once

#include <filesystem>

#include "base/result.h"

namespace alertscaler {

// The lock is flock(2) on a file of its own: the kernel drops it when its holder dies, however it dies, and SQLite's
// database stays readable for others (sqlite3's own locking_mode=EXCLUSIVE would shut out our second, reading
// connection and every look at the file with the sqlite3 program).
class Directory {
 public:
  // Creates `path` (0700) and the files in it (0600) where they are missing; a database file that others may read is
  // made ours alone. refused: it cannot be written, or another alertscaler has it; storage: the file system failed.
  [[nodiscard]] static Result<Directory> take(const std::filesystem::path& path);

  ~Directory();
  Directory(Directory&& other) noexcept;
  Directory& operator=(Directory&&) = delete;
  Directory(const Directory&) = delete;
  Directory& operator=(const Directory&) = delete;

  [[nodiscard]] const std::filesystem::path& database() const { return database_; }

 private:
  Directory(std::filesystem::path database, int lock) : database_(std::move(database)), lock_(lock) {}

  std::filesystem::path database_;
  int lock_;
};

}  // namespace alertscaler
