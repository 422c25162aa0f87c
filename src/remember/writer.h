// The one thread that writes: it stages what has gathered while it was writing, commits that in one transaction, shows
// it to the readers, and then answers all callers.
#pragma once

#include <condition_variable>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <stop_token>
#include <thread>
#include <vector>

#include "base/guarded.h"
#include "base/result.h"
#include "remember/db.h"
#include "remember/memory.h"
#include "remember/tables.h"

namespace alertscaler {

// Thread-safe.
class Writer {
 public:
  // Writes through `db` and publishes to `memory` under `memory_mutex`, which both live longer; nothing else may write
  // to either. `file` is for the texts; `changed`, see StoreOptions, may be empty.
  using Changed = std::function<void(StoreChanges)>;
  [[nodiscard]] static DbResult<std::unique_ptr<Writer>> start(std::unique_ptr<Db> db, std::filesystem::path file,
                                                               Memory& memory, std::shared_mutex& memory_mutex,
                                                               Changed changed);
  ~Writer();  // writes what is queued
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  // Calls `stage` on the writer's thread and returns when what it staged is durable and visible. busy: nothing changed,
  // on disk or in memory. storage: memory did not change, and the writer is sealed.
  using Stage = std::function<void(Batch&)>;
  [[nodiscard]] Status write(Stage stage);

  [[nodiscard]] std::optional<Error> sealed() const;

 private:
  struct Request {
    explicit Request(Stage s) : stage(std::move(s)) {}
    Stage stage;
    Status status;
    bool done = false;
    std::condition_variable answered;
  };

  Writer(std::unique_ptr<Db> db, Tables tables, std::filesystem::path file, Memory& memory,
         std::shared_mutex& memory_mutex, Changed changed);
  void run(const std::stop_token& stop);
  [[nodiscard]] Status write_all(const std::vector<Request*>& requests);
  [[nodiscard]] DbResult<void> commit(const Batch& batch);
  [[nodiscard]] Error failed(const DbError& error);
  void tidy_log();
  Error seal(const std::string& doing, const DbError& error);
  Error seal(std::string text);

  const std::filesystem::path file_;
  Memory& memory_;
  std::shared_mutex& memory_mutex_;
  const Changed changed_;

  // Of the writer's thread alone.
  std::unique_ptr<Db> db_;
  Tables tables_;
  bool was_busy_ = false;  // so that it is logged once

  Guarded<std::optional<Error>> sealed_;

  std::mutex queue_mutex_;
  std::condition_variable_any queue_changed_;
  std::vector<Request*> queue_;  // under queue_mutex_, as `status` and `done` of each

  std::jthread thread_;  // last: ends before the rest goes
};

}  // namespace alertscaler
