// `alertscaler check`: the files on the command line, and what is found on stdout.
#pragma once

#include "app/options.h"

namespace alertscaler::app {

// 0: nothing worse than warnings; 1: errors; 2: wrong usage.
[[nodiscard]] int check(const CheckOptions& options);

}  // namespace alertscaler::app
