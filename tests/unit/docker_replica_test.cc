#include "act/docker/replica.h"
#include "base/text.h"
#include "support/catch.h"
#include "support/golden.h"

using namespace alertscaler;
using namespace alertscaler::docker;
using namespace std::chrono_literals;

namespace {

Replica listed(const std::string& state, const std::string& status) {
  const Json list = Json::array({{{"Id", "abc"}, {"Names", {"/shop-web-1"}}, {"State", state}, {"Status", status}}});
  return read_replicas(list).at(0);
}

Condition condition(const std::string& state, const std::string& rest = "{}") {
  Json inspect = Json::parse(rest);
  inspect["State"]["Status"] = state;
  return read_condition(inspect);
}

Instant at_time(const char* text) {
  return text::parse_time(text).value();
}

}  // namespace

TEST_CASE("a recorded list gives the replicas, by number") {
  const auto replicas = read_replicas(Json::parse(test::read_golden("docker/engine20-v2-web.list.json")));
  REQUIRE(replicas.size() == 3);
  CHECK(replicas[0].name == "shop-web-1");
  CHECK(replicas[0].number == 1);
  CHECK(replicas[0].life == Life::running);
  CHECK(replicas[0].health == Health::healthy);
  CHECK(replicas[0].up_at_least == 1min);
  CHECK(replicas[0].action.empty());
  CHECK(replicas[1].name == "shop-web-2");
  CHECK(replicas[1].life == Life::running);
  CHECK(replicas[1].up_at_least == 3s);
  CHECK(replicas[1].action == "1003");
  CHECK(replicas[2].life == Life::exited);
  CHECK(replicas[0].config_hash == replicas[1].config_hash);
  CHECK(replicas[0].image_id.starts_with("sha256:"));
}

TEST_CASE("the engine's sentences about time and health are understood") {
  struct Case {
    std::string status;
    Health health;
    Duration up;
  };
  const auto c = GENERATE(values<Case>({{"Up Less than a second", Health::none, 0s},
                                        {"Up 1 second", Health::none, 1s},
                                        {"Up 59 seconds (healthy)", Health::healthy, 59s},
                                        {"Up About a minute (unhealthy)", Health::unhealthy, 1min},
                                        {"Up 3 hours", Health::none, 1min},
                                        {"Up 2 seconds (health: starting)", Health::starting, 2s},
                                        {"Up 4 seconds (something new)", Health::none, 4s}}));
  CAPTURE(c.status);
  CHECK(listed("running", c.status).health == c.health);
  CHECK(listed("running", c.status).up_at_least == c.up);
}

TEST_CASE("only a running container is up") {
  CHECK(listed("restarting", "Restarting (1) 2 seconds ago").up_at_least == 0s);
  CHECK(listed("paused", "Up 5 minutes (Paused)").life == Life::paused);
  CHECK(listed("exited", "Exited (0) 3 seconds ago").life == Life::exited);
}

TEST_CASE("what is no list of containers gives none") {
  CHECK(read_replicas(Json::object()).empty());
  CHECK(read_replicas(Json::parse(R"([{}, 3, {"Id": 4}, {"Names": ["/x"]}])")).empty());
}

TEST_CASE("a link's name is not the container's") {
  const Json list = Json::array({{{"Id", "abc"}, {"Names", {"/other/web", "/shop-web-1"}}, {"State", "running"}}});
  CHECK(read_replicas(list).at(0).name == "shop-web-1");
}

TEST_CASE("ready is running and healthy, or up long enough by the engine's clock") {
  const Instant now = at_time("2026-01-01T00:00:10Z");
  const std::string at_zero = R"({"State":{"StartedAt":"2026-01-01T00:00:00.4Z"}})";
  CHECK_FALSE(is_ready(condition("running", at_zero), now, 10s));
  CHECK(is_ready(condition("running", at_zero), now, 9s));
  CHECK_FALSE(is_ready(condition("restarting", at_zero), now, 0s));
  CHECK_FALSE(is_ready(condition("running"), now, 0s));  // the engine tells no start
  CHECK(is_ready(condition("running", R"({"State":{"Health":{"Status":"healthy"}}})"), now, 1h));
  CHECK_FALSE(is_ready(condition("running", R"({"State":{"Health":{"Status":"starting"}}})"), now, 0s));
  // An empty or "none" health is no health check.
  CHECK(is_ready(condition("running", R"({"State":{"Health":{"Status":"none"},"StartedAt":"2026-01-01T00:00:00Z"}})"),
                 now, 10s));
}

TEST_CASE("when there is no hope the reason says what was seen") {
  struct Case {
    std::string name, state, rest, expected;
  };
  const auto c = GENERATE(values<Case>({
      {"running is hope", "running", "{}", ""},
      {"created is hope, whatever its last start said", "created", R"({"State":{"Error":"no"}})", ""},
      {"one restart may be bad luck", "running", R"({"RestartCount":1})", ""},
      {"what waits for its restart is unhealthy for the engine, and may be bad luck all the same", "restarting",
       R"({"RestartCount":1,"State":{"ExitCode":3,"Health":{"Status":"unhealthy"}}})", ""},
      {"starting is hope", "running", R"({"State":{"Health":{"Status":"starting"}}})", ""},
      {"an end", "exited", R"({"State":{"ExitCode":4}})", "replica web-3 exited with 4"},
      {"an end without an error is one, too", "exited", "{}", "replica web-3 exited with 0"},
      {"a loop, seen between two runs", "restarting", R"({"RestartCount":3,"State":{"ExitCode":1}})",
       "replica web-3 exited with 1, 3 times"},
      {"a loop, seen while it runs again", "running", R"({"RestartCount":2})", "replica web-3 keeps exiting, 2 times"},
      {"retries used up", "exited", R"({"RestartCount":2,"State":{"ExitCode":1}})",
       "replica web-3 exited with 1, 3 times"},
      {"the engine's own error", "exited", R"({"State":{"ExitCode":127,"Error":"exec: \"/nope\""}})",
       "replica web-3 exited with 127: exec: \"/nope\""},
      {"out of memory", "exited", R"({"State":{"ExitCode":137,"OOMKilled":true}})",
       "replica web-3 was killed because it ran out of memory"},
      {"unhealthy", "running",
       R"({"State":{"Health":{"Status":"unhealthy","Log":[{"Output":"first"},{"Output":" db is away\n"}]}}})",
       "replica web-3 is unhealthy; its last health check said: db is away"},
  }));
  CAPTURE(c.name);
  CHECK(why_broken("web-3", condition(c.state, c.rest)) == c.expected);
}

TEST_CASE("a long health output is shortened") {
  Json inspect = Json::parse(R"({"State":{"Status":"running","Health":{"Status":"unhealthy"}}})");
  inspect["State"]["Health"]["Log"] = Json::array({{{"Output", std::string(4000, 'x')}}});
  CHECK(why_broken("web-3", read_condition(inspect)).size() < 300);
}

TEST_CASE("how long a container may take to stop") {
  CHECK(stop_grace(Json::parse(R"({"Config":{"StopTimeout":3}})")) == 3s);
  CHECK(stop_grace(Json::parse(R"({"Config":{"StopTimeout":null}})")) == 10s);
  CHECK(stop_grace(Json::parse(R"({"Config":{"StopTimeout":-1}})")) == 24h);
  CHECK(stop_grace(Json::object()) == 10s);
}
