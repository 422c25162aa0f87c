#include "act/kubernetes/owners.h"

#include <algorithm>
#include <limits>

#include "act/kubernetes/annotations.h"
#include "act/kubernetes/api_server.h"
#include "base/text.h"

namespace alertscaler::kubernetes {
namespace {

constexpr const char* paused_replicas = "autoscaling.keda.sh/paused-replicas";
constexpr const char* paused = "autoscaling.keda.sh/paused";

std::string annotation(const Json& document, std::string_view name) {
  return string_at(document, "metadata", "annotations", name);
}

std::optional<int> number(const std::string& text) {
  const auto value = text::parse_int(text);
  return value && *value >= 0 ? value : std::nullopt;
}

int count_at(const Json& spec, const char* key, int otherwise) {
  const Json& value = at(spec, key);
  if (!value.is_number_integer()) return otherwise;
  return static_cast<int>(std::clamp<std::int64_t>(value.get<std::int64_t>(), 0, std::numeric_limits<int>::max()));
}

std::string group_of(const std::string& api_version) {
  const std::size_t slash = api_version.find('/');
  return slash == std::string::npos ? "" : api_version.substr(0, slash);
}

// Versions do not matter; and old HPAs name no group, or the one from which Deployments came.
bool refers_to(const std::string& api_version, const std::string& kind, const std::string& name,
               const ScaledObject& object) {
  const std::string group = group_of(api_version);
  const bool any_group = api_version.empty() || group == "extensions";
  return kind == object.kind && name == object.name && (any_group || group == group_of(object.api_version));
}

void read_notes(const Json& document, Owner& owner) {
  owner.version = string_at(document, "metadata", "resourceVersion");
  owner.original = number(annotation(document, original_min));
  owner.set = number(annotation(document, set_min));
  owner.by = annotation(document, moved_by);
}

Owner hpa(const Json& document) {
  Owner owner;
  owner.name = string_at(document, "metadata", "name");
  owner.path = hpas_path(string_at(document, "metadata", "namespace")) + "/" + escape(owner.name);
  owner.floor = count_at(at(document, "spec"), "minReplicas", 1);
  owner.max = count_at(at(document, "spec"), "maxReplicas", owner.floor);
  read_notes(document, owner);
  // What no HPA may have is no note of ours. With the feature gate HPAScaleToZero, 0 is what it may have.
  if (owner.original && *owner.original > owner.max) owner.original.reset();
  return owner;
}

// One that KEDA has not looked at yet is not.
bool is_active(const Json& scaled_object) {
  const Json& conditions = at(scaled_object, "status", "conditions");
  return conditions.is_array() && std::any_of(conditions.begin(), conditions.end(), [](const Json& condition) {
           return string_at(condition, "type") == "Active" && string_at(condition, "status") == "True";
         });
}

Owner scaled_object(const Json& document) {
  constexpr int max_by_default = 100;
  Owner owner;
  owner.kind = Owner::Kind::keda;
  owner.name = string_at(document, "metadata", "name");
  owner.path = scaled_objects_path(string_at(document, "metadata", "namespace")) + "/" + escape(owner.name);
  owner.floor = count_at(at(document, "spec"), "minReplicaCount", 0);
  owner.max = count_at(at(document, "spec"), "maxReplicaCount", max_by_default);
  if (at(document, "spec", "idleReplicaCount").is_number_integer()) {
    owner.idle = count_at(at(document, "spec"), "idleReplicaCount", 0);
    owner.active = is_active(document);
  }
  read_notes(document, owner);
  const Json& annotations = at(document, "metadata", "annotations");
  owner.kept_at_zero = annotations.is_object() && annotations.contains(kept_at_zero);
  // The presence of one pauses, whatever it says; of the other, everything but "false".
  const bool at_count = annotations.is_object() && annotations.contains(paused_replicas);
  const bool is_paused =
      annotations.is_object() && annotations.contains(paused) && annotation(document, paused) != "false";
  if (is_paused) owner.paused = paused;
  if (at_count && !owner.kept_at_zero) owner.paused = paused_replicas;
  return owner;
}

// The ScaledObject that KEDA made the HPA for.
std::string made_for(const Json& document) {
  const Json& references = at(document, "metadata", "ownerReferences");
  if (!references.is_array()) return "";
  for (const Json& reference : references) {
    const bool is_keda = group_of(string_at(reference, "apiVersion")) == "keda.sh";
    if (is_keda && string_at(reference, "kind") == "ScaledObject") return string_at(reference, "name");
  }
  return "";
}

Json annotations_patch(const Owner& owner, Json annotations) {
  return {{"metadata", {{"resourceVersion", owner.version}, {"annotations", std::move(annotations)}}}};
}

}  // namespace

std::string Owner::text() const {
  return kind == Kind::hpa ? "the HorizontalPodAutoscaler " + name : "the ScaledObject " + name + " (KEDA)";
}

Floor Owner::seen() const {
  const bool moved = original && set == floor;
  return {floor, moved ? *original : floor, text(), has_note()};
}

bool Owner::note_is_stale() const {
  return (original || set) && !(original && set == floor && original != floor);
}

std::string hpas_path(const std::string& name_space) {
  return "/apis/autoscaling/v1/namespaces/" + escape(name_space) + "/horizontalpodautoscalers";
}

std::string scaled_objects_path(const std::string& name_space) {
  return std::string(keda_path) + "/namespaces/" + escape(name_space) + "/scaledobjects";
}

Owners owners_of(const ScaledObject& object, const Json& hpas, const Json& scaled_objects) {
  Owners owners;
  if (scaled_objects.is_array()) {
    for (const Json& document : scaled_objects) {
      const Json& reference = at(document, "spec", "scaleTargetRef");
      const std::string kind = string_at(reference, "kind");
      const std::string version = string_at(reference, "apiVersion");
      const bool fits = refers_to(version.empty() ? "apps/v1" : version, kind.empty() ? "Deployment" : kind,
                                  string_at(reference, "name"), object);
      if (fits) owners.known.push_back(scaled_object(document));
    }
  }
  if (!hpas.is_array()) return owners;
  for (const Json& document : hpas) {
    const Json& reference = at(document, "spec", "scaleTargetRef");
    if (!refers_to(string_at(reference, "apiVersion"), string_at(reference, "kind"), string_at(reference, "name"),
                   object)) {
      continue;
    }
    const std::string by = made_for(document);
    const bool is_known = std::any_of(owners.known.begin(), owners.known.end(), [&](const Owner& owner) {
      return owner.kind == Owner::Kind::keda && owner.name == by;
    });
    if (by.empty()) {
      owners.known.push_back(hpa(document));
    } else if (!is_known) {
      owners.unknown.push_back(by);
    }
  }
  std::sort(owners.known.begin(), owners.known.end(),
            [](const Owner& a, const Owner& b) { return std::tie(a.kind, a.name) < std::tie(b.kind, b.name); });
  return owners;
}

Owner read_again(const Owner& owner, const Json& document) {
  return owner.kind == Owner::Kind::hpa ? hpa(document) : scaled_object(document);
}

Json move_floor(const Owner& owner, int to, bool release, const std::string& by) {
  const int original = owner.seen().original;
  const bool home = to == original;
  const bool signs = !by.empty() && (!home || (owner.kept_at_zero && !release));
  Json annotations = {{original_min, home ? Json() : Json(std::to_string(original))},
                      {set_min, home ? Json() : Json(std::to_string(to))},
                      {moved_by, signs ? Json(by) : Json()}};
  if (release && owner.kept_at_zero) annotations[kept_at_zero] = annotations[paused_replicas] = nullptr;
  Json patch = annotations_patch(owner, std::move(annotations));
  patch["spec"][owner.kind == Owner::Kind::hpa ? "minReplicas" : "minReplicaCount"] = to;
  return patch;
}

Json keep_at_zero(const Owner& owner, const std::string& by) {
  return annotations_patch(
      owner, {{kept_at_zero, "true"}, {paused_replicas, "0"}, {moved_by, by.empty() ? Json() : Json(by)}});
}

Json let_go(const Owner& owner) {
  Json annotations = {{kept_at_zero, nullptr}, {paused_replicas, nullptr}};
  if (!owner.original && !owner.set) annotations[moved_by] = nullptr;
  return annotations_patch(owner, std::move(annotations));
}

}  // namespace alertscaler::kubernetes
