// Full disks, failing disks, locked and damaged files: a clear refusal, never a lost acknowledged alert, never a crash.
#include <algorithm>
#include <chrono>
#include <fstream>
#include <future>
#include <iostream>
#include <iterator>
#include <random>
#include <thread>

#include <sched.h>
#include <sys/fsuid.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/alerts.h"
#include "support/catch.h"
#include "support/fault_vfs.h"
#include "support/scratch_dir.h"
#include "support/store.h"

using namespace alertscaler;
using test::alert;
using test::at;
using test::FaultVfs;
using test::firing;
using test::open_store;
using test::resolved;

namespace {

// Another program's connection to the same file.
class Stranger {
 public:
  explicit Stranger(const std::filesystem::path& file) { REQUIRE(sqlite3_open(file.c_str(), &db_) == SQLITE_OK); }
  ~Stranger() { sqlite3_close(db_); }
  Stranger(const Stranger&) = delete;
  Stranger& operator=(const Stranger&) = delete;
  void run(const char* sql) {
    CAPTURE(sql);
    REQUIRE(sqlite3_exec(db_, sql, nullptr, nullptr, nullptr) == SQLITE_OK);
  }

 private:
  sqlite3* db_ = nullptr;
};

std::string content_of(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void write_file(const std::filesystem::path& path, std::string_view content) {
  std::ofstream(path, std::ios::binary) << content;
}

Error open_error(const std::filesystem::path& directory, const StoreOptions& options = {}) {
  const auto store = Store::open(directory, options);
  REQUIRE_FALSE(store.has_value());
  return store.error();
}

// A store with a little of everything, closed; with its log still beside it when `with_log`.
void make_store(const std::filesystem::path& directory, bool with_log = false) {
  const auto fill = [](Store& store) {
    for (int i = 0; i < 20; ++i) REQUIRE(store.merge({firing(alert("A" + std::to_string(i), at(i), at(i)))}));
    REQUIRE(store.merge({resolved(alert("A3", at(3), at(30)))}));
    HistoryEntry entry{.time = at(1), .target = TargetName{"web"}};
    entry.id = store.begin(entry, [](ActionId) { return TargetState{.failures = 1}; }).value();
    entry.outcome = ActionOutcome::done;
    REQUIRE(store.finish(entry, TargetState{.failures = 2}));
    REQUIRE(store.keep("key", std::string(20'000, 'v')));
  };
  fill(*open_store(directory));
  if (!with_log) return;
  FaultVfs vfs("make-store");
  const auto store = open_store(directory, {.vfs = vfs.name()});
  REQUIRE(store->merge({firing(alert("InTheLog", at(40), at(40)))}));
  vfs.set_fault([](FaultVfs::File, FaultVfs::Call call) {
    return call == FaultVfs::Call::sync ? SQLITE_IOERR_FSYNC : SQLITE_OK;
  });
  REQUIRE_FALSE(store->keep("seal", "it"));  // so that closing leaves the log
}

// Fills the store until it is full, and checks that what failed changed nothing. How much was taken.
std::size_t fill_until_full(Store& store) {
  for (int i = 0; i < 100'000; ++i) {
    Alert big = alert("Big" + std::to_string(i), at(i), at(i));
    big.annotations["padding"] = std::string(20'000, 'x');
    const auto before = store.active_alerts(TargetName{"web"}).size();
    const auto merged = store.merge({firing(big)});
    if (merged) continue;
    CHECK(merged.error().kind == ErrorKind::busy);
    CHECK_THAT(merged.error().message, ContainsSubstring("full") && ContainsSubstring("nothing was changed"));
    CHECK(store.active_alerts(TargetName{"web"}).size() == before);
    CHECK_FALSE(store.sealed().has_value());
    return before;
  }
  FAIL("it was never full");
  return 0;
}

bool root() {
  if (::geteuid() == 0) return true;
  std::cout << "skipped: needs root\n";
  return false;
}

// Runs `f` in a mount namespace of its own, in which `directory` is a file system of `bytes`.
// Runs `f` on a thread of its own, which may give up rights; what it throws is thrown here.
template <class F>
void on_own_thread(F f) {
  std::async(std::launch::async, f).get();
}

// Runs `f` in a mount namespace of its own, in which `directory` is a file system made with `options`.
template <class F>
void in_small_file_system(const std::filesystem::path& directory, const std::string& options, unsigned long flags,
                          F f) {
  on_own_thread([&] {
    if (::unshare(CLONE_NEWNS) != 0 || ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        ::mount("tmpfs", directory.c_str(), "tmpfs", flags, options.c_str()) != 0) {
      std::cout << "skipped: cannot mount here: " << std::generic_category().message(errno) << '\n';
      return;
    }
    f();
  });
}

}  // namespace

TEST_CASE("store faults: a file that may not grow is busy, and works again when there is room") {
  const test::ScratchDir scratch;
  std::size_t taken = 0;
  {
    const auto store = open_store(scratch.path(), {.pages_max = 200});
    taken = fill_until_full(*store);
    CHECK(taken > 5);
    // What makes room goes through, and what has room then, too.
    REQUIRE(store->merge({resolved(alert("Big0", at(0), at(1))), resolved(alert("Big1", at(1), at(2)))}));
    REQUIRE(store->merge({firing(alert("Small", at(1), at(1)))}));
    CHECK(store->active_alerts().size() == taken - 1);
  }
  const auto store = open_store(scratch.path());
  CHECK(store->active_alerts().size() == taken - 1);
  REQUIRE(store->keep("big", std::string(1'000'000, 'x')));
}

TEST_CASE("store faults: a disk that is really full is busy, and works again when there is room") {
  if (!root()) return;
  const test::ScratchDir scratch;
  in_small_file_system(scratch.path(), "size=2m", 0, [&] {
    const auto filler = scratch.path() / "somebody else's";
    write_file(filler, std::string(600'000, 'x'));
    auto store = open_store(scratch.path() / "store");
    HistoryEntry entry{.time = at(1), .target = TargetName{"web"}};
    const TargetState before{.failures = 7};
    REQUIRE(store->save(entry.target, before));
    const auto taken = fill_until_full(*store);
    while (store->keep("small", std::to_string(::random()) + std::string(2'000, 'x'))) {
    }
    const auto begun = store->begin(entry, [](ActionId) { return TargetState{.failures = 8}; });
    REQUIRE_FALSE(begun.has_value());
    CHECK(begun.error().kind == ErrorKind::busy);
    CHECK(store->unfinished().empty());
    CHECK(store->state(entry.target) == before);

    std::filesystem::remove(filler);
    REQUIRE(store->begin(entry, [](ActionId) { return TargetState{.failures = 8}; }));
    REQUIRE(store->merge({firing(alert("Small", at(1), at(1)))}));
    store.reset();
    store = open_store(scratch.path() / "store");
    CHECK(store->active_alerts().size() == taken + 1);
    CHECK(store->unfinished().size() == 1);
  });
}

TEST_CASE("store faults: no room to create the file is said at the start") {
  if (!root()) return;
  const test::ScratchDir scratch;
  in_small_file_system(scratch.path(), "size=512k", 0, [&] {
    write_file(scratch.path() / "filler", std::string(512 * 1024, 'x'));
    const Error error = open_error(scratch.path() / "store");
    CHECK(error.kind == ErrorKind::busy);
    CHECK_THAT(error.message, ContainsSubstring("room"));
    std::filesystem::remove(scratch.path() / "filler");
    CHECK(open_store(scratch.path() / "store")->active_alerts().empty());
  });
}

TEST_CASE("store faults: after a failed fsync or write nothing more is written, and nothing acknowledged is lost") {
  struct Case {
    std::string name;
    FaultVfs::File file;
    FaultVfs::Call call;
    int code;
  };
  const auto c = GENERATE(values<Case>({
      {"the log cannot be synced", FaultVfs::File::log, FaultVfs::Call::sync, SQLITE_IOERR_FSYNC},
      {"the log cannot be written", FaultVfs::File::log, FaultVfs::Call::write, SQLITE_IOERR_WRITE},
  }));
  CAPTURE(c.name);
  const test::ScratchDir scratch;
  FaultVfs vfs("failing");
  const Alert acknowledged = alert("Acknowledged", at(1), at(1));
  const Alert refused = alert("Refused", at(2), at(2));
  {
    const auto store = open_store(scratch.path(), {.vfs = vfs.name()});
    REQUIRE(store->merge({firing(acknowledged)}));
    CHECK_FALSE(store->sealed().has_value());

    vfs.set_fault([&](FaultVfs::File file, FaultVfs::Call call) {
      errno = EIO;
      return file == c.file && call == c.call ? c.code : SQLITE_OK;
    });
    const auto failed = store->merge({firing(refused)});
    REQUIRE_FALSE(failed.has_value());
    CHECK(failed.error().kind == ErrorKind::storage);
    CHECK_THAT(failed.error().message,
               ContainsSubstring("disk I/O error: Input/output error") && ContainsSubstring("restart"));

    vfs.set_fault(nullptr);  // even if the disk recovers: what it lost is unknown
    CHECK(store->sealed() == failed.error());
    const int syncs = vfs.syncs();
    CHECK(store->merge({firing(refused)}).error() == failed.error());
    CHECK(store->save(TargetName{"web"}, TargetState{.failures = 1}).error().kind == ErrorKind::storage);
    CHECK(store->save(TargetName{"web"}, TargetState{}).error().kind == ErrorKind::storage);
    CHECK(store->keep("key", "value").error().kind == ErrorKind::storage);
    CHECK(store->begin({}, [](ActionId) { return TargetState{}; }).error().kind == ErrorKind::storage);
    CHECK(store->prune(at(1)).error().kind == ErrorKind::storage);
    CHECK(store->expire(at(1e6), std::chrono::hours{5}).error().kind == ErrorKind::storage);
    CHECK(store->apply({.asked = store->mark(), .complete = true}).error().kind == ErrorKind::storage);
    CHECK(store->active_alerts() == std::vector{acknowledged});  // reads go on
    CHECK(store->history({}).has_value());
    CHECK(vfs.syncs() == syncs);
  }
  const auto store = open_store(scratch.path());
  const auto active = store->active_alerts(TargetName{"web"});
  CHECK(std::find(active.begin(), active.end(), acknowledged) != active.end());
  REQUIRE(store->merge({firing(refused)}));
  CHECK(store->active_alerts().size() == 2);
}

TEST_CASE("store faults: a survey is applied as a whole or not at all") {
  const test::ScratchDir scratch;
  FaultVfs vfs("survey");
  const Alert known = alert("Known", at(1), at(1));
  {
    const auto store = open_store(scratch.path(), {.vfs = vfs.name()});
    REQUIRE(store->merge({firing(known)}));
    vfs.set_fault([](FaultVfs::File file, FaultVfs::Call call) {
      return file == FaultVfs::File::log && call == FaultVfs::Call::sync ? SQLITE_IOERR_FSYNC : SQLITE_OK;
    });
    Survey survey{.asked = store->mark(), .now = at(60), .complete = true};
    survey.firing = {firing(alert("Missed", at(2), at(60)))};
    CHECK(store->apply(survey).error().kind == ErrorKind::storage);
    CHECK(store->active_alerts() == std::vector{known});
    vfs.set_fault(nullptr);
  }
  // What did reach the disk of a write that failed is all of it or nothing.
  const auto store = open_store(scratch.path());
  const auto active = store->active_alerts();
  REQUIRE(active.size() == 1);
  CHECK((active.front() == known || active.front().name() == "Missed"));
}

TEST_CASE("store faults: a disk that cannot be read is said at the start") {
  const test::ScratchDir scratch;
  make_store(scratch.path());
  FaultVfs vfs("unreadable");
  vfs.set_fault([](FaultVfs::File file, FaultVfs::Call call) {
    errno = EIO;
    return file == FaultVfs::File::database && call == FaultVfs::Call::read ? SQLITE_IOERR_READ : SQLITE_OK;
  });
  const Error error = open_error(scratch.path(), {.vfs = vfs.name()});
  CHECK(error.kind == ErrorKind::storage);
  CHECK_THAT(error.message, ContainsSubstring("alertscaler.db: disk I/O error: Input/output error"));
}

TEST_CASE("store faults: all callers of a failed commit hear of it") {
  const test::ScratchDir scratch;
  FaultVfs vfs("failing-together");
  const auto store = open_store(scratch.path(), {.vfs = vfs.name()});
  vfs.set_fault([](FaultVfs::File, FaultVfs::Call call) {
    return call == FaultVfs::Call::sync ? SQLITE_IOERR_FSYNC : SQLITE_OK;
  });
  std::atomic<int> refused = 0;
  std::vector<std::jthread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      const auto merged = store->merge({firing(alert("A" + std::to_string(t), at(1), at(1)))});
      if (!merged && merged.error().kind == ErrorKind::storage) ++refused;
    });
  }
  threads.clear();
  CHECK(refused == 8);
  CHECK(store->active_alerts().empty());
}

TEST_CASE("store faults: a quota that is used up is busy, as a full disk") {
  const test::ScratchDir scratch;
  FaultVfs vfs("quota");
  const auto store = open_store(scratch.path(), {.vfs = vfs.name()});
  vfs.set_fault([](FaultVfs::File, FaultVfs::Call call) {
    errno = EDQUOT;
    return call == FaultVfs::Call::write ? SQLITE_IOERR_WRITE : SQLITE_OK;
  });
  CHECK(store->merge({firing(alert("A", at(1), at(1)))}).error().kind == ErrorKind::busy);
  vfs.set_fault(nullptr);
  REQUIRE(store->merge({firing(alert("A", at(1), at(1)))}));
}

TEST_CASE("store faults: a file that cannot be synced when the log is moved into it seals, and loses nothing") {
  const test::ScratchDir scratch;
  FaultVfs vfs("checkpoint");
  int kept = 0;
  {
    const auto store = open_store(scratch.path(), {.vfs = vfs.name()});
    vfs.set_fault([](FaultVfs::File file, FaultVfs::Call call) {
      return file == FaultVfs::File::database && call == FaultVfs::Call::sync ? SQLITE_IOERR_FSYNC : SQLITE_OK;
    });
    while (kept < 1000 && store->keep("key" + std::to_string(kept), std::string(50'000, 'x'))) ++kept;
    CHECK(kept > 20);
    CHECK(kept < 1000);
    const auto why = store->sealed();
    REQUIRE(why.has_value());
    CHECK_THAT(why->message, ContainsSubstring("move the log"));
    vfs.set_fault(nullptr);
  }
  CHECK(std::filesystem::exists(scratch.path() / "alertscaler.db-wal"));  // not moved by the closing, either
  const auto store = open_store(scratch.path());
  for (int i = 0; i < kept; ++i) REQUIRE(store->kept("key" + std::to_string(i)) == std::string(50'000, 'x'));
}

TEST_CASE("store faults: a disk that is full when the log is moved is no reason to stop") {
  const test::ScratchDir scratch;
  FaultVfs vfs("full-checkpoint");
  const auto store = open_store(scratch.path(), {.vfs = vfs.name()});
  vfs.set_fault([](FaultVfs::File file, FaultVfs::Call call) {
    return file == FaultVfs::File::database && call == FaultVfs::Call::write ? SQLITE_FULL : SQLITE_OK;
  });
  for (int i = 0; i < 120; ++i) REQUIRE(store->keep("key" + std::to_string(i), std::string(50'000, 'x')));
  CHECK_FALSE(store->sealed().has_value());
  vfs.set_fault(nullptr);
  REQUIRE(store->keep("last", "one"));
}

TEST_CASE("store faults: a file that another process locks is busy for as long as it does") {
  const test::ScratchDir scratch;
  const auto store = open_store(scratch.path(), {.busy_timeout = std::chrono::milliseconds{50}});
  REQUIRE(store->merge({firing(alert("A", at(1), at(1)))}));
  {
    Stranger stranger(scratch.path() / "alertscaler.db");
    stranger.run("BEGIN IMMEDIATE");
    const auto before = std::chrono::steady_clock::now();
    const auto locked = store->merge({firing(alert("B", at(1), at(1)))});
    REQUIRE_FALSE(locked.has_value());
    CHECK(std::chrono::steady_clock::now() - before >= std::chrono::milliseconds{50});
    CHECK(locked.error().kind == ErrorKind::busy);
    CHECK_THAT(locked.error().message, ContainsSubstring("database is locked") && ContainsSubstring("other process"));
    CHECK(store->active_alerts().size() == 1);
    CHECK(store->history({}).has_value());
    stranger.run("ROLLBACK");
    REQUIRE(store->merge({firing(alert("B", at(1), at(1)))}));
  }
  CHECK(store->active_alerts().size() == 2);
}

TEST_CASE("store faults: nothing is acknowledged that goes into a file without a name") {
  using test::ScratchDir;
  ScratchDir scratch;
  const auto directory = scratch.path() / "data";
  const auto store = open_store(directory);
  REQUIRE(store->merge({firing(alert("A", at(0), at(0)))}));
  SECTION("the directory was deleted") {
    std::filesystem::remove_all(directory);
  }
  SECTION("the directory was moved") {
    std::filesystem::rename(directory, scratch.path() / "elsewhere");
  }
  SECTION("the file was replaced") {
    std::filesystem::rename(directory / "alertscaler.db", directory / "old.db");
    write_file(directory / "alertscaler.db", "");
  }
  const auto merged = store->merge({firing(alert("B", at(1), at(1)))});
  REQUIRE_FALSE(merged.has_value());
  CHECK(merged.error().kind == ErrorKind::storage);
  CHECK_THAT(merged.error().message,
             ContainsSubstring((directory / "alertscaler.db").string() + " was deleted, moved"));
  CHECK(store->sealed() == merged.error());
  CHECK(store->active_alerts().size() == 1);
  CHECK_FALSE(store->merge({firing(alert("C", at(2), at(2)))}).has_value());
}

TEST_CASE("store faults: a lock that goes in time is waited for") {
  const test::ScratchDir scratch;
  const auto store = open_store(scratch.path(), {.busy_timeout = std::chrono::seconds{30}});
  Stranger stranger(scratch.path() / "alertscaler.db");
  stranger.run("BEGIN IMMEDIATE");
  std::atomic<bool> done = false;
  std::jthread writer([&] {
    if (store->merge({firing(alert("A", at(1), at(1)))})) done = true;
  });
  stranger.run("ROLLBACK");
  writer.join();
  CHECK(done);
}

TEST_CASE("store faults: a file that is locked when the program starts is named") {
  const test::ScratchDir scratch;
  make_store(scratch.path());
  const StoreOptions impatient{.busy_timeout = std::chrono::milliseconds{20}};
  {
    Stranger stranger(scratch.path() / "alertscaler.db");
    stranger.run("PRAGMA locking_mode = EXCLUSIVE; BEGIN IMMEDIATE; COMMIT");
    const Error error = open_error(scratch.path(), impatient);
    CHECK(error.kind == ErrorKind::busy);
    CHECK_THAT(error.message, ContainsSubstring("alertscaler.db") && ContainsSubstring("Another process"));
  }
  CHECK(open_store(scratch.path(), impatient)->active_alerts().size() == 19);
}

TEST_CASE("store faults: a directory is one alertscaler's at a time") {
  const test::ScratchDir scratch;
  {
    const auto store = open_store(scratch.path());
    const Error error = open_error(scratch.path());
    CHECK(error.kind == ErrorKind::refused);
    CHECK_THAT(error.message, ContainsSubstring("another alertscaler (process " + std::to_string(::getpid()) + ")") &&
                                  ContainsSubstring((scratch.path() / "alertscaler.lock").string()));
    REQUIRE(store->merge({firing(alert("A", at(1), at(1)))}));
    const test::ScratchDir other;
    CHECK(open_store(other.path())->active_alerts().empty());
  }
  CHECK(open_store(scratch.path())->active_alerts().size() == 1);
}

TEST_CASE("store faults: a directory that cannot be written is refused with the reason") {
  const test::ScratchDir scratch;
  SECTION("it is a file") {
    write_file(scratch.path() / "data", "x");
    const Error error = open_error(scratch.path() / "data");
    CHECK(error.kind == ErrorKind::refused);
    CHECK_THAT(error.message, ContainsSubstring("is no directory"));
    CHECK(open_error(scratch.path() / "data" / "below").kind == ErrorKind::refused);
  }
  SECTION("its name is empty") {
    CHECK(open_error("").kind == ErrorKind::refused);
  }
  SECTION("the database is a directory") {
    std::filesystem::create_directory(scratch.path() / "alertscaler.db");
    const Error error = open_error(scratch.path());
    CHECK(error.kind == ErrorKind::refused);
    CHECK_THAT(error.message, ContainsSubstring("Is a directory"));
  }
  SECTION("somebody else's") {
    const auto directory = scratch.path() / "data";
    std::filesystem::create_directory(directory);
    REQUIRE(::chmod(directory.c_str(), 0555) == 0);
    REQUIRE(::chmod(scratch.path().c_str(), 0755) == 0);
    std::optional<Error> error;
    on_own_thread([&] {  // root may do anything, so as somebody else
      if (::geteuid() == 0) ::setfsuid(65534);
      error = open_error(directory);
    });
    CHECK(error->kind == ErrorKind::refused);
    CHECK_THAT(error->message, ContainsSubstring("Permission denied") && ContainsSubstring(directory.string()));
  }
  SECTION("a file system that is mounted read-only") {
    if (!root()) return;
    in_small_file_system(scratch.path(), "size=64k", MS_RDONLY, [&] {
      const Error error = open_error(scratch.path());
      CHECK(error.kind == ErrorKind::refused);
      CHECK_THAT(error.message, ContainsSubstring("Read-only file system"));
    });
  }
}

TEST_CASE("store faults: a file that is no database of ours is refused and left alone") {
  const test::ScratchDir scratch;
  const auto file = scratch.path() / "alertscaler.db";
  std::string expected;
  SECTION("text") {
    write_file(file, "this was a shopping list\n" + std::string(5000, '-'));
    expected = "file is not a database";
  }
  SECTION("garbage in place of the header") {
    make_store(scratch.path());
    std::string content = content_of(file);
    std::fill_n(content.begin(), 100, '\xA5');
    write_file(file, content);
    expected = "file is not a database";
  }
  SECTION("another program's database") {
    Stranger(file).run("CREATE TABLE shopping (item); INSERT INTO shopping VALUES ('milk')");
    expected = "it is not alertscaler's";
  }
  SECTION("emptied beside its log") {
    make_store(scratch.path(), true);
    write_file(file, "");
    expected = "it is empty, but has a log beside it";
  }
  SECTION("half of it") {
    make_store(scratch.path());
    std::filesystem::resize_file(file, std::filesystem::file_size(file) / 2);
    expected = "damaged";
  }
  SECTION("half of it, beside its log") {
    make_store(scratch.path(), true);
    std::filesystem::resize_file(file, std::filesystem::file_size(file) / 2);
    REQUIRE_FALSE(content_of(file.string() + "-wal").empty());
    expected = "damaged";
  }
  SECTION("a row that cannot be read") {
    make_store(scratch.path());
    Stranger(file).run("UPDATE target SET state = '{\"failures\":\"2\"}'; PRAGMA wal_checkpoint(TRUNCATE)");
    expected = "target web: ";
  }
  SECTION("an alert that was never seen") {
    make_store(scratch.path());
    Stranger(file).run("DELETE FROM sighting WHERE id = 2; PRAGMA wal_checkpoint(TRUNCATE)");
    expected = "it was never seen";
  }
  SECTION("tables that are not what they were") {
    make_store(scratch.path());
    Stranger(file).run("ALTER TABLE kept RENAME TO lost; PRAGMA wal_checkpoint(TRUNCATE)");
    expected = "no such table: kept";
  }
  const std::string before = content_of(file);
  const std::string log_before = content_of(file.string() + "-wal");
  const Error error = open_error(scratch.path());
  CHECK(error.kind == ErrorKind::storage);
  CHECK_THAT(error.message, ContainsSubstring(file.string()) && ContainsSubstring(expected) &&
                                ContainsSubstring("Move it") && ContainsSubstring("are lost"));
  CHECK(content_of(file) == before);
  CHECK(content_of(file.string() + "-wal") == log_before);
}

TEST_CASE("store faults: a file of a newer alertscaler is refused and left alone") {
  const test::ScratchDir scratch;
  make_store(scratch.path());
  const auto file = scratch.path() / "alertscaler.db";
  Stranger(file).run("PRAGMA user_version = 999; PRAGMA wal_checkpoint(TRUNCATE)");
  const std::string before = content_of(file);
  const Error error = open_error(scratch.path());
  CHECK(error.kind == ErrorKind::storage);
  CHECK_THAT(error.message, ContainsSubstring("newer alertscaler (version 999"));
  CHECK(content_of(file) == before);
}

// Whatever is done to the file, opening it says so or works; and what works can be used.
TEST_CASE("store faults: no damage to the file crashes") {
  const bool with_log = GENERATE(false, true);
  CAPTURE(with_log);
  const test::ScratchDir scratch;
  make_store(scratch.path() / "good", with_log);
  const auto name = with_log ? "alertscaler.db-wal" : "alertscaler.db";
  const std::string good = content_of(scratch.path() / "good" / name);
  REQUIRE(good.size() > 4096);
  const auto bad = scratch.path() / "bad";
  std::mt19937 random(4);
  const auto below = [&](std::size_t n) { return std::uniform_int_distribution<std::size_t>(0, n - 1)(random); };
  int refused = 0;
  int opened = 0;
  for (int round = 0; round < 90; ++round) {
    CAPTURE(round);
    std::string content = good;
    if (round % 3 == 0) {
      content.resize(round % 2 == 0 ? below(good.size()) : below(good.size() / 4096) * 4096);
    } else if (round % 3 == 1) {
      for (std::size_t n = 1 + below(4); n > 0; --n) {
        content[below(content.size())] ^= static_cast<char>(1U << below(8));
      }
    } else {
      const std::size_t page = below(content.size() / 4096);
      for (std::size_t i = 0; i < 4096; ++i) content[page * 4096 + i] = static_cast<char>(below(256));
    }
    std::filesystem::remove_all(bad);
    std::filesystem::copy(scratch.path() / "good", bad);
    std::filesystem::remove(bad / "alertscaler.db-shm");
    write_file(bad / name, content);
    const auto store = Store::open(bad);
    if (!store) {
      ++refused;
      CHECK(store.error().kind == ErrorKind::storage);
      CHECK_THAT(store.error().message, ContainsSubstring("alertscaler.db"));
      CHECK(content_of(bad / name) == content);
      continue;
    }
    ++opened;
    const auto merged = (*store)->merge({firing(alert("New", at(1), at(1)))});
    if (merged) {
      CHECK((*store)->active_alerts(TargetName{"web"}).size() > 0);
    } else {
      CHECK(merged.error().kind == ErrorKind::storage);
    }
    static_cast<void>((*store)->history({}));
    static_cast<void>((*store)->prune(at(100)));
  }
  CAPTURE(refused, opened);
  CHECK(opened > 0);
  if (!with_log) CHECK(refused > 45);  // a damaged log is what a crash leaves: its good beginning is used
}
