// The one text form of a decision, for people: the API, the log, the history and the tests all show it.
#pragma once

#include <string>

#include "decide/decide.h"

namespace alertscaler::decide {

[[nodiscard]] std::string render(const Decision& decision, const Inputs& inputs, const TargetState& state);

}  // namespace alertscaler::decide
