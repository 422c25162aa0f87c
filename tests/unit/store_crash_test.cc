// What was acknowledged is there after a crash of the process and after a power cut.
#include <algorithm>
#include <array>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <map>
#include <random>
#include <set>
#include <thread>

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/alerts.h"
#include "support/catch.h"
#include "support/fault_vfs.h"
#include "support/scratch_dir.h"
#include "support/store.h"

using namespace alertscaler;
using test::alert;
using test::at;
using test::firing;
using test::open_store;
using test::resolved;

namespace {

// What a store must show, kept beside it.
struct Expected {
  std::map<Fingerprint, Alert> alerts;
  std::map<TargetName, TargetState> states;
  std::map<ActionId, HistoryEntry> unfinished;
  std::vector<HistoryEntry> history;  // oldest first
  std::map<std::string, std::string> kept;

  void check(const Store& store) const {
    std::vector<Alert> active;
    for (const auto& [fingerprint, one] : alerts) active.push_back(one);
    CHECK(store.active_alerts() == active);
    for (const auto& [target, state] : states) CHECK(store.state(target) == state);
    std::vector<HistoryEntry> under_way;
    for (const auto& [id, entry] : unfinished) under_way.push_back(entry);
    CHECK(store.unfinished() == under_way);
    CHECK(store.history({.limit = 100000}).value() == std::vector<HistoryEntry>(history.rbegin(), history.rend()));
    for (const auto& [key, value] : kept) CHECK(store.kept(key) == value);
  }
};

// Writes something at random, and notes what must be there once the store has said that it is.
class RandomWriter {
 public:
  explicit RandomWriter(unsigned seed) : random_(seed) {}

  void write(Store& store) {
    now_ += 1;
    switch (below(7)) {
      case 0:
      case 1: {
        std::vector<Incoming> incoming;
        for (int n = 1 + below(5); n > 0; --n) {
          Alert one = alert("A" + std::to_string(below(40)), at(now_), at(now_), "t" + std::to_string(below(3)));
          one.annotations["padding"] = std::string(static_cast<std::size_t>(below(3000)), 'x');
          incoming.push_back(firing(one));
        }
        REQUIRE(store.merge(incoming));
        for (const Incoming& one : incoming) expected_.alerts.insert_or_assign(one.alert.fingerprint, one.alert);
        break;
      }
      case 2: {
        if (expected_.alerts.empty()) break;
        const auto some = std::next(expected_.alerts.begin(), below(static_cast<int>(expected_.alerts.size())));
        Alert gone = some->second;
        gone.last_seen = at(now_);
        REQUIRE(store.merge({resolved(gone)}));
        expected_.alerts.erase(some);
        break;
      }
      case 3: {
        const TargetName target{"t" + std::to_string(below(3))};
        TargetState state;
        state.failures = below(1000);
        REQUIRE(store.save(target, state));
        expected_.states[target] = state;
        break;
      }
      case 4: {
        HistoryEntry entry{.time = at(now_), .target = TargetName{"t0"}, .action = Reason::up, .from = 1, .to = 2};
        TargetState state;
        entry.id = store
                       .begin(entry,
                              [&](ActionId id) {
                                state.in_flight = InFlight{.id = id};
                                return state;
                              })
                       .value();
        expected_.states[entry.target] = state;
        expected_.unfinished[entry.id] = entry;
        if (below(3) == 0) break;
        entry.outcome = ActionOutcome::done;
        REQUIRE(store.finish(entry, TargetState{}));
        expected_.states[entry.target] = TargetState{};
        expected_.unfinished.erase(entry.id);
        expected_.history.push_back(entry);
        break;
      }
      case 5: {
        const std::string key = "k" + std::to_string(below(5));
        const std::string value(static_cast<std::size_t>(below(100'000)), static_cast<char>('a' + below(26)));
        REQUIRE(store.keep(key, value));
        expected_.kept[key] = value;
        break;
      }
      case 6: {
        Survey survey{.asked = store.mark(), .now = at(now_), .complete = true};
        const Alert news = alert("A" + std::to_string(below(40)), at(now_), at(now_));
        for (const auto& [fingerprint, known] : expected_.alerts) {
          if (below(3) > 0 && fingerprint != news.fingerprint) survey.firing.push_back(firing(known));
        }
        survey.firing.push_back(firing(news));
        REQUIRE(store.apply(survey));
        expected_.alerts.clear();
        for (const Incoming& one : survey.firing) expected_.alerts.insert_or_assign(one.alert.fingerprint, one.alert);
        break;
      }
      default:
        break;
    }
  }
  [[nodiscard]] const Expected& expected() const { return expected_; }
  int below(int n) { return std::uniform_int_distribution<int>(0, n - 1)(random_); }

 private:
  std::mt19937 random_;
  double now_ = 1;
  Expected expected_;
};

// As a crash leaves the files: not closed, nothing moved from the log. `cp` and not this process: closing a second
// descriptor of SQLite's files would drop its locks.
void copy_of(const std::filesystem::path& from, const std::filesystem::path& to) {
  REQUIRE(std::system(("cp -r '" + from.string() + "' '" + to.string() + "'").c_str()) == 0);  // NOLINT
}

}  // namespace

TEST_CASE("store crash: a copy of the files of an open store has all that was acknowledged") {
  const test::ScratchDir scratch;
  RandomWriter writer(1);
  auto place = scratch.path() / "store";
  auto store = open_store(place);
  for (int round = 0; round < 12; ++round) {
    CAPTURE(round);
    for (int n = writer.below(40); n > 0; --n) writer.write(*store);
    const auto copy = scratch.path() / ("copy" + std::to_string(round));
    copy_of(place, copy);
    if (round % 3 == 1) std::filesystem::remove(copy / "alertscaler.db-shm");  // the index is made anew from the log
    if (round % 4 == 3) {                                                      // carry on from the crashed files
      store.reset();
      place = copy;
      store = open_store(place);
      writer.expected().check(*store);
    } else {
      writer.expected().check(*open_store(copy));
    }
  }
}

TEST_CASE("store crash: a power cut that takes everything not synced takes nothing that was acknowledged") {
  const test::ScratchDir scratch;
  test::FaultVfs vfs("power-cut");
  RandomWriter writer(2);
  const auto synced = scratch.path() / "synced";
  std::filesystem::create_directory(synced);
  vfs.keep_what_is_synced(synced);
  {
    const auto store = open_store(scratch.path() / "store", {.vfs = vfs.name()});
    for (int round = 0; round < 15; ++round) {
      CAPTURE(round);
      for (int n = writer.below(20); n > 0; --n) writer.write(*store);
      const auto copy = scratch.path() / ("copy" + std::to_string(round));
      vfs.copy_what_is_synced(copy);
      writer.expected().check(*open_store(copy));
      std::filesystem::remove_all(copy);
    }
  }
  CHECK(vfs.syncs() > 50);
  writer.expected().check(*open_store(synced));
}

// Not a test: the process that the next test kills. Prints what was acknowledged, a line each.
TEST_CASE("store's child: writes until it is killed", "[.child]") {
  const char* directory = std::getenv("ALERTSCALER_TEST_DIRECTORY");  // NOLINT(concurrency-mt-unsafe)
  const char* round = std::getenv("ALERTSCALER_TEST_ROUND");          // NOLINT(concurrency-mt-unsafe)
  REQUIRE(directory != nullptr);
  REQUIRE(round != nullptr);
  const auto store = open_store(directory);
  std::vector<std::jthread> writers;
  for (int t = 0; t < 4; ++t) {
    writers.emplace_back([&, t] {
      for (int i = 0;; ++i) {
        const std::string name = "R" + std::string(round) + "-" + std::to_string(t) + "-" + std::to_string(i);
        if (!store->merge({firing(alert(name, at(i), at(i)))})) std::abort();
        HistoryEntry entry{.time = at(i), .target = TargetName{name}};
        const auto id = store->begin(entry, [](ActionId given) {
          TargetState state;
          state.in_flight = InFlight{.id = given};
          return state;
        });
        if (!id) std::abort();
        const std::string line = name + " " + std::to_string(*id) + "\n";
        if (::write(STDOUT_FILENO, line.data(), line.size()) < 0) std::abort();
      }
    });
  }
}

TEST_CASE("store crash: kill -9 at any moment") {
  const test::ScratchDir scratch;
  std::mt19937 random(3);
  std::map<std::string, ActionId> acknowledged;
  for (int round = 0; round < 6; ++round) {
    CAPTURE(round);
    std::array<int, 2> pipe{};
    REQUIRE(::pipe2(pipe.data(), O_CLOEXEC) == 0);
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, pipe[1], STDOUT_FILENO);
    ::setenv("ALERTSCALER_TEST_DIRECTORY", scratch.path().c_str(), 1);     // NOLINT(concurrency-mt-unsafe)
    ::setenv("ALERTSCALER_TEST_ROUND", std::to_string(round).c_str(), 1);  // NOLINT(concurrency-mt-unsafe)
    std::string self = "/proc/self/exe";
    std::string name = "store's child: writes until it is killed";
    const std::array<char*, 3> arguments{self.data(), name.data(), nullptr};
    pid_t child = 0;
    REQUIRE(::posix_spawn(&child, self.c_str(), &actions, nullptr, arguments.data(), environ) == 0);
    ::posix_spawn_file_actions_destroy(&actions);
    ::close(pipe[1]);

    const auto wanted_lines = std::uniform_int_distribution<int>(1, 150)(random);
    std::string output;
    std::array<char, 4096> buffer{};
    bool killed = false;
    while (true) {
      if (!killed && std::count(output.begin(), output.end(), '\n') >= wanted_lines) {
        killed = true;
        REQUIRE(::kill(child, SIGKILL) == 0);
      }
      const ssize_t n = ::read(pipe[0], buffer.data(), buffer.size());
      if (n <= 0) break;
      output.append(buffer.data(), static_cast<std::size_t>(n));
    }
    ::close(pipe[0]);
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    REQUIRE(WIFSIGNALED(status));
    REQUIRE(WTERMSIG(status) == SIGKILL);

    std::istringstream lines(output);
    std::string who;
    ActionId id = 0;
    while (lines >> who >> id) REQUIRE(acknowledged.emplace(who, id).second);

    const auto store = open_store(scratch.path());  // the lock went with its holder
    std::map<std::string, ActionId> found;
    for (const HistoryEntry& entry : store->unfinished()) found.emplace(entry.target.text, entry.id);
    std::set<std::string> active;
    for (const Alert& one : store->active_alerts()) active.emplace(one.name());
    for (const auto& [target, given] : acknowledged) {
      CAPTURE(target);
      REQUIRE(active.contains(target));
      REQUIRE(found.contains(target));
      REQUIRE(found[target] == given);
      REQUIRE(store->state(TargetName{target}).in_flight->id == given);
    }
    // At most one write of each thread was under way.
    CHECK(found.size() <= acknowledged.size() + 4U * static_cast<unsigned>(round + 1));
  }
  CHECK(acknowledged.size() >= 6);
}
