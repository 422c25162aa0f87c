// A pool of containers on one engine, each of which is a node of a Kubernetes cluster: makes them, removes them once
// they are drained, and drains the one that an alert names.
#pragma once

#include <memory>
#include <string>

#include "act/backend.h"
#include "act/docker/engine.h"
#include "act/keep.h"
#include "act/kubernetes/api_server.h"
#include "act/kubernetes/events.h"
#include "act/node_backend.h"
#include "base/clock.h"
#include "base/names.h"
#include "model/policy.h"
#include "model/target.h"

namespace alertscaler::node_pool {

struct Settings {
  TargetName target;
  DockerNodes nodes;
  DrainPolicy drain;                               // of what a scale-down removes
  Duration join_within = std::chrono::minutes{2};  // a replacement must be a Ready node within this time
  std::string installation{};                      // of this program; empty: marks carry the target's name alone
  std::string own_pod{};                           // "namespace/name" of the pod that we are; empty: none

  // One call makes containers for this long at most; the next pass makes the rest.
  Duration making_for = std::chrono::seconds{5};
  // How long one call waits for a container to stop; the engine goes on stopping it meanwhile.
  Duration stop_wait = std::chrono::seconds{1};
  // A node that is empty is looked at for so long: a scheduler that had not seen the cordon may have bound a pod to it.
  Duration settles_after = std::chrono::seconds{5};
  // A container that is no Ready node after this time is asked what its log says.
  Duration log_after = std::chrono::seconds{10};
};

// What is referred to outlives the pool.
struct Access {
  docker::Engine& engine;
  kubernetes::ApiServer& server;
  Keep& keep;
  kubernetes::Events* events = nullptr;  // null: nobody is told
  const Clock& clock;
  std::unique_ptr<NodeBackend> drains;  // drains any node of the cluster; a node that it cordons carries its mark
};

// One object with two faces, which are never called at the same time. What is under way is read off the engine and the
// cluster: a node that is drained for its removal, one that is certain to go and one that is replaced each have a mark
// (an annotation with the target's name), and each step can be repeated; so whoever is killed goes on where he was.
// Under keep's key "pool/PREFIX" it leaves the highest number ever used in a name.
struct Faces {
  std::shared_ptr<Backend> replicas;
  std::shared_ptr<NodeBackend> nodes;
};
[[nodiscard]] Faces make_pool(Settings settings, Access access);

}  // namespace alertscaler::node_pool
