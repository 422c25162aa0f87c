// The client commands: each asks a running server, prints, and gives the exit status (0 done, 1 failed).
#pragma once

#include "client/options.h"

namespace alertscaler::client {

// Posts a notification with one alert and prints what became of it; 1 as well when the server ignored it.
[[nodiscard]] int send(const SendOptions& options);
[[nodiscard]] int status(const StatusOptions& options);
// With --follow it only ends when the server stays away for a while.
[[nodiscard]] int history(const HistoryOptions& options);
[[nodiscard]] int scale(const ScaleOptions& options);
[[nodiscard]] int pause(const PauseOptions& options);

}  // namespace alertscaler::client
