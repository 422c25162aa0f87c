// Which handler answers a request, and what holds for all of them: authentication, the count, the log.
#pragma once

#include <atomic>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "receive/answer.h"
#include "receive/api.h"
#include "receive/authenticator.h"
#include "receive/controls.h"
#include "receive/events.h"
#include "receive/grafana_signature.h"
#include "receive/intake.h"
#include "receive/once.h"
#include "receive/origin.h"
#include "receive/ports.h"
#include "receive/push.h"
#include "receive/request.h"
#include "receive/webhook.h"
#include "record/metrics.h"
#include "remember/store.h"

namespace alertscaler::receive {

// What the handlers work with.
struct Surroundings {
  Store& store;
  Controller& controller;
  Metrics& metrics;
  const Clock& clock;
  Events& events;
  const Limits& limits;
  const std::atomic<bool>& stopping;
  GrafanaSignature* signature;  // null: there is no secret
  Names names;
  // What cannot be used of the files that the web configuration names, a line each; empty function: nothing is named.
  std::function<std::vector<std::string>()> web_troubles{};
  std::function<Result<std::string>()> reload{};  // as in ServerOptions
};

// Thread-safe.
class Router {
 public:
  // `headers` go with every answer.
  using Headers = std::vector<std::pair<std::string, std::string>>;
  Router(const Surroundings& around, Authenticator& authenticator, ApiOptions options, Headers headers);

  // The server ends, and so do its connections.
  [[nodiscard]] bool stopping() const { return stopping_.load(); }
  // A status of 0: the client has gone, there is nobody to answer.
  [[nodiscard]] Answer answer(Request request);
  // Of a request that cannot be read; `head` as far as it could be.
  [[nodiscard]] Answer refuse(const Head& head, const Refusal& refusal, std::string_view client);
  // Something threw while the request was answered; `what` is for the log alone.
  [[nodiscard]] Answer failed(const Request& request, std::string_view what);

 private:
  struct Route;

  [[nodiscard]] Answer dispatch(Request& request, Source& source);
  [[nodiscard]] Answer call(const Route& route, const Request& request, std::string_view rest, Source& source);
  [[nodiscard]] Answer listen(const Request& request);
  [[nodiscard]] Answer reload();
  [[nodiscard]] Answer unauthorized(const Request& request);
  // `answer` (401) with what a 401 has to say, and a line in the log.
  [[nodiscard]] Answer unauthorized(const Request& request, Answer answer);
  // It was refused, and might not have been if a file could be used; `trouble` says which.
  [[nodiscard]] Answer cannot_tell(const Request& request, std::string_view trouble);
  void say_unauthorized(const Request& request);
  [[nodiscard]] Answer read_only(const Request& request);
  // A browser sends it that is not at our page.
  [[nodiscard]] Answer foreign(const Request& request, const Refusal& refusal);
  [[nodiscard]] Answer too_many_passwords(const Request& request);
  void count(const Head& head, Source source, int status);
  void say(const Head& head, std::string_view client, const Answer& answer);

  Metrics& metrics_;
  const Clock& clock_;
  const std::atomic<bool>& stopping_;
  Controller& controller_;
  Events& events_;
  Authenticator& authenticator_;
  const std::function<std::vector<std::string>()> web_troubles_;
  const Headers headers_;
  const Names names_;
  const std::function<Result<std::string>()> reload_;
  Intake intake_;
  Webhook webhook_;
  Push push_;
  Api api_;
  Controls controls_;
  Seldom say_unauthorized_;
  Seldom say_read_only_;
  Seldom say_foreign_;
  Seldom say_busy_;
  Seldom say_failed_;
};

}  // namespace alertscaler::receive
