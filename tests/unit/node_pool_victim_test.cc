// Which node of a pool a scale-down takes, and how many at once.
#include "support/node_pool_world.h"

using namespace alertscaler;
using namespace std::chrono_literals;
using Json = test::FakeApiServer::Json;
using World = test::NodePoolWorld;

TEST_CASE("the victim: dead ones first, then the fewest pods, then the newest; what is protected stays") {
  World world;
  world.fill(4);
  const auto victim = [&] {
    const Change down = world.change(4, 3);
    REQUIRE(world.apply(down));
    const std::string nodes = world.nodes();
    const std::string containers = world.engine.names();
    REQUIRE(world.faces.replicas->clean_up(down, {}));
    for (int i = 1; i <= 4; ++i) {
      const std::string name = "w-" + std::to_string(i);
      if (nodes.find(name + " leaving") != std::string::npos) return name;
      if (containers.find(name + " running") == std::string::npos) return name + " at once";
    }
    return std::string("none");
  };
  SECTION("all are empty: the newest") {
    CHECK(victim() == "w-4");
  }
  SECTION("the one with the fewest pods") {
    for (int i = 1; i <= 4; ++i) test::add_node_pod(world.server, "w-" + std::to_string(i), "a-" + std::to_string(i));
    for (const int i : {1, 3, 4}) test::add_node_pod(world.server, "w-" + std::to_string(i), "b-" + std::to_string(i));
    CHECK(victim() == "w-2");
  }
  SECTION("pods of a DaemonSet do not count") {
    for (const int i : {1, 2, 3}) test::add_node_pod(world.server, "w-" + std::to_string(i), "a-" + std::to_string(i));
    world.server.put("/apis/apps/v1/namespaces/demo/daemonsets", {{"metadata", {{"name", "ds"}}}});
    const Json owner = {{"kind", "DaemonSet"}, {"name", "ds"}, {"uid", "ds"}, {"controller", true}};
    test::add_node_pod(world.server, "w-4", "ds-4", {{"metadata", {{"ownerReferences", Json::array({owner})}}}});
    CHECK(victim() == "w-4");
  }
  SECTION("a dead one") {
    world.set_ready("w-2", false);
    test::add_node_pod(world.server, "w-2", "lost");
    world.clock.advance(5min);
    CHECK(victim() == "w-2 at once");
  }
  SECTION("protected by its annotation") {
    world.server.change(
        "/api/v1/nodes/w-4",
        {{"metadata", {{"annotations", {{"cluster-autoscaler.kubernetes.io/scale-down-disabled", "true"}}}}}});
    CHECK(victim() == "w-3");
  }
  SECTION("a pod that must not be moved") {
    test::add_node_pod(
        world.server, "w-4", "keep",
        {{"metadata", {{"annotations", {{"cluster-autoscaler.kubernetes.io/safe-to-evict", "false"}}}}}});
    for (const int i : {1, 2, 3}) {
      for (const char* pod : {"a", "b"})
        test::add_node_pod(world.server, "w-" + std::to_string(i), pod + std::to_string(i));
    }
    CHECK(victim() == "w-3");
  }
  SECTION("the one that we run on") {
    world.settings.own_pod = "demo/own";
    world.restart();
    test::add_node_pod(world.server, "w-4", "own");
    for (const int i : {1, 2, 3}) {
      for (const char* pod : {"a", "b"}) {
        test::add_node_pod(world.server, "w-" + std::to_string(i), pod + std::to_string(i));
      }
    }
    CHECK(victim() == "w-3");
  }
  SECTION("a pod that something refuses to let go") {
    test::add_node_pod(world.server, "w-4", "held");
    world.evictions.answers["held"] = test::FakeApiServer::status(403, "Forbidden", "the webhook says no");
    for (const int i : {1, 2, 3}) {
      for (const char* pod : {"a", "b"}) {
        test::add_node_pod(world.server, "w-" + std::to_string(i), pod + std::to_string(i));
      }
    }
    CHECK(victim() == "w-3");
  }
  SECTION("one with cheap pods") {
    const Json cheap = {
        {"metadata", {{"annotations", {{"controller.kubernetes.io/pod-deletion-cost", "-134217728"}}}}}};
    for (int i = 1; i <= 4; ++i) test::add_node_pod(world.server, "w-" + std::to_string(i), "a-" + std::to_string(i));
    test::add_node_pod(world.server, "w-4", "b-4");
    world.server.remove("/api/v1/namespaces/demo/pods/a-2");
    test::add_node_pod(world.server, "w-2", "a-2", cheap);
    CHECK(victim() == "w-2");
  }
  SECTION("cordoned by somebody else") {
    world.server.change("/api/v1/nodes/w-4", {{"spec", {{"unschedulable", true}}}});
    world.settings.drain.max_unavailable.amount = 2;
    world.restart();
    CHECK(victim() == "w-3");
  }
  SECTION("a disruption budget that is used up") {
    test::add_node_pod(world.server, "w-4", "db-1", {{"metadata", {{"labels", {{"app", "db"}}}}}});
    for (const int i : {1, 2, 3}) {
      for (const char* pod : {"a", "b"})
        test::add_node_pod(world.server, "w-" + std::to_string(i), pod + std::to_string(i));
    }
    world.evictions.budgets["db"] = 0;
    CHECK(victim() == "w-3");
  }
}

TEST_CASE("when none can be removed, nothing is cordoned, and every reason is told") {
  World world;
  world.fill(2);
  test::add_node_pod(world.server, "w-1", "bare", {{"metadata", {{"ownerReferences", nullptr}}}});
  world.server.change("/api/v1/nodes/w-2",
                      {{"metadata", {{"labels", {{"node-role.kubernetes.io/control-plane", ""}}}}}});
  const Status refused = world.apply(world.change(2, 1));
  REQUIRE_FALSE(refused);
  CHECK(refused.error().kind == ErrorKind::refused);
  CHECK(refused.error().message.find("no node of the pool workers can be removed: ") == 0);
  CHECK(refused.error().message.find("w-2: it is of the control plane") != std::string::npos);
  CHECK(refused.error().message.find("w-1: cannot delete Pods that declare no controller") != std::string::npos);
  CHECK(world.nodes() == "w-1, w-2");
  // A budget may be there again a moment later, and what a pod says is asked again in a minute.
  world.clock.advance(1min);
  world.server.remove("/api/v1/namespaces/demo/pods/bare");
  test::add_node_pod(world.server, "w-1", "web-1");
  world.evictions.budgets["web"] = 0;
  CHECK(world.apply(world.change(2, 1)).error().kind == ErrorKind::busy);
  world.evictions.bodies.clear();
  CHECK(world.apply(world.change(2, 1)).error().kind == ErrorKind::busy);
  CHECK(world.evictions.bodies.empty());  // it is not asked all the time
  world.evictions.budgets["web"] = 1;
  world.clock.advance(6s);
  CHECK(world.apply(world.change(2, 1)));
  CHECK(world.nodes() == "w-1 leaving cordoned, w-2");
}

TEST_CASE("only as many at once as may be unavailable") {
  World world;
  world.fill(4);
  for (int i = 1; i <= 4; ++i) test::add_node_pod(world.server, "w-" + std::to_string(i), "a-" + std::to_string(i));
  world.evictions.terminate = true;
  const Change down = world.change(4, 1);
  SECTION("one") {
    REQUIRE(world.apply(down));
    REQUIRE(world.apply(down));
    CHECK(world.nodes() == "w-1, w-2, w-3, w-4 leaving cordoned");
  }
  SECTION("two") {
    world.settings.drain.max_unavailable.amount = 2;
    world.restart();
    REQUIRE(world.apply(down));
    REQUIRE(world.apply(down));
    CHECK(world.nodes() == "w-1, w-2, w-3 leaving cordoned, w-4 leaving cordoned");
  }
  SECTION("one that an alert has drained counts, too") {
    REQUIRE(world.faces.nodes->drain("w-1", world.settings.drain, {}));
    REQUIRE(world.apply(down));
    CHECK(world.nodes() == "w-1 cordoned, w-2, w-3, w-4");
  }
}

TEST_CASE("a node that is not ready for a moment is not dead: it is not taken, and keeps others from being taken") {
  World world;
  world.fill(3);
  world.set_ready("w-2", false);
  const Change down = world.change(3, 2);
  SECTION("one may be unavailable, and is") {
    REQUIRE(world.apply(down));
    CHECK(world.nodes() == "w-1, w-2, w-3");
    CHECK(world.observe(down).waits.find(
              "no node is taken now: w-2 cannot work, and max_unavailable allows 1 at once") != std::string::npos);
    world.set_ready("w-2", true);
    REQUIRE(world.apply(down));
    CHECK(world.nodes() == "w-1, w-2, w-3 leaving cordoned");
    CHECK(world.observe(down).waits.find("no node is taken") == std::string::npos);
  }
  SECTION("two may be") {
    world.settings.drain.max_unavailable.amount = 2;
    world.restart();
    REQUIRE(world.apply(down));
    CHECK(world.nodes() == "w-1, w-2, w-3 leaving cordoned");
  }
  SECTION("for so long that it is dead") {
    world.clock.advance(5min);
    REQUIRE(world.apply(down));
    CHECK(world.nodes() == "w-1, w-3");
    CHECK(world.engine.names() == "w-1 running, w-3 running");
  }
  SECTION("its container has stopped, and nothing of it is ready") {
    world.engine.set("w-2", "exited");
    REQUIRE(world.apply(down));
    CHECK(world.nodes() == "w-1, w-3");
  }
  SECTION("its container has stopped, and the cluster does not know yet") {
    world.set_ready("w-2", true);
    world.engine.set("w-2", "exited");
    REQUIRE(world.apply(down));
    CHECK(world.nodes() == "w-1, w-2, w-3");
  }
}

TEST_CASE("a node that stops answering while it is drained goes on being drained") {
  World world;
  const Change down = world.drain_one_of_two();
  world.set_ready("w-2", false);
  for (int pass = 0; pass < 10; ++pass) {
    REQUIRE(world.apply(down));
    world.clock.advance(1s);
  }
  CHECK(world.nodes() == "w-1, w-2 leaving cordoned");
  CHECK(world.engine.names() == "w-1 running, w-2 running");
  CHECK(world.observe(down).waits.find("w-2 is being drained: 1 pod is left") != std::string::npos);
}

TEST_CASE("dead ones go one after the other, too") {
  World world;
  world.fill(4);
  world.engine.set_slow_stop(true);
  for (const char* name : {"w-2", "w-3"}) world.set_ready(name, false);
  world.clock.advance(5min);
  const Change down = world.change(4, 1);
  for (int pass = 0; pass < 3; ++pass) REQUIRE(world.apply(down));
  CHECK(world.nodes() == "w-1, w-2, w-3 removed, w-4");
  world.engine.finish_stops();
  REQUIRE(world.apply(down));
  REQUIRE(world.apply(down));
  CHECK(world.nodes() == "w-1, w-2 removed, w-4");
}

TEST_CASE("a container that is no node goes when that lasts, at once and alone") {
  World world;
  world.fill(3);
  world.engine.set_slow_stop(true);
  world.server.remove("/api/v1/nodes/w-2");
  const Change down = world.change(3, 2);
  REQUIRE(world.apply(down));
  CHECK(world.engine.names() == "w-1 running, w-2 running, w-3 running");
  CHECK(world.nodes() == "w-1, w-3");
  world.clock.advance(5min);
  for (int pass = 0; pass < 3; ++pass) REQUIRE(world.apply(down));
  CHECK(world.engine.names() == "w-1 running, w-3 running");
  CHECK(world.nodes() == "w-1, w-3");
  CHECK(world.count(down) == "2 of 2 ready");
}

TEST_CASE("those that say no are not asked again at once, so that all come to be asked") {
  World world;
  world.fill(7);
  for (int i = 1; i <= 7; ++i) {
    const std::string name = "w-" + std::to_string(i);
    test::add_node_pod(world.server, name, "a-" + std::to_string(i), {{"metadata", {{"ownerReferences", nullptr}}}});
  }
  world.server.remove("/api/v1/namespaces/demo/pods/a-1");
  for (const char* pod : {"b-1", "c-1"}) test::add_node_pod(world.server, "w-1", pod);
  const Change down = world.change(7, 6);
  const Status first = world.apply(down);
  REQUIRE_FALSE(first);
  CHECK(first.error().kind == ErrorKind::busy);
  CHECK(first.error().message.find("others are asked next") != std::string::npos);
  REQUIRE(world.apply(down));
  CHECK(world.nodes() == "w-1 leaving cordoned, w-2, w-3, w-4, w-5, w-6, w-7");
}

TEST_CASE("an answer on the way that there is no such node is not taken for its end") {
  World world;
  const Change down = world.drain_one_of_two();
  bool lies = true;
  world.server.on([&](const test::FakeApiServer::Asked& asked, auto&) -> std::optional<test::FakeApiServer::Answer> {
    if (!lies || asked.path == "/api/v1/nodes") return std::nullopt;
    return test::FakeApiServer::status(404, "NotFound", "no such page");
  });
  REQUIRE(world.apply(down));
  lies = false;
  CHECK(world.engine.names() == "w-1 running, w-2 running");
  CHECK(world.nodes() == "w-1, w-2 leaving cordoned");
}

TEST_CASE("a dead node that an alert has drained goes first, and is in no way") {
  World world;
  world.fill(3);
  REQUIRE(world.faces.nodes->drain("w-1", world.settings.drain, {}));
  REQUIRE(world.nodes() == "w-1 cordoned, w-2, w-3");
  world.set_ready("w-1", false);
  world.clock.advance(5min);
  REQUIRE(world.apply(world.change(3, 2)));
  CHECK(world.nodes() == "w-2, w-3");
}

TEST_CASE("a dead node that may not go keeps others from going") {
  World world;
  world.fill(2);
  world.server.change("/api/v1/nodes/w-1",
                      {{"metadata", {{"annotations", {{"karpenter.sh/do-not-disrupt", "true"}}}}}});
  world.set_ready("w-1", false);
  world.clock.advance(5min);
  const Change down = world.change(2, 1);
  REQUIRE(world.apply(down));
  CHECK(world.nodes() == "w-1, w-2");
  CHECK(world.observe(down).waits.find("no node is taken now: w-1 cannot work") != std::string::npos);
}

TEST_CASE("who has said no and died since goes first all the same") {
  World world;
  world.fill(2);
  for (const int i : {1, 2}) {
    const std::string name = "w-" + std::to_string(i);
    test::add_node_pod(world.server, name, "bare-" + std::to_string(i), {{"metadata", {{"ownerReferences", nullptr}}}});
  }
  REQUIRE_FALSE(world.apply(world.change(2, 1)));
  world.server.remove("/api/v1/namespaces/demo/pods/bare-2");
  world.set_ready("w-1", false);
  world.engine.set("w-1", "exited");
  REQUIRE(world.apply(world.change(2, 1)));
  CHECK(world.nodes() == "w-2");
}

TEST_CASE("a scale-down that finds nobody says so, also when one is out of work") {
  World world;
  world.settings.drain.max_unavailable.amount = 2;
  world.restart();
  world.fill(3);
  for (const int i : {1, 3}) {
    const std::string name = "w-" + std::to_string(i);
    test::add_node_pod(world.server, name, "bare-" + std::to_string(i), {{"metadata", {{"ownerReferences", nullptr}}}});
  }
  world.server.change("/api/v1/nodes/w-2", {{"spec", {{"unschedulable", true}}}});
  const Status refused = world.apply(world.change(3, 2));
  REQUIRE_FALSE(refused);
  CHECK(refused.error().message.find("w-2: it is cordoned") != std::string::npos);
}
