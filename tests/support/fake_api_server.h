// A Kubernetes API server in the test's own process, with controllers that do at once what an object asks for. It
// behaves as kube-apiserver 1.20 to 1.36 do where they agree, and fails only where it is told to. What is a rule of one
// kind of object alone (eviction, say) is added by `on()`.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <nlohmann/json.hpp>

#include "model/kubernetes_access.h"

namespace httplib {
class Server;
struct Request;
struct Response;
}  // namespace httplib

namespace alertscaler::test {

class FakeApiServer {
 public:
  using Json = nlohmann::json;

  // One resource of one version of an API group, as discovery tells of it.
  struct Resource {
    std::string prefix;  // "/apis/apps/v1", "/api/v1"
    std::string plural;  // "deployments"
    std::string kind;    // "Deployment"
    bool namespaced = true;
    bool scale = false;
    bool custom = false;                // of a definition: /scale ignores uids, strategic merge is not known
    std::optional<int> replicas_max{};  // what its schema allows
  };
  struct Answer {
    int code = 200;
    Json body;
    std::string text;  // sent in place of the body when it is not empty, as text/plain
    std::map<std::string, std::string> headers;
  };
  struct Asked {
    std::string method;
    std::string path;   // without its query
    std::string query;  // "labelSelector=app=web&limit=500", decoded
    Json body;
    std::string content_type;
  };

  // Knows the resources of apps/v1, v1 (pods, nodes, namespaces, replicationcontrollers, events), autoscaling/v1,
  // policy/v1 and events.k8s.io/v1.
  FakeApiServer();
  ~FakeApiServer();
  FakeApiServer(const FakeApiServer&) = delete;
  FakeApiServer& operator=(const FakeApiServer&) = delete;

  [[nodiscard]] KubernetesAccess access() const;  // plain HTTP
  void stop();                                    // nobody listens any more
  void serve();                                   // and again, at the same port

  void add_resource(Resource resource);
  void remove_resource(const std::string& prefix, const std::string& plural);
  // Creates or replaces it: `collection` is "/apis/apps/v1/namespaces/demo/deployments". It gets uid, resourceVersion,
  // generation, and of a scalable one the status that its controller would set.
  Json put(const std::string& collection, Json object);
  // A change by somebody else: the resourceVersion moves, and of a spec the generation.
  void change(const std::string& path, const Json& merge_patch);
  void remove(const std::string& path);
  [[nodiscard]] std::optional<Json> get(const std::string& path) const;
  // A Deployment with that many replicas, all ready; its path.
  std::string add_deployment(const std::string& name, int replicas, const std::string& name_space = "demo");
  // A pod with these labels; `status` is merged into the one of a pod that runs.
  std::string add_pod(const std::string& name, const Json& labels, const Json& status = Json::object(),
                      const std::string& name_space = "demo");

  // Whether a scalable object's status follows its spec at once; else it stays until `settle(path)`.
  void set_controllers(bool run);
  void settle(const std::string& path);

  // The next `times` requests whose "METHOD path" contains `part` are answered so and not carried out.
  void fail_next(const std::string& part, Answer answer, int times = 1);
  // The next one is carried out, and answered with 504 and a Status, as when the answer was lost.
  void lose_next(const std::string& part);
  // Runs before each request whose "METHOD path" contains `part` is carried out; an empty function ends it. It may call
  // everything here.
  void before(const std::string& part, std::function<void()> what);
  // Answers requests whose method and path fit, in place of what is done otherwise; absent: the usual way. Called with
  // the server's lock held: it may change `objects` and call nothing.
  using Objects = std::map<std::string, Json>;  // by path
  void on(std::function<std::optional<Answer>(const Asked&, Objects& objects)> handler);

  std::vector<Asked> requests();     // since the last call of this
  std::vector<std::string> lines();  // the same as "PATCH /apis/apps/v1/namespaces/demo/deployments/web/scale"

  static Answer status(int code, const std::string& reason, const std::string& message, Json details = Json::object());
  static Answer throttled();  // 429 as the server's own limits answer it

 private:
  struct Failure {
    std::string part;
    std::optional<Answer> answer;  // absent: carried out, and the answer lost
    int times = 1;
  };
  struct Place {  // what a path names
    const Resource* resource = nullptr;
    std::string collection;
    std::string name;
    std::string subresource;
  };

  void handle(const httplib::Request& request, httplib::Response& response);
  Answer carry_out(const Asked& asked, const httplib::Request& request);
  [[nodiscard]] Place find(const std::string& path) const;
  [[nodiscard]] std::optional<Answer> discover(const std::string& path) const;
  Answer list(const Place& place, const std::string& path, const httplib::Request& request) const;
  Answer create(const Place& place, Json object, bool dry_run);
  Answer write(const Place& place, const Asked& asked, bool dry_run);
  Answer write_scale(const Place& place, const Asked& asked, bool dry_run);
  [[nodiscard]] static Json scale_of(const Json& object);
  Json& store(const std::string& collection, Json object);
  void follow(Json& object) const;
  [[nodiscard]] std::string next_version() { return std::to_string(++version_); }

  mutable std::mutex mutex_;
  std::vector<Resource> resources_;
  Objects objects_;
  std::vector<Failure> failures_;
  std::map<std::string, std::function<void()>> before_;
  std::vector<std::function<std::optional<Answer>(const Asked&, Objects&)>> handlers_;
  std::vector<Asked> asked_;
  bool controllers_ = true;
  int version_ = 100;
  int next_uid_ = 1;
  int port_ = 0;

  std::unique_ptr<httplib::Server> server_;
  std::thread thread_;
};

}  // namespace alertscaler::test
