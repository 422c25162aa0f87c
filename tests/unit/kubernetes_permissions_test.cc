#include <set>

#include "act/kubernetes/json.h"
#include "act/kubernetes/permissions.h"
#include "base/guarded.h"
#include "support/catch.h"
#include "support/clock.h"
#include "support/stub_api_server.h"

using namespace alertscaler;
using namespace alertscaler::kubernetes;
using namespace std::chrono_literals;
using test::StubApiServer;

namespace {

const std::string path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
const Right get_scale{"demo", "apps", "deployments", "scale", "web", "get"};
const Right patch_scale{"demo", "apps", "deployments", "scale", "web", "patch"};
const Right list_nodes{"", "", "nodes", "", "", "list"};

// Allows the verbs of a list.
struct Cluster {
  Cluster() {
    server.otherwise([this](const StubApiServer::Seen& seen) -> StubApiServer::Answer {
      const std::string verb = seen.body["spec"]["resourceAttributes"]["verb"];
      return {201, dump(Json{{"status", {{"allowed", allowed.with([&](const auto& verbs) {
                                            return verbs.find(verb) != std::string::npos;
                                          })}}}})};
    });
  }
  Guarded<std::string> allowed{std::string("get")};
  StubApiServer server;
};

}  // namespace

TEST_CASE("what is missing is named with the rule to add, and asked for again until it is there") {
  Cluster cluster;
  ApiServer api(cluster.server.access());
  test::ManualClock clock;
  Permissions permissions(api, {get_scale, patch_scale, list_nodes}, clock);
  const auto rules = permissions.missing({});
  REQUIRE(rules.has_value());
  CHECK(
      *rules ==
      "add to a ClusterRole: - {apiGroups: [\"\"], resources: [nodes], verbs: [list]}; and to a Role in the namespace "
      "demo: - {apiGroups: [apps], resources: [deployments/scale], resourceNames: [web], verbs: [patch]}");
  REQUIRE(cluster.server.seen().size() == 3);
  const auto attributes = [&](std::size_t i) { return cluster.server.seen()[i].body["spec"]["resourceAttributes"]; };
  std::set<Json> asked{attributes(0), attributes(1), attributes(2)};
  CHECK(asked.count(Json{{"group", "apps"},
                         {"resource", "deployments"},
                         {"subresource", "scale"},
                         {"namespace", "demo"},
                         {"name", "web"},
                         {"verb", "get"}}) == 1);
  CHECK(asked.count(Json{{"group", ""}, {"resource", "nodes"}, {"verb", "list"}}) == 1);

  cluster.allowed.with([](auto& verbs) { verbs = "get patch list"; });
  CHECK(permissions.missing({}).has_value());  // not at every look
  CHECK(cluster.server.seen().size() == 3);
  clock.advance(31s);
  CHECK_FALSE(permissions.missing({}).has_value());
  clock.advance(24h);
  CHECK_FALSE(permissions.missing({}).has_value());  // nothing is missing, so nobody asks
  CHECK(cluster.server.seen().size() == 6);

  cluster.allowed.with([](auto& verbs) { verbs = "get list"; });
  permissions.doubt();
  CHECK(permissions.missing({}).has_value());
}

TEST_CASE("what cannot be asked is not missing, and is asked again") {
  Cluster cluster;
  cluster.server.on("POST", path, {{500, "", "text/plain"}, {201, R"({"status":{"allowed":false}})"}});
  ApiServer api(cluster.server.access());
  test::ManualClock clock;
  Permissions permissions(api, {patch_scale}, clock);
  CHECK_FALSE(permissions.missing({}).has_value());
  CHECK(permissions.missing({}).has_value());
}

TEST_CASE("other needs are asked for at once") {
  Cluster cluster;
  ApiServer api(cluster.server.access());
  test::ManualClock clock;
  Permissions permissions(api, {get_scale}, clock);
  CHECK_FALSE(permissions.missing({}).has_value());
  permissions.need({get_scale});
  CHECK_FALSE(permissions.missing({}).has_value());
  CHECK(cluster.server.seen().size() == 1);
  permissions.need({get_scale, patch_scale});
  CHECK(permissions.missing({}).has_value());
}
