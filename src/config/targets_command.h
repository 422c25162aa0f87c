// The kind `command`: two programs of the user's.
#pragma once

#include "config/value.h"
#include "model/target.h"

namespace alertscaler::config {

// Says whether it could be read; what could not is reported.
[[nodiscard]] bool read_command(const Value& value, CommandTarget& out);

}  // namespace alertscaler::config
