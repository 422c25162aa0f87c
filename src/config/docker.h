// Where the Docker Engine is: the key `docker`, or what the environment says.
#pragma once

#include "config/value.h"
#include "model/settings.h"

namespace alertscaler::config {

void read_docker(const Value& value, DockerEndpoint& out);

}  // namespace alertscaler::config
