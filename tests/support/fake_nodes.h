// Nodes that behave: their pods leave when they are asked to, as far as the world lets them, and calls fail only when
// scripted.
#pragma once

#include <deque>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "act/node_backend.h"
#include "support/clock.h"

namespace alertscaler::test {

// The world outside; it goes on when the program is restarted.
struct FakeCluster {
  struct Node {
    int pods = 2;
    bool ready = true;
    bool cordoned = false;
    bool ours = false;
    std::string address;
  };
  std::map<std::string, Node> nodes;
  int leave_at_a_time = 1'000'000;  // pods that one move takes away
  std::string stuck;                // why none goes; empty: they go
  std::string refused;              // why the drain is refused; empty: it is not
  std::optional<Blocked> blocked;
  std::deque<Error> observe_errors;   // the next observations fail so
  std::deque<Error> drain_errors;     // the next drains fail so
  std::deque<Error> uncordon_errors;  // the next uncordons fail so
  std::deque<Error> let_go_errors;    // and the next times that a node is let go
  int moves = 0;                      // calls of drain()
  int most_at_once = 0;               // the most nodes that were ever cordoned by us at the same time
  std::vector<std::string> order;     // nodes in the order in which they were cordoned and uncordoned: "+a", "-a"

  [[nodiscard]] int ours() const {
    int count = 0;
    for (const auto& [name, node] : nodes) count += node.cordoned && node.ours ? 1 : 0;
    return count;
  }
};

class FakeNodes final : public NodeBackend {
 public:
  explicit FakeNodes(FakeCluster& cluster) : cluster_(cluster) {}

  Result<std::vector<ObservedNode>> observe(std::stop_token /*stop*/) override {
    if (const auto error = next(cluster_.observe_errors)) return fail(*error);
    std::vector<ObservedNode> observed;
    for (const auto& [name, node] : cluster_.nodes) {
      ObservedNode seen{.name = name, .ready = node.ready, .cordoned = node.cordoned, .ours = node.ours, .aliases = {}};
      if (!node.address.empty()) seen.aliases.push_back(node.address);
      observed.push_back(std::move(seen));
    }
    return observed;
  }

  std::optional<Blocked> blocked(std::stop_token /*stop*/) override { return cluster_.blocked; }

  Result<DrainProgress> drain(const std::string& name, const DrainPolicy& /*policy*/,
                              std::stop_token /*stop*/) override {
    ++cluster_.moves;
    if (const auto error = next(cluster_.drain_errors)) return fail(*error);
    const auto found = cluster_.nodes.find(name);
    if (found == cluster_.nodes.end()) return fail(ErrorKind::not_found, "no node " + name);
    FakeCluster::Node& node = found->second;
    if (!node.cordoned) {
      node.cordoned = node.ours = true;
      cluster_.order.push_back("+" + name);
      cluster_.most_at_once = std::max(cluster_.most_at_once, cluster_.ours());
    }
    if (cluster_.refused.empty() && cluster_.stuck.empty()) {
      node.pods = std::max(0, node.pods - cluster_.leave_at_a_time);
    }
    return progress_of(node);
  }

  Result<DrainProgress> rehearse(const std::string& name, const DrainPolicy& /*policy*/,
                                 std::stop_token /*stop*/) override {
    if (const auto error = next(cluster_.drain_errors)) return fail(*error);
    return progress_of(cluster_.nodes.at(name));
  }

  Status let_go(const std::string& name, std::stop_token /*stop*/) override {
    if (const auto error = next(cluster_.let_go_errors)) return fail(*error);
    const auto found = cluster_.nodes.find(name);
    if (found != cluster_.nodes.end()) found->second.ours = false;
    return {};
  }

  Status uncordon(const std::string& name, std::stop_token /*stop*/) override {
    if (const auto error = next(cluster_.uncordon_errors)) return fail(*error);
    const auto found = cluster_.nodes.find(name);
    if (found == cluster_.nodes.end() || !found->second.ours) return {};
    found->second.cordoned = found->second.ours = false;
    cluster_.order.push_back("-" + name);
    return {};
  }

 private:
  static std::optional<Error> next(std::deque<Error>& errors) {
    if (errors.empty()) return std::nullopt;
    Error error = errors.front();
    errors.pop_front();
    return error;
  }
  [[nodiscard]] DrainProgress progress_of(const FakeCluster::Node& node) const {
    DrainProgress progress;
    progress.left = node.pods;
    progress.refused = cluster_.refused;
    progress.empty = node.pods == 0 && cluster_.refused.empty();
    if (!progress.empty) progress.waits = cluster_.stuck;
    return progress;
  }

  FakeCluster& cluster_;
};

}  // namespace alertscaler::test
