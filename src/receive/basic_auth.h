// User names and passwords against bcrypt hashes, which are slow on purpose: what was found is remembered, and only a
// few are computed at the same time, so that wrong passwords cannot keep the machine busy.
#pragma once

#include <array>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

#include "base/secret.h"

namespace alertscaler::receive {

// Thread-safe.
class BasicUsers {
 public:
  explicit BasicUsers(std::map<std::string, Secret> hashes);
  BasicUsers(const BasicUsers&) = delete;
  BasicUsers& operator=(const BasicUsers&) = delete;

  enum class Verdict {
    right,
    wrong,
    busy,  // too many others are being checked
  };
  // May take a tenth of a second; a user who does not exist takes as long as one who does.
  [[nodiscard]] Verdict check(const std::string& user, const std::string& password);
  // How many hashes were computed so far.
  [[nodiscard]] std::size_t computed() const;

 private:
  using Digest = std::array<unsigned char, 32>;
  using Digests = std::deque<Digest>;  // oldest first

  [[nodiscard]] Digest digest_of(std::string_view user, std::string_view password) const;
  [[nodiscard]] bool take_turn(std::unique_lock<std::mutex>& lock);
  static void remember(Digests& digests, const Digest& digest);

  const std::map<std::string, Secret> hashes_;
  std::string costliest_;                // of the hashes; what unknown users are checked against
  std::array<unsigned char, 32> key_{};  // of the digests; of this process alone

  mutable std::mutex mutex_;
  std::condition_variable turn_ended_;
  int running_ = 0;
  int waiting_ = 0;
  std::size_t computed_ = 0;
  Digests right_;
  Digests wrong_;  // apart, so that they push nobody out of the other
};

}  // namespace alertscaler::receive
