// Nodes of a Swarm: which are drained, by whom, and that nothing else of them is changed.
#include "act/docker/json.h"
#include "act/docker/swarm_nodes.h"
#include "support/catch.h"
#include "support/fake_swarm.h"

using namespace alertscaler;
using namespace alertscaler::docker;
using test::FakeSwarm;

namespace {

Json node(const std::string& id, const std::string& host, const std::string& availability = "active",
          const std::string& state = "ready", Json labels = {{"zone", "a"}}) {
  return {{"ID", id},
          {"Version", {{"Index", 5}}},
          {"Spec", {{"Labels", std::move(labels)}, {"Role", "manager"}, {"Availability", availability}}},
          {"Description", {{"Hostname", host}}},
          {"Status", {{"State", state}}}};
}

Json task(const std::string& state) {
  return {{"Slot", 1}, {"DesiredState", "shutdown"}, {"Status", {{"State", state}}}};
}

struct World {
  World() : swarm(Json::object()), engine(swarm.endpoint()), backend(make_swarm_node_backend(engine)) {
    swarm.set_nodes({node("id1", "one"), node("id2", "two")});
  }
  Result<DrainProgress> drain(const std::string& name) const { return backend->drain(name, {}, {}); }
  [[nodiscard]] Json spec_of(std::size_t index) { return swarm.nodes().at(index).at("Spec"); }

  FakeSwarm swarm;
  Engine engine;
  std::unique_ptr<NodeBackend> backend;
};

}  // namespace

TEST_CASE("nodes are named by their host, and by their id where that is ambiguous") {
  World world;
  world.swarm.set_nodes({node("id1", "vm"), node("id2", "vm", "drain"), node("id3", "other", "pause", "down"),
                         node("id4", "last", "drain", "ready", {{"alertscaler.drained", "active"}})});
  const auto seen = world.backend->observe({});
  REQUIRE(seen.has_value());
  REQUIRE(seen->size() == 4);
  const auto told = [&](std::size_t i) {
    const ObservedNode& each = (*seen)[i];
    std::string text =
        each.name + (each.ready ? " ready" : "") + (each.cordoned ? " cordoned" : "") + (each.ours ? " ours" : "");
    for (const std::string& alias : each.aliases) text += ", " + alias;
    return text;
  };
  CHECK(told(0) == "id1 ready, vm");
  CHECK(told(1) == "id2 ready cordoned, vm");
  CHECK(told(2) == "last ready cordoned ours, id4");
  CHECK(told(3) == "other cordoned, id3");
}

TEST_CASE("a drain sets the availability, marks it, and waits for the tasks") {
  World world;
  world.swarm.set_tasks({task("running"), task("shutdown"), task("failed"), task("starting")});
  auto progress = world.drain("one");
  REQUIRE(progress.has_value());
  CHECK_FALSE(progress->empty);
  CHECK(progress->left == 2);
  CHECK_THAT(progress->waits, ContainsSubstring("2 tasks have not ended yet"));
  CHECK(world.spec_of(0) == Json{{"Labels", {{"zone", "a"}, {"alertscaler.drained", "active"}}},
                                 {"Role", "manager"},
                                 {"Availability", "drain"}});
  world.swarm.set_tasks({task("shutdown"), task("orphaned"), task("rejected"), task("complete"), task("remove")});
  progress = world.drain("one");
  REQUIRE(progress.has_value());
  CHECK(progress->empty);
  CHECK(world.swarm.updates() == 1);

  REQUIRE(world.backend->uncordon("one", {}).has_value());
  CHECK(world.spec_of(0) == node("", "").at("Spec"));
}

TEST_CASE("of a node that is down nothing is waited for") {
  World world;
  world.swarm.set_nodes({node("id1", "one", "active", "down"), node("id2", "two")});
  world.swarm.set_tasks(Json::array({task("running")}));
  CHECK(world.drain("one")->empty);
}

TEST_CASE("the last active node is not drained") {
  struct Case {
    std::string name;
    Json other;
  };
  const auto c = GENERATE(values<Case>({{"drained", node("id2", "two", "drain")},
                                        {"paused", node("id2", "two", "pause")},
                                        {"down", node("id2", "two", "active", "down")}}));
  CAPTURE(c.name);
  World world;
  world.swarm.set_nodes({node("id1", "one"), c.other});
  CHECK(world.drain("one")->refused == "one is the last active node of the swarm: its tasks could go nowhere");
  CHECK(world.backend->rehearse("one", {}, {})->refused == world.drain("one")->refused);
  CHECK(world.swarm.updates() == 0);
}

TEST_CASE("a node that somebody else drained stays as he left it") {
  World world;
  world.swarm.set_nodes({node("id1", "one", "drain"), node("id2", "two")});
  CHECK(world.drain("one")->empty);
  REQUIRE(world.backend->uncordon("one", {}).has_value());
  CHECK(world.swarm.updates() == 0);
}

TEST_CASE("what somebody decided while it was drained stands") {
  World world;
  REQUIRE(world.drain("one").has_value());
  Json nodes = world.swarm.nodes();
  nodes[0]["Spec"]["Availability"] = "pause";
  world.swarm.set_nodes(nodes);
  REQUIRE(world.backend->uncordon("one", {}).has_value());
  CHECK(world.spec_of(0).at("Availability") == "pause");
  CHECK_FALSE(world.spec_of(0).at("Labels").contains("alertscaler.drained"));
}

TEST_CASE("a node that is let go stays as it is, and is not ours any more") {
  World world;
  REQUIRE(world.drain("one").has_value());
  REQUIRE(world.backend->let_go("one", {}).has_value());
  CHECK(world.spec_of(0).at("Availability") == "drain");
  REQUIRE(world.backend->uncordon("one", {}).has_value());
  CHECK(world.spec_of(0).at("Availability") == "drain");
}

TEST_CASE("a node that was paused is paused again") {
  World world;
  world.swarm.set_nodes({node("id1", "one", "pause"), node("id2", "two")});
  REQUIRE(world.drain("one").has_value());
  CHECK(world.spec_of(0).at("Availability") == "drain");
  REQUIRE(world.backend->uncordon("one", {}).has_value());
  CHECK(world.spec_of(0).at("Availability") == "pause");
}

TEST_CASE("a rehearsal changes nothing") {
  World world;
  world.swarm.set_tasks(Json::array({task("running")}));
  CHECK(world.backend->rehearse("one", {}, {})->left == 1);
  CHECK(world.swarm.updates() == 0);
}

TEST_CASE("a change that came in between is kept") {
  World world;
  bool first = true;
  world.swarm.before_update([&] {
    if (!std::exchange(first, false)) return;
    Json nodes = world.swarm.nodes();
    nodes[0]["Spec"]["Labels"]["rack"] = "7";
    nodes[0]["Version"]["Index"] = 6;
    world.swarm.set_nodes(nodes);
  });
  REQUIRE(world.drain("one").has_value());
  CHECK(world.spec_of(0).at("Labels").at("rack") == "7");
  CHECK(world.spec_of(0).at("Availability") == "drain");
}

TEST_CASE("a node that is not there is not found, and nothing is to be undone") {
  World world;
  CHECK(world.drain("three").error() == Error{ErrorKind::not_found, "there is no node three in the swarm"});
  CHECK(world.backend->uncordon("three", {}).has_value());
}
