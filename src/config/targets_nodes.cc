#include "config/targets_nodes.h"

#include <algorithm>
#include <array>
#include <utility>
#include <variant>

#include "config/label_selector.h"

namespace alertscaler::config {
namespace {

const Entry* find(const Value& target, std::string_view key) {
  const auto& entries = target.node().entries;
  const auto found = std::find_if(entries.begin(), entries.end(), [&](const Entry& entry) { return entry.key == key; });
  return found == entries.end() ? nullptr : &*found;
}

struct Meaningless {
  std::string_view key;
  std::string_view why;
};

// Of a target of nodes. What comes from `defaults` is for the other targets and does no harm.
constexpr std::array<Meaningless, 6> of_counts = {{
    {"min", "is for a target with replicas; nodes are drained one by one: see drain.max_unavailable"},
    {"max", "is for a target with replicas; nodes are drained one by one: see drain.max_unavailable"},
    {"up", "is for a target with replicas; nodes are drained and let work again"},
    {"down", "is for a target with replicas; nodes are drained and let work again"},
    {"repeat", "is for a target with replicas; a node is drained for as long as its alert fires"},
    {"timeout", "is for a target with replicas; how long a drain may take is drain.timeout"},
}};

void check_target_of_nodes(const Value& target) {
  for (const Meaningless& each : of_counts) {
    if (const Entry* entry = find(target, each.key)) {
      target.entry(*entry).problem(std::string(each.why));
    }
  }
  const Entry* drain = find(target, "drain");
  if (drain != nullptr && drain->value.kind == Element::Kind::map) {
    const Value policy = target.entry(*drain);
    if (const Entry* replace = find(policy, "replace"); replace != nullptr && says_true(replace->value)) {
      policy.entry(*replace).problem(
          "is for a pool (docker_nodes), which can make another node; the nodes of this target are not made here");
    }
  }
  const Entry* on_resolve = find(target, "on_resolve");
  if (on_resolve != nullptr && on_resolve->value.kind == Element::Kind::scalar && on_resolve->value.text == "min") {
    target.entry(*on_resolve).problem("a node has no min to go to: use restore, which lets it work again, or stay");
  }
}

// The kinds for which that holds, as the configuration names them.
template <std::size_t... Index>
std::vector<std::string> kinds_that(bool (*hold)(const BackendRef&), std::index_sequence<Index...>) {
  std::vector<std::string> kinds;
  const auto add = [&](const BackendRef& ref) {
    if (hold(ref)) kinds.emplace_back(backend_name(ref));
  };
  (add(BackendRef(std::in_place_index<Index>)), ...);
  return kinds;
}
std::vector<std::string> kinds_that(bool (*hold)(const BackendRef&)) {
  return kinds_that(hold, std::make_index_sequence<std::variant_size_v<BackendRef>>());
}

}  // namespace

std::optional<KubernetesNodes> read_kubernetes_node(const Value& value) {
  static constexpr std::array<Field<KubernetesNodes>, 1> fields = {{
      {"selector",
       [](const Value& v, KubernetesNodes& n) {
         std::string selector;
         if (!v.read_text(selector, "a selector of node labels, such as node-role.kubernetes.io/worker=")) return;
         if (const auto wrong = wrong_with_selector(selector)) {
           v.problem("no selector of node labels, such as node-role.kubernetes.io/worker=,zone in (a, b): " + *wrong);
         } else {
           n.selector = selector;
         }
       },
       "Which nodes belong to the target, a selector of node labels as kubectl -l takes it; left out: all"},
  }};
  KubernetesNodes nodes;
  MapReader map(value, "a map such as {selector: \"node-role.kubernetes.io/worker=\"}");
  map.take(fields, nodes);
  map.finish();
  if (!map.is_map()) return std::nullopt;
  return nodes;
}

void describe_node_keys(Shape& target) {
  std::vector<std::string> meaningless(of_counts.size());
  std::transform(of_counts.begin(), of_counts.end(), meaningless.begin(),
                 [](const Meaningless& each) { return std::string(each.key); });
  for (const std::string& kind : kinds_that([](const BackendRef& ref) { return !has_count(ref); })) {
    target.never_with.emplace_back(kind, meaningless);
  }
  const auto of_nodes = kinds_that([](const BackendRef& ref) { return node_label_of(ref) != nullptr; });
  target.only_with.emplace_back("node_label", of_nodes);
  target.only_with.emplace_back("drain", of_nodes);
}

void check_node_keys(const Value& target, const BackendRef& backend, const std::optional<Mark>& node_label) {
  if (node_label_of(backend) != nullptr) {
    if (!has_count(backend)) check_target_of_nodes(target);
    return;
  }
  if (node_label) target.problem_at(*node_label, "node_label is for a target of nodes, and this is none");
  if (const Entry* drain = find(target, "drain")) {
    target.entry(*drain).problem(
        "says how nodes are drained, and this target is none of nodes; an alert that drains it "
        "takes it to 0");
  }
}

}  // namespace alertscaler::config
