#include "act/docker/engine.h"
#include "act/docker/inspected.h"
#include "support/catch.h"
#include "support/fake_engine.h"
#include "support/golden.h"

using namespace alertscaler;
using namespace alertscaler::docker;
using test::FakeEngine;

namespace {

Json web() {
  return Json::parse(test::read_golden("docker/engine20-v2-web.inspect.json"));
}

using Strings = std::vector<std::string>;

}  // namespace

TEST_CASE("the version is asked for once and then spoken") {
  FakeEngine fake("1.43");
  Engine engine(fake.endpoint());
  REQUIRE(engine.list({"shop", "web"}, {}));
  REQUIRE(engine.list({"shop", "web"}, {}));
  CHECK(fake.versions() == Strings{"", "v1.43", "v1.43"});
  CHECK(engine.api_minor({}).value() == 43);
}

TEST_CASE("an engine that is too old or is Podman is refused with the reason") {
  struct Case {
    std::string version, server, part;
  };
  const auto c = GENERATE(values<Case>(
      {{"1.39", "Docker/18.09 (linux)", "speaks API 1.39 at most"}, {"1.41", "Libpod/4.3.1 (linux)", "is Podman"}}));
  FakeEngine fake(c.version);
  fake.set_header("Server", c.server);
  Engine engine(fake.endpoint());
  const Status ready = engine.ping({});
  REQUIRE_FALSE(ready);
  CHECK(ready.error().kind == ErrorKind::refused);
  CHECK_THAT(ready.error().message, ContainsSubstring(c.part));
  CHECK_FALSE(engine.list({"shop", "web"}, {}).has_value());
}

TEST_CASE("behind a proxy that hides the version calls go without one") {
  FakeEngine fake;
  fake.fail_next("/_ping", 403, "<html><body><h1>403 Forbidden</h1></body></html>");
  Engine engine(fake.endpoint());
  REQUIRE(engine.list({"shop", "web"}, {}));
  CHECK(fake.versions() == Strings{"", ""});
  CHECK_FALSE(engine.api_minor({}).value().has_value());
}

TEST_CASE("a version that the engine no longer takes is negotiated anew") {
  FakeEngine fake;
  Engine engine(fake.endpoint());
  REQUIRE(engine.ping({}));
  fake.set_api_version("1.52");
  fake.fail_next("/containers/json", 400, R"({"message":"client version 1.41 is too old. Minimum supported is 1.44"})");
  const auto refused = engine.list({"shop", "web"}, {});
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().kind == ErrorKind::unreachable);
  REQUIRE(engine.list({"shop", "web"}, {}));
  CHECK(fake.versions().back() == "v1.52");
}

TEST_CASE("only the service's own containers are listed") {
  FakeEngine fake;
  fake.add(web(), 1, "shop-web-1");
  Json one_off = web();
  one_off["Config"]["Labels"]["com.docker.compose.oneoff"] = "True";
  fake.add(one_off, 2, "shop-web-run-1");
  Json hook = web();
  hook["Config"]["Labels"].erase("com.docker.compose.config-hash");
  fake.add(hook, 3, "shop-web-hook-1");
  Json other = web();
  other["Config"]["Labels"]["com.docker.compose.service"] = "db";
  fake.add(other, 1, "shop-db-1");
  Engine engine(fake.endpoint());
  const auto listed = engine.list({"shop", "web"}, {});
  REQUIRE(listed.has_value());
  REQUIRE(listed->size() == 1);
  CHECK((*listed)[0]["Names"][0] == "/shop-web-1");
}

TEST_CASE("what is asked for and is not there is not_found or absent") {
  FakeEngine fake;
  Engine engine(fake.endpoint());
  CHECK(engine.inspect("nosuch", {}).error().kind == ErrorKind::not_found);
  CHECK(engine.start("nosuch", {}).error().kind == ErrorKind::not_found);
  CHECK_FALSE(engine.image_id("nosuch:1", {}).value().has_value());
  CHECK_FALSE(engine.network_exists("nosuch", {}).value());
  const Strings ids{"nosuch"};
  CHECK(engine.stop_all(ids, Duration{1000}, {}).front().value() == StopResult::gone);
  CHECK(engine.remove_all(ids, false, {}).front().has_value());
}

TEST_CASE("an image's name may have a registry, a path and a tag") {
  FakeEngine fake;
  fake.set_image("registry.example:5000/team/web:1.2", "sha256:abc");
  Engine engine(fake.endpoint());
  CHECK(engine.image_id("registry.example:5000/team/web:1.2", {}).value() == "sha256:abc");
}

TEST_CASE("an answer that is no engine's is an error, not a crash") {
  FakeEngine fake;
  fake.add(web(), 1, "shop-web-1");
  Engine engine(fake.endpoint());
  for (const char* body : {"", "<html>", "[1,2", "{\"Id\":1}", "null"}) {
    CAPTURE(body);
    fake.fail_next("/json", 200, body);
    CHECK_FALSE(engine.inspect("shop-web-1", {}).has_value());
  }
  fake.fail_next("/create", 200, "{}");
  CHECK_FALSE(engine.create("x", Json::object(), {}).has_value());
}

TEST_CASE("every request is told to the observer, also one without an answer") {
  FakeEngine fake;
  std::vector<int> codes;
  Engine engine(fake.endpoint(), [&](int code, Duration) { codes.push_back(code); });
  REQUIRE(engine.list({"shop", "web"}, {}));
  fake.stop();
  CHECK_FALSE(engine.list({"shop", "web"}, {}).has_value());
  CHECK(codes == std::vector<int>{200, 200, 0});
}
