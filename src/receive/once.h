// Keeps the log readable: what repeats is written once, or once in a while.
#pragma once

#include <cstddef>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_set>
#include <utility>

#include "base/clock.h"

namespace alertscaler::receive {

// Thread-safe. Remembers the last `remembered_max` keys, so memory is bounded and a key may come again.
class Once {
 public:
  explicit Once(std::size_t remembered_max) : remembered_max_(remembered_max) {}

  // True for a key that is not among those remembered.
  [[nodiscard]] bool first(const std::string& key) {
    const std::lock_guard lock(mutex_);
    const std::size_t hash = std::hash<std::string>{}(key);
    if (!known_.insert(hash).second) return false;
    order_.push_back(hash);
    if (order_.size() > remembered_max_) {
      known_.erase(order_.front());
      order_.pop_front();
    }
    return true;
  }

 private:
  const std::size_t remembered_max_;
  std::mutex mutex_;
  std::unordered_set<std::size_t> known_;
  std::deque<std::size_t> order_;
};

// Thread-safe.
class Seldom {
 public:
  Seldom(Duration interval, const Clock& clock) : interval_(interval), clock_(clock) {}

  // Absent: not now. Otherwise how many were held back since the last.
  [[nodiscard]] std::optional<std::size_t> now() {
    const std::lock_guard lock(mutex_);
    const Instant time = clock_.now();
    if (last_ && time >= *last_ && time < *last_ + interval_) {
      ++held_back_;
      return std::nullopt;
    }
    last_ = time;
    return std::exchange(held_back_, 0);
  }

 private:
  const Duration interval_;
  const Clock& clock_;
  std::mutex mutex_;
  std::optional<Instant> last_;
  std::size_t held_back_ = 0;
};

}  // namespace alertscaler::receive
