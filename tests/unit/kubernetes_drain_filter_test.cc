// What has to leave a node, in which order, and what the answers to an eviction mean.
#include "act/kubernetes/drain_filter.h"
#include "act/kubernetes/drain_waves.h"
#include "act/kubernetes/eviction.h"
#include "support/catch.h"

using namespace alertscaler;
using namespace alertscaler::kubernetes;
using namespace std::chrono_literals;

namespace {

DrainPod managed(const std::string& name, std::int64_t priority = 0) {
  DrainPod pod;
  pod.name_space = "demo";
  pod.name = name;
  pod.uid = "uid-" + name;
  pod.priority = priority;
  pod.controller_kind = "ReplicaSet";
  pod.controller_name = "rs";
  pod.controller_uid = "rs-uid";
  return pod;
}
DrainPod bare(const std::string& name) {
  DrainPod pod = managed(name);
  pod.controller_kind = pod.controller_name = pod.controller_uid = "";
  return pod;
}
DrainPod with_empty_dir(DrainPod pod) {
  pod.has_empty_dir = true;
  return pod;
}
DrainPod finished(DrainPod pod) {
  pod.finished = true;
  return pod;
}
DrainPod daemon(const std::string& name) {
  DrainPod pod = managed(name);
  pod.controller_kind = "DaemonSet";
  pod.controller_name = "agent";
  return pod;
}
DrainPod mirror(const std::string& name) {
  DrainPod pod = bare(name);
  pod.mirror = true;
  return pod;
}

std::string names(const std::vector<DrainPod>& pods) {
  std::string out;
  for (const DrainPod& pod : pods) out += (out.empty() ? "" : " ") + pod.name;
  return out;
}

DrainPolicy policy_with(bool force, bool delete_emptydir_data) {
  DrainPolicy policy;
  policy.force = force;
  policy.delete_emptydir_data = delete_emptydir_data;
  return policy;
}

constexpr Instant start{Duration{1'767'225'600'000}};

ApiError error_of(int code, const std::string& message, std::vector<ApiError::Cause> causes = {}) {
  ApiError error;
  error.code = code;
  error.message = message;
  error.causes = std::move(causes);
  error.error = {code == 429 || code == 503 ? ErrorKind::busy : ErrorKind::refused, "POST …: " + message};
  return error;
}

}  // namespace

TEST_CASE("the filters of kubectl drain, in their order and with their words") {
  struct Case {
    std::string name;
    DrainPod pod;
    bool force;
    bool delete_emptydir_data;
    std::string go;
    std::string refused;  // the beginning
  };
  const std::string local = "cannot delete Pods with local storage (use --delete-emptydir-data to override): demo/";
  const std::string unmanaged = "cannot delete Pods that declare no controller (use --force to override): demo/";
  const auto c = GENERATE_COPY(values<Case>({
      {"of a controller", managed("web"), false, false, "web", ""},
      {"of nobody", bare("bare"), false, false, "", unmanaged + "bare"},
      {"of nobody, forced", bare("bare"), true, false, "bare", ""},
      {"of nobody, finished", finished(bare("job")), false, false, "job", ""},
      {"with data", with_empty_dir(managed("db")), false, false, "", local + "db"},
      {"with data that may go", with_empty_dir(managed("db")), false, true, "db", ""},
      {"with data, finished", finished(with_empty_dir(managed("db"))), false, false, "db", ""},
      {"with data and of nobody: the first filter speaks", with_empty_dir(bare("both")), false, false, "",
       local + "both"},
      {"with data that may go, of nobody", with_empty_dir(bare("both")), false, true, "", unmanaged + "both"},
      {"of a DaemonSet", daemon("agent-1"), false, false, "", ""},
      {"of a DaemonSet, with data", with_empty_dir(daemon("agent-1")), false, false, "", ""},
      {"of a DaemonSet, finished", finished(daemon("agent-1")), false, false, "agent-1", ""},
      {"of a file on the node", mirror("etcd"), false, false, "", ""},
  }));
  CAPTURE(c.name);
  const Filtered filtered = filter_pods(std::vector{c.pod}, policy_with(c.force, c.delete_emptydir_data), {});
  CHECK(names(filtered.go) == c.go);
  CHECK(filtered.refused.substr(0, c.refused.size()) == c.refused);
  CHECK(filtered.refused.empty() == c.refused.empty());
}

TEST_CASE("all that forbids a drain is told at once") {
  const std::vector pods = {bare("one"), managed("web"), with_empty_dir(managed("db")), bare("two")};
  const Filtered filtered = filter_pods(pods, {}, {});
  CHECK(
      filtered.refused ==
      "cannot delete Pods that declare no controller (use --force to override): demo/one, demo/two; here that is "
      "drain: {force: true}; cannot delete Pods with local storage (use --delete-emptydir-data to override): demo/db; "
      "here that is drain: {delete_emptydir_data: true}");
}

TEST_CASE("a pod whose DaemonSet is gone forbids the drain, unless it is forced") {
  const std::vector pods = {daemon("agent-1")};
  const MissingDaemonSets missing = {{{"demo", "agent"}, "daemonsets.apps \"agent\" not found"}};
  CHECK(daemon_sets_of(pods) == std::vector<NamespacedName>{{"demo", "agent"}});
  CHECK(filter_pods(pods, {}, missing).refused == "cannot delete daemonsets.apps \"agent\" not found: demo/agent-1");
  CHECK(names(filter_pods(pods, policy_with(true, false), missing).go) == "agent-1");
}

TEST_CASE("a pod is read from what the API server says of it") {
  const Json pod = Json::parse(R"({
    "metadata": {"namespace": "demo", "name": "web-1", "uid": "u1", "deletionTimestamp": "2026-01-01T00:00:30Z",
                 "annotations": {"kubernetes.io/config.mirror": ""},
                 "ownerReferences": [{"kind": "Node", "name": "n"},
                                     {"kind": "StatefulSet", "name": "web", "uid": "s", "controller": true}]},
    "spec": {"priority": 2000001000, "volumes": [{"name": "a", "hostPath": {}}, {"name": "b", "emptyDir": {}}]},
    "status": {"phase": "Failed"}})");
  const DrainPod read = drain_pod(pod);
  CHECK(read.shown() == "demo/web-1");
  CHECK(read.uid == "u1");
  CHECK(read.is_critical());
  CHECK(read.controller_kind == "StatefulSet");
  CHECK(read.controller_uid == "s");
  CHECK(read.finished);
  CHECK(read.mirror);
  CHECK(read.has_empty_dir);
  CHECK(read.ends_at == start + 30s);
  CHECK_FALSE(drain_pod(Json::parse(R"({"spec": {"volumes": [{"hostPath": {}}]}})")).has_empty_dir);
  CHECK(drain_pod(Json("nonsense")).name.empty());
}

TEST_CASE("what each answer to an eviction means") {
  struct Case {
    std::string name;
    ApiError error;
    Evicted::Kind kind;
    std::string why;
  };
  const auto c = GENERATE(values<Case>({
      {"gone", error_of(404, "not found"), Evicted::Kind::gone, ""},
      {"another pod of that name", error_of(409, "conflict"), Evicted::Kind::gone, ""},
      {"a budget", error_of(429, "Cannot evict pod", {{"DisruptionBudget", "The disruption budget web needs 2", ""}}),
       Evicted::Kind::waits, "The disruption budget web needs 2"},
      {"throttled", error_of(429, "Too many requests"), Evicted::Kind::throttled, ""},
      {"not able to serve", error_of(503, "busy"), Evicted::Kind::throttled, ""},
      {"several budgets",
       error_of(500,
                "This pod has more than one PodDisruptionBudget, which the eviction subresource "
                "does not support."),
       Evicted::Kind::waits, "This pod has more than one PodDisruptionBudget"},
      {"its namespace ends",
       error_of(403, "forbidden: namespace demo is being terminated", {{"NamespaceTerminating", "", ""}}),
       Evicted::Kind::waits, "forbidden: namespace demo is being terminated"},
      {"a webhook that does not answer", error_of(500, "failed calling webhook"), Evicted::Kind::waits,
       "failed calling webhook"},
      {"not permitted", error_of(403, "forbidden"), Evicted::Kind::refused, ""},
      {"a webhook forbids it", error_of(422, "admission webhook \"w\" denied the request"), Evicted::Kind::refused, ""},
      {"we are not known", error_of(401, "Unauthorized"), Evicted::Kind::failed, ""},
      {"no answer", error_of(0, "nobody listens"), Evicted::Kind::failed, ""},
  }));
  CAPTURE(c.name);
  const Evicted evicted = read_eviction(tl::unexpected(c.error));
  CHECK(evicted.kind == c.kind);
  if (c.kind == Evicted::Kind::waits) {
    CHECK(evicted.why.starts_with(c.why));
    CHECK(evicted.again_after == 5s);
  }
  if (c.kind == Evicted::Kind::failed || c.kind == Evicted::Kind::refused) CHECK(evicted.error == c.error.error);
  CHECK(read_eviction(Json::object()).kind == Evicted::Kind::accepted);
}

TEST_CASE("a budget that says when to come again is asked then") {
  ApiError error = error_of(429, "Cannot evict pod", {{"DisruptionBudget", "still being computed", ""}});
  error.retry_after = 10s;
  CHECK(read_eviction(tl::unexpected(error)).again_after == 10s);
}

TEST_CASE("the Eviction object is of the version that the server takes") {
  const Json list = Json::parse(R"({"resources": [{"name": "pods"},
    {"name": "pods/eviction", "group": "policy", "version": "v1beta1", "kind": "Eviction"}]})");
  CHECK(eviction_version(list) == "v1beta1");
  CHECK(eviction_version(Json::object()).empty());
  DrainPolicy policy;
  const ApiRequest plain = eviction_request(managed("web"), "v1", policy, false);
  CHECK(plain.path == "/api/v1/namespaces/demo/pods/web/eviction");
  CHECK(plain.body->at("apiVersion") == "policy/v1");
  CHECK(plain.body->at("deleteOptions") == Json{{"preconditions", {{"uid", "uid-web"}}}});
  policy.grace_period = 500ms;
  CHECK(eviction_request(managed("web"), "v1", policy, true).body->at("deleteOptions").at("gracePeriodSeconds") == 1);
  CHECK(eviction_request(managed("web"), "v1", policy, true).path.ends_with("?dryRun=All"));
}

TEST_CASE("waves: low priority first, critical last, ourselves last of all") {
  DrainWaves waves("demo/own");
  std::vector<DrainPod> go = {managed("dns", 2'000'000'000), managed("low", -5), managed("own", -9), managed("web")};
  const auto step = [&](Instant now) {
    waves.look(go, now, 15min);
    const auto turn = waves.turn(go, now);
    for (const DrainPod& pod : turn) std::erase_if(go, [&](const DrainPod& p) { return p.uid == pod.uid; });
    return names(turn);
  };
  std::string order;
  for (int i = 0; i < 8; ++i) order += step(start + i * 1s) + ";";
  CHECK(order.find("low") < order.find("web"));
  CHECK(order.find("web") < order.find("dns"));
  CHECK(order.find("dns") < order.find("own"));
}

TEST_CASE("waves: one that may not go keeps the next waiting for its share of the time alone") {
  DrainWaves waves;
  std::vector<DrainPod> go = {managed("web"), managed("dns", 2'000'000'000)};
  waves.look(go, start, 15min);
  CHECK(names(waves.turn(go, start)) == "web");
  waves.waits(go[0], "a budget", start + 5s);
  CHECK(waves.turn(go, start + 4s).empty());
  CHECK(waves.why_waiting(go, start) == "pod demo/web: a budget");
  waves.look(go, start + 4min, 15min);
  CHECK(names(waves.turn(go, start + 4min)) == "web");
  waves.look(go, start + 6min, 15min);
  CHECK(names(waves.turn(go, start + 6min)) == "web dns");
}

TEST_CASE("what is terminating is not told twice, and reported when it does not end") {
  DrainWaves waves;
  std::vector<DrainPod> go = {managed("web")};
  go[0].ends_at = start;
  waves.look(go, start + 10s, 15min);
  CHECK(waves.turn(go, start + 10s).empty());
  CHECK(waves.why_waiting(go, start + 10s).empty());
  CHECK_THAT(waves.why_waiting(go, start + 2min), ContainsSubstring("demo/web should have ended 2m ago"));
}

TEST_CASE("waves: a pod that is refused keeps no other, and is told when nothing else is left but ourselves") {
  DrainWaves waves("demo/own");
  std::vector<DrainPod> go = {managed("web"), managed("db"), managed("dns", 2'000'000'000), managed("own")};
  waves.look(go, start, 15min);
  CHECK(names(waves.turn(go, start)) == "web db");
  waves.refuse(go[0], "forbidden", start + 1min);
  CHECK(waves.refused(go).empty());
  CHECK(waves.why_waiting(go, start) == "pod demo/web: forbidden");
  std::erase_if(go, [](const DrainPod& pod) { return pod.name == "db"; });
  waves.look(go, start + 1s, 15min);
  CHECK(names(waves.turn(go, start + 1s)) == "dns");
  std::erase_if(go, [](const DrainPod& pod) { return pod.name == "dns"; });
  waves.look(go, start + 2s, 15min);
  CHECK(waves.turn(go, start + 2s).empty());
  CHECK(waves.refused(go) == "pod demo/web: forbidden");
  // The next try asks again.
  waves.look(go, start + 3s, 15min);
  CHECK(names(waves.turn(go, start + 3s)) == "web");
}

TEST_CASE("pods that come back each time are left there in the end, and that is said") {
  DrainWaves waves;
  int evictions = 0;
  bool empty = false;
  for (int i = 0; i < 20 && !empty; ++i) {
    DrainPod pod = managed("ed-" + std::to_string(i));
    std::vector<DrainPod> go = {pod};
    waves.look(go, start + i * 1s, 15min);
    evictions += static_cast<int>(waves.turn(go, start + i * 1s).size());
    empty = go.empty();
  }
  CHECK(empty);
  CHECK(evictions == 4);
  CHECK_THAT(waves.note(), ContainsSubstring("demo/rs come back"));
}

TEST_CASE("pods that were bound just before the cordon was seen go like the others") {
  DrainWaves waves;
  std::vector<DrainPod> go = {managed("a")};
  waves.look(go, start, 15min);
  for (int i = 0; i < 10; ++i) go.push_back(managed("late-" + std::to_string(i)));
  waves.look(go, start + 1s, 15min);
  CHECK(go.size() == 11);
  CHECK(waves.turn(go, start + 1s).size() == 11);
  CHECK(waves.note().empty());
}
