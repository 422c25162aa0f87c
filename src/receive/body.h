// A request's body, and the budget of memory that all bodies share.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace alertscaler::receive {

// Thread-safe.
class BodyBudget {
 public:
  explicit BodyBudget(std::size_t bytes_max) : bytes_left_(bytes_max) {}
  BodyBudget(const BodyBudget&) = delete;
  BodyBudget& operator=(const BodyBudget&) = delete;

  // Gives back on destruction.
  class Lease {
   public:
    Lease() = default;
    Lease(BodyBudget& budget, std::size_t bytes) : budget_(&budget), bytes_(bytes) {}
    Lease(Lease&& other) noexcept : budget_(std::exchange(other.budget_, nullptr)), bytes_(other.bytes_) {}
    Lease& operator=(Lease&& other) noexcept {
      std::swap(budget_, other.budget_);
      std::swap(bytes_, other.bytes_);
      return *this;
    }
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    ~Lease() {
      if (budget_ != nullptr) budget_->give_back(bytes_);
    }

   private:
    BodyBudget* budget_ = nullptr;
    std::size_t bytes_ = 0;
  };

  // Waits for its turn, a few seconds at most and not when several wait already; absent: there is no room.
  [[nodiscard]] std::optional<Lease> take(std::size_t bytes, std::chrono::steady_clock::time_point deadline);

 private:
  void give_back(std::size_t bytes);

  std::mutex mutex_;
  std::condition_variable given_back_;
  std::size_t bytes_left_;
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
