// An Alertmanager's API as far as a resync needs it, in the test's own process.
#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <httplib.h>
#include <nlohmann/json.hpp>

#include "model/alert.h"

namespace alertscaler::test {

class StubAlertmanager {
 public:
  StubAlertmanager() {
    server_.Get("/prefix/api/v2/alerts", [this](const auto& request, auto& response) { alerts(request, response); });
    server_.Get("/api/v2/alerts", [this](const auto& request, auto& response) { alerts(request, response); });
    const auto status = [this](const auto&, auto& response) {
      const std::lock_guard lock(mutex_);
      response.set_content(status_, "application/json");
    };
    server_.Get("/api/v2/status", status);
    server_.Get("/prefix/api/v2/status", status);
    server_.set_tcp_nodelay(true);
    port_ = server_.bind_to_any_port("127.0.0.1");
    thread_ = std::thread([this] { server_.listen_after_bind(); });
    while (!server_.is_running()) std::this_thread::yield();
  }
  ~StubAlertmanager() { close(); }
  StubAlertmanager(const StubAlertmanager&) = delete;
  StubAlertmanager& operator=(const StubAlertmanager&) = delete;

  // As if it were killed.
  void close() {
    if (!thread_.joinable()) return;
    server_.stop();
    thread_.join();
  }

  [[nodiscard]] std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }

  // What it answers from now on; the body of a status other than 200 does not matter.
  void answer(nlohmann::json alerts) { answer(200, alerts.dump()); }
  void answer(int code, std::string body) {
    const std::lock_guard lock(mutex_);
    code_ = code;
    body_ = std::move(body);
  }
  void status(std::string body) {
    const std::lock_guard lock(mutex_);
    status_ = std::move(body);
  }
  // Runs before each answer, while the question is under way.
  void meanwhile(std::function<void()> what) {
    const std::lock_guard lock(mutex_);
    meanwhile_ = std::move(what);
  }
  [[nodiscard]] int asked() const { return asked_; }
  [[nodiscard]] httplib::Request last() const {
    const std::lock_guard lock(mutex_);
    return last_;
  }

 private:
  void alerts(const httplib::Request& request, httplib::Response& response) {
    std::function<void()> meanwhile;
    {
      const std::lock_guard lock(mutex_);
      meanwhile = meanwhile_;
      response.status = code_;
      if (code_ / 100 == 3) response.set_header("Location", "http://elsewhere/?token=hunter2");
      response.set_content(body_, "application/json");
      last_ = request;
    }
    if (meanwhile) meanwhile();
    ++asked_;
  }

  httplib::Server server_;
  int port_ = 0;
  std::thread thread_;
  mutable std::mutex mutex_;
  int code_ = 200;
  std::string body_ = "[]";
  std::string status_ = "{}";
  std::function<void()> meanwhile_;
  httplib::Request last_;
  std::atomic<int> asked_{0};
};

// An active alert as GET /api/v2/alerts shows it.
inline nlohmann::json gettable(const std::string& name, const std::string& action = "up",
                               const std::string& target = "web",
                               const std::string& starts_at = "2025-12-31T23:59:00Z") {
  const Labels labels{{"alertname", name}, {"scale_action", action}, {"scale_target", target}};
  return {{"labels", labels},
          {"annotations", {{"summary", "of " + name}}},
          {"startsAt", starts_at},
          {"endsAt", "2026-01-01T00:05:00Z"},
          {"updatedAt", starts_at},
          {"fingerprint", fingerprint_of(labels).text},
          {"generatorURL", "http://prometheus:9090/graph"},
          {"receivers", {{{"name", "alertscaler"}}}},
          {"status",
           {{"state", "active"}, {"silencedBy", nlohmann::json::array()}, {"inhibitedBy", nlohmann::json::array()}}}};
}

}  // namespace alertscaler::test
