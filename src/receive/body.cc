#include "receive/body.h"

#include <algorithm>

namespace alertscaler::receive {
namespace {

using namespace std::chrono_literals;

constexpr auto wait_max = 5s;
constexpr int waiting_max = 16;

}  // namespace

bool BodyBudget::grow(Lease& lease, std::size_t bytes, std::chrono::steady_clock::time_point deadline) {
  std::unique_lock lock(mutex_);
  if (lease.place_ == 0) {
    lease.place_ = ++last_place_;
    arriving_[lease.place_] = lease.bytes_;
  }
  if (!fits(lease, bytes)) {
    if (waiting_ == waiting_max) return false;
    ++waiting_;
    const bool room = changed_.wait_until(lock, std::min(deadline, std::chrono::steady_clock::now() + wait_max),
                                          [&] { return fits(lease, bytes); });
    --waiting_;
    if (!room) return false;
  }
  bytes_left_ -= bytes;
  if (lease.sender_ == Sender::unverified) unverified_left_ -= bytes;
  lease.bytes_ += bytes;
  arriving_[lease.place_] = lease.bytes_;
  return true;
}

void BodyBudget::settle(Lease& lease) {
  {
    const std::lock_guard lock(mutex_);
    if (arriving_.erase(std::exchange(lease.place_, 0)) == 0) return;
  }
  changed_.notify_all();
}

void BodyBudget::give_back(Lease& lease) {
  {
    const std::lock_guard lock(mutex_);
    if (lease.place_ == 0 && lease.bytes_ == 0) return;
    arriving_.erase(lease.place_);
    bytes_left_ += lease.bytes_;
    if (lease.sender_ == Sender::unverified) unverified_left_ += lease.bytes_;
  }
  changed_.notify_all();
}

// REQUIRES: mutex_ is held; the lease has a place.
bool BodyBudget::fits(const Lease& lease, std::size_t bytes) const {
  if (lease.sender_ == Sender::unverified && unverified_left_ < bytes) return false;
  const auto& [first, held] = *arriving_.begin();
  const std::size_t kept = first == lease.place_ ? 0 : body_bytes_max_ - std::min(held, body_bytes_max_);
  return bytes_left_ >= bytes + kept;
}

}  // namespace alertscaler::receive
