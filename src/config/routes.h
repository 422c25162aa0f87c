// The list of routes: matchers, and what the alerts that they match ask of which target.
#pragma once

#include <map>
#include <vector>

#include "config/value.h"
#include "model/route.h"
#include "model/target.h"

namespace alertscaler::config {

// Every route of the list that could be read. Names of targets are not looked up when `targets` is null.
[[nodiscard]] std::vector<AlertRoute> read_routes(const Value& value, const std::map<TargetName, Target>* targets);

}  // namespace alertscaler::config
