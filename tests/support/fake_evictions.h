// Evictions for the fake API server, as kube-apiserver answers them, and nodes with pods to evict.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "support/fake_api_server.h"

namespace alertscaler::test {

// REQUIRES: it outlives the server's requests. What is public here is changed between requests only.
struct FakeEvictions {
  using Json = FakeApiServer::Json;
  explicit FakeEvictions(FakeApiServer& server) {
    server.on(
        [this](const FakeApiServer::Asked& asked, FakeApiServer::Objects& objects) { return answer(asked, objects); });
  }

  std::string version = "v1";                            // what discovery says; empty: no evictions
  bool terminate = false;                                // an evicted pod stays, terminating, until finish()
  std::map<std::string, int> budgets;                    // by the label app: how many more may go now
  std::map<std::string, FakeApiServer::Answer> answers;  // by the pod's name: in place of all else
  std::vector<std::string> evicted;                      // names, in the order in which they were told to go
  std::vector<Json> bodies;
  int at_most = 0;  // 0: no end; else the server is busy after so many

  static FakeApiServer::Answer no_budget(const std::string& name, int needed, int has) {
    const std::string why = "The disruption budget " + name + " needs " + std::to_string(needed) +
                            " healthy pods and has " + std::to_string(has) + " currently";
    return FakeApiServer::status(429, "TooManyRequests",
                                 "Cannot evict pod as it would violate the pod's disruption budget.",
                                 {{"causes", Json::array({{{"reason", "DisruptionBudget"}, {"message", why}}})}});
  }

 private:
  std::optional<FakeApiServer::Answer> answer(const FakeApiServer::Asked& asked, FakeApiServer::Objects& objects) {
    if (asked.method == "GET" && asked.path == "/api/v1") {
      Json resources = Json::array({{{"name", "pods"}, {"kind", "Pod"}, {"namespaced", true}}});
      if (!version.empty()) {
        resources.push_back(
            {{"name", "pods/eviction"}, {"kind", "Eviction"}, {"group", "policy"}, {"version", version}});
      }
      return FakeApiServer::Answer{200, {{"kind", "APIResourceList"}, {"resources", resources}}, "", {}};
    }
    constexpr std::string_view end = "/eviction";
    if (asked.method != "POST" || !asked.path.ends_with(end)) return std::nullopt;
    return evict(asked, asked.path.substr(0, asked.path.size() - end.size()), objects);
  }

  FakeApiServer::Answer evict(const FakeApiServer::Asked& asked, const std::string& path,
                              FakeApiServer::Objects& objects) {
    const bool dry_run = asked.query.find("dryRun=All") != std::string::npos;
    bodies.push_back(asked.body);
    if (asked.body.at("apiVersion") != "policy/" + version) {
      return FakeApiServer::status(400, "BadRequest", "no kind \"Eviction\" is registered for this version");
    }
    const auto pod = objects.find(path);
    const std::string name = path.substr(path.rfind('/') + 1);
    if (const auto scripted = answers.find(name); scripted != answers.end()) return scripted->second;
    if (pod == objects.end()) return FakeApiServer::status(404, "NotFound", "pods \"" + name + "\" not found");
    if (at_most > 0 && static_cast<int>(evicted.size()) >= at_most) return FakeApiServer::throttled();
    if (asked.body.at("deleteOptions").at("preconditions").at("uid") != pod->second.at("metadata").at("uid")) {
      return FakeApiServer::status(409, "Conflict", "Precondition failed: UID in precondition");
    }
    const std::string app = pod->second.at("metadata").value("labels", Json::object()).value("app", "");
    if (const auto budget = budgets.find(app); budget != budgets.end()) {
      if (budget->second == 0) return no_budget(app, 2, 2);
      if (!dry_run) --budget->second;
    }
    if (!dry_run) {
      evicted.push_back(name);
      if (terminate) {
        pod->second["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:30Z";
      } else {
        objects.erase(pod);
      }
    }
    return FakeApiServer::status(201, "", "");
  }
};

// A pod on `node`; `more` is merged into it.
inline std::string add_node_pod(FakeApiServer& server, const std::string& node, const std::string& name,
                                const FakeApiServer::Json& more = FakeApiServer::Json::object()) {
  using Json = FakeApiServer::Json;
  const std::string collection = "/api/v1/namespaces/demo/pods";
  Json pod = {{"metadata",
               {{"name", name},
                {"namespace", "demo"},
                {"labels", {{"app", "web"}}},
                {"ownerReferences",
                 Json::array({{{"kind", "ReplicaSet"}, {"name", "web-1"}, {"uid", "rs"}, {"controller", true}}})}}},
              {"spec", {{"nodeName", node}}},
              {"status", {{"phase", "Running"}}}};
  pod.merge_patch(more);
  server.put(collection, pod);
  return collection + "/" + name;
}

inline void add_node(FakeApiServer& server, const std::string& name, const std::string& address = "",
                     bool worker = true) {
  using Json = FakeApiServer::Json;
  Json node = {{"metadata", {{"name", name}, {"labels", Json::object()}}},
               {"spec", Json::object()},
               {"status", {{"conditions", Json::array({{{"type", "Ready"}, {"status", "True"}}})}}}};
  if (worker) node["metadata"]["labels"]["role"] = "worker";
  if (!address.empty()) {
    node["status"]["addresses"] = Json::array({{{"type", "InternalIP"}, {"address", address}}});
  }
  server.put("/api/v1/nodes", node);
}

}  // namespace alertscaler::test
