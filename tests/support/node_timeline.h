// A story of nodes on a manual clock: alerts come and go, pods leave or do not, the program is restarted. What it did
// is read back from the history.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "base/text.h"
#include "control/controller.h"
#include "support/catch.h"
#include "support/clock.h"
#include "support/fake_nodes.h"
#include "support/policies.h"
#include "support/scratch_dir.h"

namespace alertscaler::test {

inline Alert drain_node(const std::string& node, const std::string& name = "DiskPressure") {
  Alert a = alert(name, AlertAction::drain);
  a.labels.emplace("node", node);
  a.fingerprint = fingerprint_of(a.labels);
  a.mapping.target = TargetName{"node"};
  a.mapping.node = node;
  return a;
}

class NodeTimeline {
 public:
  explicit NodeTimeline(Policy policy = {}, std::initializer_list<std::string> nodes = {"a", "b", "c"})
      : policy_(std::move(policy)), begin_(clock_.now()) {
    for (const std::string& name : nodes) cluster_.nodes[name] = {};
    restart();
  }
  virtual ~NodeTimeline() = default;

  FakeCluster& cluster() { return cluster_; }
  Store& store() { return *store_; }
  control::Controller& controller() { return *controller_; }
  Policy& policy() { return policy_; }  // counts from the next restart

  void at(Duration when, std::function<void()> event) { events_.emplace(begin_ + when, std::move(event)); }
  void fire(Duration when, Alert alert) {
    at(when, [this, alert]() mutable {
      alert.starts_at = alert.last_seen = clock_.now();
      merge({alert, false, true});
    });
  }
  void resolve(Duration when, Alert alert, bool proven = true) {
    at(when, [this, alert, proven]() mutable {
      alert.starts_at = alert.last_seen = clock_.now();
      if (!proven) alert.annotations["grafana_state_reason"] = "MissingSeries";
      merge({alert, true, true});
    });
  }
  // The process ends at once, as with kill -9, and starts again.
  void restart(Duration when) {
    at(when, [this] { restart(); });
  }

  // Lives until `end`; the history as lines, oldest first: "30s drain a 3->2 done after 0s".
  std::string run(Duration end) {
    while (true) {
      const Instant next_event = events_.empty() ? Instant::max() : events_.begin()->first;
      const Instant next = std::min(next_event, next_look_);
      if (next > begin_ + end) break;
      if (next > clock_.now()) clock_.advance(next - clock_.now());
      if (next_event <= next_look_) {
        const auto event = events_.begin()->second;
        events_.erase(events_.begin());
        event();
      }
      // A look that asks for another one at once must have changed something; the clock goes on all the same.
      next_look_ = std::max(controller_->look(target_), clock_.now() + Duration{1});
      ++looks_;
    }
    return history();
  }

  [[nodiscard]] int looks() const { return looks_; }
  [[nodiscard]] TargetView view() const { return controller_->target(target_).value(); }
  [[nodiscard]] TargetState state() const { return store_->state(target_); }
  // "draining", or nothing when the node just takes work.
  [[nodiscard]] NodeView node(const std::string& name) const {
    for (const NodeView& node : view().nodes) {
      if (node.name == name) return node;
    }
    return {};
  }

  [[nodiscard]] std::string history() const {
    std::string out;
    const auto entries = store_->history({target_, {}, 1000}).value();
    for (auto entry = entries.rbegin(); entry != entries.rend(); ++entry) {
      const auto seconds = [](Duration d) {
        return text::format_duration(std::chrono::floor<std::chrono::seconds>(d));
      };
      out += seconds(entry->time - begin_) + " " + std::string(to_string(entry->action)) + " " +
             (entry->node.empty() ? "" : entry->node + " ") + std::to_string(entry->from) + "->" +
             std::to_string(entry->to) + " " + std::string(to_string(*entry->outcome)) + " after " +
             seconds(*entry->finished - entry->time) + (entry->error.empty() ? "" : ": " + entry->error) + "\n";
    }
    return out;
  }

  void restart() {
    controller_.reset();
    store_.reset();
    auto store = Store::open(directory_.path());
    REQUIRE(store.has_value());
    store_ = std::move(*store);
    auto settings = std::make_shared<Settings>();
    settings->targets[target_] = Target{target_, policy_, reference()};
    control::Backends backends;
    backends[target_] = hands();
    controller_ = std::make_unique<control::Controller>(settings, std::move(backends), *store_, metrics_, clock_,
                                                        control::Options{});
    next_look_ = clock_.now();
  }

 protected:
  // Of a target that is something else than nodes alone, its constructor restarts the story.
  [[nodiscard]] virtual control::Hands hands() { return std::make_unique<FakeNodes>(cluster_); }
  [[nodiscard]] virtual BackendRef reference() const { return KubernetesNodes{"role=worker"}; }
  [[nodiscard]] const Clock& clock() const { return clock_; }
  [[nodiscard]] const TargetName& target() const { return target_; }

 private:
  void merge(Incoming incoming) {
    const auto merged = store_->merge({std::move(incoming)});
    REQUIRE(merged.has_value());
  }

  const TargetName target_{"node"};
  ManualClock clock_;
  FakeCluster cluster_;
  Policy policy_;
  const Instant begin_;
  ScratchDir directory_;
  Metrics metrics_{"test"};
  std::multimap<Instant, std::function<void()>> events_;
  Instant next_look_{};
  int looks_ = 0;
  std::unique_ptr<Store> store_;
  std::unique_ptr<control::Controller> controller_;
};

}  // namespace alertscaler::test
