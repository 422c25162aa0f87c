// Scales one service of a Compose project the way Compose itself would, through the Engine API.
#pragma once

#include <memory>

#include "act/backend.h"
#include "act/docker/engine.h"
#include "act/keep.h"
#include "base/clock.h"
#include "model/target.h"

namespace alertscaler::docker {

struct ComposeOptions {
  // Without a health check a replica is ready when it has run this long: the engine's own measure of a good start.
  Duration stable_for = std::chrono::seconds{10};
  // One call makes replicas for this long at most; the next pass makes the rest.
  Duration making_for = std::chrono::seconds{5};
  // How long one call waits for containers to stop; the engine goes on stopping them meanwhile.
  Duration stop_wait = std::chrono::seconds{1};
  // Beyond its own grace period a container has this long to stop; then it is removed by force.
  Duration stop_overtime = std::chrono::seconds{30};
};

// `engine` and `keep` outlive it. Under keep's key "compose/PROJECT/SERVICE" it leaves what the service needs to come
// back from zero replicas.
[[nodiscard]] std::unique_ptr<Backend> make_compose_backend(ComposeService service, Engine& engine, Keep& keep,
                                                            ComposeOptions options = {});

}  // namespace alertscaler::docker
