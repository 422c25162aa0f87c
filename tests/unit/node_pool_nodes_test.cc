// One node of a pool, drained because an alert names it, and replaced.
#include "support/node_pool_world.h"

using namespace alertscaler;
using namespace std::chrono_literals;
using Json = test::FakeApiServer::Json;

namespace {

struct Replaced : test::NodePoolWorld {
  DrainPolicy policy;

  Replaced() {
    policy.replace = true;
    fill(2);
    test::add_node_pod(server, "w-1", "web-1");
    test::add_node_pod(server, "w-2", "web-2");
  }
  DrainProgress drain(const std::string& name) {
    const auto progress = faces.nodes->drain(name, policy, {});
    if (!progress) FAIL(progress.error().message);
    clock.advance(1s);
    return *progress;
  }
  // w-3 has joined, and w-1 is being drained.
  void drain_beside_another() {
    drain("w-1");
    join("w-3");
    drain("w-1");
    REQUIRE(nodes() == "w-1 replaced cordoned, w-2, w-3");
  }
  std::vector<std::string> observed() {
    std::vector<std::string> names;
    const auto all = faces.nodes->observe({});
    REQUIRE(all.has_value());
    for (const ObservedNode& node : *all) {
      names.push_back(node.name + (node.cordoned ? " cordoned" : "") + (node.ours ? " ours" : "") +
                      (node.leaving ? " leaving" : "") + (node.replacing ? " replacing" : ""));
    }
    return names;
  }
};

using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("a node that an alert names is drained and stays, and takes work again") {
  Replaced world;
  world.policy.replace = false;
  for (int move = 0; move < 10; ++move) world.drain("w-1");
  CHECK(world.drain("w-1").empty);
  CHECK(world.evictions.evicted == Names{"web-1"});
  CHECK(world.observed() == Names{"w-1 cordoned ours", "w-2"});
  CHECK(world.count() == "2 of 2 ready");
  REQUIRE(world.faces.nodes->uncordon("w-1", {}));
  CHECK(world.nodes() == "w-1, w-2");
  CHECK(world.engine.names() == "w-1 running, w-2 running");
  CHECK(world.faces.nodes->drain("other", world.policy, {}).error().kind == ErrorKind::not_found);
}

TEST_CASE("a node is replaced: another joins first, then it is drained and goes") {
  Replaced world;
  CHECK(world.drain("w-1").waits == "w-3 is made to take its place, and must be ready first");
  CHECK(world.engine.names() == "w-1 running, w-2 running, w-3 running");
  CHECK(world.count() == "2 of 2 ready");  // not yet one of them
  CHECK(world.observed() == Names{"w-1 replacing", "w-2"});
  CHECK(world.drain("w-1").waits == "what takes its place must be ready first: w-3 has not joined the cluster yet");
  world.restart();  // and nobody has forgotten it
  CHECK(world.drain("w-1").waits == "what takes its place must be ready first: w-3 has not joined the cluster yet");
  CHECK(world.nodes() == "w-1 replaced, w-2");
  world.join("w-3");
  for (int move = 0; move < 12 && !world.observed().front().starts_with("w-2"); ++move) world.drain("w-1");
  CHECK(world.observed() == Names{"w-2", "w-3"});
  CHECK(world.evictions.evicted == Names{"web-1"});
  CHECK(world.engine.names() == "w-2 running, w-3 running");
  CHECK(world.nodes() == "w-2, w-3");
  CHECK(world.count() == "2 of 2 ready");
  world.tidy(2);
  CHECK(world.engine.names() == "w-2 running, w-3 running");
}

TEST_CASE("a node that somebody deletes while it is replaced does not leave its container behind") {
  Replaced world;
  world.drain("w-1");
  world.join("w-3");
  world.server.remove("/api/v1/nodes/w-1");
  CHECK(world.faces.nodes->drain("w-1", world.policy, {}).error().kind == ErrorKind::not_found);
  world.tidy(2);
  CHECK(world.engine.names() == "w-2 running, w-3 running");
  CHECK(world.count() == "2 of 2 ready");
}

TEST_CASE("a replacement that is not wanted any more goes again") {
  Replaced world;
  world.drain("w-1");
  SECTION("before it has joined") {}
  SECTION("when it has joined") {
    world.join("w-3");
    world.drain("w-1");
    CHECK(world.nodes() == "w-1 replaced cordoned, w-2, w-3");
    test::add_node_pod(world.server, "w-3", "web-3");
  }
  REQUIRE(world.faces.nodes->uncordon("w-1", {}));
  world.restart();
  world.tidy();
  for (const std::string& node : world.observed()) CHECK(node.find("ours") == std::string::npos);
  world.tidy(12);
  CHECK(world.nodes() == "w-1, w-2");
  CHECK(world.engine.names() == "w-1 running, w-2 running");
  CHECK(world.count() == "2 of 2 ready");
}

TEST_CASE("a node that stays out of work keeps what stands in for it") {
  Replaced world;
  world.drain_beside_another();
  REQUIRE(world.faces.nodes->let_go("w-1", {}));  // as when the alert ends and nobody may undo what it did
  world.tidy(12);
  CHECK(world.nodes() == "w-1 cordoned, w-2, w-3");
  CHECK(world.engine.names() == "w-1 running, w-2 running, w-3 running");
  CHECK(world.count() == "2 of 2 ready");
  CHECK(world.observe().note == "w-3 stands in for w-1, which is cordoned");
  world.server.change("/api/v1/nodes/w-1", {{"spec", {{"unschedulable", nullptr}}}});
  world.tidy(12);
  CHECK(world.engine.names() == "w-1 running, w-2 running");
  CHECK(world.observe().note.empty());
}

TEST_CASE("a node that has died keeps what stands in for it, whatever its alert says") {
  Replaced world;
  world.drain("w-1");
  world.join("w-3");
  world.drain("w-1");
  world.set_ready("w-1", false);
  REQUIRE(world.faces.nodes->uncordon("w-1", {}));
  world.tidy(12);
  CHECK(world.nodes() == "w-1, w-2, w-3");
  CHECK(world.observe().note == "w-3 stands in for w-1, which is not ready");
  world.set_ready("w-1", true);
  world.tidy(12);
  CHECK(world.nodes() == "w-1, w-2");
}

TEST_CASE("a replacement that is away for a moment is waited for") {
  Replaced world;
  world.evictions.terminate = true;
  world.drain_beside_another();
  world.clock.advance(10min);
  world.set_ready("w-3", false);
  CHECK(world.drain("w-1").waits.find("what takes its place must be ready first: node w-3 is not ready") == 0);
  CHECK(world.engine.names() == "w-1 running, w-2 running, w-3 running");
}

TEST_CASE("a replacement that dies is made anew, and the node that it was for is not left half drained") {
  Replaced world;
  world.evictions.terminate = true;
  world.drain_beside_another();
  world.set_ready("w-3", false);
  world.clock.advance(5min);
  REQUIRE_FALSE(world.faces.nodes->drain("w-1", world.policy, {}));
  CHECK(world.engine.names() == "w-1 running, w-2 running");
  CHECK(world.drain("w-1").waits == "w-4 is made to take its place, and must be ready first");
}

TEST_CASE("a node that is drained anew is looked at a little longer, as the first time") {
  Replaced world;
  world.drain("w-1");
  world.join("w-3");
  for (int move = 0; move < 3; ++move) world.drain("w-1");
  REQUIRE(world.faces.nodes->uncordon("w-1", {}));
  (void)world.observed();
  world.clock.advance(1min);
  CHECK_FALSE(world.drain("w-1").empty);
  CHECK(world.drain("w-1").waits == "it is looked at a little longer");
  CHECK(world.nodes() == "w-1 replaced cordoned, w-2, w-3");
}

TEST_CASE("what is retired is wanted again when the node dies that it stood in for") {
  Replaced world;
  world.evictions.terminate = true;
  world.drain("w-1");
  world.join("w-3");
  test::add_node_pod(world.server, "w-3", "web-3");
  REQUIRE(world.faces.nodes->uncordon("w-1", {}));
  world.tidy(2);
  REQUIRE(world.nodes() == "w-1, w-2, w-3 cordoned");
  SECTION("it takes work again") {
    world.set_ready("w-1", false);
    world.tidy(2);
    CHECK(world.nodes() == "w-1, w-2, w-3");
  }
  SECTION("and when the target leaves") {
    REQUIRE(world.faces.replicas->leave({}));
    CHECK(world.nodes() == "w-1, w-2, w-3");
  }
}

TEST_CASE("a replacement that somebody cordons is not removed for that") {
  Replaced world;
  world.drain("w-1");
  world.join("w-3");
  world.server.change("/api/v1/nodes/w-3", {{"metadata", {{"annotations", {{"karpenter.sh/do-not-disrupt", "true"}}}}},
                                            {"spec", {{"unschedulable", true}}}});
  REQUIRE(world.faces.nodes->uncordon("w-1", {}));
  world.clock.advance(2min);
  world.tidy(10);
  CHECK(world.nodes() == "w-1, w-2, w-3 cordoned");
  CHECK(world.engine.names() == "w-1 running, w-2 running, w-3 running");
  CHECK(world.observed().back() == "w-3 cordoned");
  world.clock.advance(30s);  // the reason stays, however long ago it was asked
  CHECK(world.observe().note.find("w-3 replaces nothing any more, and stays: its annotation") == 0);
}

TEST_CASE("a replacement that cannot be removed again works on, and it is said why") {
  Replaced world;
  world.drain("w-1");
  world.join("w-3");
  test::add_node_pod(world.server, "w-3", "bare", {{"metadata", {{"ownerReferences", nullptr}}}});
  REQUIRE(world.faces.nodes->uncordon("w-1", {}));
  (void)world.observe();
  SECTION("a pod that may not be evicted") {
    world.tidy(3);
    CHECK(world.nodes() == "w-1, w-2, w-3");  // nobody has touched it
    CHECK(world.observe().note.find("w-3 replaces nothing any more, and stays: cannot delete Pods that declare no") ==
          0);
    world.server.remove("/api/v1/namespaces/demo/pods/bare");
    world.tidy(10);
    CHECK(world.nodes() == "w-1, w-2, w-3");  // it is not asked all the time
    world.clock.advance(1min);
    world.tidy(10);
    CHECK(world.nodes() == "w-1, w-2");
  }
  SECTION("one that is protected") {
    world.server.remove("/api/v1/namespaces/demo/pods/bare");
    world.server.change("/api/v1/nodes/w-3",
                        {{"metadata", {{"annotations", {{"karpenter.sh/do-not-disrupt", "true"}}}}}});
    world.tidy(10);
    CHECK(world.nodes() == "w-1, w-2, w-3");
  }
  SECTION("a drain that does not end in its time") {
    world.server.remove("/api/v1/namespaces/demo/pods/bare");
    test::add_node_pod(world.server, "w-3", "web-3");
    world.evictions.terminate = true;
    world.tidy(3);
    CHECK(world.nodes() == "w-1, w-2, w-3 cordoned");
    CHECK(world.observed().back() == "w-3 cordoned leaving");
    world.clock.advance(world.settings.drain.timeout);
    world.tidy(3);
    CHECK(world.nodes() == "w-1, w-2, w-3");
    CHECK(world.observed().back() == "w-3");
  }
  SECTION("a pod that takes its time") {
    world.server.remove("/api/v1/namespaces/demo/pods/bare");
    test::add_node_pod(world.server, "w-3", "web-3");
    world.evictions.terminate = true;
    world.tidy(3);
    CHECK(world.observe().waits.find("w-3 is being drained: 1 pod is left") != std::string::npos);
  }
}

TEST_CASE("a replacement that does not get ready is removed, and the drain fails with what its log says") {
  Replaced world;
  world.drain("w-1");
  world.engine.set_log("w-3", "no token\n");
  world.clock.advance(2min);
  const auto progress = world.faces.nodes->drain("w-1", world.policy, {});
  REQUIRE_FALSE(progress);
  CHECK(progress.error().kind == ErrorKind::refused);
  CHECK(progress.error().message ==
        "what was made to take its place did not get ready: w-3 has not joined the cluster yet; its log ends: no "
        "token");
  CHECK(world.engine.names() == "w-1 running, w-2 running");
  CHECK(world.drain("w-1").waits == "w-4 is made to take its place, and must be ready first");
}

TEST_CASE("a replaced node that is certain to go, goes whoever asks") {
  Replaced world;
  world.drain("w-1");
  world.join("w-3");
  world.engine.set_slow_stop(true);
  for (int move = 0; move < 10; ++move) world.drain("w-1");
  REQUIRE(world.nodes() == "w-1 removed replaced cordoned, w-2, w-3");
  CHECK(world.observed() == Names{"w-2", "w-3"});
  CHECK(world.count() == "2 of 2 ready");
  REQUIRE(world.faces.nodes->uncordon("w-1", {}));  // too late
  world.engine.finish_stops();
  world.tidy();
  CHECK(world.nodes() == "w-2, w-3");
  CHECK(world.engine.names() == "w-2 running, w-3 running");
}

TEST_CASE("a node that a scale-down removes is told so, and no end of an alert brings it back") {
  Replaced world;
  world.evictions.terminate = true;
  const Change down = world.change(2, 1);
  REQUIRE(world.apply(down));
  CHECK(world.observed() == Names{"w-1", "w-2 cordoned leaving"});
  REQUIRE(world.faces.nodes->uncordon("w-2", {}));
  CHECK(world.nodes() == "w-1, w-2 leaving cordoned");
  CHECK(world.drain("w-2").waits == "a scale-down is removing it");
}
