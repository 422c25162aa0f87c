// A container as the engine described it, and when.
#pragma once

#include "act/docker/json.h"
#include "base/clock.h"

namespace alertscaler::docker {

struct Inspected {
  Json document;        // GET /containers/{id}/json
  Instant engine_time;  // the engine's own clock, whole seconds
};

}  // namespace alertscaler::docker
