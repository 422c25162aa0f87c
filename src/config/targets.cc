#include "config/targets.h"

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "config/targets_command.h"
#include "config/targets_kubernetes.h"
#include "config/targets_nodes.h"
#include "config/targets_pool.h"
#include "config/targets_swarm.h"

namespace alertscaler::config {
namespace {

struct TargetDraft {
  Target target;
  std::optional<Mark> name_at;
  std::vector<std::string> kinds;  // as the file names them
  bool backend_known = false;      // the kind's own map could be read
  std::optional<int> initial;
  std::optional<Mark> initial_at;
  std::string node_label;
  std::optional<Mark> node_label_at;
  HpaMode hpa = HpaMode::automatic;
  std::optional<Mark> hpa_at;
};

void read_name(const Value& value, TargetDraft& draft) {
  static const Form form("[A-Za-z0-9][A-Za-z0-9_.-]{0,62}");
  std::string name;
  if (!value.read_text(
          name, "a name", form,
          "a name of at most 63 letters, digits, \"_\", \".\" and \"-\" that begins with a letter or digit")) {
    return;
  }
  draft.target.name = TargetName{name};
  draft.name_at = value.at();
}

void read_simulated(const Value& value, TargetDraft& draft) {
  static constexpr std::array<Field<Simulated>, 2> fields = {{
      {"replicas", [](const Value& v, Simulated& s) { v.read(s.replicas); }, "How many there are in the beginning"},
      {"startup_delay", [](const Value& v, Simulated& s) { v.read(s.startup_delay, AtLeast::zero); },
       "How long a new one takes to be ready"},
  }};
  Simulated simulated;
  MapReader map(value, "a map such as {replicas: 2, startup_delay: 3s}");
  map.take(fields, simulated);
  map.finish();
  draft.target.backend = simulated;
  draft.backend_known = map.is_map();
}

void read_advisory(const Value& value, TargetDraft& draft) {
  static constexpr std::array<Field<Advisory>, 1> fields = {{
      {"initial", [](const Value& v, Advisory&) { v.refuse("stands beside advisory, not in it"); }},
  }};
  Advisory advisory;
  MapReader map(value, "an empty map, {}");
  map.take(fields, advisory);
  map.finish();
  draft.target.backend = advisory;
  draft.backend_known = map.is_map();
}

void read_project(const Value& value, ComposeService& service) {
  static const Form form("[a-z0-9_-]+");
  const std::string lower = text::to_lower(value.node().text);
  const std::string hint = form.fits(lower) ? " (Compose makes it " + lower + ")" : std::string{};
  value.read_text(service.project, "the name of a Compose project", form,
                  "the name of a Compose project, which has only a-z, 0-9, \"_\" and \"-\"" + hint);
}

void read_service(const Value& value, ComposeService& service) {
  static const Form form("[A-Za-z0-9_.-]+");
  value.read_text(service.service, "the name of a Compose service", form,
                  "the name of a Compose service, which has only letters, digits, \"_\", \".\" and \"-\"");
}

void read_copy_paths(const Value& value, ComposeService& service) {
  static const Form form("/(.*[^/])?[^/]");
  if (value.left_empty()) return;
  for (const Value& item : value.items("a list of paths, such as [/etc/app.conf]")) {
    std::string path;
    if (item.read_text(path, "a path", form, "the absolute path of a file in the container")) {
      service.copy_paths.push_back(path);
    }
  }
}

void read_compose(const Value& value, TargetDraft& draft) {
  static constexpr std::array<Field<ComposeService>, 3> fields = {{
      {"project", read_project, "The name of the Compose project, as docker compose ls shows it"},
      {"service", read_service, "The service, as docker compose ps shows it"},
      {"copy_paths", read_copy_paths,
       "Files that were put into the running containers and are in no image, volume or mount: a new replica gets a "
       "copy"},
  }};
  ComposeService service;
  MapReader map(value, "a map such as {project: shop, service: web}");
  map.take(fields, service);
  map.finish({"project", "service"});
  draft.backend_known = !service.project.empty() && !service.service.empty();
  draft.target.backend = std::move(service);
}

void read_swarm_service(const Value& value, TargetDraft& draft) {
  SwarmService service;
  draft.backend_known = read_swarm(value, service);
  draft.target.backend = std::move(service);
}

void read_swarm_nodes(const Value& value, TargetDraft& draft) {
  SwarmNodes nodes;
  draft.backend_known = read_swarm_node(value, nodes);
  draft.target.backend = std::move(nodes);
}

void read_node_containers(const Value& value, TargetDraft& draft) {
  DockerNodes pool;
  draft.backend_known = read_pool(value, pool);
  draft.target.backend = std::move(pool);
}

void read_programs(const Value& value, TargetDraft& draft) {
  CommandTarget command;
  draft.backend_known = read_command(value, command);
  if (draft.backend_known) draft.target.backend = std::move(command);
}

void read_workload(const Value& value, TargetDraft& draft) {
  KubernetesWorkload workload;
  draft.backend_known = read_workload_key(value, workload);
  draft.target.backend = std::move(workload);
}

void read_initial(const Value& value, TargetDraft& draft) {
  draft.initial_at = value.at();
  value.read(draft.initial);
}

void read_node_label(const Value& value, TargetDraft& draft) {
  draft.node_label_at = value.at();
  draft.node_label = KubernetesNodes{}.node_label;
  value.read_text(draft.node_label, "the name of a label");
}

void read_nodes(const Value& value, TargetDraft& draft) {
  auto nodes = read_kubernetes_node(value);
  draft.backend_known = nodes.has_value();
  if (nodes) draft.target.backend = *std::move(nodes);
}

constexpr std::array<Field<TargetDraft>, 4> target_fields = {{
    {"name", read_name, "By which alerts and people call it"},
    {"initial", read_initial,
     "Beside advisory: the desired count in the beginning; left out: 1, or the nearest within min and max"},
    {"hpa",
     [](const Value& v, TargetDraft& d) {
       d.hpa_at = v.at();
       (void)read_hpa(v, d.hpa);
     },
     "Beside kubernetes, when an HPA or KEDA sets the count: move its floor (auto), leave it alone (refuse), or scale "
     "all the same (ignore)"},
    {"node_label", read_node_label, "Beside a kind of nodes: the label of an alert that says which node"},
}};

constexpr std::array<Field<TargetDraft>, 9> kind_fields = {{
    {"docker_compose", read_compose, "Kind: the replicas of a Compose service on the engine"},
    {"docker_swarm", read_swarm_service,
     "Kind: the replicas of a Swarm service; docker must be a manager of the Swarm"},
    {"docker_swarm_node", read_swarm_nodes,
     "Kind: the nodes of the Swarm that docker manages, which are drained and never scaled"},
    {"docker_nodes", read_node_containers,
     "Kind: a pool of containers on the engine, each of which joins a Kubernetes cluster as a node"},
    {"kubernetes", read_workload, "Kind: an object in a Kubernetes cluster, anything that kubectl scale can scale"},
    {"kubernetes_node", read_nodes, "Kind: nodes of a Kubernetes cluster, which are drained and never scaled"},
    {"command", read_programs, "Kind: anything else that two programs of yours count and scale"},
    {"simulated", read_simulated,
     "Kind: a fleet that exists only in alertscaler, for trying things out; its count survives a restart"},
    {"advisory", read_advisory,
     "Kind: touches nothing; the desired count is shown in the API and the metrics for something else to act on"},
}};

std::string kinds_in_words() {
  std::vector<std::string> words;
  words.reserve(kind_fields.size());
  for (const auto& kind : kind_fields) words.emplace_back(kind.key);
  return text::join(words, ", ");
}

// One and only one kind. `misspelt`: the keys that unknown ones were probably meant to be.
bool check_kind(const Value& value, const TargetDraft& draft, const std::vector<std::string>& misspelt) {
  if (draft.kinds.size() > 1) {
    return value.problem("a target has one kind, and here are " + std::to_string(draft.kinds.size()) + ": " +
                         text::join(draft.kinds, ", "));
  }
  if (draft.kinds.size() == 1) return true;
  for (const auto& kind : kind_fields) {  // already reported, as an unknown key
    if (std::find(misspelt.begin(), misspelt.end(), kind.key) != misspelt.end()) return false;
  }
  return value.problem("the target has no kind: add one of " + kinds_in_words() +
                       ", such as docker_compose: {project: shop, service: web}");
}

// min and max come from the target or from the defaults, so they meet only here.
void check_bounds(const Value& value, const PolicyDraft& draft, const PolicyDraft& defaults) {
  const Policy& policy = draft.policy;
  if (!draft.bounds_known || policy.min <= policy.max) return;
  const bool both_from_defaults = !draft.min_at && !draft.max_at;
  if (both_from_defaults && defaults.min_at && defaults.max_at) return;  // reported there
  const auto origin = [&](const std::optional<Mark>& here, const std::optional<Mark>& there) {
    return here ? "" : there ? " from defaults" : ", the default";
  };
  value.problem_at(draft.max_at   ? *draft.max_at
                   : draft.min_at ? *draft.min_at
                                  : value.at(),
                   "max (" + std::to_string(policy.max) + origin(draft.max_at, defaults.max_at) + ") is below min (" +
                       std::to_string(policy.min) + origin(draft.min_at, defaults.min_at) + ")");
}

void check_initial(const Value& value, TargetDraft& draft, bool bounds_fit) {
  auto* advisory = std::get_if<Advisory>(&draft.target.backend);
  const Policy& policy = draft.target.policy;
  if (draft.initial_at && draft.kinds != std::vector<std::string>{"advisory"}) {
    value.problem_at(*draft.initial_at, "initial is for an advisory target; others are observed");
  } else if (advisory != nullptr && bounds_fit) {
    advisory->initial = draft.initial.value_or(std::clamp(advisory->initial, policy.min, policy.max));
    if (advisory->initial < policy.min || advisory->initial > policy.max) {
      value.problem_at(*draft.initial_at, "initial (" + std::to_string(advisory->initial) + ") is outside of min (" +
                                              std::to_string(policy.min) + ") and max (" + std::to_string(policy.max) +
                                              ")");
    }
  }
}

void check_hpa(const Value& value, TargetDraft& draft) {
  auto* workload = std::get_if<KubernetesWorkload>(&draft.target.backend);
  if (workload != nullptr) {
    workload->hpa = draft.hpa;
  } else if (draft.hpa_at && !draft.kinds.empty()) {
    value.problem_at(*draft.hpa_at, "hpa is for a kubernetes target");
  }
}

// What two targets must not both be, in words; absent: others may be the same, or it takes the cluster to say so.
std::optional<std::string> owned_by(const BackendRef& backend) {
  if (const auto* compose = std::get_if<ComposeService>(&backend)) {
    return "the same Compose service, " + compose->service + " of project " + compose->project;
  }
  if (const auto* pool = std::get_if<DockerNodes>(&backend)) {
    return "pools of the same names, " + pool->name_prefix + "1 and so on";
  }
  if (const auto* swarm = std::get_if<SwarmService>(&backend)) return "the same Swarm service, " + swarm->service;
  return std::nullopt;
}

// What the checks of a whole target know about its keys.
void describe_kinds(Shape& shape) {
  for (const auto& kind : kind_fields) shape.exactly_one.emplace_back(kind.key);
  shape.only_with.push_back({"initial", {std::string(backend_name(Advisory{}))}});
  shape.only_with.push_back({"hpa", {std::string(backend_name(KubernetesWorkload{}))}});
  describe_node_keys(shape);
}

TargetDraft read_target(const Value& value, const PolicyDraft& defaults) {
  TargetDraft draft;
  PolicyDraft policy;
  policy.policy = defaults.policy;
  policy.bounds_known = defaults.bounds_known;
  draft.hpa = defaults.hpa;
  constexpr std::string_view what = "a map such as {name: web, docker_compose: {project: shop, service: web}}";
  if (value.node().kind != Element::Kind::map) {
    value.expected(what);
    return draft;
  }
  MapReader map(value, what);
  map.take(target_fields, draft);
  for (const auto& kind : kind_fields) {
    const auto& entries = value.node().entries;
    const bool here = std::any_of(entries.begin(), entries.end(), [&](const Entry& e) { return e.key == kind.key; });
    if (here) draft.kinds.emplace_back(kind.key);
  }
  map.take(kind_fields, draft);
  read_policy(map, policy);
  const std::vector<std::string> misspelt = map.finish({"name"});
  if (map.shape() != nullptr) describe_kinds(*map.shape());
  draft.backend_known &= check_kind(value, draft, misspelt);
  if (draft.backend_known) check_node_keys(value, draft.target.backend, draft.node_label_at);
  if (!draft.node_label.empty()) {
    if (auto* nodes = std::get_if<KubernetesNodes>(&draft.target.backend)) nodes->node_label = draft.node_label;
    if (auto* nodes = std::get_if<SwarmNodes>(&draft.target.backend)) nodes->node_label = draft.node_label;
    if (auto* nodes = std::get_if<DockerNodes>(&draft.target.backend)) nodes->node_label = draft.node_label;
  }
  check_bounds(value, policy, defaults);
  draft.target.policy = policy.policy;
  if (has_count(draft.target.backend) && node_label_of(draft.target.backend) != nullptr) {
    // Beside the pods' own time, that of the container to stop.
    constexpr Duration stop_grace = std::chrono::seconds{30};
    const DrainPolicy& drain = policy.policy.drain;
    draft.target.policy.removal_timeout = drain.timeout + drain.grace_period.value_or(stop_grace);
  }
  check_hpa(value, draft);
  check_initial(value, draft, policy.bounds_known && policy.policy.min <= policy.policy.max);
  return draft;
}

}  // namespace

std::map<TargetName, Target> read_targets(const Value& value, const PolicyDraft& defaults,
                                          std::vector<PlacedTarget>& placed) {
  constexpr std::string_view example = "targets: [{name: web, docker_compose: {project: shop, service: web}}]";
  std::map<TargetName, Target> targets;
  const Element& node = value.node();
  if (node.kind == Element::Kind::nothing || (node.kind == Element::Kind::list && node.items.empty())) {
    value.problem("no target to scale; add at least one, such as " + std::string(example));
    return targets;
  }
  struct First {
    std::string name;
    Mark at;
  };
  std::map<TargetName, Mark> names;
  std::map<std::string, First> owned;
  for (const Value& item :
       value.items("a list of targets, such as " + std::string(example), {.least = 1, .most = any_length})) {
    TargetDraft draft = read_target(item, defaults);
    if (!draft.name_at) continue;
    const TargetName name = draft.target.name;
    if (const auto [first, added] = names.emplace(name, *draft.name_at); !added) {
      item.problem_at(*draft.name_at, "the name " + name.text + " on line " + std::to_string(draft.name_at->line) +
                                          " is taken by the target on line " + std::to_string(first->second.line));
      continue;
    }
    const auto words = draft.backend_known ? owned_by(draft.target.backend) : std::nullopt;
    if (words) {
      const auto [first, added] = owned.emplace(*words, First{name.text, item.at()});
      if (!added) {
        item.problem(name.text + " and " + first->second.name + " (line " + std::to_string(first->second.at.line) +
                     ") are " + *words + "; one target can have several alerts");
      }
    }
    if (draft.backend_known) placed.push_back({name, item});
    targets.emplace(name, std::move(draft.target));
  }
  return targets;
}

}  // namespace alertscaler::config
