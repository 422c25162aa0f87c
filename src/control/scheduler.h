// When which target is looked at: kicks and due times in, at most one pass a target and a bounded number at a time out.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <stop_token>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/names.h"

namespace alertscaler::control {

// Thread-safe.
class Scheduler {
 public:
  // Looks at the target once and says when to look again. Called on a worker thread; a target's passes never overlap.
  using Pass = std::function<Instant(const TargetName& target, std::stop_token stop)>;
  using Ticket = std::uint64_t;
  // A pass has ended that `ticket` and maybe earlier ones wait for. Called on the thread of the pass, before wait()
  // hears of it and before the next pass of that target.
  using Served = std::function<void(const TargetName& target, Ticket ticket)>;

  Scheduler(int workers, const Clock& clock, Pass pass, Served served = {});
  ~Scheduler();
  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;

  // Starts looking at `target`, at once.
  void add(const TargetName& target);
  // A pass soon. Many kicks make one pass. The ticket names the first pass that begins after this call; 0 for a target
  // that was never added.
  Ticket kick(const TargetName& target);
  // Waits until the pass of that ticket, or a later one, has ended. False: not by then, or the scheduler stops.
  [[nodiscard]] bool wait(const TargetName& target, Ticket ticket, Duration at_most);
  // No pass of it begins any more; waits for the one under way. Whoever waits for a pass of it waits no longer.
  void remove(const TargetName& target);
  // That many workers from now on; waits for those that are too many. Not several calls at a time.
  void resize(int workers);
  // Asks the passes under way to stop and waits for them. Idempotent.
  void stop();

 private:
  struct Entry {
    Instant due;
    bool queued = false;
    bool running = false;
    bool leaving = false;
    Ticket requested = 0;  // by kicks
    Ticket completed = 0;  // by passes that began after the kick
  };
  void work(int number, const std::stop_token& stop);
  void start_workers();  // REQUIRES: workers_mutex_
  void enqueue(const TargetName& target, Entry& entry, Instant due);
  [[nodiscard]] Instant now();

  const Clock& clock_;
  const Pass pass_;
  const Served served_;

  std::mutex mutex_;
  std::condition_variable_any work_changed_;
  std::condition_variable_any pass_ended_;
  bool stopping_ = false;
  int wanted_;  // workers; those with a higher number end
  std::unordered_map<TargetName, Entry> entries_;
  std::set<std::pair<Instant, TargetName>> queue_;  // waiting, soonest first
  Instant latest_;                                  // what the clock last said

  std::stop_source stop_source_;
  std::mutex workers_mutex_;  // never taken while mutex_ is held
  std::vector<std::thread> workers_;
};

}  // namespace alertscaler::control
