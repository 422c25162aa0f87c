#include "act/docker/limits.h"
#include "support/catch.h"
#include "support/golden.h"

using namespace alertscaler;
using namespace alertscaler::docker;

namespace {

Json recorded(const std::string& name) {
  return Json::parse(test::read_golden("docker/" + name + ".inspect.json"));
}

Json publishing(const std::string& container_port, const std::string& host_ip, const std::string& host_port) {
  Json inspect;
  inspect["HostConfig"]["PortBindings"][container_port] = Json::array({{{"HostIp", host_ip}, {"HostPort", host_port}}});
  return inspect;
}

}  // namespace

TEST_CASE("what a recorded service says about its limit") {
  struct Case {
    std::string name, service;
    int replicas_max;  // 0: none
    std::string why;
  };
  const auto engine = GENERATE(values<std::string>({"engine20", "engine26"}));
  const auto c = GENERATE(values<Case>({
      {"v2-web", "web", 0, ""},
      {"v2-db", "db", 0, ""},
      {"v2-hosty", "hosty", 0, ""},
      {"v2-fixed", "fixed", 1,
       "service \"fixed\" publishes fixed host port 18080 (0.0.0.0:18080->8080/tcp); only one replica can bind it; "
       "publish a range (\"18080-18089:8080\"), drop the host port, or put a proxy in front"},
      {"v2-range", "range", 3, "port range 18090-18092 allows at most 3 replicas; publish a wider range"},
      {"v2-static", "static", 1,
       "service \"static\" has the static address 172.29.0.10 on network shop_sn; only one replica can have it; remove "
       "ipv4_address and ipv6_address from the compose file"},
  }));
  CAPTURE(engine, c.name);
  const auto limit = limit_of(recorded(engine + "-" + c.name), c.service);
  CHECK((limit ? limit->replicas_max : 0) == c.replicas_max);
  CHECK((limit ? limit->why : "") == c.why);
}

TEST_CASE("which host ports limit") {
  struct Case {
    std::string host_ip, host_port;
    int replicas_max;  // 0: none
  };
  const auto c = GENERATE(values<Case>({{"", "", 0},
                                        {"", "0", 0},
                                        {"", "8080", 1},
                                        {"127.0.0.1", "8080", 1},
                                        {"::1", "8080", 1},
                                        {"", "8080-8080", 1},
                                        {"", "8080-8089", 10},
                                        {"", "8080-x", 1},
                                        {"", "x", 0}}));
  CAPTURE(c.host_ip, c.host_port);
  const auto limit = limit_of(publishing("80/tcp", c.host_ip, c.host_port), "web");
  CHECK((limit ? limit->replicas_max : 0) == c.replicas_max);
}

TEST_CASE("the narrowest of several limits counts, and an address of IPv6 stands in brackets") {
  Json inspect = publishing("80/tcp", "", "8000-8009");
  inspect["HostConfig"]["PortBindings"]["443/tcp"] = Json::array({{{"HostIp", "::1"}, {"HostPort", "8443"}}});
  const auto limit = limit_of(inspect, "web");
  REQUIRE(limit.has_value());
  CHECK(limit->replicas_max == 1);
  CHECK_THAT(limit->why, ContainsSubstring("([::1]:8443->443/tcp)"));
}

TEST_CASE("a container name limits to one, and says so in compose's terms") {
  CHECK(named_limit("named", "exp-thename") ==
        Limit{1,
              "service \"named\" cannot be scaled above 1: it sets container_name \"exp-thename\"; remove "
              "container_name from the compose file"});
}

TEST_CASE("what a person should know before there are more replicas") {
  CHECK_THAT(scaling_note(recorded("engine20-v2-hosty"), "hosty"), ContainsSubstring("host's network"));
  CHECK(scaling_note(recorded("engine20-v2-web"), "web").empty());
  Json with_mac = recorded("engine20-v2-web");
  with_mac["Config"]["MacAddress"] = "02:42:ac:11:00:99";
  CHECK_THAT(scaling_note(with_mac, "web"), ContainsSubstring("mac_address"));
}
