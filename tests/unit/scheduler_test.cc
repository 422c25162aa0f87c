// The scheduler with its real threads: many kicks make one pass, passes of one target never overlap, stopping is
// prompt.
#include "control/scheduler.h"

#include <atomic>
#include <barrier>
#include <future>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "support/catch.h"
#include "support/clock.h"

using namespace alertscaler;
using namespace alertscaler::control;
using namespace std::chrono_literals;

namespace {
constexpr Duration patience = 60s;
constexpr Duration never = 24h;
}  // namespace

TEST_CASE("a kick is answered by a pass that began after it") {
  const SystemClock clock;
  std::atomic<int> passes{0};
  Scheduler scheduler(2, clock, [&](const TargetName&, std::stop_token) {
    ++passes;
    return clock.now() + never;
  });
  scheduler.add(TargetName{"web"});
  const auto ticket = scheduler.kick(TargetName{"web"});
  REQUIRE(scheduler.wait(TargetName{"web"}, ticket, patience));
  CHECK(passes >= 1);
  CHECK(scheduler.kick(TargetName{"unknown"}) == 0);
}

TEST_CASE("many kicks during a pass make one more pass, not many") {
  const SystemClock clock;
  std::promise<void> begun, go;
  auto may_go = go.get_future().share();
  std::atomic<int> passes{0};
  Scheduler scheduler(4, clock, [&](const TargetName&, std::stop_token) {
    if (++passes == 1) {
      begun.set_value();
      may_go.wait();
    }
    return clock.now() + never;
  });
  scheduler.add(TargetName{"web"});
  begun.get_future().wait();
  Scheduler::Ticket last = 0;
  for (int i = 0; i < 1000; ++i) last = scheduler.kick(TargetName{"web"});
  CHECK_FALSE(scheduler.wait(TargetName{"web"}, last, 1ms));
  go.set_value();
  REQUIRE(scheduler.wait(TargetName{"web"}, last, patience));
  CHECK(passes == 2);
}

TEST_CASE("passes of one target never overlap") {
  const SystemClock clock;
  std::mutex mutex;
  std::map<TargetName, int> running;
  std::atomic<int> overlaps{0}, passes{0};
  Scheduler scheduler(4, clock, [&](const TargetName& name, std::stop_token) {
    {
      std::lock_guard lock(mutex);
      if (++running[name] > 1) ++overlaps;
    }
    std::this_thread::yield();
    {
      std::lock_guard lock(mutex);
      --running[name];
    }
    ++passes;
    return clock.now();  // at once again
  });
  for (int i = 0; i < 6; ++i) scheduler.add(TargetName{"t" + std::to_string(i)});
  for (int i = 0; i < 200; ++i) {
    const TargetName name{"t" + std::to_string(i % 6)};
    REQUIRE(scheduler.wait(name, scheduler.kick(name), patience));
  }
  scheduler.stop();
  CHECK(overlaps == 0);
  CHECK(passes >= 200);
}

TEST_CASE("passes of different targets run side by side") {
  const SystemClock clock;
  std::barrier<> both(2);  // neither pass ends before the other has begun
  std::atomic<int> passes{0};
  Scheduler scheduler(2, clock, [&](const TargetName&, std::stop_token) {
    if (++passes <= 2) both.arrive_and_wait();
    return clock.now() + never;
  });
  scheduler.add(TargetName{"a"});
  scheduler.add(TargetName{"b"});
  REQUIRE(scheduler.wait(TargetName{"a"}, 0, patience));
  const auto ticket = scheduler.kick(TargetName{"a"});
  CHECK(scheduler.wait(TargetName{"a"}, ticket, patience));
}

TEST_CASE("a clock that is set back holds up no target") {
  test::ManualClock clock;
  std::atomic<int> passes{0};
  std::promise<void> second;
  Scheduler scheduler(2, clock, [&](const TargetName&, std::stop_token) {
    if (++passes == 2) second.set_value();
    return clock.now() + (passes == 1 ? Duration{50ms} : never);
  });
  scheduler.add(TargetName{"web"});
  // Ticket 0 would be old news: a pass has to end before the clock goes back.
  REQUIRE(scheduler.wait(TargetName{"web"}, scheduler.kick(TargetName{"web"}), patience));
  clock.advance(-1h);
  CHECK(second.get_future().wait_for(patience) == std::future_status::ready);
}

TEST_CASE("stopping asks the pass under way to end and wakes who waits") {
  const SystemClock clock;
  std::promise<void> begun;
  Scheduler scheduler(1, clock, [&](const TargetName&, std::stop_token stop) {
    begun.set_value();
    std::mutex mutex;
    std::condition_variable_any changed;
    std::unique_lock lock(mutex);
    changed.wait(lock, stop, [] { return false; });
    return clock.now() + never;
  });
  scheduler.add(TargetName{"web"});
  begun.get_future().wait();
  auto waiting = std::async(std::launch::async,
                            [&] { return scheduler.wait(TargetName{"web"}, scheduler.kick(TargetName{"web"}), 1h); });
  scheduler.stop();
  CHECK(waiting.wait_for(patience) == std::future_status::ready);
}

TEST_CASE("started and stopped a hundred times, it never hangs") {
  const SystemClock clock;
  auto all = std::async(std::launch::async, [&] {
    for (int i = 0; i < 100; ++i) {
      Scheduler scheduler(3, clock, [&](const TargetName&, std::stop_token) { return clock.now() + 1ms; });
      scheduler.add(TargetName{"a"});
      scheduler.add(TargetName{"b"});
      if (i % 3 == 0) (void)scheduler.wait(TargetName{"a"}, scheduler.kick(TargetName{"a"}), patience);
    }
  });
  REQUIRE(all.wait_for(110s) == std::future_status::ready);
}

TEST_CASE("a removed target has no pass any more, and its last one has ended") {
  const SystemClock clock;
  const TargetName web{"web"};
  std::promise<void> begun, go;
  auto may_go = go.get_future().share();
  std::atomic<int> passes{0};
  std::atomic<bool> ended{false};
  Scheduler scheduler(2, clock, [&](const TargetName&, std::stop_token) {
    if (++passes == 1) {
      begun.set_value();
      may_go.wait();
      ended = true;
    }
    return clock.now();  // again at once
  });
  scheduler.add(web);
  begun.get_future().wait();
  const auto ticket = scheduler.kick(web);
  auto waits = std::async(std::launch::async, [&] { return scheduler.wait(web, ticket, patience); });
  auto removed = std::async(std::launch::async, [&] {
    scheduler.remove(web);
    return ended.load();
  });
  while (scheduler.kick(web) != 0) std::this_thread::yield();
  go.set_value();
  CHECK(removed.get());
  static_cast<void>(waits.get());  // returns: true if it saw the pass in time, false if the target had gone
  CHECK(passes == 1);
  CHECK_FALSE(scheduler.wait(web, ticket, patience));
  scheduler.remove(web);
  scheduler.remove(TargetName{"unknown"});

  scheduler.add(web);
  const auto again = scheduler.kick(web);
  CHECK(scheduler.wait(web, again, patience));
}

TEST_CASE("workers come and go while passes are made") {
  const SystemClock clock;
  std::atomic<int> now{0}, most{0};
  Scheduler scheduler(1, clock, [&](const TargetName&, std::stop_token) {
    const int running = ++now;
    int seen = most.load();
    while (running > seen && !most.compare_exchange_weak(seen, running)) {
    }
    std::this_thread::yield();
    --now;
    return clock.now();
  });
  std::vector<TargetName> names;
  for (int i = 0; i < 20; ++i) names.push_back(TargetName{"t" + std::to_string(i)});
  for (const TargetName& name : names) scheduler.add(name);
  for (const int workers : {4, 1, 8, 3, 3, 1}) {
    scheduler.resize(workers);
    most = 0;
    for (const TargetName& name : names) CHECK(scheduler.wait(name, scheduler.kick(name), patience));
    CHECK(most <= workers);
  }
  scheduler.stop();
  scheduler.resize(5);
}
