// Which pods of a node have to go, and which forbid the drain: the filters of `kubectl drain --ignore-daemonsets`, in
// their order and with their words. Pure.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "act/kubernetes/json.h"
#include "base/clock.h"
#include "model/policy.h"

namespace alertscaler::kubernetes {

// What a drain needs to know of a pod.
struct DrainPod {
  std::string name_space;
  std::string name;
  std::string uid;
  std::int64_t priority = 0;
  std::string controller_kind;  // of its controller; empty: it has none
  std::string controller_name;
  std::string controller_uid;
  bool finished = false;  // succeeded or failed
  bool mirror = false;    // of a file on the node; the kubelet alone can end it
  bool has_empty_dir = false;
  std::optional<Instant> ends_at;  // it is terminating, and should be gone by then

  [[nodiscard]] std::string shown() const { return name_space + "/" + name; }
  // Of system-cluster-critical and above: what the node and the cluster need to work.
  [[nodiscard]] bool is_critical() const { return priority >= 2'000'000'000; }
};
[[nodiscard]] DrainPod drain_pod(const Json& pod);

using NamespacedName = std::pair<std::string, std::string>;
// The DaemonSets that control one of these pods; the filters ask about no other.
[[nodiscard]] std::vector<NamespacedName> daemon_sets_of(std::span<const DrainPod> pods);
// Of those, the ones that are not there: what the API server said.
using MissingDaemonSets = std::map<NamespacedName, std::string>;

struct Filtered {
  std::vector<DrainPod> go;  // in the order of the list
  std::string refused;       // why nothing may go at all; empty: it may
};
[[nodiscard]] Filtered filter_pods(std::span<const DrainPod> pods, const DrainPolicy& policy,
                                   const MissingDaemonSets& missing);

}  // namespace alertscaler::kubernetes
