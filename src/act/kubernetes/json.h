// What act/json.h offers, in the words of this folder.
#pragma once

#include "act/json.h"

namespace alertscaler::kubernetes {

using namespace json;

}  // namespace alertscaler::kubernetes
