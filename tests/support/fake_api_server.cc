#include "support/fake_api_server.h"

#include <stdexcept>
#include <utility>

#include <httplib.h>

#include "base/text.h"
#include "support/backlog.h"

namespace alertscaler::test {
using Json = FakeApiServer::Json;
using Answer = FakeApiServer::Answer;

FakeApiServer::FakeApiServer() {
  const std::string apps = "/apis/apps/v1";
  for (const auto& [plural, kind] : {std::pair{"deployments", "Deployment"}, std::pair{"statefulsets", "StatefulSet"},
                                     std::pair{"replicasets", "ReplicaSet"}}) {
    add_resource({apps, plural, kind, true, true});
  }
  add_resource({apps, "daemonsets", "DaemonSet"});
  add_resource({"/api/v1", "pods", "Pod"});
  add_resource({"/api/v1", "nodes", "Node", false});
  add_resource({"/api/v1", "namespaces", "Namespace", false});
  add_resource({"/api/v1", "replicationcontrollers", "ReplicationController", true, true});
  add_resource({"/api/v1", "events", "Event"});
  add_resource({"/apis/autoscaling/v1", "horizontalpodautoscalers", "HorizontalPodAutoscaler"});
  add_resource({"/apis/policy/v1", "poddisruptionbudgets", "PodDisruptionBudget"});
  add_resource({"/apis/events.k8s.io/v1", "events", "Event"});
  serve();
}

FakeApiServer::~FakeApiServer() {
  stop();
}

void FakeApiServer::serve() {
  server_ = std::make_unique<httplib::Server>();
  server_->new_task_queue = [] { return new httplib::ThreadPool(32); };  // a kept connection takes a thread of its own
  const auto handler = [this](const httplib::Request& request, httplib::Response& response) {
    handle(request, response);
  };
  server_->Get(".*", handler).Post(".*", handler).Put(".*", handler).Patch(".*", handler).Delete(".*", handler);
  server_->set_tcp_nodelay(true);
  server_->set_keep_alive_timeout(1);  // stop() waits for connections that are idle
  const Backlog backlog(*server_);
  if (port_ == 0) {
    port_ = server_->bind_to_any_port("127.0.0.1");
  } else if (!server_->bind_to_port("127.0.0.1", port_)) {
    throw std::runtime_error("the port is taken");
  }
  backlog.lengthen();
  thread_ = std::thread([this] { server_->listen_after_bind(); });
  while (!server_->is_running()) std::this_thread::yield();
}

void FakeApiServer::stop() {
  if (!thread_.joinable()) return;
  server_->stop();
  thread_.join();
}

KubernetesAccess FakeApiServer::access() const {
  KubernetesAccess access;
  access.origin = "the test";
  access.server = "http://127.0.0.1:" + std::to_string(port_);
  return access;
}

// ---- the world ----

void FakeApiServer::add_resource(Resource resource) {
  const std::lock_guard lock(mutex_);
  resources_.push_back(std::move(resource));
}

void FakeApiServer::remove_resource(const std::string& prefix, const std::string& plural) {
  const std::lock_guard lock(mutex_);
  std::erase_if(resources_, [&](const Resource& r) { return r.prefix == prefix && r.plural == plural; });
}

Json FakeApiServer::put(const std::string& collection, Json object) {
  const std::lock_guard lock(mutex_);
  return store(collection, std::move(object));
}

void FakeApiServer::change(const std::string& path, const Json& merge_patch) {
  const std::lock_guard lock(mutex_);
  Json after = objects_.at(path);
  after.merge_patch(merge_patch);
  store(path.substr(0, path.rfind('/')), std::move(after));
}

void FakeApiServer::remove(const std::string& path) {
  const std::lock_guard lock(mutex_);
  objects_.erase(path);
}

std::optional<Json> FakeApiServer::get(const std::string& path) const {
  const std::lock_guard lock(mutex_);
  const auto found = objects_.find(path);
  return found == objects_.end() ? std::nullopt : std::optional(found->second);
}

std::string FakeApiServer::add_deployment(const std::string& name, int replicas, const std::string& name_space) {
  const std::string collection = "/apis/apps/v1/namespaces/" + name_space + "/deployments";
  const Json object = {{"metadata", {{"name", name}, {"namespace", name_space}}},
                       {"spec", {{"replicas", replicas}, {"selector", {{"matchLabels", {{"app", name}}}}}}}};
  put(collection, object);
  settle(collection + "/" + name);
  return collection + "/" + name;
}

std::string FakeApiServer::add_pod(const std::string& name, const Json& labels, const Json& status,
                                   const std::string& name_space) {
  const std::string collection = "/api/v1/namespaces/" + name_space + "/pods";
  Json pod = {{"metadata", {{"name", name}, {"namespace", name_space}, {"labels", labels}}},
              {"spec", {{"nodeName", "node-1"}}},
              {"status", {{"phase", "Running"}, {"conditions", {{{"type", "Ready"}, {"status", "True"}}}}}}};
  pod["status"].merge_patch(status);
  put(collection, pod);
  return collection + "/" + name;
}

void FakeApiServer::set_controllers(bool run) {
  const std::lock_guard lock(mutex_);
  controllers_ = run;
}

void FakeApiServer::settle(const std::string& path) {
  const std::lock_guard lock(mutex_);
  Json& object = objects_.at(path);
  const int replicas = object.at("spec").value("replicas", 1);
  object["status"].merge_patch({{"replicas", replicas},
                                {"readyReplicas", replicas},
                                {"availableReplicas", replicas},
                                {"updatedReplicas", replicas},
                                {"observedGeneration", object.at("metadata").at("generation")}});
  object["metadata"]["resourceVersion"] = next_version();
}

// ---- trouble ----

void FakeApiServer::fail_next(const std::string& part, Answer answer, int times) {
  const std::lock_guard lock(mutex_);
  failures_.push_back({part, std::move(answer), times});
}

void FakeApiServer::lose_next(const std::string& part) {
  const std::lock_guard lock(mutex_);
  failures_.push_back({part, std::nullopt, 1});
}

void FakeApiServer::before(const std::string& part, std::function<void()> what) {
  const std::lock_guard lock(mutex_);
  before_[part] = std::move(what);
}

void FakeApiServer::on(std::function<std::optional<Answer>(const Asked&, Objects&)> handler) {
  const std::lock_guard lock(mutex_);
  handlers_.push_back(std::move(handler));
}

std::vector<FakeApiServer::Asked> FakeApiServer::requests() {
  const std::lock_guard lock(mutex_);
  return std::exchange(asked_, {});
}

std::vector<std::string> FakeApiServer::lines() {
  std::vector<std::string> lines;
  for (const Asked& asked : requests()) {
    lines.push_back(asked.method + " " + asked.path + (asked.query.empty() ? "" : "?" + asked.query));
  }
  return lines;
}

Answer FakeApiServer::status(int code, const std::string& reason, const std::string& message, Json details) {
  Json body = {{"kind", "Status"},   {"apiVersion", "v1"}, {"metadata", Json::object()},    {"status", "Failure"},
               {"message", message}, {"reason", reason},   {"details", std::move(details)}, {"code", code}};
  return {code, std::move(body), "", {}};
}

Answer FakeApiServer::throttled() {
  return {429, {}, "Too many requests, please try again later.", {{"Retry-After", "1"}}};
}

}  // namespace alertscaler::test
