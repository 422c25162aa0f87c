// The kind `docker_nodes`: a pool of containers that join a Kubernetes cluster as nodes.
#pragma once

#include "config/value.h"
#include "model/target.h"

namespace alertscaler::config {

// Says whether it could be read; what could not is reported.
[[nodiscard]] bool read_pool(const Value& value, DockerNodes& out);

}  // namespace alertscaler::config
