// Drains nodes of a Kubernetes cluster as kubectl does, one short move at a time.
#pragma once

#include <memory>
#include <string>

#include "act/kubernetes/api_server.h"
#include "act/kubernetes/events.h"
#include "act/node_backend.h"
#include "base/clock.h"
#include "base/names.h"
#include "model/target.h"

namespace alertscaler::kubernetes {

// The pod that this program runs in, which leaves its node last of all; empty: none.
struct OwnPod {
  std::string name_space;
  std::string name;
};

// Whose nodes, for whom.
struct NodeDrains {
  TargetName target;
  KubernetesNodes nodes;
  OwnPod own;
  std::string installation{};  // of this program; empty: marks carry the target's name alone
};

// One pod that may not go keeps no other: the drain fails of it once nothing else is left. It does not wait for volumes
// to be detached, nor does kubectl: that is for whoever then takes the machine away.
// `server`, `clock` and `events` outlive it; without `events` nothing is told to those who look at a node. A node that
// it cordons carries the target's signature in an annotation, and only such a node does it uncordon.
[[nodiscard]] std::unique_ptr<NodeBackend> make_node_backend(NodeDrains drains, ApiServer& server, Events* events,
                                                             const Clock& clock);

}  // namespace alertscaler::kubernetes
