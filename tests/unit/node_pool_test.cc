// The count of a pool of containers, against an engine and an API server of the test's own.
#include <algorithm>

#include "act/docker/inspected.h"
#include "support/node_pool_world.h"

using namespace alertscaler;
using namespace std::chrono_literals;
using Json = test::FakeApiServer::Json;
using World = test::NodePoolWorld;

TEST_CASE("a scale-up makes containers, and their nodes make them ready") {
  World world;
  CHECK(world.count() == "0 of 0 ready");
  const Change up = world.change(0, 2);
  REQUIRE(world.apply(up));
  CHECK(world.engine.names() == "w-1 running, w-2 running");
  CHECK(world.count(up) == "0 of 2 ready");
  CHECK(world.observe(up).waits == "w-1 has not joined the cluster yet; 1 more are not ready");
  world.join("w-1");
  world.join("w-2", false);
  CHECK(world.observe(up).waits == "node w-2 is not ready: container runtime is down");
  world.set_ready("w-2", true);
  CHECK(world.count(up) == "2 of 2 ready");
  REQUIRE(world.apply(up));
  CHECK(world.engine.names() == "w-1 running, w-2 running");
}

TEST_CASE("a node is made with all that the configuration says") {
  World world;
  DockerNodes& nodes = world.settings.nodes;
  nodes.networks = {"k3s", "storage"};
  nodes.command = {"agent"};
  nodes.env = {{"K3S_URL", "https://server:6443"}};
  nodes.mounts = {{"/etc/token", "/run/secrets/token", true}, {"cache", "/cache", false}};
  nodes.tmpfs = {{"/run", ""}};
  nodes.ulimits = {{"nofile", 1024, 2048}};
  nodes.labels = {{"team", "platform"}};
  nodes.privileged = true;
  world.engine.add_network("storage");
  world.restart();
  REQUIRE(world.apply(world.change(0, 1)));
  const Json made = world.engine.container("w-1");
  CHECK(made.at("Config").at("Hostname") == "w-1");
  CHECK(made.at("Config").at("Cmd") == Json{"agent"});
  CHECK(made.at("Config").at("Env") == Json{"K3S_URL=https://server:6443"});
  CHECK(made.at("Config").at("StopTimeout") == 30);
  const Json labels = {
      {"alertscaler.pool", "workers"}, {"alertscaler.index", "1"}, {"alertscaler.action", "1"}, {"team", "platform"}};
  CHECK(made.at("Config").at("Labels") == labels);
  const Json& host = made.at("HostConfig");
  CHECK(host.at("Privileged") == true);
  CHECK(host.at("RestartPolicy").at("Name") == "unless-stopped");
  CHECK(host.at("NetworkMode") == "k3s");
  CHECK(host.at("Tmpfs") == Json{{"/run", ""}});
  CHECK(host.at("Ulimits") == Json::array({{{"Name", "nofile"}, {"Soft", 1024}, {"Hard", 2048}}}));
  CHECK(host.at("Mounts").at(0) ==
        Json{{"Type", "bind"}, {"Source", "/etc/token"}, {"Target", "/run/secrets/token"}, {"ReadOnly", true}});
  CHECK(host.at("Mounts").at(1).at("Type") == "volume");
  CHECK(made.at("NetworkSettings").at("Networks").size() == 2);
}

TEST_CASE("a name is never used twice, whoever was removed, and not after a restart") {
  World world;
  world.fill(3);
  CHECK(world.carry_out(world.change(3, 1)) > 0);
  CHECK(world.engine.names() == "w-1 running");
  world.restart();
  REQUIRE(world.apply(world.change(1, 2)));
  CHECK(world.engine.names() == "w-1 running, w-4 running");
  // Where nothing is kept, what exists says it: also a node whose container has gone.
  world.keep.values.clear();
  world.join("w-9");
  REQUIRE(world.apply(world.change(2, 3)));
  CHECK(world.engine.names() == "w-1 running, w-10 running, w-4 running");
}

TEST_CASE("what cannot be written down is not made") {
  World world;
  world.keep.error = "the disk is full";
  const Status made = world.apply(world.change(0, 1));
  REQUIRE_FALSE(made);
  CHECK(made.error().kind == ErrorKind::storage);
  CHECK(world.engine.names().empty());
}

TEST_CASE("a name that another container has is passed over") {
  World world;
  world.engine.add({{"Config", {{"Labels", Json::object()}}}, {"Image", "x"}}, 1, "w-1");
  REQUIRE(world.apply(world.change(0, 1)));
  CHECK(world.engine.names() == "w-1 running, w-2 running");
}

TEST_CASE("an image that the engine does not have is named") {
  World world;
  world.engine.set_image("node:1", "");
  const Status made = world.apply(world.change(0, 1));
  REQUIRE_FALSE(made);
  CHECK(made.error().message.find("docker pull node:1") != std::string::npos);
  CHECK(world.engine.names().empty());
}

TEST_CASE("what does not start leaves nothing behind, and its number is used") {
  World world;
  world.engine.fail_next("/start", 404, R"({"message":"network k3s not found"})");
  const Status made = world.apply(world.change(0, 1));
  REQUIRE_FALSE(made);
  CHECK(made.error().message.find("start w-1: ") == 0);
  CHECK(world.engine.names().empty());
  REQUIRE(world.apply(world.change(0, 1)));
  CHECK(world.engine.names() == "w-2 running");
}

TEST_CASE("a container that never becomes a ready node shows its log, and is removed with its node") {
  World world;
  world.fill(1);
  const Change up = world.change(1, 2);
  REQUIRE(world.apply(up));
  world.engine.set_log("w-2", "starting\n\x1b[31mcannot reach https://server:6443\x1b[0m\nwill try again\n");
  CHECK(world.observe(up).waits == "w-2 has not joined the cluster yet");
  world.clock.advance(11s);
  const Observed late = world.observe(up);
  CHECK(late.waits ==
        "w-2 has not joined the cluster yet; its log ends: starting | cannot reach https://server:6443 | will try "
        "again");
  CHECK(late.broken.empty());
  world.join("w-2", false);
  REQUIRE(world.faces.replicas->clean_up(up, {}));
  CHECK(world.engine.names() == "w-1 running");
  CHECK(world.nodes() == "w-1");
  CHECK(world.count() == "1 of 1 ready");
}

TEST_CASE("a container that exits again and again is broken at once, with its log") {
  World world;
  const Change up = world.change(0, 1);
  REQUIRE(world.apply(up));
  world.engine.set_log("w-1", "no token\n");
  world.engine.change("w-1", {{"RestartCount", 2}, {"State", {{"Status", "restarting"}, {"ExitCode", 1}}}});
  const Observed seen = world.observe(up);
  CHECK(seen.replicas == 1);
  CHECK(seen.broken.find("w-1") != std::string::npos);
  CHECK(seen.broken.find("its log ends: no token") != std::string::npos);
}

TEST_CASE("a scale-down drains, stops, deletes the node and removes the container, in that order") {
  World world;
  world.fill(2);
  test::add_node_pod(world.server, "w-1", "web-1");
  world.server.lines();
  world.engine.requests();
  const Change down = world.change(2, 1);
  REQUIRE(world.apply(down));
  CHECK(world.nodes() == "w-1, w-2 leaving cordoned");
  CHECK(world.count(down) == "2 of 2 ready");  // it may still come back
  CHECK_FALSE(world.observe(down).settled);
  CHECK(world.carry_out(down) > 1);
  CHECK(world.nodes() == "w-1");
  CHECK(world.engine.names() == "w-1 running");
  CHECK(world.evictions.evicted.empty());
  std::vector<std::string> changes;
  for (const std::string& line : world.engine.requests()) {
    if (!line.starts_with("GET"))
      changes.push_back(line.substr(0, line.find("/containers/")) + line.substr(line.rfind('/')));
  }
  REQUIRE(changes.size() == 2);
  CHECK(changes[0] == "POST /stop");
  CHECK(changes[1].find("v=1") != std::string::npos);
}

TEST_CASE("while a container stops, its removal goes on from pass to pass") {
  World world;
  world.fill(2);
  world.engine.set_slow_stop(true);
  const Change down = world.change(2, 1);
  for (int pass = 0; pass < 9; ++pass) {
    REQUIRE(world.apply(down));
    world.clock.advance(1s);
  }
  CHECK(world.nodes() == "w-1, w-2 leaving removed cordoned");
  CHECK(world.observe(down).replicas == 1);
  CHECK_FALSE(world.observe(down).settled);
  CHECK(world.observe(down).waits == "w-2 is drained, and is being removed");
  world.engine.finish_stops();
  CHECK(world.carry_out(down) > 0);
  CHECK(world.nodes() == "w-1");
  CHECK(world.engine.names() == "w-1 running");
}

TEST_CASE("whoever is certain to go, goes on when no action is under way, and after a restart") {
  World world;
  world.fill(2);
  world.engine.set_slow_stop(true);
  const Change down = world.change(2, 1);
  for (int pass = 0; pass < 9; ++pass) {
    REQUIRE(world.apply(down));
    world.clock.advance(1s);
  }
  REQUIRE(world.nodes() == "w-1, w-2 leaving removed cordoned");
  world.engine.finish_stops();
  world.restart();
  world.tidy();
  CHECK(world.nodes() == "w-1");
  CHECK(world.engine.names() == "w-1 running");
}

TEST_CASE("each half-done removal ends in the same state") {
  World world;
  world.fill(2);
  const auto mark = [&](const char* annotation) {
    world.server.change("/api/v1/nodes/w-2", {{"metadata", {{"annotations", {{annotation, "workers"}}}}}});
  };
  SECTION("marked and running") {
    mark("alertscaler.io/removed-from-pool");
  }
  SECTION("marked and stopped") {
    mark("alertscaler.io/removed-from-pool");
    world.engine.set("w-2", "exited");
  }
  SECTION("stopped, and its node deleted") {
    world.engine.set("w-2", "exited");
    world.server.remove("/api/v1/nodes/w-2");
  }
  SECTION("its container removed, its node marked") {
    mark("alertscaler.io/removed-from-pool");
    world.engine.set("w-2", "exited");
    (void)world.docker.remove_all(std::vector<std::string>{"w-2"}, true, {});
  }
  SECTION("its container removed by somebody else, its node dead") {
    (void)world.docker.remove_all(std::vector<std::string>{"w-2"}, true, {});
    world.set_ready("w-2", false);
    world.tidy(2);
    CHECK(world.nodes() == "w-1, w-2");  // it may be the wrong engine, or the network
    world.clock.advance(std::chrono::minutes{5});
  }
  CHECK(world.observe().replicas == 1 + (world.nodes() == "w-1, w-2" && world.engine.names().size() > 20 ? 1 : 0));
  world.tidy(2);
  CHECK(world.nodes() == "w-1");
  CHECK(world.engine.names() == "w-1 running");
  CHECK(world.count() == "1 of 1 ready");
}

TEST_CASE("what is drained for a scale-down that nobody wants any more takes work again") {
  World world;
  const Change down = world.drain_one_of_two();
  CHECK(world.observe(down).waits.find("w-2 is being drained: 1 pod is left") == 0);
  SECTION("it has failed") {
    REQUIRE(world.faces.replicas->clean_up(down, {}));
  }
  SECTION("it was forgotten in a crash") {
    world.restart();
    world.tidy();
  }
  SECTION("a scale-up took its place") {
    REQUIRE(world.apply(world.change(2, 2)));
  }
  CHECK(world.nodes() == "w-1, w-2");
  CHECK(world.engine.names() == "w-1 running, w-2 running");
}

TEST_CASE("a drain that is refused takes everything back, and says why") {
  World world;
  world.fill(2);
  test::add_node_pod(world.server, "w-1", "web-1");
  const Change down = world.change(2, 1);
  REQUIRE(world.apply(down));
  REQUIRE(world.nodes() == "w-1, w-2 leaving cordoned");
  test::add_node_pod(world.server, "w-2", "bare", {{"metadata", {{"ownerReferences", nullptr}}}});
  const Status refused = world.apply(down);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().kind == ErrorKind::refused);
  CHECK(refused.error().message.find("demo/bare") != std::string::npos);
  CHECK(world.nodes() == "w-1, w-2");
}

TEST_CASE("nodes without a container that are not ours are told of and left alone") {
  World world;
  world.fill(1);
  world.join("w-7");
  world.join("w-8", false);
  world.tidy(2);
  CHECK(world.observe().note.find("w-7, w-8; if it is gone for good, kubectl delete node") != std::string::npos);
  CHECK(world.nodes() == "w-1, w-7, w-8");
  CHECK(world.count() == "1 of 1 ready");
}

TEST_CASE("a dead node of a pool of the same name, but of another installation, is left alone") {
  World world;
  world.settings.installation = "here";
  world.restart();
  world.fill(1);
  CHECK(world.server.get("/api/v1/nodes/w-1")->at("metadata").at("annotations").at("alertscaler.io/pool") ==
        "workers@here");
  for (const int i : {7, 8}) {
    const std::string name = "w-" + std::to_string(i);
    world.join(name, false);
    world.server.change(
        "/api/v1/nodes/" + name,
        {{"metadata", {{"annotations", {{"alertscaler.io/pool", i == 7 ? "workers@there" : "workers@here"}}}}}});
  }
  CHECK(world.observe().note.find("in the cluster: w-8; if it is gone") != std::string::npos);
  CHECK(world.observe().note.find("nodes of another pool have names as this one gives them: w-7") != std::string::npos);
  world.clock.advance(std::chrono::minutes{5});
  CHECK(world.observe().note.find("w-8") == std::string::npos);
  world.tidy();
  CHECK(world.nodes() == "w-1, w-7");
}

TEST_CASE("two installations with a target of one name on one engine leave each other's nodes alone") {
  World world;
  world.settings.installation = "here";
  world.restart();
  world.fill(2);
  CHECK(world.docker.inspect("w-1", {})->document.at("Config").at("Labels").at("alertscaler.installation") == "here");
  world.engine.set("w-2", "exited");
  world.keep = {};
  world.settings.installation = "there";
  world.restart();
  const Observed observed = world.observe(world.change(0, 1));
  CHECK(observed.replicas == 0);
  CHECK(observed.note.find("containers of another installation's pool of the same name, or another cluster's, are left "
                           "alone: w-1, w-2") != std::string::npos);
  REQUIRE(world.apply(world.change(0, 1)));
  CHECK(world.engine.names() == "w-1 running, w-2 exited, w-3 running");
  world.join("w-3");
  world.tidy();
  CHECK(world.count() == "1 of 1 ready");
  REQUIRE(world.carry_out(world.change(1, 0)) > 0);
  world.clock.advance(std::chrono::minutes{5});
  world.tidy(2);
  CHECK(world.engine.names() == "w-1 running, w-2 exited");
  CHECK(world.nodes() == "w-1, w-2");
}

TEST_CASE("clusters whose installations are called alike leave each other's nodes on one engine alone") {
  World world;
  const Json kube_system = {{"metadata", {{"name", "kube-system"}}}};
  world.settings.installation = "alertscaler/alertscaler-0";
  world.server.put("/api/v1/namespaces", kube_system);
  world.restart();
  world.fill(1);
  const Json cluster = world.server.get("/api/v1/namespaces/kube-system")->at("metadata").at("uid");
  CHECK(world.docker.inspect("w-1", {})->document.at("Config").at("Labels").at("alertscaler.cluster") == cluster);
  world.server.remove("/api/v1/nodes/w-1");
  world.server.remove("/api/v1/namespaces/kube-system");
  world.server.put("/api/v1/namespaces", kube_system);  // with another uid
  world.keep = {};
  world.restart();
  CHECK(world.observe().note.find("are left alone: w-1") != std::string::npos);
  world.last_action = 0;
  const Change up = world.change(0, 1);  // by the same number
  REQUIRE(world.apply(up));
  REQUIRE(world.faces.replicas->clean_up(up, {}));
  CHECK(world.engine.names() == "w-1 running");
}

TEST_CASE("a container of before containers were labelled is whose its node is") {
  World world;
  world.fill(2);
  world.settings.installation = "here";
  world.server.change("/api/v1/nodes/w-2",
                      {{"metadata", {{"annotations", {{"alertscaler.io/pool", "workers@there"}}}}}});
  world.restart();
  CHECK(world.count() == "1 of 1 ready");
  CHECK(world.observe().note.find("are left alone: w-2") != std::string::npos);
}

TEST_CASE("what may still start is not made once more beside itself") {
  World world;
  const Change up = world.change(0, 1);
  world.engine.fail_next("/start", 504, R"({"message":"slow"})");
  REQUIRE_FALSE(world.apply(up));
  REQUIRE(world.engine.names() == "w-1 created");
  world.engine.fail_next("DELETE /containers", 504, R"({"message":"slow"})");
  REQUIRE_FALSE(world.apply(up));
  CHECK(world.engine.names() == "w-1 created");
  REQUIRE(world.apply(up));
  CHECK(world.engine.names() == "w-2 running");
}

TEST_CASE("a container whose name another pool's node has in the cluster is no node, and does nothing to that one") {
  World world;
  world.settings.installation = "here";
  world.restart();
  const Change up = world.change(0, 1);
  REQUIRE(world.apply(up));
  world.join("w-1");
  world.server.change("/api/v1/nodes/w-1",
                      {{"metadata", {{"annotations", {{"alertscaler.io/pool", "workers@there"}}}}}});
  CHECK(world.count(up) == "0 of 1 ready");
  CHECK(world.observe(up).waits.find("the cluster's node w-1 is another pool's (workers@there)") == 0);
  REQUIRE(world.faces.replicas->clean_up(up, {}));
  CHECK(world.engine.names().empty());
  CHECK(world.nodes() == "w-1");
}

TEST_CASE("of a scale-up that has failed nothing is removed that has work") {
  World world;
  const Change up = world.change(0, 2);
  REQUIRE(world.apply(up));
  world.join("w-1");
  test::add_node_pod(world.server, "w-1", "web-1");
  world.set_ready("w-1", false);
  world.join("w-2", false);
  REQUIRE(world.faces.replicas->clean_up(up, {}));
  CHECK(world.engine.names() == "w-1 running");
  CHECK(world.nodes() == "w-1");
}

TEST_CASE("who is not looked after any more leaves nothing half done") {
  World world;
  world.fill(3);
  for (int i = 1; i <= 3; ++i) test::add_node_pod(world.server, "w-" + std::to_string(i), "a-" + std::to_string(i));
  world.engine.set_slow_stop(true);
  SECTION("what is drained takes work again") {
    world.evictions.terminate = true;
    REQUIRE(world.apply(world.change(3, 2)));
    REQUIRE(world.nodes() == "w-1, w-2, w-3 leaving cordoned");
    REQUIRE(world.faces.replicas->leave({}));
    CHECK(world.nodes() == "w-1, w-2, w-3");
  }
  SECTION("what is certain to go, goes") {
    const Change down = world.change(3, 2);
    for (int pass = 0; pass < 9; ++pass) {
      REQUIRE(world.apply(down));
      world.clock.advance(1s);
    }
    REQUIRE(world.nodes() == "w-1, w-2, w-3 leaving removed cordoned");
    REQUIRE(world.faces.replicas->leave({}));
    CHECK(world.nodes() == "w-1, w-2");
    CHECK(world.engine.names() == "w-1 running, w-2 running");
  }
  SECTION("what should have taken a place and has not joined, goes") {
    DrainPolicy policy;
    policy.replace = true;
    REQUIRE(world.faces.nodes->drain("w-1", policy, {}));
    REQUIRE(world.engine.names() == "w-1 running, w-2 running, w-3 running, w-4 running");
    REQUIRE(world.faces.replicas->leave({}));
    CHECK(world.engine.names() == "w-1 running, w-2 running, w-3 running");
  }
  SECTION("what has joined to take a place, stays") {
    DrainPolicy policy;
    policy.replace = true;
    REQUIRE(world.faces.nodes->drain("w-1", policy, {}));
    world.join("w-4");
    REQUIRE(world.faces.replicas->leave({}));
    CHECK(world.engine.names() == "w-1 running, w-2 running, w-3 running, w-4 running");
  }
}

TEST_CASE("containers of another target, and of nobody, are none of ours") {
  World world;
  world.fill(1);
  world.engine.add({{"Config", {{"Labels", {{"alertscaler.pool", "others"}}}}}, {"Image", "x"}}, 1, "o-1");
  CHECK(world.count() == "1 of 1 ready");
  world.tidy();
  CHECK(world.engine.names() == "o-1 running, w-1 running");
}

TEST_CASE("without a right the target is blocked, with the rule") {
  World world;
  world.fill(1);
  world.server.on([](const test::FakeApiServer::Asked& asked, auto&) -> std::optional<test::FakeApiServer::Answer> {
    if (!asked.path.ends_with("/selfsubjectaccessreviews")) return std::nullopt;
    const bool allowed = asked.body.at("spec").at("resourceAttributes").at("verb") != "delete";
    return test::FakeApiServer::Answer{201, {{"status", {{"allowed", allowed}}}}, "", {}};
  });
  const Observed observed = world.observe();
  REQUIRE(observed.blocked.has_value());
  CHECK(observed.blocked->text.find("resources: [nodes], verbs: [delete]") != std::string::npos);
}
