// A Kubernetes API server that answers what a test tells it to, in the test's own process.
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <httplib.h>
#include <nlohmann/json.hpp>

#include "model/kubernetes_access.h"
#include "support/backlog.h"

namespace alertscaler::test {

class StubApiServer {
 public:
  struct Answer {
    int code = 200;
    std::string body = "{}";
    std::string content_type = "application/json";
    std::map<std::string, std::string> headers{};
    bool never = false;  // no answer at all, until the server is closed
  };
  struct Seen {
    std::string method;
    std::string path;  // without its query
    std::string query;
    nlohmann::json body;
    std::multimap<std::string, std::string> headers;

    [[nodiscard]] std::string header(const std::string& name) const {
      const auto found = headers.find(name);
      return found == headers.end() ? "" : found->second;
    }
  };

  StubApiServer() {
    const auto handle = [this](const httplib::Request& request, httplib::Response& response) {
      answer(request, response);
    };
    server_.Get(".*", handle);
    server_.Post(".*", handle);
    server_.Patch(".*", handle);
    server_.Put(".*", handle);
    server_.Delete(".*", handle);
    server_.set_tcp_nodelay(true);
    const Backlog backlog(server_);
    port_ = server_.bind_to_any_port("127.0.0.1");
    backlog.lengthen();
    thread_ = std::thread([this] { server_.listen_after_bind(); });
    while (!server_.is_running()) std::this_thread::yield();
  }
  ~StubApiServer() { close(); }
  StubApiServer(const StubApiServer&) = delete;
  StubApiServer& operator=(const StubApiServer&) = delete;

  // As if it were killed.
  void close() {
    if (!thread_.joinable()) return;
    {
      const std::lock_guard lock(mutex_);
      closing_ = true;
    }
    changed_.notify_all();
    server_.stop();
    thread_.join();
  }

  [[nodiscard]] std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
  [[nodiscard]] KubernetesAccess access() const {
    KubernetesAccess made;
    made.origin = "the test";
    made.server = url();
    return made;
  }

  // One answer after the other to requests of this method and path, whatever their query; the last one stays.
  void on(const std::string& method, const std::string& path, std::vector<Answer> answers) {
    const std::lock_guard lock(mutex_);
    scripts_[method + " " + path] = {std::move(answers), 0};
  }
  void on_json(const std::string& method, const std::string& path, const nlohmann::json& body) {
    on(method, path, std::vector<Answer>{{200, body.dump()}});
  }
  // Decides by the request, when nothing is scripted for it.
  void otherwise(std::function<Answer(const Seen&)> decide) {
    const std::lock_guard lock(mutex_);
    otherwise_ = std::move(decide);
  }

  [[nodiscard]] std::vector<Seen> seen() const {
    const std::lock_guard lock(mutex_);
    return seen_;
  }
  // Waits until so many requests have come; false: they did not within a minute.
  [[nodiscard]] bool wait_for(std::size_t requests) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds{60}, [&] { return seen_.size() >= requests; });
  }

  // The Status object of an error.
  static Answer status(int code, const std::string& reason, const std::string& message,
                       const nlohmann::json& details = nullptr) {
    nlohmann::json body = {{"kind", "Status"},   {"apiVersion", "v1"}, {"status", "Failure"},
                           {"message", message}, {"reason", reason},   {"code", code}};
    if (!details.is_null()) body["details"] = details;
    return {code, body.dump()};
  }

 private:
  struct Script {
    std::vector<Answer> answers;
    std::size_t next = 0;
  };

  void answer(const httplib::Request& request, httplib::Response& response) {
    const std::size_t mark = std::min(request.target.find('?'), request.target.size());
    Seen seen{request.method,
              request.target.substr(0, mark),
              request.target.substr(mark),
              nlohmann::json::parse(request.body, nullptr, false),
              {}};
    for (const auto& [name, value] : request.headers) seen.headers.emplace(name, value);
    std::unique_lock lock(mutex_);
    seen_.push_back(seen);
    changed_.notify_all();
    Answer chosen{404, "404 page not found\n", "text/plain; charset=utf-8"};
    if (const auto script = scripts_.find(seen.method + " " + seen.path); script != scripts_.end()) {
      Script& found = script->second;
      chosen = found.answers[std::min(found.next++, found.answers.size() - 1)];
    } else if (otherwise_) {
      const auto decide = otherwise_;
      lock.unlock();
      chosen = decide(seen);
      lock.lock();
    }
    if (chosen.never) changed_.wait(lock, [&] { return closing_; });
    response.status = chosen.code;
    for (const auto& [name, value] : chosen.headers) response.set_header(name.c_str(), value.c_str());
    response.set_content(chosen.body, chosen.content_type.c_str());
  }

  httplib::Server server_;
  int port_ = 0;
  std::thread thread_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool closing_ = false;
  std::map<std::string, Script> scripts_;
  std::function<Answer(const Seen&)> otherwise_;
  std::vector<Seen> seen_;
};

}  // namespace alertscaler::test
