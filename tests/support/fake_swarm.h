// A manager of a Swarm in the test's own process: one service with its version, tasks that come and go at once, and
// whatever else a test puts between two requests.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <httplib.h>
#include <nlohmann/json.hpp>
#include <sys/socket.h>

#include "model/settings.h"
#include "support/scratch_dir.h"

namespace alertscaler::test {

class FakeSwarm {
 public:
  using Json = nlohmann::json;

  explicit FakeSwarm(Json spec) : spec_(std::move(spec)) {
    const auto handler = [this](const httplib::Request& request, httplib::Response& response) {
      response.set_header("Api-Version", "1.41");
      answer(request, response);
    };
    server_.Get(".*", handler).Post(".*", handler);
    server_.set_address_family(AF_UNIX);
    server_.set_keep_alive_timeout(1);
    if (!server_.bind_to_port(socket(), 80)) throw std::runtime_error("cannot bind " + socket());
    thread_ = std::thread([this] { server_.listen_after_bind(); });
    while (!server_.is_running()) std::this_thread::yield();
  }
  ~FakeSwarm() {
    server_.stop();
    thread_.join();
  }
  FakeSwarm(const FakeSwarm&) = delete;
  FakeSwarm& operator=(const FakeSwarm&) = delete;

  [[nodiscard]] DockerEndpoint endpoint() const {
    DockerEndpoint endpoint;
    endpoint.host = "unix://" + socket();
    return endpoint;
  }

  // Somebody else's change.
  void change(const std::function<void(Json& spec)>& how) {
    const std::lock_guard lock(mutex_);
    how(spec_);
    ++version_;
  }
  void set_count(int count) {
    change([&](Json& spec) { spec["Mode"]["Replicated"]["Replicas"] = count; });
  }
  [[nodiscard]] Json spec() {
    const std::lock_guard lock(mutex_);
    return spec_;
  }
  [[nodiscard]] int count() { return spec().at("Mode").at("Replicated").at("Replicas"); }
  // Runs before the next change of ours is looked at, as often as it is there.
  void before_update(std::function<void()> what) { before_update_ = std::move(what); }
  void lose_next_answer() { lose_answer_ = true; }  // the change is made, and the engine says 504
  void fail_next(int code, const std::string& message) { failure_ = {code, message}; }
  void set_update_status(Json status) { update_status_ = std::move(status); }
  void set_tasks(Json tasks) { tasks_ = std::move(tasks); }
  void set_nodes(Json nodes) {
    const std::lock_guard lock(mutex_);
    nodes_ = std::move(nodes);
  }
  [[nodiscard]] Json nodes() {
    const std::lock_guard lock(mutex_);
    return nodes_;
  }
  [[nodiscard]] int updates() const { return updates_; }  // that were carried out

 private:
  [[nodiscard]] std::string socket() const { return (scratch_.path() / "docker.sock").string(); }
  static void refuse(httplib::Response& response, int code, const std::string& message) {
    response.status = code;
    response.set_content(Json{{"message", message}}.dump(), "application/json");
  }

  void answer(const httplib::Request& request, httplib::Response& response) {
    const auto has = [&](const char* part) { return request.path.find(part) != std::string::npos; };
    if (failure_.first != 0 && !has("/_ping")) {
      refuse(response, std::exchange(failure_.first, 0), failure_.second);
    } else if (request.method == "POST") {
      update(request, response);
    } else if (has("/tasks")) {
      response.set_content(tasks_.dump(), "application/json");
    } else if (has("/nodes")) {
      response.set_content(nodes().dump(), "application/json");
    } else if (has("/services/")) {
      const std::lock_guard lock(mutex_);
      Json service = {{"ID", "websl1d"}, {"Version", {{"Index", version_}}}, {"Spec", spec_}};
      if (!update_status_.is_null()) service["UpdateStatus"] = update_status_;
      response.set_content(service.dump(), "application/json");
    }
  }

  void update(const httplib::Request& request, httplib::Response& response) {
    if (before_update_) before_update_();
    const std::lock_guard lock(mutex_);
    for (Json& node : nodes_) {
      if (request.path.find("/nodes/" + node.value("ID", "?") + "/") != std::string::npos) {
        update_node(node, request, response);
        return;
      }
    }
    if (request.get_param_value("version") != std::to_string(version_)) {
      refuse(response, 500, "rpc error: code = Unknown desc = update out of sequence");
      return;
    }
    spec_ = Json::parse(request.body);
    ++version_;
    ++updates_;
    if (std::exchange(lose_answer_, false)) {
      refuse(response, 504, "gateway timeout");
      return;
    }
    response.set_content(R"({"Warnings":null})", "application/json");
  }

  void update_node(Json& node, const httplib::Request& request, httplib::Response& response) {
    if (request.get_param_value("version") != node.at("Version").at("Index").dump()) {
      refuse(response, 500, "rpc error: code = Unknown desc = update out of sequence");
      return;
    }
    node["Spec"] = Json::parse(request.body);
    node["Version"]["Index"] = node.at("Version").at("Index").get<int>() + 1;
    ++updates_;
  }

  ScratchDir scratch_;
  std::mutex mutex_;
  Json spec_;
  std::uint64_t version_ = 9'007'199'254'740'993;  // more than a double holds
  Json update_status_;
  Json tasks_ = Json::array();
  Json nodes_ = Json::array();
  std::function<void()> before_update_;
  bool lose_answer_ = false;
  std::pair<int, std::string> failure_;
  int updates_ = 0;

  httplib::Server server_;
  std::thread thread_;
};

}  // namespace alertscaler::test
