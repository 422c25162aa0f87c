#include <limits>

#include "model/alert.h"
#include "model/decision.h"
#include "model/policy.h"
#include "model/target.h"
#include "support/catch.h"

using namespace alertscaler;

TEST_CASE("fingerprints are those of Prometheus") {
  CHECK(fingerprint_of({{"alertname", "A"}, {"svc", "web"}}).text == "116013f56c4e2583");
  CHECK(fingerprint_of({}).text == "cbf29ce484222325");
  CHECK(fingerprint_of({{"a", "bc"}}) != fingerprint_of({{"ab", "c"}}));
}

TEST_CASE("a percentage step rounds up and is at least one") {
  struct Case {
    std::string step;
    int observed, expected;
  };
  const auto c = GENERATE(values<Case>(
      {{"2", 7, 2}, {"50%", 3, 2}, {"50%", 4, 2}, {"10%", 1, 1}, {"10%", 0, 1}, {"100%", 5, 5}, {"300%", 2, 6}}));
  CAPTURE(c.step, c.observed);
  CHECK(parse_step(c.step).value().of(c.observed) == c.expected);
}

TEST_CASE("a step cannot overflow") {
  CHECK(Step{2'000'000'000, true}.of(2'000'000'000) == std::numeric_limits<int>::max());
}

TEST_CASE("what is no step is refused") {
  const auto in = GENERATE(values<std::string>({"", "0", "0%", "-1", "1.5", "%", "two", "1%%"}));
  CAPTURE(in);
  CHECK_FALSE(parse_step(in).has_value());
}

TEST_CASE("names and values of the contract are the same both ways") {
  CHECK(parse_alert_action("drain") == AlertAction::drain);
  CHECK_FALSE(parse_alert_action("Up").has_value());
  CHECK(parse_action("restore") == Reason::restore);
  CHECK_FALSE(parse_action("cooldown").has_value());
}

// They stand in stores: what is written otherwise tomorrow is taken for another object.
TEST_CASE("the object of a target is written as it was by earlier versions") {
  CHECK(object_of(Simulated{}) == "simulated");
  CHECK(object_of(Advisory{}) == "advisory");
  CHECK(object_of(ComposeService{"shop", "web"}) == "docker_compose project=shop service=web");
  CHECK(object_of(SwarmService{"web"}) == "docker_swarm service=web");
  CHECK(object_of(SwarmNodes{"host"}) == "docker_swarm_node");
  CHECK(object_of(DockerNodes{}) == "docker_nodes");
  CHECK(object_of(KubernetesNodes{"role=worker", "node"}) == "kubernetes_node");
  KubernetesWorkload workload;
  workload.api_version = "apps/v1";
  workload.kind = "Deployment";
  workload.name = "web";
  workload.name_space = "shop";
  CHECK(object_of(workload) == "kubernetes namespace=shop apiVersion=apps/v1 kind=Deployment name=web");
}
