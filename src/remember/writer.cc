#include "remember/writer.h"

#include <utility>

#include "base/log.h"

namespace alertscaler {
namespace {

constexpr int log_pages_max = 1000;  // 4 MB; then its content is moved to the file

std::string gone(const std::filesystem::path& file) {
  return file.string() +
         " was deleted, moved or replaced while it was in use; nothing more is written. Put it back if it is still "
         "somewhere, and restart alertscaler";
}

}  // namespace

DbResult<std::unique_ptr<Writer>> Writer::start(std::unique_ptr<Db> db, std::filesystem::path file, Memory& memory,
                                                std::shared_mutex& memory_mutex, Changed changed) {
  auto tables = Tables::prepare(*db);
  if (!tables) return tl::unexpected<DbError>(std::move(tables).error());
  db->watch_log();
  db->empty_log_at_close(true);
  return std::unique_ptr<Writer>(
      new Writer(std::move(db), *std::move(tables), std::move(file), memory, memory_mutex, std::move(changed)));
}

Writer::Writer(std::unique_ptr<Db> db, Tables tables, std::filesystem::path file, Memory& memory,
               std::shared_mutex& memory_mutex, Changed changed)
    : file_(std::move(file)),
      memory_(memory),
      memory_mutex_(memory_mutex),
      changed_(std::move(changed)),
      db_(std::move(db)),
      tables_(std::move(tables)),
      thread_([this](const std::stop_token& stop) { run(stop); }) {}

Writer::~Writer() {
  thread_.request_stop();
  thread_.join();
}

Status Writer::write(Stage stage) {
  if (const auto why = sealed()) return fail(*why);
  Request request(std::move(stage));
  std::unique_lock lock(queue_mutex_);
  queue_.push_back(&request);
  queue_changed_.notify_one();
  request.answered.wait(lock, [&] { return request.done; });
  return std::move(request.status);
}

std::optional<Error> Writer::sealed() const {
  return sealed_.with([](const std::optional<Error>& why) { return why; });
}

void Writer::run(const std::stop_token& stop) {
  std::vector<Request*> requests;
  while (true) {
    requests.clear();
    {
      std::unique_lock lock(queue_mutex_);
      queue_changed_.wait(lock, stop, [&] { return !queue_.empty(); });
      if (queue_.empty()) return;  // asked to stop, and all is written
      requests.swap(queue_);
    }
    const Status status = write_all(requests);
    {
      // A request is gone as soon as its caller can see `done`, so all of this happens under the lock.
      std::lock_guard lock(queue_mutex_);
      for (Request* request : requests) {
        request->status = status;
        request->done = true;
        request->answered.notify_one();
      }
    }
    tidy_log();
  }
}

Status Writer::write_all(const std::vector<Request*>& requests) {
  if (const auto why = sealed()) return fail(*why);
  Batch batch(memory_);
  for (const Request* request : requests) request->stage(batch);
  if (batch.empty()) return {};
  batch.alerts.forget_old_resolved();
  if (const DbResult<void> done = commit(batch); !done) return fail(failed(done.error()));
  // After the commit, so that nothing is acknowledged that a file without a name has taken.
  if (db_->has_moved()) return fail(seal(gone(file_)));
  if (std::exchange(was_busy_, false)) log::info("store.writable", {{"file", file_.string()}});
  StoreChanges changes = changed_ ? changes_of(batch) : StoreChanges{};
  {
    const std::unique_lock lock(memory_mutex_);
    publish(std::move(batch), memory_);
  }
  if (changed_ && !(changes.alerts.empty() && changes.history.empty())) changed_(std::move(changes));
  return {};
}

DbResult<void> Writer::commit(const Batch& batch) {
  auto transaction = Transaction::begin(*db_);
  if (!transaction) return tl::unexpected<DbError>(std::move(transaction).error());
  const auto written = tables_.write(batch);
  if (!written) return written;
  return transaction->commit();
}

Error Writer::failed(const DbError& error) {
  if (classify(error) != DbFailure::busy) return seal("write", error);
  if (!std::exchange(was_busy_, true)) {
    log::warn("store.busy",
              {{"file", file_.string()},
               {"error", error.text},
               {"text",
                "notifications are answered with 503 and no action is taken until it can be written again; "
                "make room on the disk, or end the process that locks the file"}});
  }
  return {ErrorKind::busy, "write " + file_.string() + ": " + error.text +
                               "; nothing was changed, the same will work once the disk has room and no other process "
                               "locks the file"};
}

// SQLite would do this by itself, but drops the error of an fsync that fails: the next one would succeed, and the log
// would be overwritten although its content never reached the file.
void Writer::tidy_log() {
  if (db_->log_pages() < log_pages_max || sealed()) return;
  const auto done = db_->checkpoint();
  if (!done && classify(done.error()) != DbFailure::busy) seal("move the log into", done.error());
}

Error Writer::seal(const std::string& doing, const DbError& error) {
  return seal(doing + " " + file_.string() + ": " + error.text +
              "; nothing more is written, because what is on the disk is unknown. Check the disk and restart "
              "alertscaler");
}

Error Writer::seal(std::string text) {
  Error why{ErrorKind::storage, std::move(text)};
  db_->empty_log_at_close(false);
  sealed_.with([&](std::optional<Error>& sealed) { sealed = why; });
  log::error("store.sealed", {{"file", file_.string()}, {"error", why.message}});
  return why;
}

}  // namespace alertscaler
