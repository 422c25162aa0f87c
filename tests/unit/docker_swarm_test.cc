// Swarm services: what their description says, and that nothing but the count is ever changed, by nobody's loss.
#include "act/docker/swarm.h"
#include "act/docker/swarm_service.h"
#include "support/catch.h"
#include "support/fake_swarm.h"

using namespace alertscaler;
using namespace alertscaler::docker;
using test::FakeSwarm;

namespace {

Json spec_of(int replicas) {
  return {{"Name", "web"},
          {"Labels", {{"team", "shop"}}},
          {"TaskTemplate",
           {{"ContainerSpec", {{"Image", "busybox"}, {"StopGracePeriod", 9'007'199'254'740'993}}},
            {"ForceUpdate", 0},
            {"FromAFutureEngine", {{"Ratio", 0.1}, {"List", {1, nullptr, "x"}}}}}},
          {"Mode", {{"Replicated", {{"Replicas", replicas}}}}}};
}

Json task(int slot, const std::string& wanted, const std::string& state, const std::string& error = "",
          const std::string& node = "n1", const std::string& time = "2026-01-01T00:00:00Z") {
  return {{"Slot", slot},
          {"DesiredState", wanted},
          {"NodeID", node},
          {"Status", {{"State", state}, {"Err", error}, {"Timestamp", time}}}};
}

struct World {
  explicit World(int replicas = 2)
      : swarm(spec_of(replicas)), engine(swarm.endpoint()), backend(make_swarm_backend({"web"}, engine)) {}
  Result<Observed> observe(const std::optional<Change>& change = {}) const { return backend->observe(change, {}); }
  Status apply(const Change& change) const { return backend->apply(change, {}); }
  [[nodiscard]] static Change change(ActionId id, int from, int to) { return {id, TargetName{"web"}, from, to}; }

  FakeSwarm swarm;
  Engine engine;
  std::unique_ptr<Backend> backend;
};

}  // namespace

TEST_CASE("a service's mode says whether it has a count") {
  struct Case {
    std::string name;
    Json mode;
    int replicas;
    std::string fixed;
  };
  const auto c = GENERATE(values<Case>({
      {"replicated", {{"Replicated", {{"Replicas", 4}}}}, 4, ""},
      {"zero", {{"Replicated", {{"Replicas", 0}}}}, 0, ""},
      {"left out is one", {{"Replicated", Json::object()}}, 1, ""},
      {"global", {{"Global", Json::object()}}, 0, "runs one task on each node (mode global)"},
      {"job", {{"ReplicatedJob", {{"MaxConcurrent", 1}}}}, 0, "is a job"},
      {"global job", {{"GlobalJob", Json::object()}}, 0, "is a job"},
      {"unknown", {{"Cloudy", Json::object()}}, 0, "no mode that has a count"},
  }));
  CAPTURE(c.name);
  const ServiceState state =
      read_service({{"ID", "x"}, {"Version", {{"Index", 7}}}, {"Spec", {{"Name", "web"}, {"Mode", c.mode}}}});
  CHECK(state.replicas == c.replicas);
  CHECK(state.fixed.empty() == c.fixed.empty());
  CHECK_THAT(state.fixed, ContainsSubstring(c.fixed));
  CHECK(state.version == 7);
}

TEST_CASE("an update that is under way or paused keeps hands off") {
  const auto updating = [](const std::string& state) {
    return read_service({{"Spec", {{"Name", "web"}}}, {"UpdateStatus", {{"State", state}, {"Message", "said"}}}})
        .updating;
  };
  CHECK_THAT(updating("updating"), ContainsSubstring("a rolling update of web is under way"));
  CHECK_THAT(updating("rollback_started"), ContainsSubstring("a rollback of web is under way"));
  CHECK_THAT(updating("paused"), ContainsSubstring("is paused (said): go on with it (docker service update web)"));
  CHECK_THAT(updating("rollback_paused"), ContainsSubstring("is paused (said): correct the service"));
  for (const std::string state : {"updating", "paused", "rollback_started", "rollback_paused"}) {
    CAPTURE(state);
    const Json service = {{"Spec", {{"Name", "web"}}}, {"UpdateStatus", {{"State", state}}}};
    CHECK(read_service(service).paused == state.ends_with("paused"));
  }
  CHECK(updating("completed").empty());
  CHECK(updating("rollback_completed").empty());
}

TEST_CASE("tasks are counted by what they are meant to do and what they do") {
  const Json tasks = {task(1, "running", "running"),
                      task(2, "running", "starting"),
                      task(3, "shutdown", "running"),
                      task(3, "remove", "running"),
                      task(4, "shutdown", "shutdown"),
                      task(5, "shutdown", "failed"),
                      task(6, "shutdown", "running", "", "dead"),
                      task(7, "ready", "ready")};
  CHECK(count_tasks(tasks, "web", {}).ready == 1);
  CHECK(count_tasks(tasks, "web", {}).leaving == 3);
  CHECK(count_tasks(tasks, "web", {"dead"}).leaving == 2);
  CHECK(count_tasks(nullptr, "web", {}).ready == 0);
  CHECK(nodes_down(Json::array({{{"ID", "a"}, {"Status", {{"State", "down"}}}},
                                {{"ID", "b"}, {"Status", {{"State", "ready"}}}}})) == std::set<std::string>{"a"});
}

TEST_CASE("why a task is not ready is told, by itself or by the one before it") {
  CHECK(count_tasks(Json::array({task(1, "running", "running")}), "web", {}).waits.empty());
  CHECK(count_tasks(Json::array({task(2, "running", "starting")}), "web", {}).waits == "web.2 is starting");
  CHECK(count_tasks(Json::array({task(1, "running", "starting"), task(2, "running", "pending", "no suitable node")}),
                    "web", {})
            .waits == "web.2 is pending: no suitable node");
  const Json crashing = {task(1, "ready", "ready"),
                         task(1, "shutdown", "failed", "exit 1", "n1", "2026-01-01T00:00:01Z"),
                         task(1, "shutdown", "failed", "exit 2", "n1", "2026-01-01T00:00:02Z"),
                         task(2, "shutdown", "failed", "exit 3", "n1", "2026-01-01T00:00:03Z")};
  CHECK(count_tasks(crashing, "web", {}).waits == "web.1 failed: exit 2");
}

TEST_CASE("the specification comes back as it was, but for the count") {
  World world;
  REQUIRE(world.observe()->replicas == 2);
  REQUIRE(world.apply(World::change(1, 2, 5)).has_value());
  CHECK(world.swarm.spec() == spec_of(5));
  REQUIRE(world.apply(World::change(1, 2, 5)).has_value());  // nothing is left to do
  CHECK(world.swarm.updates() == 1);
}

TEST_CASE("somebody else's change of something else is kept, and ours is made on top of it") {
  World world;
  REQUIRE(world.observe().has_value());
  int others = 3;
  world.swarm.before_update([&] {
    if (others-- > 0) world.swarm.change([&](Json& spec) { spec["Labels"]["left"] = others; });
  });
  REQUIRE(world.apply(World::change(1, 2, 5)).has_value());
  Json expected = spec_of(5);
  expected["Labels"]["left"] = 0;
  CHECK(world.swarm.spec() == expected);
}

TEST_CASE("who changes it all the time is given way to for now") {
  World world;
  REQUIRE(world.observe().has_value());
  world.swarm.before_update([&] { world.swarm.change([](Json& spec) { spec["Labels"]["again"] = "1"; }); });
  const Status status = world.apply(World::change(1, 2, 5));
  REQUIRE_FALSE(status.has_value());
  CHECK(status.error().kind == ErrorKind::busy);
  CHECK(world.swarm.count() == 2);
}

TEST_CASE("a count that somebody else has set is not overwritten") {
  World world;
  REQUIRE(world.observe().has_value());
  SECTION("between observation and write") {
    world.swarm.before_update([&] { world.swarm.set_count(7); });
    const Status status = world.apply(World::change(1, 2, 5));
    REQUIRE_FALSE(status.has_value());
    CHECK(status.error() == Error{ErrorKind::conflict, "the service web was set to 7 by somebody else first"});
  }
  SECTION("before the write of an action that had to wait") {
    world.swarm.set_count(7);
    REQUIRE(world.observe(World::change(1, 2, 5)).has_value());
    CHECK(world.apply(World::change(1, 2, 5)).error().kind == ErrorKind::conflict);
  }
  SECTION("after the write") {
    REQUIRE(world.apply(World::change(1, 2, 5)).has_value());
    world.swarm.set_count(7);
    REQUIRE(world.observe(World::change(1, 2, 5)).has_value());
    CHECK(world.apply(World::change(1, 2, 5)).error() ==
          Error{ErrorKind::conflict, "the service web was set to 5, and then to 7 by somebody else"});
  }
  CHECK(world.swarm.count() == 7);
}

TEST_CASE("a write whose answer was lost is looked at, and not made again") {
  World world;
  REQUIRE(world.observe().has_value());
  world.swarm.lose_next_answer();
  REQUIRE(world.apply(World::change(1, 2, 5)).has_value());
  CHECK(world.swarm.updates() == 1);
}

TEST_CASE("an update that began since the observation makes us wait") {
  World world;
  REQUIRE(world.observe().has_value());
  world.swarm.before_update([&] {
    world.swarm.change([](Json& spec) { spec["TaskTemplate"]["ForceUpdate"] = 1; });
    world.swarm.set_update_status({{"State", "updating"}});
  });
  CHECK(world.apply(World::change(1, 2, 5)).error().kind == ErrorKind::busy);
  CHECK(world.swarm.count() == 2);
  REQUIRE(world.observe()->blocked.has_value());
  CHECK(world.observe()->blocked->reason == Reason::not_scalable);
  CHECK_FALSE(world.observe()->settled);  // so it is looked at again soon
  CHECK(world.observe(World::change(1, 1, 2))->settled);
}

TEST_CASE("a scale-down is settled when its tasks have ended") {
  World world(1);
  const Change down = World::change(1, 2, 1);
  world.swarm.set_tasks({task(1, "running", "running"), task(2, "remove", "running", "", "lost")});
  CHECK_FALSE(world.observe(down)->settled);
  CHECK(world.observe()->settled);  // a rolling update's are none of ours
  world.swarm.set_nodes(Json::array({{{"ID", "lost"}, {"Status", {{"State", "down"}}}}}));
  CHECK(world.observe(down)->settled);
}

TEST_CASE("what is not the service that was meant is none") {
  World world;
  SECTION("none at all") {
    world.swarm.fail_next(404, "service web not found");
  }
  SECTION("another whose id begins so") {
    world.swarm.change([](Json& spec) { spec["Name"] = "other"; });
  }
  const auto observed = world.observe();
  REQUIRE_FALSE(observed.has_value());
  CHECK(observed.error().kind == ErrorKind::not_found);
  CHECK_THAT(observed.error().message, ContainsSubstring("there is no service web in the swarm"));
}

TEST_CASE("a proxy that forbids it is told what to allow") {
  World world;
  world.swarm.fail_next(403, "Forbidden");
  CHECK_THAT(world.observe().error().message, ContainsSubstring("it must allow SERVICES, TASKS, NODES and POST"));
}
