// What tests rest on: the fake behaves as kubernetes API servers were seen to.
#include "support/fake_api_server.h"

#include <httplib.h>

#include "support/catch.h"

using namespace alertscaler;
using test::FakeApiServer;
using Json = FakeApiServer::Json;

namespace {

struct Wire {
  explicit Wire(const FakeApiServer& server) : client(server.access().server) {}
  std::pair<int, Json> patch(const std::string& path, const Json& body, const std::string& type) {
    const auto answer = client.Patch(path.c_str(), body.dump(), ("application/" + type + "-patch+json").c_str());
    REQUIRE(answer);
    return {answer->status, Json::parse(answer->body)};
  }
  std::pair<int, Json> get(const std::string& path) {
    const auto answer = client.Get(path.c_str());
    REQUIRE(answer);
    return {answer->status, Json::parse(answer->body, nullptr, false)};
  }
  httplib::Client client;
};

}  // namespace

TEST_CASE("the fake API server: a scale leaves 0 out, and is guarded as the real one is") {
  FakeApiServer server;
  Wire wire(server);
  const std::string web = server.add_deployment("web", 2);
  const Json scale = wire.get(web + "/scale").second;
  CHECK(scale.at("spec").at("replicas") == 2);
  CHECK(scale.at("status").at("selector") == "app=web");

  CHECK(wire.patch(web + "/scale", {{"metadata", {{"resourceVersion", "1"}}}, {"spec", {{"replicas", 3}}}}, "merge")
            .first == 409);
  CHECK(wire.patch(web + "/scale", {{"metadata", {{"uid", "other"}}}, {"spec", {{"replicas", 3}}}}, "merge").first ==
        409);
  const Json test_3 = Json::array({{{"op", "test"}, {"path", "/spec/replicas"}, {"value", 3}},
                                   {{"op", "add"}, {"path", "/spec/replicas"}, {"value", 0}}});
  CHECK(wire.patch(web + "/scale", test_3, "json").first == 422);
  CHECK(wire.patch(web + "/scale", {{"spec", {{"replicas", 3}}}}, "merge").first == 200);
  CHECK(wire.patch(web + "/scale", test_3, "json").second.at("spec") == Json::object());
  CHECK(server.get(web)->at("status").at("readyReplicas") == 0);
  CHECK(wire.patch(web + "/scale", {{"spec", {{"replicas", -1}}}}, "merge").first == 422);
}

TEST_CASE("the fake API server: what does not exist is told apart as by the real one") {
  FakeApiServer server;
  Wire wire(server);
  CHECK(wire.get("/apis/apps/v1/namespaces/demo/deployments/none/scale").second.at("details").at("name") == "none");
  CHECK_FALSE(wire.get("/apis/apps/v1/namespaces/demo/daemonsets/none/scale").second.at("details").contains("name"));
  const auto [code, body] = wire.get("/apis/keda.sh/v1alpha1/namespaces/demo/scaledobjects");
  CHECK(code == 404);
  CHECK(body.is_discarded());
}

TEST_CASE("the fake API server: lists by label and field, page by page") {
  FakeApiServer server;
  Wire wire(server);
  for (const char* name : {"a", "b", "c"}) server.add_pod(name, {{"app", "web"}});
  server.add_pod("d", {{"app", "db"}});
  server.add_pod("e", {{"app", "web"}}, Json::object(), "other");
  const auto count = [&](const std::string& query) { return wire.get("/api/v1/" + query).second.at("items").size(); };
  CHECK(count("namespaces/demo/pods?labelSelector=app%3Dweb") == 3);
  CHECK(count("namespaces/demo/pods?labelSelector=app%21%3Dweb") == 1);
  CHECK(count("pods?fieldSelector=spec.nodeName%3Dnode-1") == 5);
  CHECK(count("pods?fieldSelector=spec.nodeName%3Dnode-2") == 0);
  const Json page = wire.get("/api/v1/pods?limit=2").second;
  CHECK(page.at("items").size() == 2);
  const std::string next = page.at("metadata").at("continue");
  CHECK(count("pods?limit=10&continue=" + next) == 3);
}
