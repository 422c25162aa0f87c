#include "act/kubernetes/discovery.h"

#include <algorithm>
#include <array>
#include <set>

#include "act/kubernetes/json.h"
#include "base/text.h"

namespace alertscaler::kubernetes {
namespace {

struct BuiltIn {
  std::string_view api_version;
  std::string_view kind;
  std::string_view plural;
};
constexpr std::array built_ins = {
    BuiltIn{"apps/v1", "Deployment", "deployments"}, BuiltIn{"apps/v1", "StatefulSet", "statefulsets"},
    BuiltIn{"apps/v1", "ReplicaSet", "replicasets"}, BuiltIn{"v1", "ReplicationController", "replicationcontrollers"}};

const BuiltIn* find(const KubernetesWorkload& workload) {
  const auto* found = std::find_if(built_ins.begin(), built_ins.end(), [&](const BuiltIn& b) {
    return b.kind == workload.kind && b.api_version == workload.api_version;
  });
  return found == built_ins.end() ? nullptr : found;
}

std::string path(const KubernetesWorkload& workload, std::string_view plural, bool namespaced) {
  return group_path(workload.api_version) + (namespaced ? "/namespaces/" + escape(workload.name_space) : "") + "/" +
         escape(plural) + "/" + escape(workload.name);
}

}  // namespace

std::string group_path(const std::string& api_version) {
  return (api_version.find('/') == std::string::npos ? "/api/" : "/apis/") + api_version;
}

bool is_built_in(const KubernetesWorkload& workload) {
  return find(workload) != nullptr;
}

Result<std::string> Discovery::path_of(const KubernetesWorkload& workload, const std::stop_token& stop) {
  if (const BuiltIn* built_in = find(workload)) return path(workload, built_in->plural, true);
  if (known_.empty()) {
    Result<std::string> asked = ask(workload, stop);
    if (!asked) return asked;
    known_ = *std::move(asked);
  }
  return known_;
}

Result<std::string> Discovery::ask(const KubernetesWorkload& workload, const std::stop_token& stop) {
  const auto listed = server_.get(group_path(workload.api_version), stop);
  if (!listed) {
    if (listed.error().code != 404) return fail(listed.error().error);
    return fail(ErrorKind::not_found, "the API server does not know " + workload.api_version +
                                          ": is the definition of " + workload.kind + " installed?");
  }
  const Json& resources = at(*listed, "resources");
  std::set<std::string> kinds;
  std::optional<Json> found;
  std::set<std::string> scalable;
  for (const Json& resource : resources.is_array() ? resources : Json::array()) {
    const std::string name = string_at(resource, "name");
    const std::size_t slash = name.find('/');
    if (slash != std::string::npos) {
      if (name.substr(slash) == "/scale") scalable.insert(name.substr(0, slash));
      continue;
    }
    kinds.insert(string_at(resource, "kind"));
    if (string_at(resource, "kind") == workload.kind) found = resource;
  }
  if (!found) {
    return fail(ErrorKind::not_found, workload.api_version + " has no kind " + workload.kind + "; it has " +
                                          text::join(std::vector<std::string>(kinds.begin(), kinds.end()), ", "));
  }
  const std::string plural = string_at(*found, "name");
  if (!scalable.contains(plural)) {
    return fail(ErrorKind::refused, workload.kind + " (" + workload.api_version +
                                        ") has no scale subresource, so that its count cannot be set");
  }
  return path(workload, plural, bool_at(*found, "namespaced"));
}

}  // namespace alertscaler::kubernetes
