#include "config/targets_kubernetes.h"

#include <algorithm>
#include <array>

#include "base/text.h"

namespace alertscaler::config {
namespace {

constexpr std::size_t label_bytes_max = 63;
constexpr std::size_t name_bytes_max = 253;

struct KnownKind {
  std::string_view kind;
  std::string_view api_version;  // empty: it has no count
};
constexpr std::array known_kinds = {KnownKind{"Deployment", "apps/v1"}, KnownKind{"StatefulSet", "apps/v1"},
                                    KnownKind{"ReplicaSet", "apps/v1"}, KnownKind{"ReplicationController", "v1"},
                                    KnownKind{"DaemonSet", ""},         KnownKind{"Job", ""},
                                    KnownKind{"CronJob", ""},           KnownKind{"Pod", ""}};

bool is_lower_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

bool is_dns_label(std::string_view text) {
  return !text.empty() && text.size() <= label_bytes_max && is_lower_or_digit(text.front()) &&
         is_lower_or_digit(text.back()) &&
         std::all_of(text.begin(), text.end(), [](char c) { return is_lower_or_digit(c) || c == '-'; });
}

bool is_dns_name(std::string_view text) {
  const std::vector<std::string> labels = text::split(text, '.');
  return text.size() <= name_bytes_max && std::all_of(labels.begin(), labels.end(), is_dns_label);
}

bool is_api_version(std::string_view text) {
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos) return text == "v1";
  return is_dns_name(text.substr(0, slash)) && is_dns_label(text.substr(slash + 1));
}

bool is_kind(std::string_view text) {
  const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  return is_letter(text.front()) &&
         std::all_of(text.begin(), text.end(), [&](char c) { return is_letter(c) || (c >= '0' && c <= '9'); });
}

void read_checked(const Value& value, std::string& out, bool (*fits)(std::string_view), std::string_view what) {
  std::string text;
  if (!value.read_text(text, what)) return;
  if (fits(text)) {
    out = text;
  } else {
    value.expected(what);
  }
}

constexpr std::array<Field<KubernetesWorkload>, 4> fields = {{
    {"namespace",
     [](const Value& v, KubernetesWorkload& w) {
       read_checked(v, w.name_space, is_dns_label,
                    "the name of a namespace, which has only a-z, 0-9 and \"-\", at most 63 of them");
     }},
    {"kind",
     [](const Value& v, KubernetesWorkload& w) {
       read_checked(v, w.kind, is_kind, "the kind of an object, such as Deployment");
     }},
    {"name",
     [](const Value& v, KubernetesWorkload& w) {
       read_checked(v, w.name, is_dns_name, "the name of an object, which has only a-z, 0-9, \"-\" and \".\"");
     }},
    {"apiVersion",
     [](const Value& v, KubernetesWorkload& w) {
       read_checked(v, w.api_version, is_api_version, "an API version such as apps/v1 or example.io/v1alpha1");
     }},
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
