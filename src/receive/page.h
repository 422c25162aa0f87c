// The page at /: what there is to see and where, for somebody with a browser. No scripts.
#pragma once

#include <string>
#include <vector>

#include "model/view.h"
#include "receive/answer.h"

namespace alertscaler::receive {

[[nodiscard]] Answer page(const std::string& version, const std::vector<TargetView>& targets);

}  // namespace alertscaler::receive
