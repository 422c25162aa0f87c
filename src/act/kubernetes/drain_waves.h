// Whose turn it is to leave a node: pods of low priority first, critical ones last, ourselves last of all; and which
// come back however often they go. Pure but for what it remembers; what it forgets at a restart costs time alone.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "act/kubernetes/drain_filter.h"

namespace alertscaler::kubernetes {

class DrainWaves {
 public:
  // `own`: our pod, "namespace/name"; empty: we are none.
  explicit DrainWaves(std::string own = {}) : own_(std::move(own)) {}

  // The next look at the node's pods, those that have to go. What comes back again and again is taken out of them.
  void look(std::vector<DrainPod>& go, Instant now, Duration timeout);

  // Those that may be told to go now.
  [[nodiscard]] std::vector<DrainPod> turn(const std::vector<DrainPod>& go, Instant now) const;

  // It may not go before then, and why.
  void waits(const DrainPod& pod, std::string why, Instant again_at) { waiting_[pod.uid] = {std::move(why), again_at}; }
  void went(const DrainPod& pod) { waiting_.erase(pod.uid); }

  // Why not more of them have gone.
  [[nodiscard]] std::string why_waiting(const std::vector<DrainPod>& go, Instant now) const;
  // Which come back; empty: none.
  [[nodiscard]] std::string note() const;
  [[nodiscard]] Instant last_look() const { return last_look_; }

 private:
  using Wave = std::pair<bool, std::int64_t>;  // critical, priority
  struct Waiting {
    std::string why;
    Instant again_at;
  };
  [[nodiscard]] static Wave wave_of(const DrainPod& pod) { return {pod.is_critical(), pod.priority}; }
  void take_out_returners(std::vector<DrainPod>& go);
  void choose_wave(const std::vector<DrainPod>& go, Instant now, Duration timeout);

  std::string own_;
  Instant last_look_{};
  bool looked_ = false;
  std::set<std::string> seen_;          // uids
  std::map<std::string, int> returns_;  // how often pods of this controller (uid) appeared on the cordoned node
  std::set<std::string> returners_;     // "demo/DaemonSet-like": what comes back, for people
  std::optional<Wave> wave_;            // pods up to this one may go
  Instant wave_since_{};
  std::map<std::string, Waiting> waiting_;  // by uid
};

}  // namespace alertscaler::kubernetes
