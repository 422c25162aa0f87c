// A pool of containers on an engine and in a cluster, both in the test's own process.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "act/kubernetes/drain.h"
#include "act/node_pool/pool.h"
#include "base/text.h"
#include "support/catch.h"
#include "support/clock.h"
#include "support/fake_engine.h"
#include "support/fake_evictions.h"
#include "support/memory_keep.h"

namespace alertscaler::test {

struct NodePoolWorld {
  using Json = FakeApiServer::Json;

  FakeEngine engine;
  FakeApiServer server;
  FakeEvictions evictions{server};
  MemoryKeep keep;
  ManualClock clock;
  docker::Engine docker{engine.endpoint()};
  kubernetes::ApiServer client{server.access()};
  node_pool::Settings settings;
  node_pool::Faces faces;
  ActionId last_action = 0;

  NodePoolWorld() {
    engine.set_image("node:1", "sha256:1");
    engine.add_network("k3s");
    settings.target = TargetName{"workers"};
    settings.nodes.image = "node:1";
    settings.nodes.name_prefix = "w-";
    settings.nodes.networks = {"k3s"};
    settings.stop_wait = std::chrono::seconds{1};
    restart();
  }

  // As after a crash: nothing is remembered but what is kept, on the engine and in the cluster.
  void restart() {
    faces = {};
    auto drains =
        kubernetes::make_node_backend({settings.target, {"", "node"}, {"demo", "own"}}, client, nullptr, clock);
    faces = node_pool::make_pool(settings, {docker, client, keep, nullptr, clock, std::move(drains)});
  }

  Observed observe(const std::optional<Change>& in_flight = {}) {
    const auto observed = faces.replicas->observe(in_flight, {});
    if (!observed) FAIL(observed.error().message);
    return *observed;
  }
  // "2 of 3 ready".
  std::string count(const std::optional<Change>& in_flight = {}) {
    const Observed observed = observe(in_flight);
    return std::to_string(observed.ready) + " of " + std::to_string(observed.replicas) + " ready";
  }
  Change change(int from, int to) { return {++last_action, settings.target, from, to}; }
  Status apply(const Change& change) {
    (void)observe(change);
    return faces.replicas->apply(change, {});
  }
  // A node that its container has become.
  void join(const std::string& name, bool ready = true) {
    add_node(server, name);
    if (!ready) set_ready(name, false);
  }
  void set_ready(const std::string& name, bool ready) {
    server.change("/api/v1/nodes/" + name,
                  {{"status",
                    {{"conditions", Json::array({{{"type", "Ready"},
                                                  {"status", ready ? "True" : "False"},
                                                  {"lastTransitionTime", text::format_time(clock.now())},
                                                  {"message", ready ? "" : "container runtime is down"}}})}}}});
  }
  // A pool of so many Ready nodes, w-1 and so on.
  void fill(int nodes) {
    REQUIRE(apply(change(0, nodes)));
    for (int i = 1; i <= nodes; ++i) join("w-" + std::to_string(i));
    REQUIRE(faces.replicas->tidy({}));
  }
  // A scale-down in the middle: of two nodes with a pod each, w-2 is drained, and its pod does not end.
  Change drain_one_of_two() {
    fill(2);
    add_node_pod(server, "w-1", "web-1");
    add_node_pod(server, "w-2", "web-2");
    evictions.terminate = true;
    const Change down = change(2, 1);
    REQUIRE(apply(down));
    REQUIRE(apply(down));
    REQUIRE(nodes() == "w-1, w-2 leaving cordoned");
    return down;
  }
  // Passes of an action, a second each, until its count is there; how many.
  int carry_out(const Change& change, int passes_max = 40) {
    for (int pass = 1; pass <= passes_max; ++pass) {
      const Observed seen = observe(change);
      const bool there = change.to < change.from ? seen.replicas <= change.to : seen.replicas >= change.to;
      if (there && seen.settled) return pass;
      const Status applied = faces.replicas->apply(change, {});
      if (!applied) FAIL(applied.error().message);
      clock.advance(std::chrono::seconds{1});
    }
    return -1;
  }
  void tidy(int times = 1) {
    for (int i = 0; i < times; ++i) {
      (void)observe();
      const Status done = faces.replicas->tidy({});
      if (!done) FAIL(done.error().message);
      clock.advance(std::chrono::seconds{1});
    }
  }
  // The names of the nodes with their marks: "w-1, w-2 leaving cordoned".
  std::string nodes() {
    std::string text;
    for (int i = 1; i < 30; ++i) {
      const auto node = server.get("/api/v1/nodes/w-" + std::to_string(i));
      if (!node) continue;
      text += (text.empty() ? "w-" : ", w-") + std::to_string(i);
      const Json annotations = node->at("metadata").value("annotations", Json::object());
      for (const auto& [mark, word] : {std::pair{"alertscaler.io/leaving-pool", " leaving"},
                                       std::pair{"alertscaler.io/removed-from-pool", " removed"},
                                       std::pair{"alertscaler.io/replaced-in-pool", " replaced"}}) {
        if (annotations.contains(mark)) text += word;
      }
      if (node->at("spec").value("unschedulable", false)) text += " cordoned";
    }
    return text;
  }
};

}  // namespace alertscaler::test
