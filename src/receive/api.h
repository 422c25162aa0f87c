// The reading half of the API: targets, alerts, history, status.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "receive/answer.h"
#include "receive/ports.h"
#include "receive/request.h"
#include "remember/store.h"

namespace alertscaler::receive {

struct ApiOptions {
  std::string version;
  std::string authentication = "none";  // what a client may show, in words
  Instant started;
  std::function<std::vector<std::string>()> troubles{};  // see ServerOptions
};

// 404 with the nearest name.
[[nodiscard]] Answer no_such_target(const Controller& controller, std::string_view name);

// Thread-safe.
class Api {
 public:
  Api(Store& store, Controller& controller, const Clock& clock, ApiOptions options);

  [[nodiscard]] Answer targets(const Request& request) const;
  [[nodiscard]] Answer target(const Request& request, std::string_view name) const;
  [[nodiscard]] Answer alerts(const Request& request) const;
  [[nodiscard]] Answer history(const Request& request) const;
  [[nodiscard]] Answer status(const Request& request) const;
  [[nodiscard]] Answer ready(const Request& request) const;

 private:
  [[nodiscard]] std::vector<std::string> troubles() const;
  [[nodiscard]] tl::expected<HistoryQuery, Refusal> read_query(const Params& params) const;

  Store& store_;
  Controller& controller_;
  const Clock& clock_;
  const ApiOptions options_;
};

}  // namespace alertscaler::receive
