#include "act/kubernetes/pods.h"
#include "act/kubernetes/scale.h"
#include "support/catch.h"

using namespace alertscaler;
using namespace alertscaler::kubernetes;

namespace {

Json parsed(const std::string& text) {
  return Json::parse(text);
}

// A pod with this status.
Json pod(const std::string& name, const std::string& status) {
  return {{"metadata", {{"name", name}}}, {"status", parsed(status)}};
}

const std::string ready = R"({"phase":"Running","conditions":[{"type":"Ready","status":"True"}]})";
const std::string crashing = R"({"phase":"Running","containerStatuses":[{"name":"app","ready":false,"restartCount":3,
  "state":{"waiting":{"reason":"CrashLoopBackOff","message":"back-off 40s restarting failed container"}},
  "lastState":{"terminated":{"exitCode":1,"reason":"Error"}}}]})";
const std::string unschedulable = R"({"phase":"Pending","conditions":[{"type":"PodScheduled","status":"False",
  "reason":"Unschedulable","message":"0/3 nodes are available: 3 Insufficient cpu."}]})";

}  // namespace

TEST_CASE("a pod that is not ready says why") {
  struct Case {
    std::string name;
    std::string status;
    std::string expected;
  };
  const auto c = GENERATE(values<Case>({
      {"ready", ready, ""},
      {"over", R"({"phase":"Succeeded"})", ""},
      {"crashing", crashing,
       "pod web-1: container app: CrashLoopBackOff: back-off 40s restarting failed container (exit code 1, restarted 3 "
       "times)"},
      {"out of memory",
       R"({"phase":"Running","containerStatuses":[{"name":"app","ready":false,"restartCount":1,
         "state":{"waiting":{"reason":"CrashLoopBackOff"}},"lastState":{"terminated":{"exitCode":137,"reason":"OOMKilled"}}}]})",
       "pod web-1: container app: CrashLoopBackOff (out of memory, restarted 1 time)"},
      {"just crashed",
       R"({"phase":"Running","containerStatuses":[{"name":"app","ready":false,
         "state":{"terminated":{"exitCode":2,"reason":"Error"}}}]})",
       "pod web-1: container app: ended with exit code 2"},
      {"no image",
       R"({"phase":"Pending","containerStatuses":[{"name":"app","ready":false,
         "state":{"waiting":{"reason":"ImagePullBackOff","message":"Back-off pulling image \"nothing:1\""}}}]})",
       "pod web-1: container app: ImagePullBackOff: Back-off pulling image \"nothing:1\""},
      {"an init container",
       R"({"phase":"Pending","initContainerStatuses":[{"name":"wait","ready":false,
         "state":{"waiting":{"reason":"CreateContainerConfigError","message":"secret \"s\" not found"}}}],
         "containerStatuses":[{"name":"app","ready":false,"state":{"waiting":{"reason":"PodInitializing"}}}]})",
       "pod web-1: container wait: CreateContainerConfigError: secret \"s\" not found"},
      {"no place", unschedulable, "pod web-1: Unschedulable: 0/3 nodes are available: 3 Insufficient cpu."},
      {"evicted", R"({"phase":"Failed","reason":"Evicted","message":"The node was low on memory"})",
       "pod web-1: failed: Evicted: The node was low on memory"},
      {"runs", R"({"phase":"Running","containerStatuses":[{"name":"app","ready":false,"state":{"running":{}}}]})",
       "pod web-1: container app: runs and is not ready"},
      {"nothing is known yet", R"({"phase":"Pending"})", "pod web-1: pending"},
      {"of no known shape", R"([1, "two"])", "pod web-1: pending"},
  }));
  CAPTURE(c.name);
  CHECK(why_not_ready(Json::array({pod("web-1", c.status)})) == c.expected);
}

TEST_CASE("of several pods the one that is worst off is named") {
  Json going = pod("web-5", crashing);
  going["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z";
  const Json pods = Json::array({pod("web-1", ready), pod("web-2", unschedulable), pod("web-3", crashing),
                                 pod("web-4", R"({"phase":"Pending"})"), going});
  CHECK(why_not_ready(pods) ==
        "pod web-3: container app: CrashLoopBackOff: back-off 40s restarting failed container (exit code 1, restarted "
        "3 times); 2 more are not ready");
  CHECK(why_not_ready(Json::array()).empty());
  CHECK(why_not_ready(Json()).empty());
}

TEST_CASE("a workload says why its pods cannot be made") {
  const Json object = parsed(R"({"status":{"conditions":[{"type":"ReplicaFailure","status":"True",
    "reason":"FailedCreate","message":"pods \"web-\" is forbidden: exceeded quota: small"}]}})");
  CHECK(why_not_made(object) == "no pods are made: FailedCreate: pods \"web-\" is forbidden: exceeded quota: small");
  CHECK(why_not_made(Json::object()).empty());
}

TEST_CASE("an object's documents say how many there are to be, and how far that is") {
  struct Case {
    std::string name;
    std::string object;
    int replicas;
    int ready;
    bool settled;
  };
  const auto c = GENERATE(values<Case>({
      {"at rest",
       R"({"kind":"Deployment","metadata":{"generation":2},"spec":{"replicas":3},
         "status":{"observedGeneration":2,"replicas":3,"availableReplicas":3,"updatedReplicas":3}})",
       3, 3, true},
      {"not seen by its controller yet",
       R"({"kind":"Deployment","metadata":{"generation":3},"spec":{"replicas":2},
         "status":{"observedGeneration":2,"replicas":3,"availableReplicas":3,"updatedReplicas":3}})",
       2, 3, false},
      {"one is left to be removed",
       R"({"kind":"Deployment","metadata":{"generation":3},"spec":{"replicas":2},
         "status":{"observedGeneration":3,"replicas":3,"availableReplicas":3,"updatedReplicas":3}})",
       2, 3, false},
      {"more for a while, as it is rolled out",
       R"({"kind":"Deployment","metadata":{"generation":3},"spec":{"replicas":2},
         "status":{"observedGeneration":3,"replicas":3,"availableReplicas":2,"updatedReplicas":1}})",
       2, 2, true},
      {"a StatefulSet of an old version, which knows nothing of availability",
       R"({"kind":"StatefulSet","metadata":{"generation":1},"spec":{"replicas":2},
         "status":{"observedGeneration":1,"replicas":2,"readyReplicas":2}})",
       2, 2, true},
      {"a StatefulSet whose pods have to last",
       R"({"kind":"StatefulSet","metadata":{"generation":1},"spec":{"replicas":2,"minReadySeconds":9},
         "status":{"observedGeneration":1,"replicas":2,"readyReplicas":2,"availableReplicas":1}})",
       2, 1, true},
      {"zero", R"({"kind":"Deployment","metadata":{"generation":1},"spec":{"replicas":0},
         "status":{"observedGeneration":1}})",
       0, 0, true},
      {"no count is one", R"({"kind":"Deployment","metadata":{},"spec":{},"status":{}})", 1, 0, true},
      {"nonsense", R"({"kind":"Deployment","spec":{"replicas":-5},"status":{"replicas":"many"}})", 0, 0, true},
  }));
  CAPTURE(c.name);
  const Scale scale = scale_of_object(parsed(c.object));
  CHECK(scale.replicas == c.replicas);
  CHECK(scale.ready == c.ready);
  CHECK(scale.settled == c.settled);
}

TEST_CASE("a selector is written as a query takes it") {
  const auto selector = [](const std::string& kind, const std::string& text) {
    return scale_of_object({{"kind", kind}, {"spec", {{"selector", parsed(text)}}}}).selector;
  };
  CHECK(selector("Deployment", R"({"matchLabels":{"app":"web","tier":"front"}})") == "app=web,tier=front");
  CHECK(selector("Deployment", R"({"matchExpressions":[{"key":"app","operator":"In","values":["a","b"]},
    {"key":"old","operator":"DoesNotExist"},{"key":"new","operator":"Exists"},
    {"key":"zone","operator":"NotIn","values":["x"]}]})") == "app in (a,b),!old,new,zone notin (x)");
  CHECK(selector("ReplicationController", R"({"app":"web"})") == "app=web");
}
