// Drains against an API server of the test's own.
#include "act/kubernetes/drain.h"
#include "base/text.h"
#include "support/catch.h"
#include "support/clock.h"
#include "support/fake_evictions.h"

using namespace alertscaler;
using namespace std::chrono_literals;
using test::add_node;
using test::add_node_pod;
using test::FakeApiServer;
using Json = FakeApiServer::Json;

namespace {

constexpr const char* mark = "/metadata/annotations/alertscaler.io~1cordoned-by";

struct World {
  FakeApiServer server;
  test::FakeEvictions evictions{server};
  test::ManualClock clock;
  kubernetes::ApiServer client{server.access()};
  std::unique_ptr<NodeBackend> backend = make("role=worker");
  DrainPolicy policy;

  World() { add_node(server, "n1", "10.0.0.1"); }

  std::unique_ptr<NodeBackend> make(const std::string& selector, const std::string& installation = "demo/one") {
    return kubernetes::make_node_backend({TargetName{"node"}, {selector, "node"}, {"demo", "own"}, installation},
                                         client, nullptr, clock);
  }
  [[nodiscard]] Json node(const std::string& name = "n1") const { return server.get("/api/v1/nodes/" + name).value(); }
  [[nodiscard]] bool cordoned(const std::string& name = "n1") const {
    return node(name).at("spec").value("unschedulable", false);
  }
  [[nodiscard]] bool marked(const std::string& name = "n1") const {
    return node(name).contains(Json::json_pointer(mark));
  }
  DrainProgress drain(const std::string& name = "n1") {
    const auto progress = backend->drain(name, policy, {});
    if (!progress) INFO(progress.error().message);
    REQUIRE(progress.has_value());
    return *progress;
  }
  // Moves until it is empty, a second a move.
  int drain_all(int moves_max = 30) {
    for (int move = 1; move <= moves_max; ++move) {
      if (drain().empty) return move;
      clock.advance(1s);
    }
    return -1;
  }
  // What was written, without queries.
  std::vector<std::string> writes() {
    std::vector<std::string> out;
    for (const std::string& line : server.lines()) {
      if (!line.starts_with("GET")) out.push_back(line);
    }
    return out;
  }
};

}  // namespace

TEST_CASE("the target's nodes are those of the selector, with what an alert may call them") {
  World world;
  add_node(world.server, "n2");
  add_node(world.server, "control-plane", "", false);
  world.server.change("/api/v1/nodes/n2",
                      {{"spec", {{"unschedulable", true}}}, {"status", {{"conditions", Json::array()}}}});
  const auto observed = world.backend->observe({});
  REQUIRE(observed.has_value());
  const std::vector<ObservedNode> expected = {{.name = "n1", .ready = true, .aliases = {"10.0.0.1"}},
                                              {.name = "n2", .cordoned = true, .aliases = {}}};
  CHECK(*observed == expected);
  CHECK(world.make("")->observe({})->size() == 3);
}

TEST_CASE("a drain cordons with our mark, evicts, and ends when the pods have gone") {
  World world;
  add_node_pod(world.server, "n1", "web-1");
  add_node_pod(world.server, "n1", "web-2");
  add_node_pod(world.server, "other", "web-3");
  world.policy.grace_period = 7s;
  CHECK_FALSE(world.drain().empty);
  CHECK(world.cordoned());
  CHECK(world.node().at(Json::json_pointer(mark)) == "node@demo/one");
  CHECK(world.backend->observe({})->at(0).ours);
  CHECK(world.evictions.evicted.size() == 2);
  CHECK(world.evictions.bodies.at(0).at("deleteOptions").at("gracePeriodSeconds") == 7);
  CHECK(world.drain().empty);
  CHECK(world.server.get("/api/v1/namespaces/demo/pods/web-3").has_value());

  REQUIRE(world.backend->uncordon("n1", {}));
  CHECK_FALSE(world.cordoned());
  CHECK_FALSE(world.marked());
}

TEST_CASE("what somebody else cordoned is drained, not marked, and not uncordoned") {
  World world;
  world.server.change("/api/v1/nodes/n1", {{"spec", {{"unschedulable", true}}}});
  CHECK(world.drain().empty);
  CHECK_FALSE(world.marked());
  REQUIRE(world.backend->uncordon("n1", {}));
  CHECK(world.cordoned());
  // Nor what another target has cordoned.
  world.server.change("/api/v1/nodes/n1", {{"metadata", {{"annotations", {{"alertscaler.io/cordoned-by", "other"}}}}}});
  REQUIRE(world.backend->uncordon("n1", {}));
  CHECK(world.cordoned());
}

TEST_CASE("a mark is ours by target and installation; one without an installation is from before they had one") {
  const auto [text, ours] = GENERATE(values<std::pair<std::string, bool>>({{"node@demo/one", true},
                                                                           {"node", true},
                                                                           {"node@demo/two", false},
                                                                           {"other@demo/one", false},
                                                                           {"other", false},
                                                                           {"", false}}));
  CAPTURE(text);
  World world;
  world.server.change("/api/v1/nodes/n1", {{"spec", {{"unschedulable", true}}},
                                           {"metadata", {{"annotations", {{"alertscaler.io/cordoned-by", text}}}}}});
  CHECK(world.backend->observe({})->at(0).ours == ours);
  REQUIRE(world.backend->uncordon("n1", {}));
  CHECK(world.cordoned() != ours);
}

TEST_CASE("somebody who cordons in between is not overlooked") {
  World world;
  bool done = false;
  world.server.before("PATCH /api/v1/nodes/n1", [&] {
    if (std::exchange(done, true)) return;
    world.server.change("/api/v1/nodes/n1", {{"spec", {{"unschedulable", true}}}});
  });
  const auto first = world.backend->drain("n1", world.policy, {});
  REQUIRE_FALSE(first.has_value());
  CHECK(first.error().kind == ErrorKind::conflict);
  CHECK(world.drain().empty);
  CHECK_FALSE(world.marked());
}

TEST_CASE("a cordon whose answer was lost is seen at the next move") {
  World world;
  world.server.lose_next("PATCH /api/v1/nodes/n1");
  REQUIRE_FALSE(world.backend->drain("n1", world.policy, {}).has_value());
  world.writes();
  CHECK(world.drain().empty);
  CHECK(world.writes().empty());
  CHECK(world.marked());
}

TEST_CASE("what forbids the drain: nothing is evicted, and the node stays cordoned") {
  World world;
  add_node_pod(world.server, "n1", "web-1");
  add_node_pod(world.server, "n1", "bare", {{"metadata", {{"ownerReferences", nullptr}}}});
  const DrainProgress progress = world.drain();
  CHECK_THAT(progress.refused, ContainsSubstring("cannot delete Pods that declare no controller (use --force to "
                                                 "override): demo/bare"));
  CHECK_FALSE(progress.empty);
  CHECK(world.cordoned());
  CHECK(world.evictions.evicted.empty());
}

TEST_CASE("pods of a DaemonSet stay, as long as there is one") {
  World world;
  const Json of_daemon = {
      {"metadata",
       {{"ownerReferences",
         Json::array({{{"kind", "DaemonSet"}, {"name", "agent"}, {"uid", "ds"}, {"controller", true}}})}}}};
  add_node_pod(world.server, "n1", "agent-1", of_daemon);
  world.server.put("/apis/apps/v1/namespaces/demo/daemonsets", {{"metadata", {{"name", "agent"}}}});
  CHECK(world.drain().empty);
  CHECK(world.evictions.evicted.empty());
  world.server.remove("/apis/apps/v1/namespaces/demo/daemonsets/agent");
  CHECK(world.drain().refused == "cannot delete daemonsets \"agent\" not found: demo/agent-1");
  world.policy.force = true;
  CHECK_FALSE(world.drain().empty);
  CHECK(world.evictions.evicted == std::vector<std::string>{"agent-1"});
}

TEST_CASE("a disruption budget is waited for, pod by pod, and its words are shown") {
  World world;
  for (const char* name : {"web-1", "web-2"}) add_node_pod(world.server, "n1", name);
  add_node_pod(world.server, "n1", "free", {{"metadata", {{"labels", {{"app", "free"}}}}}});
  world.evictions.budgets["web"] = 1;
  DrainProgress progress = world.drain();
  CHECK(world.evictions.evicted.size() == 2);
  CHECK_THAT(progress.waits, ContainsSubstring("The disruption budget web needs 2 healthy pods and has 2 currently"));
  // It is not asked again before its time.
  world.writes();
  world.clock.advance(4s);
  progress = world.drain();
  CHECK(world.writes().empty());
  CHECK(progress.left == 1);
  CHECK_THAT(progress.waits, ContainsSubstring("demo/web-"));
  world.clock.advance(2s);
  world.evictions.budgets["web"] = 1;
  world.drain();
  CHECK(world.drain().empty);
}

TEST_CASE("a pod that was replaced under its name is not evicted, which would spend the budget") {
  World world;
  const std::string path = add_node_pod(world.server, "n1", "db-0");
  bool done = false;
  world.server.before("GET /api/v1/namespaces/demo/pods/db-0", [&] {
    if (std::exchange(done, true)) return;
    world.server.remove(path);
    add_node_pod(world.server, "other", "db-0");
  });
  world.drain();
  CHECK(world.evictions.bodies.empty());
  CHECK(world.drain().empty);
  CHECK(world.server.get(path).has_value());
}

TEST_CASE("a server that is throttled is given a rest; what has gone has gone") {
  World world;
  for (int i = 0; i < 25; ++i) add_node_pod(world.server, "n1", "web-" + std::to_string(i));
  world.evictions.at_most = 12;
  const DrainProgress progress = world.drain();
  CHECK(world.evictions.evicted.size() == 12);
  CHECK_FALSE(progress.waits.empty());
  world.evictions.at_most = 0;
  CHECK(world.drain_all() > 0);
  CHECK(world.evictions.evicted.size() == 25);
}

TEST_CASE("a move is short: at most 50 evictions, the rest with the next") {
  World world;
  for (int i = 0; i < 60; ++i) add_node_pod(world.server, "n1", "web-" + std::to_string(i));
  world.drain();
  CHECK(world.evictions.evicted.size() == 50);
  world.drain();
  CHECK(world.evictions.evicted.size() == 60);
}

TEST_CASE("what we may not do fails the drain, with the rule to add") {
  World world;
  add_node_pod(world.server, "n1", "web-1");
  world.evictions.answers["web-1"] = FakeApiServer::status(403, "Forbidden", "pods \"web-1\" is forbidden");
  const auto progress = world.backend->drain("n1", world.policy, {});
  REQUIRE_FALSE(progress.has_value());
  CHECK(progress.error().kind == ErrorKind::refused);
  CHECK_THAT(progress.error().message, ContainsSubstring("pods/eviction"));
}

TEST_CASE("one pod that may not go keeps no other, and the drain fails of it in the end") {
  World world;
  for (int i = 0; i < 15; ++i) add_node_pod(world.server, "n1", "web-" + std::to_string(i));
  add_node_pod(world.server, "n1", "critical", {{"spec", {{"priority", 2'000'000'000}}}});
  add_node_pod(world.server, "n1", "own");
  const auto code = GENERATE(403, 422);
  world.evictions.answers["web-0"] =
      FakeApiServer::status(code, code == 403 ? "Forbidden" : "Invalid", "web-0 is none of your business");
  std::optional<Error> failed;
  for (int move = 0; move < 10 && !failed; ++move) {
    const auto progress = world.backend->drain("n1", world.policy, {});
    if (!progress) failed = progress.error();
    if (progress) CHECK_THAT(progress->waits, ContainsSubstring("pod demo/web-0: "));
    world.clock.advance(1s);
  }
  REQUIRE(failed.has_value());
  CHECK(failed->kind == ErrorKind::refused);
  CHECK_THAT(failed->message, ContainsSubstring("pod demo/web-0: "));
  CHECK_THAT(failed->message, ContainsSubstring("none of your business"));
  CHECK(world.evictions.evicted.size() == 15);  // but for web-0, and for us, who leave last
  CHECK(world.evictions.bodies.size() == 16);   // it is asked once a try
  CHECK_FALSE(world.backend->drain("n1", world.policy, {}).has_value());
  CHECK(world.evictions.bodies.size() == 17);
}

TEST_CASE("a call that fails ends the move; what has gone has gone") {
  World world;
  add_node_pod(world.server, "n1", "web-1");
  add_node_pod(world.server, "n1", "web-2");
  world.evictions.answers["web-1"] = FakeApiServer::status(504, "Timeout", "Timeout: request did not complete");
  const auto progress = world.backend->drain("n1", world.policy, {});
  REQUIRE_FALSE(progress.has_value());
  CHECK(progress.error().kind == ErrorKind::unreachable);
  CHECK(world.evictions.evicted == std::vector<std::string>{"web-2"});
}

TEST_CASE("an answer that describes no node is no node") {
  World world;
  world.server.fail_next("GET /api/v1/nodes/n1", {200, Json::object(), "", {}}, 4);
  for (const auto& error :
       {world.backend->drain("n1", world.policy, {}).error(), world.backend->rehearse("n1", world.policy, {}).error(),
        world.backend->uncordon("n1", {}).error(), world.backend->let_go("n1", {}).error()}) {
    CHECK(error.kind == ErrorKind::unreachable);
    CHECK_THAT(error.message, ContainsSubstring("describes no node"));
  }
  CHECK(world.writes().empty());
}

TEST_CASE("more than one budget: shown, and the other pods leave") {
  World world;
  add_node_pod(world.server, "n1", "web-1");
  add_node_pod(world.server, "n1", "web-2");
  world.evictions.answers["web-1"] = FakeApiServer::status(
      500, "InternalError",
      "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.");
  const DrainProgress progress = world.drain();
  CHECK_THAT(progress.waits, ContainsSubstring("demo/web-1: This pod has more than one PodDisruptionBudget"));
  CHECK(world.evictions.evicted == std::vector<std::string>{"web-2"});
}

TEST_CASE("an old server takes v1beta1; one without evictions is refused") {
  World world;
  add_node_pod(world.server, "n1", "web-1");
  world.evictions.version = "v1beta1";
  world.drain();
  CHECK(world.evictions.bodies.at(0).at("apiVersion") == "policy/v1beta1");

  World other;
  add_node_pod(other.server, "n1", "web-1");
  other.evictions.version.clear();
  const auto progress = other.backend->drain("n1", other.policy, {});
  REQUIRE_FALSE(progress.has_value());
  CHECK(progress.error().kind == ErrorKind::refused);
}

TEST_CASE("a pod that is terminating is waited for and not told again") {
  World world;
  const std::string path = add_node_pod(world.server, "n1", "web-1");
  world.evictions.terminate = true;
  world.drain();
  for (int i = 0; i < 3; ++i) {
    world.clock.advance(10s);
    CHECK(world.drain().left == 1);
  }
  CHECK(world.evictions.bodies.size() == 1);
  world.clock.advance(5min);
  CHECK_THAT(world.drain().waits, ContainsSubstring("should have ended"));
  world.server.remove(path);
  CHECK(world.drain().empty);
}

TEST_CASE("on a node that is not ready, what should have ended a minute ago counts as gone, and is named") {
  World world;
  add_node_pod(world.server, "n1", "web-1");
  // Were it not for that, it would forbid the drain.
  add_node_pod(world.server, "n1", "bare",
               {{"metadata", {{"ownerReferences", nullptr}, {"deletionTimestamp", "2025-01-01T00:00:00Z"}}}});
  world.evictions.terminate = true;
  world.server.change("/api/v1/nodes/n1",
                      {{"status", {{"conditions", Json::array({{{"type", "Ready"}, {"status", "Unknown"}}})}}}});
  DrainProgress progress = world.drain();
  CHECK(progress.left == 1);
  CHECK(progress.refused.empty());
  CHECK_THAT(progress.note, ContainsSubstring("counts as gone: demo/bare; if the node never comes back, delete it"));
  const Json pod = world.server.get("/api/v1/namespaces/demo/pods/web-1").value();
  const auto ends = text::parse_time(pod.at("metadata").at("deletionTimestamp").get<std::string>()).value();
  world.clock.advance(ends - world.clock.now() + 59s);
  CHECK_FALSE(world.drain().empty);
  const bool ready = GENERATE(true, false);
  if (ready) {
    world.server.change("/api/v1/nodes/n1",
                        {{"status", {{"conditions", Json::array({{{"type", "Ready"}, {"status", "True"}}})}}}});
  }
  world.clock.advance(2s);
  progress = ready ? *world.backend->drain("n1", world.policy, {}) : world.drain();
  CHECK(progress.empty != ready);
  if (ready) CHECK_THAT(progress.refused, ContainsSubstring("demo/bare"));
  if (!ready) CHECK_THAT(progress.note, ContainsSubstring("demo/bare; demo/web-1"));
}

TEST_CASE("our own pod leaves last") {
  World world;
  add_node_pod(world.server, "n1", "own");
  add_node_pod(world.server, "n1", "web-1", {{"spec", {{"priority", 2'000'000'000}}}});
  CHECK(world.drain_all() > 0);
  CHECK(world.evictions.evicted == std::vector<std::string>{"web-1", "own"});
}

TEST_CASE("pods that come back to the node each time do not keep the drain going for ever") {
  World world;
  for (int i = 0; i < 10; ++i) {
    const std::string name = "ed-" + std::to_string(i);
    if (i == 0) add_node_pod(world.server, "n1", name);
    world.server.before("POST /api/v1/namespaces/demo/pods/" + name,
                        [&world, i] { add_node_pod(world.server, "n1", "ed-" + std::to_string(i + 1)); });
  }
  CHECK(world.drain_all(10) > 0);
  CHECK(world.evictions.evicted.size() == 4);
}

TEST_CASE("a rehearsal asks the server about each pod and changes nothing") {
  World world;
  add_node_pod(world.server, "n1", "web-1");
  add_node_pod(world.server, "n1", "web-2");
  auto rehearsed = world.backend->rehearse("n1", world.policy, {});
  REQUIRE(rehearsed.has_value());
  CHECK(rehearsed->left == 2);
  CHECK(rehearsed->waits.empty());
  world.evictions.budgets["web"] = 0;
  CHECK_THAT(world.backend->rehearse("n1", world.policy, {})->waits, ContainsSubstring("needs 2 healthy pods"));
  add_node_pod(world.server, "n1", "bare", {{"metadata", {{"ownerReferences", nullptr}}}});
  CHECK_THAT(world.backend->rehearse("n1", world.policy, {})->refused, ContainsSubstring("demo/bare"));
  CHECK_FALSE(world.cordoned());
  CHECK(world.evictions.evicted.empty());
  for (const auto& asked : world.server.requests()) {
    if (asked.method != "GET") CHECK(asked.query.find("dryRun=All") != std::string::npos);
  }
}

TEST_CASE("a rehearsal says which pods would be refused") {
  World world;
  add_node_pod(world.server, "n1", "web-1");
  add_node_pod(world.server, "n1", "web-2");
  world.evictions.answers["web-1"] = FakeApiServer::status(403, "Forbidden", "not on Fridays");
  const auto rehearsed = world.backend->rehearse("n1", world.policy, {});
  REQUIRE_FALSE(rehearsed.has_value());
  CHECK(rehearsed.error().kind == ErrorKind::refused);
  CHECK_THAT(rehearsed.error().message, ContainsSubstring("pod demo/web-1: "));
}

TEST_CASE("a node that is gone is told as such, and needs no uncordon") {
  World world;
  world.server.remove("/api/v1/nodes/n1");
  CHECK(world.backend->drain("n1", world.policy, {}).error().kind == ErrorKind::not_found);
  CHECK(world.backend->uncordon("n1", {}).has_value());
}

TEST_CASE("a server that is away is waited for") {
  World world;
  world.server.stop();
  CHECK(world.backend->observe({}).error().kind == ErrorKind::unreachable);
  CHECK(world.backend->drain("n1", world.policy, {}).error().kind == ErrorKind::unreachable);
  world.server.serve();
  CHECK(world.drain().empty);
}
