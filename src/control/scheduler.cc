#include "control/scheduler.h"

#include <algorithm>

namespace alertscaler::control {

Scheduler::Scheduler(int workers, const Clock& clock, Pass pass, Served served)
    : clock_(clock), pass_(std::move(pass)), served_(std::move(served)), wanted_(workers) {
  const std::lock_guard lock(workers_mutex_);
  start_workers();
}

void Scheduler::start_workers() {
  while (static_cast<int>(workers_.size()) < wanted_) {
    const int number = static_cast<int>(workers_.size());
    workers_.emplace_back([this, number] { work(number, stop_source_.get_token()); });
  }
}

Scheduler::~Scheduler() {
  stop();
}

void Scheduler::stop() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  stop_source_.request_stop();
  work_changed_.notify_all();
  pass_ended_.notify_all();
  const std::lock_guard lock(workers_mutex_);
  for (std::thread& worker : workers_) {
    if (worker.joinable()) worker.join();
  }
}

void Scheduler::resize(int workers) {
  const std::lock_guard lock(workers_mutex_);
  {
    std::lock_guard queue_lock(mutex_);
    if (stopping_) return;
    wanted_ = workers;
  }
  work_changed_.notify_all();
  while (static_cast<int>(workers_.size()) > workers) {
    workers_.back().join();
    workers_.pop_back();
  }
  start_workers();
}

void Scheduler::remove(const TargetName& target) {
  std::unique_lock lock(mutex_);
  const auto found = entries_.find(target);
  if (found == entries_.end()) return;
  Entry& entry = found->second;
  entry.leaving = true;
  if (entry.queued) queue_.erase({entry.due, target});
  entry.queued = false;
  pass_ended_.wait(lock, [&] { return stopping_ || !entry.running; });
  if (entry.running) return;  // stop() waits for it
  entries_.erase(target);
  pass_ended_.notify_all();
}

void Scheduler::enqueue(const TargetName& target, Entry& entry, Instant due) {
  if (entry.queued) queue_.erase({entry.due, target});
  entry.due = due;
  entry.queued = true;
  queue_.emplace(due, target);
}

void Scheduler::add(const TargetName& target) {
  {
    std::lock_guard lock(mutex_);
    enqueue(target, entries_[target], clock_.now());
  }
  work_changed_.notify_one();
}

Scheduler::Ticket Scheduler::kick(const TargetName& target) {
  Ticket ticket = 0;
  {
    std::lock_guard lock(mutex_);
    const auto found = entries_.find(target);
    if (found == entries_.end() || found->second.leaving) return 0;
    Entry& entry = found->second;
    ticket = ++entry.requested;
    // A running pass may have read the alerts already: it is followed by another one when it ends.
    if (!entry.running) enqueue(target, entry, std::min(clock_.now(), entry.queued ? entry.due : clock_.now()));
  }
  work_changed_.notify_one();
  return ticket;
}

bool Scheduler::wait(const TargetName& target, Ticket ticket, Duration at_most) {
  std::unique_lock lock(mutex_);
  // Looked up each time: it may be removed meanwhile.
  const auto left = [&] { return !entries_.contains(target); };
  const auto done = [&] { return !left() && entries_.at(target).completed >= ticket; };
  pass_ended_.wait_for(lock, at_most, [&] { return stopping_ || left() || done(); });
  return done();
}

// When the wall clock was set back, what was due soon would wait until it has caught up: all of it is due now.
// REQUIRES: mutex_ is held.
Instant Scheduler::now() {
  constexpr Duration adjustment_max = std::chrono::seconds{1};
  const Instant now = clock_.now();
  if (now + adjustment_max < latest_) {
    std::set<std::pair<Instant, TargetName>> due;
    for (const auto& [at, target] : queue_) {
      entries_[target].due = now;
      due.emplace(now, target);
    }
    queue_ = std::move(due);
    work_changed_.notify_all();
  }
  latest_ = now;
  return now;
}

void Scheduler::work(int number, const std::stop_token& stop) {
  constexpr Duration wait_max = std::chrono::minutes{1};  // the wall clock may be set meanwhile
  std::unique_lock lock(mutex_);
  while (!stopping_ && number < wanted_) {
    if (queue_.empty()) {
      work_changed_.wait(lock);
      continue;
    }
    const Instant moment = now();
    const Duration left = queue_.begin()->first - moment;
    if (left > Duration{0}) {
      work_changed_.wait_for(lock, std::min(left, wait_max));
      continue;
    }
    const TargetName target = queue_.begin()->second;
    queue_.erase(queue_.begin());
    Entry& entry = entries_[target];
    entry.queued = false;
    entry.running = true;
    const Ticket seen = entry.requested;
    const bool awaited = seen > entry.completed;
    if (!queue_.empty()) work_changed_.notify_one();  // somebody else may have the next one

    lock.unlock();
    const Instant next = pass_(target, stop);
    if (awaited && served_) served_(target, seen);
    lock.lock();

    entry.running = false;
    entry.completed = seen;
    if (!entry.leaving) enqueue(target, entry, entry.requested > seen ? clock_.now() : next);
    pass_ended_.notify_all();
  }
  work_changed_.notify_all();  // what was meant for this one is for another
}

}  // namespace alertscaler::control
