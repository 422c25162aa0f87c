// What act/json.h offers, in the words of this folder.
#pragma once

#include "act/json.h"

namespace alertscaler::docker {

using namespace json;

}  // namespace alertscaler::docker
