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
  void waits(const DrainPod& pod, std::string why, Instant again_at) {
    waiting_[pod.uid] = {std::move(why), again_at, false};
  }
  void went(const DrainPod& pod) { waiting_.erase(pod.uid); }

  // It may not go at all. The others, of later waves too, do not wait for it.
  void refuse(const DrainPod& pod, std::string why, Instant again_at) {
    waiting_[pod.uid] = {std::move(why), again_at, true};
  }
  // Which may not, once nothing is left but those and, last of all, ourselves; empty: it has not come to that. From
  // then on they may be asked again.
  [[nodiscard]] std::string refused(const std::vector<DrainPod>& go);

  // Of a node that is not ready: what should have ended long ago counts as gone, as nobody there can end it.
  void give_up(std::vector<DrainPod>& pods, Instant now);

  // Why not more of them have gone.
  [[nodiscard]] std::string why_waiting(const std::vector<DrainPod>& go, Instant now) const;
  // Which come back, and which were given up; empty: none.
  [[nodiscard]] std::string note() const;
  [[nodiscard]] Instant last_look() const { return last_look_; }

 private:
  using Wave = std::pair<bool, std::int64_t>;  // critical, priority
  struct Waiting {
    std::string why;
    Instant again_at;
    bool refused = false;
  };
  [[nodiscard]] static Wave wave_of(const DrainPod& pod) { return {pod.is_critical(), pod.priority}; }
  [[nodiscard]] bool is_refused(const DrainPod& pod) const;
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
  std::set<std::string> given_up_;          // "demo/web-1": at the last look
};

}  // namespace alertscaler::kubernetes
