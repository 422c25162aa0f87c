// A server on a free port with a store and a controller that behave, for tests to talk to.
#pragma once

#include <csignal>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

#include <nlohmann/json.hpp>

#include "receive/server.h"
#include "support/clock.h"
#include "support/fake_controller.h"
#include "support/memory_store.h"
#include "support/raw_http.h"

namespace alertscaler::test {

inline Settings two_targets() {
  Settings settings;
  for (const char* name : {"web", "api"}) {
    const TargetName target{name};
    settings.targets[target] = {.name = target, .policy = {.min = 1, .max = 10}, .backend = Simulated{}};
  }
  return settings;
}

class Receiver {
 public:
  explicit Receiver(receive::ServerOptions options = {}, Settings settings = two_targets(),
                    receive::EventLimits event_limits = {})
      : controller(std::move(settings)), events(event_limits) {
    std::signal(SIGPIPE, SIG_IGN);
    options.port = 0;
    options.version = "0.1.0";
    auto started = receive::Server::start(std::move(options), store, controller, metrics, clock, events);
    if (!started) throw std::runtime_error(started.error().message);
    server = std::move(*started);
  }

  [[nodiscard]] RawHttp connect() const { return RawHttp(server->port()); }
  // One request on a connection of its own. `headers`: whole lines.
  [[nodiscard]] Reply send(const std::string& method, const std::string& target, const std::string& body = "",
                           const std::string& headers = "") const {
    RawHttp client = connect();
    const bool has_body = method == "POST" || method == "PUT" || !body.empty();
    client.send(method + " " + target + " HTTP/1.1\r\nHost: test\r\nConnection: close\r\n" + headers +
                (has_body ? "Content-Length: " + std::to_string(body.size()) + "\r\n" : "") + "\r\n" + body);
    auto reply = client.reply(std::chrono::seconds(30), method == "HEAD");
    if (!reply) throw std::runtime_error(method + " " + target + ": closed without an answer");
    return *reply;
  }
  [[nodiscard]] Reply get(const std::string& target) const { return send("GET", target); }
  Reply post(const std::string& body, const std::string& query = "") const {
    return send("POST", "/webhook" + query, body);
  }
  // What /metrics says of one series; "absent" when it says nothing.
  [[nodiscard]] std::string metric(const std::string& series) const {
    const std::string text = "\n" + metrics.expose(clock.now());
    const std::size_t at = text.find("\n" + series + " ");
    if (at == std::string::npos) return "absent";
    const std::size_t from = at + series.size() + 2;
    return text.substr(from, text.find('\n', from) - from);
  }

  ManualClock clock;
  MemoryStore store;
  FakeController controller;
  Metrics metrics{"0.1.0"};
  receive::Events events;
  std::unique_ptr<receive::Server> server;
};

// Does `holds` become true within `budget`?
inline bool eventually(const std::function<bool()>& holds,
                       std::chrono::milliseconds budget = std::chrono::seconds(60)) {
  const auto deadline = std::chrono::steady_clock::now() + budget;
  while (!holds()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return true;
}

// A notification like Alertmanager's, of one alert that asks `action` of `target`.
inline nlohmann::json alert_of(const std::string& name, const std::string& action = "up",
                               const std::string& target = "web") {
  return {{"status", "firing"},
          {"labels", {{"alertname", name}, {"scale_action", action}, {"scale_target", target}}},
          {"annotations", {{"summary", "of " + name}}},
          {"startsAt", "2025-12-31T23:59:00Z"},
          {"endsAt", "0001-01-01T00:00:00Z"}};
}
inline nlohmann::json notification_of(std::vector<nlohmann::json> alerts) {
  return {{"version", "4"},
          {"groupKey", "{}:{alertname=\"A\"}"},
          {"truncatedAlerts", 0},
          {"status", "firing"},
          {"receiver", "alertscaler"},
          {"groupLabels", nlohmann::json::object()},
          {"commonLabels", nlohmann::json::object()},
          {"commonAnnotations", nlohmann::json::object()},
          {"externalURL", "http://alertmanager:9093"},
          {"alerts", std::move(alerts)}};
}

}  // namespace alertscaler::test
