#include "config/targets_kubernetes.h"

#include <algorithm>
#include <array>

#include "base/text.h"

namespace alertscaler::config {
namespace {

struct KnownKind {
  std::string_view kind;
  std::string_view api_version;  // empty: it has no count
};
constexpr std::array known_kinds = {KnownKind{"Deployment", "apps/v1"}, KnownKind{"StatefulSet", "apps/v1"},
                                    KnownKind{"ReplicaSet", "apps/v1"}, KnownKind{"ReplicationController", "v1"},
                                    KnownKind{"DaemonSet", ""},         KnownKind{"Job", ""},
                                    KnownKind{"CronJob", ""},           KnownKind{"Pod", ""}};

// As RFC 1123 has them: of a host, and of several of those with dots between.
constexpr std::string_view dns_label = "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?";
std::string dns_name() {
  return std::string(dns_label) + "(\\." + std::string(dns_label) + ")*";
}
constexpr std::size_t name_bytes_max = 253;

void read_namespace(const Value& value, KubernetesWorkload& workload) {
  static const Form form(dns_label);
  value.read_text(workload.name_space, "the name of a namespace, which has only a-z, 0-9 and \"-\", at most 63 of them",
                  form);
}

void read_kind(const Value& value, KubernetesWorkload& workload) {
  static const Form form("[A-Za-z][A-Za-z0-9]*");
  value.read_text(workload.kind, "the kind of an object, such as Deployment", form);
}

void read_name(const Value& value, KubernetesWorkload& workload) {
  static const Form form(dns_name());
  constexpr std::string_view what = "the name of an object, which has only a-z, 0-9, \"-\" and \".\"";
  if (value.read_text(workload.name, what, form) && workload.name.size() > name_bytes_max) {
    value.expected(what);
    workload.name.clear();
  }
}

void read_api_version(const Value& value, KubernetesWorkload& workload) {
  static const Form form("v1|" + dns_name() + "/" + std::string(dns_label));
  value.read_text(workload.api_version, "an API version such as apps/v1 or example.io/v1alpha1", form);
}

constexpr std::array<Field<KubernetesWorkload>, 4> fields = {{
    {"namespace", read_namespace,
     "Where it is; left out: the namespace of the kubeconfig's context, or of the pod that alertscaler runs in"},
    {"kind", read_kind, "Deployment, StatefulSet, ReplicaSet, ReplicationController, or a kind of your own"},
    {"name", read_name, "The name of the object"},
    {"apiVersion", read_api_version, "Needed for other kinds, as kubectl api-resources shows it: example.io/v1"},
}};

// Fills in the API version of kinds that everybody knows. `at`: what a problem is reported at.
bool complete(const Value& at, KubernetesWorkload& workload) {
  const auto known = std::find_if(known_kinds.begin(), known_kinds.end(), [&](const KnownKind& k) {
    return text::to_lower(k.kind) == text::to_lower(workload.kind);
  });
  const bool is_known = known != known_kinds.end();
  const bool of_cluster = workload.api_version.empty() || workload.api_version == "v1" ||
                          workload.api_version == "apps/v1" || workload.api_version == "batch/v1";
  if (is_known && of_cluster && known->kind != workload.kind) {
    return at.problem("kind " + workload.kind + " is written " + std::string(known->kind));
  }
  if (is_known && of_cluster && known->api_version.empty()) {
    return at.problem("a " + workload.kind + " has no count that could be scaled; name what makes it");
  }
  if (!workload.api_version.empty()) return true;
  if (!is_known) {
    return at.problem("kind " + workload.kind +
                      " needs its apiVersion beside it, such as example.io/v1 (kubectl api-resources shows it); "
                      "only Deployment, StatefulSet, ReplicaSet and ReplicationController do without");
  }
  workload.api_version = known->api_version;
  return true;
}

}  // namespace

bool read_workload_key(const Value& value, KubernetesWorkload& workload) {
  const HpaMode hpa = workload.hpa;
  workload = {};
  workload.hpa = hpa;
  MapReader map(value, "a map such as {namespace: prod, kind: Deployment, name: api}");
  map.take(fields, workload);
  map.finish({"kind", "name"});
  if (workload.kind.empty()) return false;
  const auto& entries = value.node().entries;
  const bool version_unreadable =
      workload.api_version.empty() &&
      std::any_of(entries.begin(), entries.end(), [](const Entry& entry) { return entry.key == "apiVersion"; });
  if (version_unreadable || !complete(value, workload)) return false;
  return !workload.name.empty();
}

bool read_hpa(const Value& value, HpaMode& mode) {
  static constexpr std::array<Choice<HpaMode>, 3> choices = {
      {{"auto", HpaMode::automatic}, {"refuse", HpaMode::refuse}, {"ignore", HpaMode::ignore}}};
  return value.read_choice<HpaMode>(mode, choices);
}

}  // namespace alertscaler::config
