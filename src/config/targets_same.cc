#include "config/targets_same.h"

#include <tuple>

namespace alertscaler::config {
namespace {

std::string group_of(const KubernetesWorkload& workload) {
  const std::size_t slash = workload.api_version.find('/');
  return slash == std::string::npos ? "" : workload.api_version.substr(0, slash);
}

std::string in_words(const KubernetesWorkload& workload, const std::string& name_space) {
  const std::string group = group_of(workload);
  return workload.kind + " " + workload.name + (group.empty() ? "" : " (" + group + ")") + " " +
         (name_space.empty() ? "of the context's namespace" : "in namespace " + name_space);
}

}  // namespace

void check_same_objects(const std::vector<PlacedTarget>& placed, const std::map<TargetName, Target>& targets,
                        const KubernetesCluster& cluster) {
  using Object = std::tuple<std::string, std::string, std::string, std::string>;
  std::map<Object, const PlacedTarget*> first_of;
  for (const PlacedTarget& each : placed) {
    const auto* workload = std::get_if<KubernetesWorkload>(&targets.at(each.name).backend);
    if (workload == nullptr) continue;
    const std::string name_space = namespace_of(*workload, cluster);
    const auto [known, added] =
        first_of.emplace(Object{group_of(*workload), workload->kind, name_space, workload->name}, &each);
    if (added) continue;
    const PlacedTarget& first = *known->second;
    const auto& other = std::get<KubernetesWorkload>(targets.at(first.name).backend);
    const bool by_default = !name_space.empty() && (workload->name_space.empty() || other.name_space.empty());
    each.at.problem(each.name.text + " and " + first.name.text + " (line " + std::to_string(first.at.at().line) +
                    ") are the same object, " + in_words(*workload, name_space) +
                    (by_default ? ", the namespace of " + cluster.access->origin : "") +
                    "; one target can have several alerts");
  }
}

}  // namespace alertscaler::config
