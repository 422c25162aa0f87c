// The HTTP server that every mode has, from start to signal.
#pragma once

#include <functional>
#include <string>

#include <httplib.h>

#include "base/result.h"

namespace shop {

// HOST:PORT, as in --listen.
struct Address {
  std::string host;
  int port = 0;
};
[[nodiscard]] alertscaler::Result<Address> parse_address(const std::string& text);

// Call first, before any thread starts: SIGINT and SIGTERM then wait for serve_until_signal.
void hold_signals();

// Adds GET /healthz and GET /metrics (the text that `metrics` returns), listens, and returns after SIGINT or SIGTERM.
[[nodiscard]] alertscaler::Status serve_until_signal(httplib::Server& server, const Address& address,
                                                     const std::function<std::string()>& metrics);

}  // namespace shop
