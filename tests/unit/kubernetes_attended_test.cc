#include <algorithm>

#include "act/kubernetes/attended.h"
#include "act/kubernetes/json.h"
#include "base/guarded.h"
#include "support/catch.h"
#include "support/clock.h"
#include "support/stub_api_server.h"

using namespace alertscaler;
using namespace alertscaler::kubernetes;
using namespace std::chrono_literals;
using test::StubApiServer;

namespace {

const std::string rule =
    "add to a Role in the namespace demo: - {apiGroups: [apps], resources: [deployments/scale], resourceNames: [web], "
    "verbs: [patch]}";

// Does what it is told to.
struct Inner final : Backend {
  Result<Observed> observe(const std::optional<Change>&, std::stop_token) override { return observed; }
  Status apply(const Change&, std::stop_token) override { return applied; }
  Status clean_up(const Change&, std::stop_token) override { return {}; }
  Result<Observed> observed = Observed{};
  Status applied;
};

// An API server that allows some verbs, and a workload in it.
struct Cluster {
  Cluster() {
    server.otherwise([this](const StubApiServer::Seen& seen) -> StubApiServer::Answer {
      if (seen.path.ends_with("/events")) return {201, R"({"metadata":{"name":"e"}})"};
      if (seen.method == "GET") return {200, R"({"metadata":{"uid":"u"}})"};
      const std::string verb = seen.body["spec"]["resourceAttributes"]["verb"];
      const bool allowed = verbs.with([&](const auto& all) { return all.find(verb) != std::string::npos; });
      return {201, dump(Json{{"status", {{"allowed", allowed}}}})};
    });
    auto made = std::make_unique<Inner>();
    inner = made.get();
    backend = attended(std::move(made), {"demo", "apps/v1", "Deployment", "web", {}}, {*api, events, clock});
  }
  [[nodiscard]] std::size_t asked() const {
    const auto seen = server.seen();
    return static_cast<std::size_t>(std::count_if(
        seen.begin(), seen.end(), [](const auto& each) { return each.path.ends_with("/selfsubjectaccessreviews"); }));
  }

  Guarded<std::string> verbs{std::string("get patch list create")};
  StubApiServer server;
  test::ManualClock clock;
  std::shared_ptr<ApiServer> api = std::make_shared<ApiServer>(server.access());
  Events events{api, "pod-0", clock};
  Inner* inner = nullptr;
  std::unique_ptr<Backend> backend;
};

}  // namespace

TEST_CASE("a missing right blocks, with the rule, and comes back by itself") {
  Cluster cluster;
  cluster.verbs.with([](auto& verbs) { verbs = "get list create"; });
  const auto blocked = cluster.backend->observe({}, {});
  REQUIRE(blocked.has_value());
  REQUIRE(blocked->blocked.has_value());
  CHECK(blocked->blocked->reason == Reason::not_scalable);
  CHECK(blocked->blocked->text.find(rule) != std::string::npos);
  cluster.verbs.with([](auto& verbs) { verbs = "get patch list create"; });
  cluster.clock.advance(31s);
  CHECK_FALSE(cluster.backend->observe({}, {})->blocked.has_value());
  CHECK(cluster.asked() == 10);
  CHECK_FALSE(cluster.backend->observe({}, {})->blocked.has_value());
  CHECK(cluster.asked() == 10);
}

TEST_CASE("a right that it can do without is only mentioned") {
  Cluster cluster;
  cluster.verbs.with([](auto& verbs) { verbs = "get patch create"; });
  cluster.inner->observed->note = "a note of its own";
  const auto observed = cluster.backend->observe({}, {});
  REQUIRE(observed.has_value());
  CHECK_FALSE(observed->blocked.has_value());
  CHECK(observed->note ==
        "a note of its own; not needed to scale, but for what it tells: add to a Role in the namespace demo: - "
        "{apiGroups: [\"\"], resources: [pods], verbs: [list]}");
}

TEST_CASE("what blocks anyhow is not hidden by a missing right") {
  Cluster cluster;
  cluster.verbs.with([](auto& verbs) { verbs = "get list create"; });
  cluster.inner->observed->blocked = Blocked{Reason::hpa_owned, "an HPA"};
  CHECK(cluster.backend->observe({}, {})->blocked->text == "an HPA");
}

TEST_CASE("a refusal is a reason to ask again") {
  Cluster cluster;
  CHECK_FALSE(cluster.backend->observe({}, {})->blocked.has_value());
  cluster.verbs.with([](auto& verbs) { verbs = "get list create"; });
  cluster.inner->applied = fail(ErrorKind::conflict, "somebody was faster");
  CHECK_FALSE(cluster.backend->apply({}, {}).has_value());
  CHECK_FALSE(cluster.backend->observe({}, {})->blocked.has_value());
  cluster.inner->applied = fail(ErrorKind::refused, "403");
  CHECK_FALSE(cluster.backend->apply({}, {}).has_value());
  CHECK(cluster.backend->observe({}, {})->blocked.has_value());
}

TEST_CASE("who may not even look says so with all that is missing") {
  Cluster cluster;
  cluster.verbs.with([](auto& verbs) { verbs = "none"; });
  cluster.inner->observed = fail(ErrorKind::refused, "403");
  const auto refused = cluster.backend->observe({}, {});
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().kind == ErrorKind::refused);
  CHECK(refused.error().message.find("resources: [deployments], resourceNames: [web], verbs: [get]") !=
        std::string::npos);
  cluster.inner->observed = fail(ErrorKind::unreachable, "nobody listens");
  CHECK(cluster.backend->observe({}, {}).error().message == "nobody listens");
}

TEST_CASE("what became of an action is an event on the workload") {
  Cluster cluster;
  REQUIRE(cluster.backend->observe({}, {}).has_value());
  HistoryEntry entry;
  entry.from = 1;
  entry.to = 3;
  cluster.backend->announce(entry);  // it has not ended
  entry.outcome = ActionOutcome::done;
  cluster.backend->announce(entry);
  REQUIRE(cluster.server.wait_for(7));  // five rights, the uid, the event
  const auto event = cluster.server.seen().back();
  CHECK(event.path == "/apis/events.k8s.io/v1/namespaces/demo/events");
  CHECK(event.body["regarding"]["kind"] == "Deployment");
  CHECK(event.body["regarding"]["uid"] == "u");
  CHECK(event.body["reason"] == "AlertScaled");
}

namespace {

struct InnerNodes final : NodeBackend {
  Result<std::vector<ObservedNode>> observe(std::stop_token) override { return observed; }
  Result<DrainProgress> drain(const std::string&, const DrainPolicy&, std::stop_token) override { return drained; }
  Result<DrainProgress> rehearse(const std::string&, const DrainPolicy&, std::stop_token) override { return drained; }
  Status uncordon(const std::string&, std::stop_token) override { return {}; }
  Result<std::vector<ObservedNode>> observed = std::vector<ObservedNode>{{.name = "n1", .aliases = {}}};
  Result<DrainProgress> drained = DrainProgress{};
};

struct Nodes : Cluster {
  Nodes() {
    auto made = std::make_unique<InnerNodes>();
    inner_nodes = made.get();
    nodes = attended(std::move(made), {*api, events, clock});
  }
  InnerNodes* inner_nodes = nullptr;
  std::unique_ptr<NodeBackend> nodes;
};

}  // namespace

TEST_CASE("what draining nodes takes is asked for, right by right, and what is missing blocks with its rule") {
  Nodes cluster;
  cluster.verbs.with([](auto& verbs) { verbs = "list"; });
  CHECK(cluster.nodes->observe({})->size() == 1);  // looking is allowed
  const auto blocked = cluster.nodes->blocked({});
  REQUIRE(blocked.has_value());
  CHECK(blocked->reason == Reason::not_scalable);
  for (const char* each : {"add to a ClusterRole:", "{apiGroups: [\"\"], resources: [nodes], verbs: [get, patch]}",
                           "{apiGroups: [\"\"], resources: [pods], verbs: [get]}",
                           "{apiGroups: [\"\"], resources: [pods/eviction], verbs: [create]}",
                           "{apiGroups: [apps], resources: [daemonsets], verbs: [get]}"}) {
    CHECK_THAT(blocked->text, ContainsSubstring(each));
  }
  CHECK(cluster.asked() == 7);
  cluster.verbs.with([](auto& verbs) { verbs = "get list patch create"; });
  cluster.clock.advance(31s);
  CHECK_FALSE(cluster.nodes->blocked({}).has_value());
}

TEST_CASE("a drain that is refused is a reason to ask again; who may not even list nodes cannot see them") {
  Nodes cluster;
  CHECK_FALSE(cluster.nodes->blocked({}).has_value());
  cluster.verbs.with([](auto& verbs) { verbs = "list"; });
  CHECK_FALSE(cluster.nodes->blocked({}).has_value());
  cluster.inner_nodes->drained = fail(ErrorKind::refused, "403");
  CHECK_FALSE(cluster.nodes->drain("n1", {}, {}).has_value());
  CHECK(cluster.nodes->blocked({}).has_value());
  cluster.inner_nodes->observed = fail(ErrorKind::refused, "403");
  const auto refused = cluster.nodes->observe({});
  REQUIRE_FALSE(refused.has_value());
  CHECK_THAT(refused.error().message, ContainsSubstring("add to a ClusterRole:"));
  cluster.inner_nodes->observed = fail(ErrorKind::unreachable, "nobody listens");
  CHECK(cluster.nodes->observe({}).error().message == "nobody listens");
}
