// A pool of nodes that behaves: what is made joins after a while, what is to go is drained first, and calls fail only
// when scripted. One world with two faces, as a pool's backend has them.
#pragma once

#include <algorithm>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "act/backend.h"
#include "act/node_backend.h"
#include "support/clock.h"

namespace alertscaler::test {

// The world outside; it goes on when the program is restarted.
struct FakePool {
  struct Node {
    int pods = 2;
    Instant joined{};
    bool dead = false;  // never ready again
    bool cordoned = false;
    bool ours = false;      // cordoned for a drain that an alert asked for
    bool leaving = false;   // drained so that it can be removed
    bool going = false;     // certain to be removed
    bool replaced = false;  // another one is made in its place
    ActionId action = 0;
    std::string replaces;
  };
  std::map<std::string, Node> nodes;
  int last_index = 0;
  Duration joins_after{0};
  bool never_joins = false;
  int leave_at_a_time = 1'000'000;  // pods that one move takes away
  std::string stuck;                // why none goes; empty: they go
  int stops_in = 0;                 // moves that the removal of a drained one takes
  std::deque<Error> observe_errors, apply_errors, clean_up_errors;
  int tidied = 0;                  // calls of tidy()
  int left = 0;                    // calls of leave()
  int most_at_once = 0;            // the most nodes that were ever cordoned at the same time
  std::vector<std::string> order;  // what happened to which node: "made p-3", "cordoned p-1", "removed p-1"

  void make(const Clock& clock, ActionId action = 0, const std::string& replaces = {}) {
    const std::string name = "p-" + std::to_string(++last_index);
    Node node;
    node.joined = clock.now() + joins_after;
    node.dead = never_joins;
    node.action = action;
    node.replaces = replaces;
    nodes[name] = node;
    order.push_back("made " + name);
  }
  void remove(const std::string& name) {
    nodes.erase(name);
    order.push_back("removed " + name);
  }
  void cordon(const std::string& name) {
    Node& node = nodes.at(name);
    if (node.cordoned) return;
    node.cordoned = true;
    order.push_back("cordoned " + name);
    most_at_once = std::max(most_at_once, static_cast<int>(std::count_if(nodes.begin(), nodes.end(), [](auto& item) {
                              return item.second.cordoned && !item.second.going;
                            })));
  }
  void uncordon(const std::string& name) {
    Node& node = nodes.at(name);
    if (node.cordoned) order.push_back("uncordoned " + name);
    node.cordoned = node.ours = node.leaving = false;
  }
  [[nodiscard]] bool is_ready(const Node& node, const Clock& clock) const {
    return !node.dead && node.joined <= clock.now();
  }
  [[nodiscard]] bool counts(const Node& node) const {
    return !node.going && (node.replaces.empty() || !nodes.contains(node.replaces));
  }
  [[nodiscard]] int count() const {
    return static_cast<int>(
        std::count_if(nodes.begin(), nodes.end(), [&](const auto& item) { return counts(item.second); }));
  }
  // One move of a drain. True: it is empty.
  bool evict(const std::string& name) {
    Node& node = nodes.at(name);
    if (stuck.empty()) node.pods = std::max(0, node.pods - leave_at_a_time);
    return node.pods == 0;
  }
  [[nodiscard]] std::string history() const {
    std::string out;
    for (const std::string& each : order) out += each + "\n";
    return out;
  }
};

inline std::optional<Error> next_of(std::deque<Error>& errors) {
  if (errors.empty()) return std::nullopt;
  Error error = errors.front();
  errors.pop_front();
  return error;
}

class FakePoolCount final : public Backend {
 public:
  FakePoolCount(FakePool& pool, const Clock& clock) : pool_(pool), clock_(clock) {}

  Result<Observed> observe(const std::optional<Change>& in_flight, std::stop_token /*stop*/) override {
    if (const auto error = next_of(pool_.observe_errors)) return fail(*error);
    Observed observed;
    const bool grows = in_flight && in_flight->to >= in_flight->from;
    if (grows) observed.awaited = 0;
    for (const auto& [name, node] : pool_.nodes) {
      if (node.going || node.leaving) observed.settled = observed.settled && grows;
      if (node.leaving && !pool_.stuck.empty()) observed.waits = pool_.stuck;
      if (!pool_.counts(node)) continue;
      ++observed.replicas;
      if (pool_.is_ready(node, clock_)) {
        ++observed.ready;
        continue;
      }
      observed.waits = name + " has not joined; its log ends: no route to the server";
      if (grows && node.action == in_flight->id) ++*observed.awaited;
    }
    return observed;
  }

  Status apply(const Change& change, std::stop_token /*stop*/) override {
    if (const auto error = next_of(pool_.apply_errors)) return fail(*error);
    finish();
    if (change.to >= change.from) {
      for (const std::string& name : names_of(&FakePool::Node::leaving)) pool_.uncordon(name);
      while (pool_.count() < change.to) pool_.make(clock_, change.id);
      return {};
    }
    const std::vector<std::string> leaving = names_of(&FakePool::Node::leaving);
    if (!leaving.empty()) {
      move_on(leaving.front());
    } else if (pool_.count() > change.to) {
      const auto victim = std::min_element(pool_.nodes.begin(), pool_.nodes.end(), [](const auto& a, const auto& b) {
        return weight(a.second) < weight(b.second);
      });
      victim->second.leaving = true;
      move_on(victim->first);
    }
    return {};
  }

  Status clean_up(const Change& change, std::stop_token /*stop*/) override {
    if (const auto error = next_of(pool_.clean_up_errors)) return fail(*error);
    for (const std::string& name : names_of(&FakePool::Node::leaving)) pool_.uncordon(name);
    for (const auto& [name, node] : std::map(pool_.nodes)) {
      if (node.action == change.id && !pool_.is_ready(node, clock_)) pool_.remove(name);
    }
    return {};
  }

  Status leave(std::stop_token /*stop*/) override {
    ++pool_.left;
    for (const std::string& name : names_of(&FakePool::Node::going)) pool_.remove(name);
    return {};
  }

  Status tidy(std::stop_token /*stop*/) override {
    ++pool_.tidied;
    finish();
    for (const auto& [name, node] : std::map(pool_.nodes)) {
      const auto replaced = pool_.nodes.find(node.replaces);
      if (replaced != pool_.nodes.end() && !replaced->second.replaced) pool_.remove(name);
    }
    return {};
  }

 private:
  static int weight(const FakePool::Node& node) { return node.going || node.cordoned ? 1'000'000 : node.pods; }
  [[nodiscard]] std::vector<std::string> names_of(bool FakePool::Node::*is) const {
    std::vector<std::string> names;
    for (const auto& [name, node] : pool_.nodes) {
      if (node.*is) names.push_back(name);
    }
    return names;
  }
  void move_on(const std::string& name) {
    pool_.cordon(name);
    if (!pool_.evict(name)) return;
    FakePool::Node& node = pool_.nodes.at(name);
    node.leaving = false;
    node.going = true;
    stops_ = pool_.stops_in;
    finish();
  }
  void finish() {
    for (const std::string& name : names_of(&FakePool::Node::going)) {
      if (stops_-- <= 0) pool_.remove(name);
    }
  }

  FakePool& pool_;
  const Clock& clock_;
  int stops_ = 0;
};

class FakePoolNodes final : public NodeBackend {
 public:
  FakePoolNodes(FakePool& pool, const Clock& clock) : pool_(pool), clock_(clock) {}

  Result<std::vector<ObservedNode>> observe(std::stop_token /*stop*/) override {
    std::vector<ObservedNode> observed;
    for (const auto& [name, node] : pool_.nodes) {
      if (node.going) continue;
      observed.push_back({.name = name,
                          .ready = pool_.is_ready(node, clock_),
                          .cordoned = node.cordoned,
                          .ours = node.ours,
                          .leaving = node.leaving,
                          .replacing = node.replaced,
                          .aliases = {}});
    }
    return observed;
  }

  Result<DrainProgress> drain(const std::string& name, const DrainPolicy& policy, std::stop_token /*stop*/) override {
    if (!pool_.nodes.contains(name)) return fail(ErrorKind::not_found, "no node " + name);
    DrainProgress progress;
    if (policy.replace) {
      pool_.nodes.at(name).replaced = true;
      const auto other = std::find_if(pool_.nodes.begin(), pool_.nodes.end(),
                                      [&](const auto& item) { return item.second.replaces == name; });
      if (other == pool_.nodes.end()) pool_.make(clock_, 0, name);
      if (other == pool_.nodes.end() || !pool_.is_ready(other->second, clock_)) {
        progress.left = pool_.nodes.at(name).pods;
        progress.waits = "what takes its place must be ready first";
        return progress;
      }
    }
    pool_.cordon(name);
    pool_.nodes.at(name).ours = true;
    progress.empty = pool_.evict(name);
    progress.left = pool_.nodes.at(name).pods;
    if (!progress.empty) progress.waits = pool_.stuck;
    if (progress.empty && policy.replace) pool_.remove(name);
    return progress;
  }

  Result<DrainProgress> rehearse(const std::string& name, const DrainPolicy& /*policy*/,
                                 std::stop_token /*stop*/) override {
    DrainProgress progress;
    progress.left = pool_.nodes.at(name).pods;
    return progress;
  }

  Status let_go(const std::string& name, std::stop_token /*stop*/) override {
    const auto found = pool_.nodes.find(name);
    if (found != pool_.nodes.end()) found->second.ours = found->second.replaced = false;
    return {};
  }

  Status uncordon(const std::string& name, std::stop_token /*stop*/) override {
    const auto found = pool_.nodes.find(name);
    if (found == pool_.nodes.end()) return {};
    found->second.replaced = false;
    if (found->second.ours) pool_.uncordon(name);
    return {};
  }

 private:
  FakePool& pool_;
  const Clock& clock_;
};

}  // namespace alertscaler::test
