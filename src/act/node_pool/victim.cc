#include "act/node_pool/victim.h"

#include <algorithm>
#include <cmath>
#include <tuple>

#include "act/kubernetes/drain_filter.h"
#include "base/text.h"

namespace alertscaler::node_pool {
namespace {

using kubernetes::DrainPod;

// As karpenter weighs them: https://github.com/kubernetes-sigs/karpenter/blob/main/pkg/utils/disruption
double cost_of(const DrainPod& pod, const Json& item) {
  constexpr double deletion_costs = 134'217'728;  // 2^27
  constexpr double priorities = 33'554'432;       // 2^25
  const std::string text = string_at(item, "metadata", "annotations", "controller.kubernetes.io/pod-deletion-cost");
  const double deletion_cost = text::parse_int(text).value_or(0);
  return std::clamp(1.0 + deletion_cost / deletion_costs + static_cast<double>(pod.priority) / priorities, -10.0, 10.0);
}

bool has_to_move(const DrainPod& pod) {
  return !pod.finished && !pod.mirror && pod.controller_kind != "DaemonSet";
}

// What a pod says against being moved.
std::string objection(const DrainPod& pod, const Json& item, const std::string& own_pod) {
  if (pod.shown() == own_pod) return "this program runs on it, as the pod " + own_pod;
  const auto says = [&](const char* annotation, std::string_view value) {
    return string_at(item, "metadata", "annotations", annotation) == value;
  };
  for (const auto& [annotation, value] : {std::pair{"cluster-autoscaler.kubernetes.io/safe-to-evict", "false"},
                                          std::pair{"karpenter.sh/do-not-disrupt", "true"}}) {
    if (says(annotation, value)) return "the pod " + pod.shown() + " says " + annotation + ": " + value;
  }
  return "";
}

}  // namespace

Candidate candidate_of(const Member& member, const Json& pods, const std::string& own_pod) {
  Candidate candidate;
  candidate.member = &member;
  candidate.dead = member.dead;
  if (member.node) candidate.blocked = member.node->protection;
  if (candidate.blocked.empty() && !candidate.dead && !member.ready()) {
    candidate.blocked = "it is not ready, and dead only when that lasts for " + text::format_duration(dead_after);
  }
  if (!member.node) return candidate;
  // A dead one that an alert has drained is as good as gone.
  const bool gone = candidate.dead && member.node->ours;
  if (candidate.blocked.empty() && member.node->cordoned && !member.node->leaving && !gone) {
    candidate.blocked = "it is cordoned";
  }
  if (candidate.dead) return candidate;
  for (const Json& item : pods.is_array() ? pods : Json::array()) {
    const DrainPod pod = kubernetes::drain_pod(item);
    if (!has_to_move(pod)) continue;
    ++candidate.pods;
    candidate.cost += cost_of(pod, item);
    if (candidate.blocked.empty()) candidate.blocked = objection(pod, item, own_pod);
  }
  return candidate;
}

bool goes_first(const Member& member) {
  return member.dead && candidate_of(member, Json::array(), "").blocked.empty();
}

int pods_to_move(const Json& pods) {
  return static_cast<int>(std::count_if(pods.begin(), pods.end(),
                                        [](const Json& item) { return has_to_move(kubernetes::drain_pod(item)); }));
}

std::vector<Candidate> in_order(std::vector<Candidate> candidates) {
  std::erase_if(candidates, [](const Candidate& candidate) { return !candidate.blocked.empty(); });
  const auto key = [](const Candidate& candidate) {
    return std::tuple(!candidate.dead, candidate.dead ? 0.0 : candidate.cost, -candidate.member->index);
  };
  std::sort(candidates.begin(), candidates.end(),
            [&](const Candidate& a, const Candidate& b) { return key(a) < key(b); });
  return candidates;
}

}  // namespace alertscaler::node_pool
