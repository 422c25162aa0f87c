// Drains and activates nodes of a Swarm, by the availability that their specification has.
#pragma once

#include <memory>

#include "act/docker/engine.h"
#include "act/node_backend.h"

namespace alertscaler::docker {

// `engine`, a manager of the Swarm, outlives it. Nodes are named by their host names, those that share one by their
// ids; an alert may also use the id or the address. A node that we drained has the label "alertscaler.drained", whose
// value is its availability from before. DrainPolicy: tasks have the grace period of their service, and data in them
// goes with them; so its other keys but timeout, max_unavailable and on_failure mean nothing here.
[[nodiscard]] std::unique_ptr<NodeBackend> make_swarm_node_backend(Engine& engine);

}  // namespace alertscaler::docker
