// Waiting that ends early when the thread is asked to stop.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <stop_token>

namespace shop {

// Returns false when it is time to stop.
[[nodiscard]] inline bool pause_until(std::chrono::steady_clock::time_point until, const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any changed;
  std::unique_lock lock(mutex);
  changed.wait_until(lock, stop, until, [] { return false; });
  return !stop.stop_requested();
}
[[nodiscard]] inline bool pause_for(std::chrono::milliseconds at_most, const std::stop_token& stop) {
  return pause_until(std::chrono::steady_clock::now() + at_most, stop);
}

}  // namespace shop
