#include "act/kubernetes/drain_filter.h"

#include <algorithm>
#include <set>

#include "base/text.h"

namespace alertscaler::kubernetes {
namespace {

// https://github.com/kubernetes/kubectl/blob/master/pkg/drain/filters.go
constexpr const char* local_storage = "Pods with local storage (use --delete-emptydir-data to override)";
constexpr const char* unmanaged = "Pods that declare no controller (use --force to override)";

struct Verdict {
  bool goes = true;
  std::string error;  // empty: none
};

bool is_daemon(const DrainPod& pod) {
  return pod.controller_kind == "DaemonSet";
}

Verdict judge(const DrainPod& pod, const DrainPolicy& policy, const MissingDaemonSets& missing) {
  if (is_daemon(pod) && !pod.finished) {
    const auto found = missing.find({pod.name_space, pod.controller_name});
    if (found == missing.end()) return {false, ""};
    if (!policy.force) return {false, found->second};
  }
  if (pod.mirror) return {false, ""};
  if (pod.has_empty_dir && !pod.finished && !policy.delete_emptydir_data) return {false, local_storage};
  if (pod.controller_kind.empty() && !pod.finished && !policy.force) return {false, unmanaged};
  return {};
}

// What to change here, where kubectl has a flag.
std::string in_our_words(const std::string& error) {
  if (error == local_storage) return "; here that is drain: {delete_emptydir_data: true}";
  if (error == unmanaged) return "; here that is drain: {force: true}";
  return "";
}

}  // namespace

DrainPod drain_pod(const Json& pod) {
  DrainPod out;
  out.name_space = string_at(pod, "metadata", "namespace");
  out.name = string_at(pod, "metadata", "name");
  out.uid = string_at(pod, "metadata", "uid");
  out.priority = int_at(pod, "spec", "priority");
  for (const Json& owner : at(pod, "metadata", "ownerReferences")) {
    if (!bool_at(owner, "controller")) continue;
    out.controller_kind = string_at(owner, "kind");
    out.controller_name = string_at(owner, "name");
    out.controller_uid = string_at(owner, "uid");
  }
  const std::string phase = string_at(pod, "status", "phase");
  out.finished = phase == "Succeeded" || phase == "Failed";
  out.mirror = !at(pod, "metadata", "annotations", "kubernetes.io/config.mirror").is_null();
  for (const Json& volume : at(pod, "spec", "volumes")) {
    out.has_empty_dir = out.has_empty_dir || !at(volume, "emptyDir").is_null();
  }
  if (const auto ends = text::parse_time(string_at(pod, "metadata", "deletionTimestamp"))) out.ends_at = *ends;
  return out;
}

std::vector<NamespacedName> daemon_sets_of(std::span<const DrainPod> pods) {
  std::set<NamespacedName> names;
  for (const DrainPod& pod : pods) {
    if (is_daemon(pod) && !pod.finished) names.emplace(pod.name_space, pod.controller_name);
  }
  return {names.begin(), names.end()};
}

Filtered filter_pods(std::span<const DrainPod> pods, const DrainPolicy& policy, const MissingDaemonSets& missing) {
  Filtered out;
  std::map<std::string, std::vector<std::string>> pods_of_error;
  for (const DrainPod& pod : pods) {
    const Verdict verdict = judge(pod, policy, missing);
    if (!verdict.error.empty()) pods_of_error[verdict.error].push_back(pod.shown());
    if (verdict.goes) out.go.push_back(pod);
  }
  std::vector<std::string> errors;
  errors.reserve(pods_of_error.size());
  for (const auto& [error, names] : pods_of_error) {
    errors.push_back("cannot delete " + error + ": " + text::join(names, ", ") + in_our_words(error));
  }
  out.refused = text::join(errors, "; ");
  return out;
}

}  // namespace alertscaler::kubernetes
