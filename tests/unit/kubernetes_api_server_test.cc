#include <atomic>
#include <fstream>
#include <thread>

#include "act/kubernetes/api_server.h"
#include "act/kubernetes/credentials.h"
#include "support/catch.h"
#include "support/clock.h"
#include "support/deaf_port.h"
#include "support/scratch_dir.h"
#include "support/stub_api_server.h"

using namespace alertscaler;
using namespace alertscaler::kubernetes;
using namespace std::chrono_literals;
using test::ScratchDir;
using test::StubApiServer;

namespace {

const std::string scale = "/apis/apps/v1/namespaces/demo/deployments/web/scale";
const Json three = {{"spec", {{"replicas", 3}}}};

StubApiServer::Answer unavailable(int code, std::map<std::string, std::string> headers = {}) {
  return {code, "not now", "text/plain", std::move(headers)};
}

StubApiServer::Answer unauthorized() {
  return StubApiServer::status(401, "Unauthorized", "Unauthorized");
}

void write(const std::filesystem::path& path, const std::string& content) {
  const std::filesystem::path next = path.string() + ".next";
  std::ofstream(next) << content;
  std::filesystem::rename(next, path);
}

}  // namespace

TEST_CASE("a read, with who we are") {
  StubApiServer server;
  server.on_json("GET", scale, three);
  KubernetesAccess access = server.access();
  access.token = Secret("abc");
  access.impersonate_user = "robot";
  access.impersonate_groups = {"a", "b"};
  std::atomic<int> observed{0};
  ApiServer api(access, [&](int code, Duration) { observed = code; });
  const auto answer = api.get(scale, {});
  REQUIRE(answer.has_value());
  CHECK(*answer == three);
  CHECK(observed == 200);
  const auto seen = server.seen().at(0);
  CHECK(seen.header("Authorization") == "Bearer abc");
  CHECK(seen.header("Impersonate-User") == "robot");
  CHECK(seen.headers.count("Impersonate-Group") == 2);
  CHECK(seen.header("Accept") == "application/json");
}

TEST_CASE("a user with a password") {
  StubApiServer server;
  server.on_json("GET", scale, three);
  KubernetesAccess access = server.access();
  access.username = "eve";
  access.password = Secret("x");
  ApiServer api(access);
  REQUIRE(api.get(scale, {}).has_value());
  CHECK(server.seen().at(0).header("Authorization") == "Basic ZXZlOng=");
}

TEST_CASE("a write says what it is, and that the server has no longer than we have") {
  StubApiServer server;
  server.on_json("PATCH", scale, three);
  ApiServer api(server.access());
  REQUIRE(api.merge_patch(scale, three, {}).has_value());
  const auto seen = server.seen().at(0);
  CHECK(seen.header("Content-Type") == "application/merge-patch+json");
  CHECK(seen.body == three);
  CHECK(seen.query == "?timeout=9s");
}

TEST_CASE("a read is tried again while the server cannot answer") {
  const auto trouble = GENERATE(values({429, 502, 503, 504}));
  CAPTURE(trouble);
  StubApiServer server;
  server.on("GET", scale, {unavailable(trouble), unavailable(trouble), {200, dump(three)}});
  ApiServer api(server.access());
  REQUIRE(api.get(scale, {}).has_value());
  CHECK(server.seen().size() == 3);
}

TEST_CASE("a read that never works ends with its error, after a few tries") {
  StubApiServer server;
  server.on("GET", scale, {unavailable(503)});
  ApiServer api(server.access());
  const auto answer = api.get(scale, {});
  REQUIRE_FALSE(answer.has_value());
  CHECK(answer.error().error.kind == ErrorKind::busy);
  CHECK(server.seen().size() == 4);
}

TEST_CASE("what cannot get better by itself is asked once") {
  StubApiServer server;
  server.on("GET", scale, {StubApiServer::status(500, "InternalError", "the spec replicas field does not exist")});
  ApiServer api(server.access());
  const auto answer = api.get(scale, {});
  REQUIRE_FALSE(answer.has_value());
  CHECK(answer.error().reason == "InternalError");
  CHECK(server.seen().size() == 1);
  CHECK(api.get("/apis/nosuch.io/v1", {}).error().error.kind == ErrorKind::not_found);
  CHECK(server.seen().size() == 2);
}

TEST_CASE("a write is tried again only when it was not carried out for sure") {
  StubApiServer server;
  server.on("PATCH", scale, {unavailable(429, {{"Retry-After", "0"}}), {200, dump(three)}});
  server.on("PATCH", "/503", {unavailable(503, {{"Retry-After", "1"}}), {200, dump(three)}});
  server.on("POST", "/evict",
            {StubApiServer::status(429, "TooManyRequests", "it would violate the pod's disruption budget",
                                   {{"retryAfterSeconds", 1}, {"causes", {{{"reason", "DisruptionBudget"}}}}})});
  ApiServer api(server.access());
  CHECK(api.merge_patch(scale, three, {}).has_value());
  CHECK(server.seen().size() == 2);
  const auto unknown = api.merge_patch("/503", three, {});
  REQUIRE_FALSE(unknown.has_value());
  CHECK(unknown.error().maybe_done);
  CHECK(unknown.error().retry_after == Duration{1s});
  CHECK(server.seen().size() == 3);
  const auto budget = api.post("/evict", Json::object(), {});
  REQUIRE_FALSE(budget.has_value());
  CHECK(budget.error().causes.at(0).reason == "DisruptionBudget");
  CHECK_FALSE(budget.error().maybe_done);
  CHECK(server.seen().size() == 4);
}

TEST_CASE("a write whose answer does not come is not repeated") {
  StubApiServer server;
  StubApiServer::Answer never;
  never.never = true;
  server.on("PATCH", scale, {never});
  ApiServer api(server.access());
  ApiRequest request;
  request.method = "PATCH";
  request.path = scale;
  request.body = three;
  request.timeout = 2s;
  const auto answer = api.send(request, {});
  REQUIRE_FALSE(answer.has_value());
  CHECK(answer.error().maybe_done);
  CHECK(answer.error().code == 0);
  CHECK(answer.error().error.kind == ErrorKind::unreachable);
  REQUIRE(server.wait_for(1));
  CHECK(server.seen().size() == 1);
}

TEST_CASE("retries keep to the time of the request, and to a stop") {
  StubApiServer server;
  server.on("GET", scale, {unavailable(503, {{"Retry-After", "3600"}})});
  ApiServer api(server.access());
  CHECK_FALSE(api.get(scale, {}).has_value());  // an hour is more than there is: at once
  CHECK(server.seen().size() == 1);
  server.on("GET", scale, {unavailable(503, {{"Retry-After", "5"}})});
  std::stop_source source;
  std::jthread stopper([&] {
    if (server.wait_for(2)) source.request_stop();
  });
  const auto began = std::chrono::steady_clock::now();
  const auto answer = api.get(scale, source.get_token());
  REQUIRE_FALSE(answer.has_value());
  CHECK(answer.error().error.kind == ErrorKind::cancelled);
  CHECK(std::chrono::steady_clock::now() - began < 5s);
}

TEST_CASE("an answer that is no JSON") {
  StubApiServer server;
  server.on("GET", scale, {{200, "<html>Sign in</html>", "text/html"}});
  server.on("PATCH", scale, {{200, "<html>Sign in</html>", "text/html"}});
  ApiServer api(server.access());
  const auto read = api.get(scale, {});
  REQUIRE_FALSE(read.has_value());
  CHECK(read.error().error.message.find("the answer is no JSON: Sign in") != std::string::npos);
  CHECK(server.seen().size() == 1);
  CHECK(api.merge_patch(scale, three, {}).error().maybe_done);
}

TEST_CASE("nobody listens, and then somebody does") {
  KubernetesAccess access;
  const test::DeafPort deaf;
  access.origin = "the test";
  access.server = deaf.url();
  ApiServer api(access);
  const auto answer = api.merge_patch(scale, three, {});
  REQUIRE_FALSE(answer.has_value());
  CHECK(answer.error().error.kind == ErrorKind::unreachable);
  CHECK_FALSE(answer.error().maybe_done);
  CHECK(answer.error().error.message.find("nobody listens at " + access.server) != std::string::npos);
}

TEST_CASE("many at the same time, each with its own end and in their order") {
  StubApiServer server;
  server.otherwise([](const StubApiServer::Seen& seen) -> StubApiServer::Answer {
    if (seen.path == "/api/v1/nodes/3") return StubApiServer::status(404, "NotFound", "no such node");
    return {200, dump(Json{{"path", seen.path}})};
  });
  ApiServer api(server.access());
  std::vector<ApiRequest> requests(6);
  for (std::size_t i = 0; i < requests.size(); ++i) requests[i].path = "/api/v1/nodes/" + std::to_string(i);
  const auto answers = api.send_all(requests, {});
  REQUIRE(answers.size() == 6);
  for (std::size_t i = 0; i < answers.size(); ++i) {
    if (i == 3) {
      CHECK(answers[i].error().error.kind == ErrorKind::not_found);
    } else {
      CHECK(answers[i].value() == Json{{"path", requests[i].path}});
    }
  }
}

TEST_CASE("the cluster is reached through its proxy") {
  StubApiServer proxy;
  proxy.otherwise([](const StubApiServer::Seen& seen) -> StubApiServer::Answer {
    return {200, dump(Json{{"asked", seen.path}})};
  });
  KubernetesAccess access = proxy.access();
  access.server = "http://api.invalid:6443";
  access.proxy_url = proxy.url();
  ApiServer api(access);
  CHECK(api.get(scale, {}).value() == Json{{"asked", "http://api.invalid:6443" + scale}});
}

TEST_CASE("a list comes page by page") {
  StubApiServer server;
  server.otherwise([](const StubApiServer::Seen& seen) -> StubApiServer::Answer {
    if (seen.query.find("continue=a%2Fb") != std::string::npos) {
      return {200, R"({"items":[{"n":2}],"metadata":{"continue":""}})"};
    }
    return {200, R"({"items":[{"n":1}],"metadata":{"continue":"a/b"}})"};
  });
  ApiServer api(server.access());
  CHECK(api.list("/api/v1/pods?labelSelector=x", {}).value() == Json::parse(R"([{"n":1},{"n":2}])"));
  CHECK(server.seen().at(0).query == "?labelSelector=x&limit=500");
}

TEST_CASE("an answer that is no list is not an empty one") {
  const auto [body, is_list] =
      GENERATE(values<std::pair<std::string, bool>>({{R"({"kind":"NodeList","items":[]})", true},
                                                     {R"({"kind":"NodeList","items":null})", true},
                                                     {R"({"kind":"NodeList"})", true},
                                                     {R"({"kind":"Status","status":"Success"})", false},
                                                     {R"({"items":null})", false},
                                                     {R"({"items":{}})", false},
                                                     {"{}", false},
                                                     {"[]", false},
                                                     {"\"fine\"", false}}));
  CAPTURE(body);
  StubApiServer server;
  server.on("GET", "/api/v1/nodes", {{200, body}});
  ApiServer api(server.access());
  const auto list = api.list("/api/v1/nodes", {});
  REQUIRE(list.has_value() == is_list);
  if (is_list) {
    CHECK(list->empty());
  } else {
    CHECK(list.error().error.kind == ErrorKind::unreachable);
    CHECK_THAT(list.error().error.message, ContainsSubstring("no list"));
  }
}

TEST_CASE("a list is shared for a while, a failure never") {
  StubApiServer server;
  server.on("GET", "/api/v1/pods",
            {StubApiServer::status(403, "Forbidden", "no"), {200, R"({"kind":"PodList","items":[{"n":1}]})"}});
  ApiServer api(server.access());
  CHECK_FALSE(api.list_shared("/api/v1/pods", 10min, {}).has_value());
  for (int i = 0; i < 3; ++i) CHECK(api.list_shared("/api/v1/pods", 10min, {})->size() == 1);
  CHECK(server.seen().size() == 2);
  CHECK(api.list("/api/v1/pods", {})->size() == 1);
  CHECK(api.list_shared("/api/v1/pods", 0s, {})->size() == 1);  // older than that it may not be
  CHECK(server.seen().size() == 4);
}

TEST_CASE("a list that has grown too old in between is read in one go") {
  StubApiServer server;
  server.otherwise([](const StubApiServer::Seen& seen) -> StubApiServer::Answer {
    if (seen.query.find("continue=") != std::string::npos) {
      return StubApiServer::status(410, "Expired", "The provided continue parameter is too old");
    }
    if (seen.query.find("limit=") == std::string::npos) return {200, R"({"items":[{"n":1},{"n":2}],"metadata":{}})"};
    return {200, R"({"items":[{"n":1}],"metadata":{"continue":"x"}})"};
  });
  ApiServer api(server.access());
  CHECK(api.list("/api/v1/pods", {}).value() == Json::parse(R"([{"n":1},{"n":2}])"));
}

TEST_CASE("a 401 reads the token anew and tries once more, also a write") {
  const ScratchDir dir;
  const auto file = dir.path() / "token";
  write(file, "old\n");
  StubApiServer server;
  server.otherwise([](const StubApiServer::Seen& seen) -> StubApiServer::Answer {
    return seen.header("Authorization") == "Bearer new" ? StubApiServer::Answer{200, dump(three)} : unauthorized();
  });
  KubernetesAccess access = server.access();
  access.token_file = file.string();
  ApiServer api(access);
  const auto refused = api.merge_patch(scale, three, {});
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().error.kind == ErrorKind::refused);
  CHECK(refused.error().error.message.find("the token in " + file.string()) != std::string::npos);
  CHECK(server.seen().size() == 1);  // the same token would be refused again
  write(file, "new\n");
  CHECK(api.merge_patch(scale, three, {}).has_value());
  CHECK(server.seen().size() == 3);
}

TEST_CASE("a token file is read again after a minute, and kept when that fails") {
  const ScratchDir dir;
  const auto file = dir.path() / "token";
  write(file, "one");
  KubernetesAccess access;
  access.token_file = file.string();
  test::ManualClock clock;
  Credentials credentials(access, clock);
  const auto token = [&] { return credentials.current({}).value().token.reveal(); };
  CHECK(token() == "one");
  write(file, "two");
  clock.advance(59s);
  CHECK(token() == "one");
  clock.advance(2s);
  CHECK(token() == "two");
  std::filesystem::remove(file);
  clock.advance(2min);
  CHECK(token() == "two");
  write(file, "three");
  clock.advance(2min);
  CHECK(token() == "three");
  clock.advance(-1h);  // a clock set back is no reason to keep it
  write(file, "four");
  CHECK(token() == "four");
}

TEST_CASE("credentials that were never there say what is missing") {
  const ScratchDir dir;
  KubernetesAccess access;
  access.origin = "the test";
  access.server = "http://127.0.0.1:1";
  test::ManualClock clock;
  const auto error_with = [&](const std::string& content, std::string KubernetesAccess::*member) {
    const auto file = dir.path() / "file";
    write(file, content);
    KubernetesAccess broken = access;
    broken.*member = file.string();
    return Credentials(broken, clock).current({}).error().message;
  };
  CHECK(error_with(" \n", &KubernetesAccess::token_file).find("is empty") != std::string::npos);
  CHECK(error_with("a b", &KubernetesAccess::token_file).find("expected one token") != std::string::npos);
  CHECK(error_with("x", &KubernetesAccess::ca_file).find("holds no PEM text") != std::string::npos);
  CHECK(error_with("x", &KubernetesAccess::client_key_file).find("the client key: ") == 0);
  access.client_certificate_file = (dir.path() / "nosuch.pem").string();
  ApiServer api(access);
  const auto answer = api.get(scale, {});
  REQUIRE_FALSE(answer.has_value());
  CHECK(answer.error().error.message.find("GET " + scale + ": the client certificate: ") == 0);
  CHECK(answer.error().error.message.find("nosuch.pem") != std::string::npos);
}
