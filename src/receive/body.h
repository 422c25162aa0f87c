// A request's body, and the budget of memory that all bodies share.
#pragma once

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

namespace alertscaler::receive {

// Is it known already that the sender may send? Some prove it by a signature of the whole body.
enum class Sender { admitted, unverified };

// Thread-safe. A body takes its share as it arrives; who only announces one holds nothing. So that bodies of which half
// is there do not wait for one another, as much as the longest needs is kept for the one that began first.
class BodyBudget {
 public:
  // Bodies of unverified senders get half of it, and room for one at least.
  explicit BodyBudget(std::size_t bytes_max, std::size_t body_bytes_max = 0)
      : body_bytes_max_(body_bytes_max),
        bytes_left_(bytes_max),
        unverified_left_(std::max(bytes_max / 2, body_bytes_max)) {}
  BodyBudget(const BodyBudget&) = delete;
  BodyBudget& operator=(const BodyBudget&) = delete;

  // One body's share. Gives back on destruction.
  class Lease {
   public:
    Lease() = default;
    Lease(BodyBudget& budget, Sender sender) : budget_(&budget), sender_(sender) {}
    Lease(Lease&& other) noexcept { *this = std::move(other); }
    Lease& operator=(Lease&& other) noexcept {
      std::swap(budget_, other.budget_);
      std::swap(sender_, other.sender_);
      std::swap(place_, other.place_);
      std::swap(bytes_, other.bytes_);
      return *this;
    }
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    ~Lease() {
      if (budget_ != nullptr) budget_->give_back(*this);
    }

    // Waits for its turn, a few seconds at most and not when several wait already; false: there is no room.
    [[nodiscard]] bool grow(std::size_t bytes, std::chrono::steady_clock::time_point deadline) {
      return budget_->grow(*this, bytes, deadline);
    }
    // It has all that it needs.
    void settle() {
      if (budget_ != nullptr) budget_->settle(*this);
    }

   private:
    friend class BodyBudget;
    BodyBudget* budget_ = nullptr;
    Sender sender_ = Sender::admitted;
    std::uint64_t place_ = 0;  // among those that arrive; 0: it does not
    std::size_t bytes_ = 0;
  };

 private:
  [[nodiscard]] bool grow(Lease& lease, std::size_t bytes, std::chrono::steady_clock::time_point deadline);
  void settle(Lease& lease);
  void give_back(Lease& lease);
  [[nodiscard]] bool fits(const Lease& lease, std::size_t bytes) const;

  const std::size_t body_bytes_max_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t bytes_left_;
  std::size_t unverified_left_;
  std::map<std::uint64_t, std::size_t> arriving_;  // what each holds, in the order in which they began
  std::uint64_t last_place_ = 0;
  int waiting_ = 0;
};

// The parser reads a little past the end of what it parses, so there are that many zero bytes behind every body.
inline constexpr std::size_t body_padding = 64;

class Body {
 public:
  Body() : Body(std::string(), {}) {}
  // REQUIRES: nothing; the padding is added here when it is not there already.
  Body(std::string content, BodyBudget::Lease lease) : content_(std::move(content)), lease_(std::move(lease)) {
    size_ = content_.size();
    content_.resize(size_ + body_padding, '\0');
  }
  [[nodiscard]] std::string_view text() const { return std::string_view(content_).substr(0, size_); }

 private:
  std::string content_;
  std::size_t size_ = 0;
  BodyBudget::Lease lease_;
};

}  // namespace alertscaler::receive
