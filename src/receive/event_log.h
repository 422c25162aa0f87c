// The last events in their order, bounded in bytes. All listeners read from this one log, so a listener costs no memory
// for what it has not read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <utility>

namespace alertscaler::receive {

class EventLog {
 public:
  using Number = std::uint64_t;

  explicit EventLog(std::size_t bytes_max) : bytes_max_(bytes_max) {}

  [[nodiscard]] Number first() const { return next_ - texts_.size(); }  // the oldest that is still here
  [[nodiscard]] Number next() const { return next_; }                   // that the next append() gets
  // REQUIRES: first() <= number < next()
  [[nodiscard]] const std::string& at(Number number) const {
    return texts_[static_cast<std::size_t>(number - first())];
  }
  // Can it be appended without forgetting one?
  [[nodiscard]] bool fits(std::size_t bytes) const { return texts_.empty() || bytes_ + bytes <= bytes_max_; }
  void forget_first() {
    bytes_ -= texts_.front().size();
    texts_.pop_front();
  }
  void append(std::string text) {
    bytes_ += text.size();
    texts_.push_back(std::move(text));
    ++next_;
  }

 private:
  const std::size_t bytes_max_;
  std::size_t bytes_ = 0;
  Number next_ = 1;
  std::deque<std::string> texts_;
};

}  // namespace alertscaler::receive
