// What can be scaled, as the configuration describes it.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/names.h"
#include "model/policy.h"

namespace alertscaler {

// One service of a Compose project on one engine.
struct ComposeService {
  std::string project;
  std::string service;
  std::vector<std::string> copy_paths;  // absolute paths of files that live only in the container layer
  bool operator==(const ComposeService&) const = default;
};

// Needs nothing; its count survives a restart. A new replica is ready after startup_delay.
struct Simulated {
  int replicas = 1;
  Duration startup_delay{0};
  bool operator==(const Simulated&) const = default;
};

// Touches nothing; the desired count is for an HPA, KEDA or a person to consume.
struct Advisory {
  int initial = 1;
  bool operator==(const Advisory&) const = default;
};

// One replicated service of a Swarm.
struct SwarmService {
  std::string service;  // its name or id
  bool operator==(const SwarmService&) const = default;
};

// Nodes of the Swarm, to be drained; which one, the alert says.
struct SwarmNodes {
  std::string node_label = "node";  // of the alert
  bool operator==(const SwarmNodes&) const = default;
};

// Whatever else there is, by two programs: one says how many there are, the other sets how many there shall be.
struct CommandTarget {
  std::vector<std::string> observe;              // argv; {target} in it stands for the target's name
  std::vector<std::string> scale;                // {replicas}, too, stands for the count
  std::map<std::string, std::string> env{};      // beside a minimal environment
  std::string directory{};                       // where they run; empty: where we do
  Duration deadline = std::chrono::seconds{10};  // of observe; scale has the action's timeout
  bool operator==(const CommandTarget&) const = default;
};

// What to do with a workload whose count an autoscaler (an HPA, or KEDA's ScaledObject) sets.
enum class HpaMode {
  automatic,  // move the autoscaler's floor, and put it back when the episode ends
  refuse,     // leave it alone: blocked
  ignore,     // scale the workload all the same
};

// Anything with a scale subresource in a Kubernetes cluster.
struct KubernetesWorkload {
  std::string name_space;   // empty: that of the kubeconfig's context, or of our pod
  std::string api_version;  // "apps/v1"
  std::string kind;         // "Deployment"
  std::string name;
  HpaMode hpa = HpaMode::automatic;
  bool operator==(const KubernetesWorkload&) const = default;
};

// Nodes of a Kubernetes cluster, to be drained; which one, the alert says.
struct KubernetesNodes {
  std::string selector;             // of node labels, as kubectl takes it; empty: every node
  std::string node_label = "node";  // of the alert
  bool operator==(const KubernetesNodes&) const = default;
};

// What a container sees of the engine's disk.
struct ContainerMount {
  std::string source;  // an absolute path on the engine's machine, or the name of a volume
  std::string target;  // in the container
  bool read_only = false;
  bool operator==(const ContainerMount&) const = default;
};

struct ContainerLimit {
  std::string name;  // "nofile"
  std::int64_t soft = 0;
  std::int64_t hard = 0;
  bool operator==(const ContainerLimit&) const = default;
};

// A pool of containers, each of which joins a Kubernetes cluster as a node of its own name.
struct DockerNodes {
  std::string image;
  std::string name_prefix;                // of containers and nodes: the prefix and a number that is never used twice
  std::vector<std::string> networks;      // of the engine
  std::vector<std::string> entrypoint{};  // empty: the image's
  std::vector<std::string> command{};     // likewise
  std::map<std::string, std::string> env{};
  std::vector<ContainerMount> mounts{};        // with those that bring the files of *_FILE variables
  std::map<std::string, std::string> tmpfs{};  // path in the container -> options
  std::vector<ContainerLimit> ulimits{};
  std::map<std::string, std::string> labels{};
  bool privileged = false;
  bool init = false;                // the engine's own init as the first process
  std::string node_label = "node";  // of an alert that drains one of them
  bool operator==(const DockerNodes&) const = default;
};

using BackendRef = std::variant<Simulated, Advisory, ComposeService, SwarmService, SwarmNodes, CommandTarget,
                                DockerNodes, KubernetesNodes, KubernetesWorkload>;
[[nodiscard]] std::string_view backend_name(const BackendRef& ref);  // "docker_compose": the configuration's own word
// The reference's own keys for people and for the API: {{"project","shop"},{"service","web"}}.
[[nodiscard]] std::vector<std::pair<std::string, std::string>> describe(const BackendRef& ref);
// The object that it names, to be told from another one: "docker_compose project=shop service=web". What we know of a
// node holds whichever nodes the target has, so that of those it is the kind alone. Kept in the store: it stays the
// same from version to version.
[[nodiscard]] std::string object_of(const BackendRef& ref);

// Of a target with nodes, the label of an alert that says which one; null: it has none that an alert could name.
[[nodiscard]] const std::string* node_label_of(const BackendRef& ref);
// Is the target a number of replicas? It is so without nodes, and also if its replicas are nodes.
[[nodiscard]] bool has_count(const BackendRef& ref);
// What the nodes of such a target have in common, for people: "the selector role=worker".
[[nodiscard]] std::string nodes_in_words(const BackendRef& ref);

struct Target {
  TargetName name;
  Policy policy;
  BackendRef backend;
  bool operator==(const Target&) const = default;
};

}  // namespace alertscaler
