// Scales one replicated service of a Swarm by its specification; the Swarm makes and removes the tasks.
#pragma once

#include <memory>

#include "act/backend.h"
#include "act/docker/engine.h"
#include "model/target.h"

namespace alertscaler::docker {

// `engine`, a manager of the Swarm, outlives it. A count that somebody else has changed since it was observed, or
// since this backend set it, is never overwritten: conflict. Whatever else is in the specification stays as it is.
[[nodiscard]] std::unique_ptr<Backend> make_swarm_backend(SwarmService service, Engine& engine);

}  // namespace alertscaler::docker
