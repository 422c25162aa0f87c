// HTTP in: notifications, the API, metrics and probes. A handler only parses, stores and kicks; it never acts.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "base/secret.h"
#include "model/settings.h"
#include "receive/ports.h"
#include "record/metrics.h"
#include "remember/store.h"

namespace alertscaler::receive {

// Every limit is named here; nothing relies on the library's defaults.
struct Limits {
  std::size_t body_bytes_max = 8U << 20U;
  std::size_t header_bytes_max = 64U << 10U;  // request line and headers together
  std::size_t alerts_per_notification_max = 100'000;
  int connections_max = 256;      // one thread each; beyond that a connection is answered 503 and closed
  int large_bodies_max = 4;       // bodies above 1 MiB being read or parsed at the same time
  Duration read_timeout{30'000};  // for one whole request, first byte to last: a slow client is cut off
  Duration idle_timeout{60'000};  // between the requests of a kept-alive connection
  Duration wait_max{60'000};      // the most that ?wait= may ask for
};

struct ServerOptions {
  std::string host = "127.0.0.1";
  int port = 9095;  // 0: any free one
  WebConfig web;
  std::string version;
  Limits limits;
};

class Server {
 public:
  virtual ~Server() = default;  // stops
  // Binds, starts the threads, returns when connections are accepted: the port. invalid: the address is none or in
  // use, or the token file cannot be used, with what to do.
  [[nodiscard]] static Result<std::unique_ptr<Server>> start(ServerOptions options, Store& store,
                                                             Controller& controller, Metrics& metrics,
                                                             const Clock& clock);
  [[nodiscard]] virtual int port() const = 0;
  // New requests are answered 503, those under way end; returns within 5 s, whatever the clients do. Idempotent.
  virtual void stop() = 0;
};

}  // namespace alertscaler::receive
