#include "receive/workers.h"

#include <system_error>
#include <utility>

#include <pthread.h>

namespace alertscaler::receive {

Workers::Workers(int threads_max, std::chrono::milliseconds patience)
    : threads_max_(static_cast<std::size_t>(threads_max)), patience_(patience) {}

Workers::~Workers() {
  stop();
}

bool Workers::submit(Work work) {
  std::unique_lock lock(mutex_);
  if (stopping_) return false;
  waiting_.push_back(std::move(work));
  if (idle_ < waiting_.size() && threads_.size() < threads_max_) {
    const auto place = threads_.emplace(threads_.end());
    try {
      *place = std::thread([this, place] { run(place); });
    } catch (const std::system_error&) {  // EAGAIN: too many threads; those that we have may do it
      threads_.erase(place);
      if (threads_.empty()) {
        waiting_.pop_back();
        return false;
      }
    }
  }
  work_waits_.notify_one();
  join_finished(lock);
  return true;
}

void Workers::stop() {
  std::unique_lock lock(mutex_);
  stopping_ = true;
  work_waits_.notify_all();
  thread_ended_.wait(lock, [&] { return threads_.empty(); });
  join_finished(lock);
}

std::size_t Workers::threads() const {
  const std::lock_guard lock(mutex_);
  return threads_.size();
}

void Workers::run(Threads::iterator self) {
  ::pthread_setname_np(::pthread_self(), "http");
  std::unique_lock lock(mutex_);
  while (true) {
    if (waiting_.empty() && !stopping_) {
      ++idle_;
      work_waits_.wait_for(lock, patience_, [&] { return !waiting_.empty() || stopping_; });
      --idle_;
    }
    if (waiting_.empty()) break;
    Work work = std::move(waiting_.front());
    waiting_.pop_front();
    lock.unlock();
    work();
    work = nullptr;  // what it holds ends before the lock is taken
    lock.lock();
  }
  finished_.splice(finished_.end(), threads_, self);
  thread_ended_.notify_all();
}

// A thread cannot join itself, so the next caller does it. REQUIRES: `lock` is held.
void Workers::join_finished(std::unique_lock<std::mutex>& lock) {
  Threads finished;
  finished.swap(finished_);
  lock.unlock();
  for (std::thread& thread : finished) thread.join();
}

}  // namespace alertscaler::receive
