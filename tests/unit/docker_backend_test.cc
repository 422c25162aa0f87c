// The Compose backend against an engine that behaves: what it asks for, in which order, and what is there afterwards.
#include <algorithm>

#include "act/docker/compose.h"
#include "act/docker/saved.h"
#include "base/text.h"
#include "support/catch.h"
#include "support/fake_engine.h"
#include "support/golden.h"
#include "support/memory_keep.h"

using namespace alertscaler;
using namespace alertscaler::docker;
using namespace std::chrono_literals;
using test::FakeEngine;
using test::MemoryKeep;

namespace {

Json recorded(const std::string& name) {
  return Json::parse(test::read_golden("docker/" + name + ".inspect.json"));
}

const std::string image_id = string_at(recorded("engine20-v2-web"), "Image");

// A service "shop/web" with two networks and a health check, as recorded.
struct World {
  explicit World(const std::string& api_version = "1.41") : engine(api_version), client(engine.endpoint()) {
    engine.set_image("bb:1", image_id);
    for (const char* network : {"shop_back", "shop_front"}) engine.add_network(network);
    restart();
  }
  void restart() {  // of our program: nothing but the keep is remembered
    ComposeOptions options;
    options.stop_wait = stop_wait;
    options.stop_overtime = overtime;
    backend = make_compose_backend({"shop", "web", copy_paths}, client, keep, options);
  }
  void slow_stops() {  // before anything else: the backend is a new one
    stop_wait = 1s;
    restart();
    engine.set_slow_stop(true);
  }
  void add_web(int number) { engine.add(recorded("engine20-v2-web"), number, "shop-web-" + std::to_string(number)); }
  void add_web(int from, int to) {
    for (int number = from; number <= to; ++number) add_web(number);
  }
  void add_plain(int number) {  // without a health check
    Json inspect = recorded("engine20-v2-web");
    inspect["Config"].erase("Healthcheck");
    engine.add(inspect, number, "shop-web-" + std::to_string(number));
  }
  Observed observe(const std::optional<Change>& in_flight = {}) {
    const Result<Observed> seen = backend->observe(in_flight, {});
    if (!seen) throw std::runtime_error(seen.error().message);
    return *seen;
  }
  Change change(int from, int to) const { return {action, TargetName("web"), from, to}; }
  // One pass, as the control loop does it.
  Status pass(int from, int to) {
    if (const auto seen = backend->observe(change(from, to), {}); !seen) return fail(seen.error());
    return backend->apply(change(from, to), {});
  }
  std::string counts(const std::optional<Change>& in_flight = {}) {
    const Observed seen = observe(in_flight);
    return std::to_string(seen.replicas) + "/" + std::to_string(seen.ready);
  }

  FakeEngine engine;
  Engine client;
  MemoryKeep keep;
  std::vector<std::string> copy_paths;
  Duration overtime = 30s;
  Duration stop_wait = 10s;
  ActionId action = 42;
  std::unique_ptr<Backend> backend;
};

// Without what is not about containers.
std::vector<std::string> only(std::vector<std::string> requests, const std::string& method) {
  std::erase_if(requests, [&](const std::string& request) { return !request.starts_with(method); });
  return requests;
}

// Ids do not matter.
std::string joined(std::vector<std::string> requests) {
  for (std::string& request : requests) {
    for (std::size_t at = request.find("/containers/"); at != std::string::npos; at = std::string::npos) {
      const std::size_t begin = at + 12;
      const std::size_t end = std::min(request.find_first_of("/?", begin), request.size());
      if (end - begin == 64) request.replace(begin, 64, "ID");
    }
  }
  return text::join(requests, "\n");
}

}  // namespace

TEST_CASE("a service that does not exist has no replicas and is no error") {
  World w;
  CHECK(w.observe() == Observed{});
}

TEST_CASE("when all is settled an observation is one request") {
  World w;
  w.add_web(1, 3);
  CHECK(w.counts() == "3/3");
  w.engine.requests();
  CHECK(w.counts() == "3/3");
  CHECK(joined(w.engine.requests()) == "GET /containers/json");
}

TEST_CASE("ready is healthy, or without a health check up long enough by the engine's clock") {
  World w;
  w.add_plain(1);
  CHECK(w.counts() == "1/0");
  w.engine.advance(9s);
  CHECK(w.counts() == "1/0");
  w.engine.advance(1s);
  CHECK(w.counts() == "1/1");
  w.engine.advance(1h);
  CHECK(w.counts() == "1/1");

  w.engine.change("shop-web-1", {{"State", {{"Health", {{"Status", "starting"}}}}}});
  CHECK(w.counts() == "1/0");
}

TEST_CASE("a service that somebody stopped counts as zero, and the note says why") {
  World w;
  w.add_web(1, 2);
  w.engine.set("shop-web-2", "exited");
  CHECK(w.counts() == "2/1");
  w.engine.set("shop-web-1", "exited");
  CHECK(w.counts() == "0/0");
  CHECK_THAT(w.observe().note, ContainsSubstring("all replicas of shop/web are stopped"));
}

TEST_CASE("scaling up makes what is missing, like the best replica, ready to answer before it starts") {
  World w;
  w.add_web(1);
  CHECK(w.counts() == "1/1");
  w.engine.requests();
  REQUIRE(w.pass(1, 3));
  CHECK(w.engine.names() == "shop-web-1 running, shop-web-2 running, shop-web-3 running");
  CHECK(joined(only(w.engine.requests(), "POST")) ==
        "POST /containers/create?name=shop-web-2\nPOST /networks/shop_front/connect\nPOST /containers/ID/start\n"
        "POST /containers/create?name=shop-web-3\nPOST /networks/shop_front/connect\nPOST /containers/ID/start");
  const Json made = w.engine.container("shop-web-3");
  CHECK(made["Config"]["Labels"]["alertscaler.action"] == "42");
  CHECK(made["Config"]["Labels"]["com.docker.compose.container-number"] == "3");
  CHECK(made["NetworkSettings"]["Networks"].size() == 2);
  CHECK(w.counts(w.change(1, 3)) == "3/3");
  w.engine.requests();
  REQUIRE(w.pass(1, 3));  // and nothing more is made
  CHECK(joined(w.engine.requests()) == "GET /containers/json");
}

TEST_CASE("a new engine takes all networks at the creation") {
  World w("1.45");
  w.add_web(1);
  REQUIRE(w.pass(1, 2));
  CHECK(joined(only(w.engine.requests(), "POST")) ==
        "POST /containers/create?name=shop-web-2\nPOST /containers/ID/start");
  CHECK(w.engine.container("shop-web-2")["NetworkSettings"]["Networks"].size() == 2);
}

TEST_CASE("stopped replicas are started before new ones are made") {
  World w;
  w.add_web(1, 2);
  w.engine.set("shop-web-2", "exited");
  REQUIRE(w.pass(2, 3));
  CHECK(w.engine.names() == "shop-web-1 running, shop-web-2 running, shop-web-3 running");
}

TEST_CASE("a replica that an unfinished action left is no replica, and is made anew") {
  World w;
  w.add_web(1);
  Json left = recorded("engine20-v2-web");
  left["Config"]["Labels"]["alertscaler.action"] = "41";
  w.engine.add(left, 2, "shop-web-2");
  w.engine.set("shop-web-2", "created");
  CHECK(w.counts() == "1/1");
  REQUIRE(w.pass(1, 2));
  CHECK(w.engine.names() == "shop-web-1 running, shop-web-2 running");
  CHECK(w.engine.container("shop-web-2")["Config"]["Labels"]["alertscaler.action"] == "42");
}

TEST_CASE("a name that somebody took meanwhile is passed over") {
  World w;
  w.add_web(1);
  Json foreign = recorded("engine20-v2-web");
  foreign["Config"]["Labels"].clear();
  w.engine.add(foreign, 2, "shop-web-2");
  REQUIRE(w.pass(1, 2));
  CHECK(w.engine.names() == "shop-web-1 running, shop-web-2 running, shop-web-3 running");
  CHECK(w.engine.container("shop-web-3")["Config"]["Labels"]["com.docker.compose.container-number"] == "3");
}

TEST_CASE("what cannot start leaves nothing behind, and the reason is the engine's") {
  struct Case {
    std::string request;
    int code;
    std::string message;
  };
  const auto c = GENERATE(values<Case>({
      {"/start", 500, "Bind for 0.0.0.0:18080 failed: port is already allocated"},
      {"/start", 400, "OCI runtime: exec /nope: no such file or directory"},
      {"/start", 404, "failed to set up container networking: network nonet not found"},
      {"/start", 409, "cannot join network of a non running container"},
      {"/connect", 404, "network shop_front not found"},
  }));
  CAPTURE(c.request, c.message);
  World w;
  w.add_web(1);
  w.engine.fail_next(c.request, c.code, "{\"message\":\"" + c.message + "\"}");
  const Status done = w.pass(1, 2);
  REQUIRE_FALSE(done);
  CHECK_THAT(done.error().message, ContainsSubstring("start shop-web-2: POST ") && ContainsSubstring(c.message));
  CHECK((done.error().kind == ErrorKind::refused || done.error().kind == ErrorKind::invalid ||
         done.error().kind == ErrorKind::not_found));  // never something that is tried again at once
  CHECK(w.engine.names() == "shop-web-1 running");
}

TEST_CASE("when the engine goes away in the middle nothing counts, and the next pass carries on") {
  World w;
  w.add_web(1);
  w.engine.fail_next("/start", 503, R"({"message":"the engine is shutting down"})");
  const Status done = w.pass(1, 2);
  REQUIRE_FALSE(done);
  CHECK(done.error().kind == ErrorKind::unreachable);
  CHECK(w.engine.names() == "shop-web-1 running, shop-web-2 created");
  CHECK(w.counts(w.change(1, 2)) == "1/1");
  REQUIRE(w.pass(1, 2));
  CHECK(w.engine.names() == "shop-web-1 running, shop-web-2 running");
}

TEST_CASE("a moved tag is not followed: the replica's own image is used") {
  World w;
  w.add_web(1);
  w.engine.set_image("bb:1", "sha256:another");
  w.engine.set_image("bb:old", image_id);
  REQUIRE(w.pass(1, 2));
  CHECK(w.engine.container("shop-web-2")["Config"]["Image"] == image_id);
}

TEST_CASE("an image that is gone is told before anything is made") {
  World w;
  w.add_web(1);
  w.engine.set_image("bb:1", "");
  const Status done = w.pass(1, 2);
  REQUIRE_FALSE(done);
  CHECK(done.error() == Error{ErrorKind::refused, "image bb:1 is gone; run docker compose pull and docker compose up"});
  CHECK(w.engine.names() == "shop-web-1 running");
}

TEST_CASE("what limits the service is known before anything is made") {
  struct Case {
    std::string recording, service, name;
    int replicas_max;
    std::string why;
  };
  const auto c = GENERATE(values<Case>({
      {"engine20-v2-fixed", "fixed", "shop-fixed-1", 1, "publishes fixed host port 18080"},
      {"engine20-v2-range", "range", "shop-range-1", 3, "port range 18090-18092 allows at most 3 replicas"},
      {"engine20-v2-static", "static", "shop-static-1", 1, "static address 172.29.0.10"},
      {"engine20-v2-named", "named", "exp-thename", 1, "sets container_name \"exp-thename\""},
  }));
  CAPTURE(c.recording);
  World w;
  w.engine.add(recorded(c.recording), 1, c.name);
  w.backend = make_compose_backend({"shop", c.service, {}}, w.client, w.keep);
  const Observed seen = w.observe();
  CHECK(seen.replicas_max == c.replicas_max);
  CHECK_THAT(seen.replicas_max_why, ContainsSubstring(c.why));
  const Status done = w.pass(1, c.replicas_max + 1);
  REQUIRE_FALSE(done);
  CHECK(done.error().kind == ErrorKind::refused);
  CHECK(done.error().message == seen.replicas_max_why);
  CHECK(only(w.engine.requests(), "POST").empty());
}

TEST_CASE("a paused replica is not ours to wake") {
  World w;
  w.add_web(1, 2);
  w.engine.set("shop-web-2", "paused");
  CHECK_THAT(w.observe().note, ContainsSubstring("shop-web-2 is paused"));
  const Status done = w.pass(2, 3);
  REQUIRE_FALSE(done);
  CHECK(done.error().kind == ErrorKind::refused);
  CHECK_THAT(done.error().message, ContainsSubstring("docker unpause shop-web-2"));
}

TEST_CASE("a broken replica of the action is told, and only what the action made is removed") {
  struct Case {
    std::string outcome, why;
  };
  const auto c = GENERATE(values<Case>({{"exit", "replica shop-web-3 exited with 3"},
                                        {"unhealthy",
                                         "replica shop-web-3 is unhealthy; its last health check said: "
                                         "db is away"}}));
  World w;
  w.add_web(1, 2);
  w.engine.set("shop-web-2", "exited");  // somebody else's broken one stays
  w.engine.set_start_outcome(c.outcome);
  w.engine.change("shop-web-2", {{"State", {{"Status", "running"}, {"Health", {{"Status", "unhealthy"}}}}}});
  REQUIRE(w.pass(2, 3));
  CHECK(w.observe().broken.empty());  // it is the action's matter alone
  CHECK(w.observe(w.change(2, 3)).broken == c.why);
  REQUIRE(w.backend->clean_up(w.change(2, 3), {}));
  CHECK(w.engine.names() == "shop-web-1 running, shop-web-2 running");
  REQUIRE(w.backend->clean_up(w.change(2, 3), {}));  // harmless to repeat
}

TEST_CASE("a crash loop is told while the replica happens to run") {
  World w;
  w.add_plain(1);
  w.engine.advance(1h);
  REQUIRE(w.pass(1, 2));
  CHECK(w.observe(w.change(1, 2)).broken.empty());
  w.engine.change("shop-web-2", {{"RestartCount", 2}});
  CHECK(w.observe(w.change(1, 2)).broken == "replica shop-web-2 keeps exiting, 2 times");
}

TEST_CASE("a replica that is only slow is no broken one") {
  World w;
  w.add_web(1);
  w.engine.set_start_outcome("starting");
  REQUIRE(w.pass(1, 2));
  const Observed seen = w.observe(w.change(1, 2));
  CHECK(seen.replicas == 2);
  CHECK(seen.ready == 1);
  CHECK(seen.broken.empty());
}

TEST_CASE("a replica that the action started and that breaks is removed, too") {
  World w;
  w.add_web(1, 2);
  w.engine.set("shop-web-2", "exited");
  w.engine.set_start_outcome("exit");
  REQUIRE(w.pass(1, 2));
  CHECK(w.observe(w.change(1, 2)).broken == "replica shop-web-2 exited with 3");
  REQUIRE(w.backend->clean_up(w.change(1, 2), {}));
  CHECK(w.engine.names() == "shop-web-1 running");
}

TEST_CASE("cleaning up never takes the service's last container") {
  World w;
  w.add_web(1);
  CHECK(w.counts() == "1/1");
  REQUIRE(w.pass(1, 0));
  CHECK(w.counts() == "0/0");
  w.engine.set_start_outcome("exit");
  REQUIRE(w.pass(0, 2));
  CHECK_FALSE(w.observe(w.change(0, 2)).broken.empty());
  REQUIRE(w.backend->clean_up(w.change(0, 2), {}));
  CHECK(w.engine.names() == "shop-web-1 exited");
}

TEST_CASE("scaling down stops the sick and the highest, then removes them with their volumes") {
  World w;
  w.add_web(1, 4);
  w.engine.change("shop-web-2", {{"State", {{"Health", {{"Status", "unhealthy"}}}}}});
  REQUIRE(w.pass(4, 2));
  CHECK(w.engine.names() == "shop-web-1 running, shop-web-3 running");
  const auto requests = w.engine.requests();
  CHECK(joined(only(requests, "POST")) == "POST /containers/ID/stop\nPOST /containers/ID/stop");
  CHECK(joined(only(requests, "DELETE")) == "DELETE /containers/ID?v=1\nDELETE /containers/ID?v=1");
}

TEST_CASE("one that takes its time to stop is asked once, stays the victim, and is removed when it has stopped") {
  World w;
  w.add_web(1, 3);
  w.slow_stops();
  const auto began = std::chrono::steady_clock::now();
  REQUIRE(w.pass(3, 2));
  CHECK(std::chrono::steady_clock::now() - began < 60s);  // it is not waited for: it would be for ever
  CHECK(w.counts(w.change(3, 2)) == "3/3");
  w.engine.change("shop-web-1", {{"State", {{"Health", {{"Status", "unhealthy"}}}}}});  // now a better victim: too late
  REQUIRE(w.pass(3, 2));
  REQUIRE(w.pass(3, 2));
  CHECK(only(w.engine.requests(), "POST").size() == 1);
  w.engine.finish_stops();
  REQUIRE(w.pass(3, 2));
  CHECK(w.engine.names() == "shop-web-1 running, shop-web-2 running");
  CHECK(joined(only(w.engine.requests(), "DELETE")) == "DELETE /containers/ID?v=1");
}

TEST_CASE("an engine that was away may have forgotten whom it was to stop: it is asked again") {
  World w;
  w.add_web(1, 2);
  w.slow_stops();
  REQUIRE(w.pass(2, 1));
  w.engine.stop();
  CHECK_FALSE(w.pass(2, 1));
  w.engine.serve();
  w.engine.requests();
  REQUIRE(w.pass(2, 1));
  const auto posts = only(w.engine.requests(), "POST");
  REQUIRE(posts.size() == 1);
  CHECK_THAT(posts.front(), ContainsSubstring("/stop"));
  w.engine.finish_stops();
  REQUIRE(w.pass(2, 1));
  CHECK(w.engine.names() == "shop-web-1 running");
}

TEST_CASE("an engine that goes away after it was looked at is asked again, too") {
  World w;
  w.add_web(1, 3);
  w.slow_stops();
  REQUIRE(w.pass(3, 2));
  w.engine.fail_next("POST /containers", 503, R"({"message":"no backend"})");  // as a proxy before it says
  CHECK_FALSE(w.pass(3, 1));
  w.engine.requests();
  REQUIRE(w.pass(3, 1));
  CHECK(only(w.engine.requests(), "POST").size() == 2);
  w.engine.finish_stops(2);
  REQUIRE(w.pass(3, 1));
  CHECK(w.engine.names() == "shop-web-1 running");
}

TEST_CASE("one that never stops is removed by force when its time is over") {
  World w;
  w.overtime = -3s;  // its own grace, as recorded, and nothing beyond
  w.restart();
  w.add_web(1, 2);
  w.slow_stops();
  REQUIRE(w.pass(2, 1));
  REQUIRE(w.pass(2, 1));
  CHECK(w.engine.names() == "shop-web-1 running");
  CHECK(joined(only(w.engine.requests(), "DELETE")) == "DELETE /containers/ID?force=1&v=1");
}

TEST_CASE("down to zero is not over while a stopped container is left, also after our own restart") {
  const bool restarted = GENERATE(false, true);
  World w;
  w.add_web(1, 2);
  w.slow_stops();
  REQUIRE(w.pass(2, 0));
  w.engine.finish_stops(2);
  if (restarted) w.restart();
  CHECK(w.counts(w.change(2, 0)) == "2/0");
  REQUIRE(w.pass(2, 0));
  CHECK(w.engine.names().empty());
  CHECK(w.counts(w.change(2, 0)) == "0/0");
}

TEST_CASE("an upward change does not bring back what is being stopped") {
  World w;
  w.add_web(1, 2);
  w.slow_stops();
  REQUIRE(w.pass(2, 1));
  w.action = 43;
  REQUIRE(w.pass(2, 2));
  w.engine.finish_stops();
  REQUIRE(w.pass(2, 2));
  CHECK(w.engine.names() == "shop-web-1 running, shop-web-3 running");
}

TEST_CASE("a removal that is under way already, or over, is no error") {
  World w;
  w.add_web(1, 3);
  w.engine.fail_next("DELETE", 409, R"({"message":"removal of container shop-web-3 is already in progress"})");
  w.engine.fail_next("DELETE", 404, R"({"message":"No such container: shop-web-2"})");
  CHECK(w.pass(3, 1));
}

TEST_CASE("one victim that cannot be stopped does not keep the others") {
  World w;
  w.add_web(1, 3);
  w.engine.fail_next("/stop", 500, R"({"message":"cannot stop container: permission denied"})");
  const Status done = w.pass(3, 1);
  REQUIRE_FALSE(done);
  CHECK_THAT(done.error().message, ContainsSubstring("stop shop-web-") && ContainsSubstring("permission denied"));
  CHECK(w.counts() == "2/2");
}

TEST_CASE("to zero and back: the way back is kept, secrets included") {
  World w;
  w.copy_paths = {"/etc/app.conf"};
  w.restart();
  w.add_web(1);
  for (const char* path : {"/etc/app.conf", "/run/secrets", "/run/secrets/key", "/tmp/scratch"}) {
    w.engine.add_change("shop-web-1", path);
  }
  CHECK(w.counts() == "1/1");
  REQUIRE(w.keep.values.contains("compose/shop/web"));
  CHECK(w.keep.puts == 1);
  CHECK(w.counts() == "1/1");
  CHECK(w.keep.puts == 1);  // not at every pass
  REQUIRE(w.pass(1, 0));
  CHECK(w.engine.names().empty());

  w.restart();
  REQUIRE(w.pass(0, 2));
  CHECK(w.engine.names() == "shop-web-1 running, shop-web-2 running");
  CHECK(w.engine.files("shop-web-2") ==
        std::vector<std::string>{"/etc/app.conf", "made /run", "made /run/secrets", "/run/secrets/key"});
  w.restart();
  CHECK(w.counts() == "2/2");
}

TEST_CASE("files that a new replica would lack are told") {
  World w;
  w.add_web(1);
  w.engine.add_change("shop-web-1", "/etc/app.conf");
  CHECK_THAT(w.observe().note, ContainsSubstring("/etc/app.conf; list them in copy_paths"));
}

TEST_CASE("from zero without a way back the error says how to make one") {
  World w;
  const Status done = w.pass(0, 1);
  REQUIRE_FALSE(done);
  CHECK(done.error() == Error{ErrorKind::not_found,
                              "service shop/web has no container to clone; run \"docker compose up -d --scale web=1 "
                              "web\" once, or set min: 1"});
}

TEST_CASE("from zero what is missing by now is told before anything is made") {
  World w;
  w.add_web(1);
  REQUIRE(w.pass(1, 0));
  w.engine.requests();
  SECTION("a network") {
    w.engine.remove_network("shop_front");
    CHECK_THAT(w.pass(0, 1).error().message, ContainsSubstring("network shop_front of service shop/web is gone"));
  }
  SECTION("the image") {
    w.engine.set_image("bb:1", "");
    CHECK_THAT(w.pass(0, 1).error().message, ContainsSubstring("image bb:1 is gone"));
  }
  CHECK(only(w.engine.requests(), "POST").empty());
}

TEST_CASE("when the way back cannot be kept the last replica stays") {
  World w;
  w.add_web(1);
  w.keep.error = "the disk is full";
  CHECK_THAT(w.observe().note, ContainsSubstring("could not be kept: the disk is full"));
  const Status done = w.pass(1, 0);
  REQUIRE_FALSE(done);
  CHECK(done.error().kind == ErrorKind::refused);
  CHECK(w.engine.names() == "shop-web-1 running");
  w.keep.error.clear();
  REQUIRE(w.pass(1, 0));
  CHECK(w.engine.names().empty());
}

TEST_CASE("replicas of several configurations are told") {
  World w;
  w.add_web(1);
  Json newer = recorded("engine20-v2-web");
  newer["Config"]["Labels"]["com.docker.compose.config-hash"] = "another";
  w.engine.add(newer, 2, "shop-web-2");
  CHECK_THAT(w.observe().note, ContainsSubstring("replicas differ in configuration or image"));
}

TEST_CASE("an engine that goes away is unreachable, and the same backend carries on when it is back, newer") {
  World w;
  w.add_web(1);
  CHECK(w.counts() == "1/1");
  w.engine.stop();
  const auto away = w.backend->observe({}, {});
  REQUIRE_FALSE(away.has_value());
  CHECK(away.error().kind == ErrorKind::unreachable);
  CHECK_THAT(away.error().message, ContainsSubstring("the engine is not running"));
  w.engine.set_api_version("1.45");
  w.engine.serve();
  w.engine.versions();
  CHECK(w.counts() == "1/1");
  CHECK(w.engine.versions() == std::vector<std::string>{"", "v1.45"});
}

TEST_CASE("a stop request ends every call") {
  World w;
  w.add_web(1);
  std::stop_source source;
  source.request_stop();
  const auto seen = w.backend->observe({}, source.get_token());
  REQUIRE_FALSE(seen.has_value());
  CHECK(seen.error().kind == ErrorKind::cancelled);
  const Status done = w.backend->apply(w.change(1, 2), source.get_token());
  REQUIRE_FALSE(done);
  CHECK(done.error().kind == ErrorKind::cancelled);
}
