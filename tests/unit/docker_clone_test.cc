#include "act/docker/clone.h"
#include "act/docker/saved.h"
#include "act/docker/tar.h"
#include "support/catch.h"
#include "support/golden.h"

using namespace alertscaler;
using namespace alertscaler::docker;

namespace {

Json recorded(const std::string& name) {
  return Json::parse(test::read_golden("docker/" + name + ".inspect.json"));
}

Recipe recipe_from_recorded(const std::string& name, const std::optional<std::string>& separator = "-") {
  return recipe_of(recorded(name), separator).value();
}

// One text for what would be sent, easy to review.
std::string text_of(const Creation& creation) {
  Json connects = Json::array();
  for (const Endpoint& endpoint : creation.connects) {
    connects.push_back({{"network", endpoint.network}, {"endpoint", endpoint.settings}});
  }
  return Json{{"name", creation.name}, {"create", creation.body}, {"connect", connects}}.dump(2) + "\n";
}

std::vector<std::string> strings(const Json& list) {
  std::vector<std::string> out;
  for (const Json& item : list) out.push_back(item.get<std::string>());
  return out;
}

using Strings = std::vector<std::string>;

}  // namespace

TEST_CASE("a recorded replica becomes exactly the reviewed request") {
  struct Case {
    std::string name, separator;
    bool several_endpoints;
  };
  const auto c = GENERATE(values<Case>({{"engine20-v2-web", "-", false},
                                        {"engine20-v2-web-recreated", "-", false},
                                        {"engine20-v1-web", "_", false},
                                        {"engine20-v1-web-recreated", "_", false},
                                        {"engine20-v2-side", "-", false},
                                        {"engine20-v2-hosty", "-", false},
                                        {"engine26-v2-web", "-", true},
                                        {"engine26-v2-web-recreated", "-", true},
                                        {"engine26-v2-static", "-", true}}));
  CAPTURE(c.name);
  const std::string actual =
      text_of(creation_of(recipe_from_recorded(c.name, c.separator), 7, "bb:1", 42, c.several_endpoints));
  CHECK(actual == test::expected_golden("docker/" + c.name + ".create.json", actual));
}

TEST_CASE("a replica that compose recreated does not share its anonymous volumes") {
  const Recipe v2 = recipe_from_recorded("engine20-v2-web-recreated");
  for (const Json& mount : v2.host_config["Mounts"]) {
    CAPTURE(mount.dump());
    if (string_at(mount, "Target").starts_with("/anon")) CHECK_FALSE(mount.contains("Source"));
    if (string_at(mount, "Target") == "/data") CHECK(string_at(mount, "Source") == "shop_data");
  }
  const Recipe v1 = recipe_from_recorded("engine20-v1-web-recreated", "_");
  CHECK(strings(v1.host_config["Binds"]) == Strings{"old_data:/data:rw"});
  CHECK(v1.config["Volumes"].contains("/anon"));
}

TEST_CASE("nothing of the old replica's identity is copied") {
  const auto name = GENERATE(values<std::string>({"engine20-v2-web", "engine20-v2-web-recreated", "engine26-v2-web",
                                                  "engine26-v2-web-recreated", "engine26-v2-static"}));
  CAPTURE(name);
  const Json inspect = recorded(name);
  const Creation made = creation_of(recipe_from_recorded(name), 2, "bb:1", 1, true);
  const std::string sent = text_of(made);
  CHECK(sent.find(string_at(inspect, "Id").substr(0, 12)) == std::string::npos);
  CHECK(sent.find("MacAddress") == std::string::npos);
  CHECK(sent.find("IPAMConfig") == std::string::npos);
  CHECK(sent.find("com.docker.compose.replace") == std::string::npos);
  for (const auto& [network, endpoint] : inspect["NetworkSettings"]["Networks"].items()) {
    CHECK(sent.find("\"" + string_at(endpoint, "IPAddress") + "\"") == std::string::npos);
    CHECK(sent.find(string_at(endpoint, "EndpointID")) == std::string::npos);
  }
}

TEST_CASE("the new replica answers to the service's names and its own, on every network") {
  const Creation old_engine = creation_of(recipe_from_recorded("engine20-v2-web"), 3, "bb:1", 1, false);
  CHECK(old_engine.name == "shop-web-3");
  CHECK(strings(old_engine.body["NetworkingConfig"]["EndpointsConfig"]["shop_back"]["Aliases"]) ==
        Strings{"shop-web-3", "web"});
  REQUIRE(old_engine.connects.size() == 1);
  CHECK(old_engine.connects[0].network == "shop_front");
  CHECK(strings(old_engine.connects[0].settings["Aliases"]) == Strings{"shop-web-3", "web", "www"});

  const Creation new_engine = creation_of(recipe_from_recorded("engine26-v2-web"), 3, "bb:1", 1, true);
  CHECK(new_engine.connects.empty());
  CHECK(strings(new_engine.body["NetworkingConfig"]["EndpointsConfig"]["shop_front"]["Aliases"]) ==
        Strings{"shop-web-3", "web", "www"});
}

TEST_CASE("a hostname that is the service's name does not cost the service its alias") {
  Json inspect = recorded("engine20-v2-web");
  inspect["Config"]["Hostname"] = "web";  // engines before API 1.45 then list it once, as alias and hostname
  const Recipe recipe = recipe_of(inspect, "-").value();
  CHECK(recipe.config["Hostname"] == "web");
  CHECK(strings(recipe.endpoints[0].settings["Aliases"]) == Strings{"{name}", "web"});
}

TEST_CASE("hostnames are kept, renewed or left to the engine") {
  struct Case {
    std::string name, hostname, network_mode, expected;  // "-": absent
  };
  const auto c = GENERATE(values<Case>({
      {"one of its own is kept, as compose keeps it", "cache", "shop_back", "cache"},
      {"the replica's name becomes the new one's", "shop-web-1", "shop_back", "shop-web-5"},
      {"on the host's network the engine fills it in", "machine", "host", "-"},
      {"in another container's network it is that one's", "db", "container:abc", "-"},
  }));
  CAPTURE(c.name);
  Json inspect = recorded("engine20-v2-web");
  inspect["Config"]["Hostname"] = c.hostname;
  inspect["Config"]["Domainname"] = "example.org";
  inspect["HostConfig"]["NetworkMode"] = c.network_mode;
  const Creation made = creation_of(recipe_of(inspect, "-").value(), 5, "bb:1", 1, false);
  CHECK(made.body.value("Hostname", "-") == c.expected);
  CHECK(made.body.contains("Domainname") == (c.expected != "-"));
}

TEST_CASE("a replica in another container's network publishes and exposes nothing") {
  Json inspect = recorded("engine20-v2-side");
  inspect["Config"]["ExposedPorts"] = {{"80/tcp", Json::object()}};
  const Creation made = creation_of(recipe_of(inspect, "-").value(), 2, "bb:1", 1, false);
  CHECK(made.body["HostConfig"]["PortBindings"].is_null());
  CHECK_FALSE(made.body.contains("ExposedPorts"));
  CHECK_FALSE(made.body.contains("NetworkingConfig"));
  CHECK(made.connects.empty());
}

TEST_CASE("limits of 64 bits survive") {
  Json inspect = recorded("engine20-v2-web");
  inspect["HostConfig"]["Memory"] = 9'007'199'254'740'993;  // 2^53 + 1: no double holds it
  const Saved saved{recipe_of(inspect, "-").value(), {}, {}};
  const auto again = saved_from(to_text(saved));
  REQUIRE(again.has_value());
  CHECK(creation_of(again->recipe, 2, "bb:1", 1, false).body["HostConfig"]["Memory"].get<std::int64_t>() ==
        9'007'199'254'740'993);
}

TEST_CASE("all replicas of one configuration give the same recipe") {
  Json second = recorded("engine20-v2-web");
  second["Id"] = std::string(64, 'b');
  second["Name"] = "/shop-web-2";
  second["Config"]["Hostname"] = std::string(12, 'b');
  second["Config"]["Labels"]["com.docker.compose.container-number"] = "2";
  second["Config"]["Labels"]["alertscaler.action"] = "9";
  for (const char* network : {"shop_back", "shop_front"}) {
    for (Json& alias : second["NetworkSettings"]["Networks"][network]["Aliases"]) {
      if (alias == "shop-web-1") alias = "shop-web-2";
      if (alias.get<std::string>().size() == 12) alias = std::string(12, 'b');
    }
  }
  CHECK(recipe_of(second, "-").value() == recipe_from_recorded("engine20-v2-web"));
}

TEST_CASE("what is saved comes back the same, and foreign text is nothing") {
  const Saved saved{recipe_from_recorded("engine26-v2-web"),
                    {{"/run/secrets/key", std::string("\x00\xFF tar", 6)}},
                    Limit{3, "port range 1-3 allows at most 3 replicas"}};
  CHECK(saved_from(to_text(saved)) == saved);
  CHECK(to_text(*saved_from(to_text(saved))) == to_text(saved));
  for (const char* text : {"", "{}", "[1]", "{\"format\":2}", "{\"format\":1,\"recipe\":{}}"}) {
    CAPTURE(text);
    CHECK_FALSE(saved_from(text).has_value());
  }
}

TEST_CASE("a container name stays the one that the compose file sets") {
  const Recipe recipe = recipe_from_recorded("engine20-v2-named", std::nullopt);
  CHECK(creation_of(recipe, 4, "bb:1", 1, false).name == "exp-thename");
}

TEST_CASE("the separator is told by the name") {
  CHECK(separator_of("shop-web-1", "shop", "web", 1) == "-");
  CHECK(separator_of("old_web_12", "old", "web", 12) == "_");
  CHECK_FALSE(separator_of("exp-thename", "shop", "named", 1).has_value());
  CHECK_FALSE(separator_of("abc123_shop-web-1", "shop", "web", 1).has_value());
}

TEST_CASE("a description that lacks its configuration is refused") {
  CHECK_FALSE(recipe_of(Json::object(), "-").has_value());
  Json no_config = recorded("engine20-v2-web");
  no_config.erase("Config");
  CHECK_THAT(recipe_of(no_config, "-").error().message, ContainsSubstring("shop-web-1"));
}

TEST_CASE("a directory's archive is a ustar header with its checksum") {
  const std::string tar = tar_of_directory("secrets");
  REQUIRE(tar.size() == 1536);
  CHECK(tar.substr(0, 9) == std::string("secrets/\0", 9));
  CHECK(tar.substr(257, 5) == "ustar");
  CHECK(tar[156] == '5');
  unsigned sum = 0;
  for (std::size_t i = 0; i < 512; ++i) sum += i >= 148 && i < 156 ? ' ' : static_cast<unsigned char>(tar[i]);
  CHECK(std::stoul(tar.substr(148, 6), nullptr, 8) == sum);
}
