// How many replicas a target has, as alertscaler's own metrics tell it.
#pragma once

#include <atomic>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

#include "base/result.h"

namespace shop {

// The value of alertscaler_target_ready_replicas for this target in the text of /metrics; absent: not there.
[[nodiscard]] std::optional<int> ready_replicas_in(std::string_view exposition, std::string_view target);

struct ReplicaSource {
  std::string url;         // of alertscaler, "http://127.0.0.1:9095"
  std::string target;      // the target's name
  std::string token_file;  // one line; empty: no authentication
};

// Asks once a second, from its own thread, and remembers the last answer. Thread-safe.
class ReplicaWatch {
 public:
  explicit ReplicaWatch(ReplicaSource source);

  // What the last answer said; 1 until there is one. A failed question changes nothing.
  [[nodiscard]] int ready() const { return ready_.load(); }

 private:
  void watch(const std::stop_token& stop);
  [[nodiscard]] alertscaler::Result<int> ask() const;

  const ReplicaSource source_;
  std::atomic<int> ready_{1};
  std::jthread thread_;  // last: it uses everything above
};

}  // namespace shop
