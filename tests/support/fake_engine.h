// An engine in the test's own process, on a unix socket: it behaves like one, with a clock that the test moves, and
// fails only where it is told to.
#pragma once

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/clock.h"
#include "model/settings.h"
#include "support/scratch_dir.h"

namespace httplib {
class Server;
struct Request;
struct Response;
}  // namespace httplib

namespace alertscaler::test {

class FakeEngine {
 public:
  using Json = nlohmann::json;

  explicit FakeEngine(std::string api_version = "1.41");
  ~FakeEngine();
  FakeEngine(const FakeEngine&) = delete;
  FakeEngine& operator=(const FakeEngine&) = delete;

  [[nodiscard]] DockerEndpoint endpoint() const;
  void stop();   // as when the engine is stopped: the socket stays, nobody listens
  void serve();  // and comes back

  // The world. A replica is a running copy of a recorded description; its number and name are as given.
  std::string add(Json inspect, int number, const std::string& name);
  void set(const std::string& name, const std::string& status);  // State.Status
  void change(const std::string& name, const Json& patch);       // merged into the description
  void advance(Duration by);                                     // the engine's clock
  void add_network(const std::string& name);
  void remove_network(const std::string& name);
  void set_image(const std::string& reference, const std::string& id);  // empty id: it is gone
  void finish_stops(int asked = 1);  // containers that take their time to stop, at least so many, have stopped
  void set_slow_stop(bool slow);     // whether stopping takes until finish_stops()
  void add_change(const std::string& name, const std::string& path);  // a file in the container's own layer
  void set_log(const std::string& name, const std::string& lines);    // what it has written
  void set_start_outcome(const std::string& outcome);  // "run" (default), "exit", "unhealthy", "starting"
  void set_api_version(const std::string& version);
  void set_header(const std::string& name, const std::string& value);  // of /_ping

  // The next request whose "METHOD path" contains `part` is answered so.
  void fail_next(const std::string& part, int code, const std::string& body);

  // What it saw since the last call of this: "POST /containers/create?name=shop-web-2", without the version.
  std::vector<std::string> requests();
  std::vector<std::string> versions();  // of the paths, in the same sense
  [[nodiscard]] std::string names();    // all containers with their states: "shop-web-1 running, shop-web-2 exited"
  [[nodiscard]] Json container(const std::string& name);
  [[nodiscard]] std::vector<std::string> files(const std::string& name);  // "directory" of each archive put into it

 private:
  struct Failure {
    std::string part;
    int code = 0;
    std::string body;
  };
  struct Container {
    Json inspect;
    Json created_body;
    bool stopping = false;
    std::vector<std::string> changes;
    std::vector<std::string> archives;
    std::string log{};
  };
  using Lock = std::unique_lock<std::mutex>;

  void answer(const httplib::Request& request, httplib::Response& response);
  void route(const std::string& method, const std::string& path, const httplib::Request& request,
             httplib::Response& response, Lock& lock);
  void route_container(const std::string& method, const std::string& id, const std::string& rest,
                       const httplib::Request& request, httplib::Response& response, Lock& lock);
  [[nodiscard]] Json list(const Json& filters) const;
  void create(const httplib::Request& request, httplib::Response& response);
  void start(Container& container, httplib::Response& response);
  void stop_container(const std::string& id, httplib::Response& response, Lock& lock);
  void archive(const std::string& method, Container& container, const httplib::Request& request,
               httplib::Response& response);
  [[nodiscard]] std::map<std::string, Container>::iterator find(const std::string& id_or_name);
  void run(Container& container);

  ScratchDir scratch_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, Container> containers_;
  std::map<std::string, std::string> images_;
  std::vector<std::string> networks_;
  std::map<std::string, std::string> ping_headers_;
  std::vector<Failure> failures_;
  std::vector<std::string> requests_;
  std::vector<std::string> versions_;
  Instant now_{Duration{1'767'225'600'000}};  // 2026-01-01T00:00:00Z
  std::string start_outcome_ = "run";
  bool slow_stop_ = false;
  bool ending_ = false;
  int next_id_ = 1;

  std::unique_ptr<httplib::Server> server_;
  std::thread thread_;
};

}  // namespace alertscaler::test
