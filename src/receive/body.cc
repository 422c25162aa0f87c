#include "receive/body.h"

#include <algorithm>

namespace alertscaler::receive {
namespace {

using namespace std::chrono_literals;

constexpr auto wait_max = 5s;
constexpr int waiting_max = 8;

}  // namespace

std::optional<BodyBudget::Lease> BodyBudget::take(std::size_t bytes, std::chrono::steady_clock::time_point deadline) {
  std::unique_lock lock(mutex_);
  if (bytes_left_ < bytes) {
    if (waiting_ == waiting_max) return std::nullopt;
    ++waiting_;
    const bool room = given_back_.wait_until(lock, std::min(deadline, std::chrono::steady_clock::now() + wait_max),
                                             [&] { return bytes_left_ >= bytes; });
    --waiting_;
    if (!room) return std::nullopt;
  }
  bytes_left_ -= bytes;
  return Lease(*this, bytes);
}

void BodyBudget::give_back(std::size_t bytes) {
  {
    const std::lock_guard lock(mutex_);
    bytes_left_ += bytes;
  }
  given_back_.notify_all();
}

}  // namespace alertscaler::receive
