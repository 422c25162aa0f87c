// `alertscaler serve`: wiring, signals, and the orderly stop.
#pragma once

#include "app/options.h"

namespace alertscaler::app {

// Runs until SIGTERM or SIGINT; the exit status. Errors at start go to stderr, one line each, in words.
[[nodiscard]] int serve(const ServeOptions& options);

}  // namespace alertscaler::app
