// `alertscaler schema`: what a configuration file may hold, as a JSON Schema that editors complete and check by.
#pragma once

#include <string>

#include "config/shape.h"

namespace alertscaler::app {

// Draft 7, which editors know best. It refuses nothing that the program takes; what only a look at several keys, other
// files or the running world can tell, it lets pass.
[[nodiscard]] std::string json_schema(const config::Shape& shape);

}  // namespace alertscaler::app
