#include <algorithm>

#include "act/kubernetes/workload.h"
#include "support/catch.h"
#include "support/fake_api_server.h"

using namespace alertscaler;
using namespace std::chrono_literals;
using test::FakeApiServer;
using Json = FakeApiServer::Json;

namespace {

const std::string deployments = "/apis/apps/v1/namespaces/demo/deployments";
const std::string pools = "/apis/example.io/v1/namespaces/demo/pools";

struct Rig {
  explicit Rig(KubernetesWorkload workload = {"demo", "apps/v1", "Deployment", "web"},
               std::unique_ptr<kubernetes::CountOwner> owner = nullptr)
      : client(server.access()),
        backend(kubernetes::make_workload_backend(std::move(workload), client, std::move(owner))) {}

  Result<Observed> look(const std::optional<Change>& in_flight = {}) { return backend->observe(in_flight, {}); }
  // Observes and applies, as a pass does.
  Status move(int from, int to, ActionId id = 1) {
    const Change change{id, TargetName{"web"}, from, to};
    const auto observed = look(change);
    if (!observed) return fail(observed.error());
    return backend->apply(change, {});
  }
  [[nodiscard]] int replicas(const std::string& path = deployments + "/web") const {
    return server.get(path)->at("spec").at("replicas").get<int>();
  }
  [[nodiscard]] int writes() {
    const auto lines = server.lines();
    return static_cast<int>(
        std::count_if(lines.begin(), lines.end(), [](const std::string& line) { return line.starts_with("PATCH"); }));
  }

  FakeApiServer server;
  kubernetes::ApiServer client;
  std::unique_ptr<Backend> backend;
};

// A custom resource, with one object of two replicas.
struct PoolRig : Rig {
  PoolRig() : Rig({"demo", "example.io/v1", "Pool", "p1"}) {
    server.add_resource(resource);
    server.put(pools, {{"metadata", {{"name", "p1"}}},
                       {"spec", {{"replicas", 2}, {"selector", {{"matchLabels", {{"app", "p1"}}}}}}}});
  }
  FakeApiServer::Resource resource{"/apis/example.io/v1", "pools", "Pool", true, true, true, 10};
};

}  // namespace

TEST_CASE("workload: what a Deployment says is observed in one request") {
  Rig rig;
  rig.server.add_deployment("web", 3);
  Observed expected;
  expected.replicas = expected.ready = 3;
  CHECK(rig.look().value() == expected);
  CHECK(rig.server.lines() == std::vector<std::string>{"GET " + deployments + "/web"});
}

TEST_CASE("workload: a write goes to the scale alone, with uid and count as they were observed") {
  Rig rig;
  rig.server.add_deployment("web", 2);
  const std::string uid = rig.server.get(deployments + "/web")->at("metadata").at("uid");
  REQUIRE(rig.move(2, 4).has_value());
  CHECK(rig.replicas() == 4);
  const auto asked = rig.server.requests();
  REQUIRE(asked.size() == 2);
  CHECK(asked[1].path == deployments + "/web/scale");
  CHECK(asked[1].query.find("fieldManager=alertscaler") != std::string::npos);
  CHECK(asked[1].body == Json::array({{{"op", "test"}, {"path", "/metadata/uid"}, {"value", uid}},
                                      {{"op", "test"}, {"path", "/spec/replicas"}, {"value", 2}},
                                      {{"op", "add"}, {"path", "/spec/replicas"}, {"value", 4}}}));
}

TEST_CASE("workload: to zero and back") {
  Rig rig;
  rig.server.add_deployment("web", 2);
  REQUIRE(rig.move(2, 0, 1).has_value());
  CHECK(rig.look()->replicas == 0);
  REQUIRE(rig.move(0, 3, 2).has_value());
  CHECK(rig.replicas() == 3);
  rig.server.lines();
  REQUIRE(rig.move(0, 3, 2).has_value());  // repeated: nothing is left to do
  CHECK(rig.writes() == 0);
}

TEST_CASE("workload: every kind of our own knowledge has its path") {
  const auto c = GENERATE(values<std::pair<std::string, std::string>>(
      {{"Deployment", "/apis/apps/v1/namespaces/demo/deployments"},
       {"StatefulSet", "/apis/apps/v1/namespaces/demo/statefulsets"},
       {"ReplicaSet", "/apis/apps/v1/namespaces/demo/replicasets"},
       {"ReplicationController", "/api/v1/namespaces/demo/replicationcontrollers"}}));
  Rig rig({"demo", c.first == "ReplicationController" ? "v1" : "apps/v1", c.first, "web"});
  rig.server.put(c.second, {{"metadata", {{"name", "web"}}}, {"spec", {{"replicas", 1}}}});
  REQUIRE(rig.move(1, 2).has_value());
  CHECK(rig.replicas(c.second + "/web") == 2);
}

TEST_CASE("workload: a second writer, 200 times: no update is lost") {
  Rig rig;
  rig.server.add_deployment("web", 1);
  int other = 1;
  rig.server.before("PATCH", [&] { rig.server.change(deployments + "/web", {{"spec", {{"replicas", other}}}}); });
  int overtaken = 0;
  for (int i = 0; i < 200; ++i) {
    const int observed = rig.look()->replicas;
    other = i % 3 == 0 ? observed : (i * 7) % 11;  // now and then the same count, which changes nothing
    const Status moved = rig.backend->apply({i + 1, TargetName{"web"}, observed, observed + 1}, {});
    if (other == observed || other == observed + 1) {
      CHECK(moved.has_value());
      CHECK(rig.replicas() == observed + 1);
    } else {
      REQUIRE_FALSE(moved.has_value());
      CHECK(moved.error().kind == ErrorKind::conflict);
      CHECK(rig.replicas() == other);
      ++overtaken;
    }
  }
  CHECK(overtaken > 100);
}

TEST_CASE("workload: who moved the count is told") {
  Rig rig;
  rig.server.add_deployment("web", 3);
  const Status first = rig.move(2, 4);
  REQUIRE_FALSE(first.has_value());
  CHECK(first.error() == Error{ErrorKind::conflict, "Deployment demo/web was set to 3 by somebody else first"});

  REQUIRE(rig.move(3, 5, 2).has_value());
  rig.server.change(deployments + "/web", {{"spec", {{"replicas", 3}}}});
  const Status undone = rig.move(3, 5, 2);
  REQUIRE_FALSE(undone.has_value());
  CHECK(undone.error() ==
        Error{ErrorKind::conflict, "Deployment demo/web was set to 5, and then to 3 by somebody else"});
  CHECK(rig.replicas() == 3);
}

TEST_CASE("workload: an object that was made anew in between is another one") {
  Rig rig;
  rig.server.add_deployment("web", 2);
  rig.server.before("PATCH", [&] {
    rig.server.remove(deployments + "/web");
    rig.server.add_deployment("web", 2);
  });
  const Status moved = rig.move(2, 4);
  REQUIRE_FALSE(moved.has_value());
  CHECK(moved.error() == Error{ErrorKind::conflict, "Deployment demo/web was made anew meanwhile"});
  CHECK(rig.replicas() == 2);
  rig.server.before("PATCH", [&] { rig.server.remove(deployments + "/web"); });
  CHECK(rig.move(2, 4).error().message == "Deployment demo/web was deleted meanwhile");
  rig.server.before("PATCH", nullptr);
  const auto gone = rig.look();
  REQUIRE_FALSE(gone.has_value());
  CHECK(gone.error().kind == ErrorKind::not_found);
}

TEST_CASE("workload: an answer that was lost is read, not assumed") {
  Rig rig;
  rig.server.add_deployment("web", 2);
  rig.server.lose_next("PATCH");
  CHECK(rig.move(2, 4).has_value());
  CHECK(rig.replicas() == 4);
  CHECK(rig.writes() == 1);

  rig.server.fail_next("PATCH", FakeApiServer::status(504, "Timeout", "request did not complete"));
  const Status open = rig.move(4, 5, 2);
  REQUIRE_FALSE(open.has_value());
  CHECK((open.error().kind == ErrorKind::busy || open.error().kind == ErrorKind::unreachable));
  CHECK(rig.move(4, 5, 2).has_value());
  CHECK(rig.replicas() == 5);
}

TEST_CASE("workload: a 409 that nobody caused is tried again, and then left for later") {
  Rig rig;
  rig.server.add_deployment("web", 2);
  const auto conflict = FakeApiServer::status(409, "Conflict", "the object has been modified");
  rig.server.fail_next("PATCH", conflict, 3);
  CHECK(rig.move(2, 3).has_value());
  CHECK(rig.writes() == 4);
  rig.server.fail_next("PATCH", FakeApiServer::status(422, "Invalid", "the server rejected our request"), 1);
  rig.server.fail_next("PATCH", conflict, 4);
  CHECK(rig.move(3, 4, 2).error().kind == ErrorKind::busy);
  CHECK(rig.writes() == 5);
  CHECK(rig.replicas() == 3);
}

TEST_CASE("workload: what the server will never take is refused with its words") {
  PoolRig rig;
  const Status moved = rig.move(2, 11);
  REQUIRE_FALSE(moved.has_value());
  CHECK(moved.error().kind == ErrorKind::refused);
  CHECK(moved.error().message.find("less than or equal to 10") != std::string::npos);
  CHECK(rig.replicas(pools + "/p1") == 2);

  Rig other;
  other.server.add_deployment("web", 2);
  other.server.fail_next("PATCH", FakeApiServer::status(403, "Forbidden", "cannot patch deployments/scale"));
  CHECK(other.move(2, 3).error().kind == ErrorKind::refused);
}

TEST_CASE("workload: what does not exist is no count of zero") {
  Rig rig;
  const auto observed = rig.look();
  REQUIRE_FALSE(observed.has_value());
  CHECK(observed.error() ==
        Error{ErrorKind::not_found,
              "Deployment demo/web does not exist: create it, or correct namespace, kind and name of the target"});
}

TEST_CASE("workload: an answer that describes no object is no count of zero") {
  Rig rig;
  rig.server.add_deployment("web", 2);
  rig.server.fail_next("GET " + deployments + "/web", {200, {{"kind", "Status"}}, "", {}}, 2);
  for (const Status& status : {Status(tl::unexpected(rig.look().error())), rig.move(2, 4)}) {
    REQUIRE_FALSE(status.has_value());
    CHECK(status.error().kind == ErrorKind::unreachable);
    CHECK_THAT(status.error().message, ContainsSubstring("describes no such object"));
  }
  CHECK(rig.replicas() == 2);
}

TEST_CASE("workload: a custom resource is found by discovery, and read through its scale") {
  PoolRig rig;
  rig.server.add_pod("p1-a", {{"app", "p1"}});
  rig.server.add_pod("p1-b", {{"app", "p1"}}, {{"conditions", Json::array()}});
  const auto observed = rig.look();
  if (!observed) FAIL(observed.error().message);
  CHECK(observed->replicas == 2);
  CHECK(observed->ready == 1);
  CHECK(observed->waits == "pod p1-b: not ready");
  REQUIRE(rig.look().has_value());
  const auto lines = rig.server.lines();
  CHECK(std::count(lines.begin(), lines.end(), "GET /apis/example.io/v1") == 1);

  REQUIRE(rig.move(2, 0, 1).has_value());
  REQUIRE(rig.move(0, 3, 2).has_value());
  CHECK(rig.replicas(pools + "/p1") == 3);
}

TEST_CASE("workload: a definition that comes, goes and moves is followed") {
  PoolRig rig;
  REQUIRE(rig.look().has_value());
  rig.server.remove_resource("/apis/example.io/v1", "pools");
  CHECK(rig.look().error().message ==
        "observe Pool demo/p1: the API server does not know example.io/v1: is the definition of Pool installed?");
  rig.resource.plural = "poolz";
  rig.server.add_resource(rig.resource);
  rig.server.put("/apis/example.io/v1/namespaces/demo/poolz",
                 {{"metadata", {{"name", "p1"}}}, {"spec", {{"replicas", 5}}}});
  CHECK(rig.look()->replicas == 5);
}

TEST_CASE("workload: kinds that cannot be scaled are refused with the reason") {
  Rig daemon({"demo", "apps/v1", "DaemonSet", "web"});
  CHECK(
      daemon.look().error() ==
      Error{
          ErrorKind::refused,
          "observe DaemonSet demo/web: DaemonSet (apps/v1) has no scale subresource, so that its count cannot be set"});
  Rig unknown({"demo", "autoscaling/v1", "Pool", "web"});
  CHECK(unknown.look().error().message ==
        "observe Pool demo/web: autoscaling/v1 has no kind Pool; it has HorizontalPodAutoscaler");
}

TEST_CASE("workload: a custom object without a count has to get one first") {
  PoolRig rig;
  rig.server.put(pools, {{"metadata", {{"name", "p1"}}}, {"spec", {{"size", "small"}}}});
  const auto observed = rig.look();
  REQUIRE_FALSE(observed.has_value());
  CHECK(observed.error().kind == ErrorKind::refused);
  CHECK(observed.error().message.find("has no spec.replicas") != std::string::npos);
}

TEST_CASE("workload: what somebody else makes and sets is not scaled behind his back") {
  Rig rig({"demo", "apps/v1", "ReplicaSet", "web-1"});
  Json object = {
      {"metadata",
       {{"name", "web-1"}, {"ownerReferences", {{{"kind", "Deployment"}, {"name", "web"}, {"controller", true}}}}}},
      {"spec", {{"replicas", 2}}}};
  rig.server.put("/apis/apps/v1/namespaces/demo/replicasets", object);
  const auto observed = rig.look();
  REQUIRE(observed.has_value());
  CHECK(observed->blocked ==
        Blocked{Reason::not_scalable,
                "ReplicaSet demo/web-1 belongs to Deployment web, which sets its count: make that the target"});
}

TEST_CASE("workload: pods that do not get ready are named") {
  Rig rig;
  rig.server.add_deployment("web", 1);
  rig.server.set_controllers(false);
  const Change change{1, TargetName{"web"}, 1, 2};
  REQUIRE(rig.move(1, 2).has_value());
  rig.server.add_pod("web-1", {{"app", "web"}});
  rig.server.add_pod("web-2", {{"app", "web"}},
                     {{"phase", "Pending"},
                      {"conditions",
                       {{{"type", "PodScheduled"},
                         {"status", "False"},
                         {"reason", "Unschedulable"},
                         {"message", "0/1 nodes are available"}}}}});
  const auto observed = rig.look(change);
  REQUIRE(observed.has_value());
  CHECK_FALSE(observed->settled);
  CHECK(observed->replicas == 2);
  CHECK(observed->ready == 1);
  CHECK(observed->waits == "pod web-2: Unschedulable: 0/1 nodes are available");
  CHECK(observed->broken.empty());
  rig.server.lines();
  CHECK(rig.look(change)->waits == observed->waits);  // not asked again so soon
  CHECK(rig.server.lines().size() == 1);
  rig.server.settle(deployments + "/web");
  CHECK(rig.look(change)->waits.empty());
}

TEST_CASE("workload: pods that may not be listed hide their reasons and nothing else") {
  Rig rig;
  rig.server.add_deployment("web", 1);
  rig.server.set_controllers(false);
  REQUIRE(rig.move(1, 2).has_value());
  rig.server.fail_next("/pods", FakeApiServer::status(403, "Forbidden", "pods is forbidden"));
  const auto observed = rig.look();
  REQUIRE(observed.has_value());
  CHECK(observed->ready == 1);
  CHECK(observed->waits.find("pods is forbidden") != std::string::npos);
}

namespace {

// An owner that takes every change to itself.
struct Owner final : kubernetes::CountOwner {
  kubernetes::Ownership ownership;
  std::vector<int>& moved;
  explicit Owner(std::vector<int>& moves) : moved(moves) {}
  Result<kubernetes::Ownership> observe(const kubernetes::ScaledObject& object, const std::optional<Change>&,
                                        const std::stop_token&) override {
    ownership.floor = Floor{1, 1, "the owner of " + object.kind + " " + object.name};
    return ownership;
  }
  Result<bool> apply(const kubernetes::ScaledObject&, const Change& change, const std::stop_token&) override {
    if (change.to == 0) return false;
    moved.push_back(change.to);
    return true;
  }
};

}  // namespace

TEST_CASE("workload: what owns the count is asked, and gets the changes that it takes") {
  std::vector<int> moved;
  Rig rig({"demo", "apps/v1", "Deployment", "web"}, std::make_unique<Owner>(moved));
  rig.server.add_deployment("web", 2);
  CHECK(rig.look()->floor == Floor{1, 1, "the owner of Deployment web"});
  REQUIRE(rig.move(2, 5, 1).has_value());
  CHECK(moved == std::vector<int>{5});
  CHECK(rig.replicas() == 2);
  REQUIRE(rig.move(2, 0, 2).has_value());
  CHECK(rig.replicas() == 0);
}
