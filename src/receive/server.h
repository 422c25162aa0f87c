// HTTP in: notifications, the API, metrics and probes. A handler only parses, stores and kicks; it never acts.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "model/settings.h"
#include "receive/events.h"
#include "receive/external_url.h"
#include "receive/limits.h"
#include "receive/ports.h"
#include "record/metrics.h"
#include "remember/store.h"

namespace alertscaler::receive {

struct ServerOptions {
  std::string host = "127.0.0.1";  // empty: every interface
  int port = 9095;                 // 0: any free one
  WebConfig web;
  std::vector<ExternalUrl> external_urls;  // under which browsers may find us, beside our addresses and our host's name
  std::string version;
  Limits limits;
  // What does not work although the program is ready, a line each; empty function: nothing is ever wrong.
  std::function<std::vector<std::string>()> troubles;
  // Reads the configuration again: what whoever asked had better know although it worked, mostly nothing; the text of
  // an error has one line a problem. Thread-safe; empty: there is nothing to read again.
  std::function<Result<std::string>()> reload{};
};

// What start() would say of the files that the web configuration names, without starting.
struct WebFiles {
  std::vector<std::string> errors;
  std::vector<std::string> warnings;
};
[[nodiscard]] WebFiles check_web_files(const WebConfig& web, const Clock& clock);

class Server {
 public:
  virtual ~Server() = default;  // stops
  // Binds, starts the thread that accepts, returns when connections are taken. invalid: the address is none or in use,
  // with what to do; invalid, not_found or refused: a file of the web configuration cannot be used,
  // likewise. `events` is started and
  // stopped with the server. REQUIRES: SIGPIPE is ignored.
  [[nodiscard]] static Result<std::unique_ptr<Server>> start(ServerOptions options, Store& store,
                                                             Controller& controller, Metrics& metrics,
                                                             const Clock& clock, Events& events);
  [[nodiscard]] virtual int port() const = 0;
  // New requests are answered 503, those under way end; returns within 5 s, whatever the clients do. Idempotent.
  virtual void stop() = 0;
};

}  // namespace alertscaler::receive
