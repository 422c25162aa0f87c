#include "receive/server.h"

#include <array>
#include <atomic>
#include <functional>
#include <iterator>
#include <utility>

#include <unistd.h>

#include "base/log.h"
#include "base/text.h"
#include "receive/authenticator.h"
#include "receive/grafana_signature.h"
#include "receive/listener.h"
#include "receive/router.h"
#include "receive/session.h"
#include "receive/tls.h"

namespace alertscaler::receive {
namespace {

std::string authentication_of(const WebConfig& web) {
  std::vector<std::string> ways;
  if (!web.bearer_token_file.empty() || !web.read_only_token_file.empty()) ways.emplace_back("bearer token");
  if (!web.basic_auth_users.empty()) ways.emplace_back("password");
  if (ways.empty() && web.authenticates()) ways.emplace_back("client certificate");
  return ways.empty() ? "none" : text::join(ways, " or ");
}

std::string host_name() {
  std::array<char, 256> name{};  // POSIX: at most 255, and it may lack the zero
  return ::gethostname(name.data(), name.size() - 1) == 0 ? std::string(name.data()) : std::string();
}

class HttpServer final : public Server {
 public:
  HttpServer(ServerOptions options, Socket socket, std::unique_ptr<Authenticator> authenticator,
             std::unique_ptr<GrafanaSignature> signature, std::unique_ptr<Tls> tls, Store& store,
             Controller& controller, Metrics& metrics, const Clock& clock, Events& events)
      : limits_(options.limits),
        events_(events),
        authenticator_(std::move(authenticator)),
        signature_(std::move(signature)),
        tls_(std::move(tls)),
        router_({store, controller, metrics, clock, events, limits_, stopping_, signature_.get(),
                 Names(std::move(options.external_urls), host_name(), !options.web.authenticates()),
                 [this] { return web_troubles(); }, std::move(options.reload)},
                *authenticator_,
                {.version = std::move(options.version),
                 .authentication = authentication_of(options.web),
                 .started = clock.now(),
                 .troubles = [this, others = std::move(options.troubles)] { return all_troubles(others); }},
                options.web.headers),
        listener_(std::move(socket), limits_, clock, stopping_, tls_.get(),
                  [this](Connection& connection) { serve(connection, router_); }) {
    events_.start(store, controller);
  }
  ~HttpServer() override { end(); }
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  [[nodiscard]] int port() const override { return listener_.port(); }
  void stop() override { end(); }

 private:
  using Troubles = std::function<std::vector<std::string>()>;

  static void append(std::vector<std::string>& all, std::vector<std::string> more) {
    all.insert(all.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
  }
  [[nodiscard]] std::vector<std::string> web_troubles() const {
    std::vector<std::string> all = authenticator_->troubles();
    if (signature_) append(all, signature_->troubles());
    if (tls_) append(all, tls_->troubles());
    return all;
  }
  [[nodiscard]] std::vector<std::string> all_troubles(const Troubles& others) const {
    std::vector<std::string> all = others ? others() : std::vector<std::string>{};
    append(all, web_troubles());
    return all;
  }
  void end() {
    events_.stop();
    listener_.stop();
  }

  const Limits limits_;
  Events& events_;
  std::atomic<bool> stopping_{false};
  const std::unique_ptr<Authenticator> authenticator_;
  const std::unique_ptr<GrafanaSignature> signature_;  // null: there is no secret
  const std::unique_ptr<Tls> tls_;                     // null: in the clear
  Router router_;
  Listener listener_;  // last: its threads use everything above
};

}  // namespace

WebFiles check_web_files(const WebConfig& web, const Clock& clock) {
  WebFiles found;
  const auto authenticator = Authenticator::open(web, clock);
  if (authenticator) {
    found.warnings = (*authenticator)->warnings();
  } else {
    found.errors.push_back(authenticator.error().message);
  }
  if (const auto signature = GrafanaSignature::open(web, clock); !signature) {
    found.errors.push_back(signature.error().message);
  }
  if (web.tls) {
    if (const auto tls = Tls::open(*web.tls, clock); !tls) found.errors.push_back(tls.error().message);
  }
  return found;
}

Result<std::unique_ptr<Server>> Server::start(ServerOptions options, Store& store, Controller& controller,
                                              Metrics& metrics, const Clock& clock, Events& events) {
  auto authenticator = Authenticator::open(options.web, clock);
  if (!authenticator) return fail(std::move(authenticator).error());
  for (const std::string& warning : (*authenticator)->warnings()) {
    log::warn("web_config.doubtful", {{"text", warning}});
  }
  auto signature = GrafanaSignature::open(options.web, clock);
  if (!signature) return fail(std::move(signature).error());
  std::unique_ptr<Tls> tls;
  if (options.web.tls) {
    auto opened = Tls::open(*options.web.tls, clock);
    if (!opened) return fail(std::move(opened).error());
    tls = std::move(*opened);
  }
  auto socket = listen_on(options.host, options.port);
  if (!socket) return fail(std::move(socket).error());
  return std::make_unique<HttpServer>(std::move(options), std::move(*socket), std::move(*authenticator),
                                      std::move(*signature), std::move(tls), store, controller, metrics, clock, events);
}

}  // namespace alertscaler::receive
