// Threads that come when there is work and go when there is none, so that an idle server holds none of them.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <list>
#include <mutex>
#include <thread>
#include <vector>

namespace alertscaler::receive {

// Thread-safe.
class Workers {
 public:
  using Work = std::function<void()>;

  // A thread without work ends after `patience`.
  Workers(int threads_max, std::chrono::milliseconds patience);
  ~Workers();  // stops
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  // Work waits in turn while all threads are busy; whoever submits it bounds how much. False: stopped, or the system
  // gives us no thread and we have none. Work must not throw.
  [[nodiscard]] bool submit(Work work);
  // Does what was submitted, then ends the threads. Idempotent.
  void stop();
  [[nodiscard]] std::size_t threads() const;

 private:
  using Threads = std::list<std::thread>;

  void run(Threads::iterator self);
  void join_finished(std::unique_lock<std::mutex>& lock);

  const std::size_t threads_max_;
  const std::chrono::milliseconds patience_;

  mutable std::mutex mutex_;
  std::condition_variable work_waits_;
  std::condition_variable thread_ended_;
  std::deque<Work> waiting_;
  std::size_t idle_ = 0;
  bool stopping_ = false;
  Threads threads_;
  Threads finished_;  // to be joined
};

}  // namespace alertscaler::receive
