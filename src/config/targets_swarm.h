// The kinds `docker_swarm` and `docker_swarm_node`: a service of a Swarm, and its nodes.
#pragma once

#include "config/value.h"
#include "model/target.h"

namespace alertscaler::config {

// Says whether it could be read; what could not is reported.
[[nodiscard]] bool read_swarm(const Value& value, SwarmService& out);
[[nodiscard]] bool read_swarm_node(const Value& value, SwarmNodes& out);

}  // namespace alertscaler::config
