// One pass over a target of nodes: what is under way goes on, what decide_nodes() says begins or ends, each with its
// line in the journal. Of a target that is a count, too, it is the nodes' part of the pass. Private to control.
#pragma once

#include <stop_token>
#include <string>
#include <vector>

#include "control/controller.h"
#include "decide/nodes.h"

namespace alertscaler::control {

class Controller::NodePass {
 public:
  // REQUIRES: setup->hands.nodes
  NodePass(Controller& controller, Runtime& runtime, std::shared_ptr<const Setup> setup, std::stop_token stop);

  // When to look again.
  Instant run();
  // The steps of run(), for who has more to do in between. The store's state must not change from the first to the
  // last; what the target is counted and shown as is not touched.
  Status observe();
  Status act();
  [[nodiscard]] Instant next_look() const;
  void add_to(TargetView& view) const;
  // REQUIRES: observe() has succeeded. Why a scale-down must not take away nodes beside these.
  [[nodiscard]] std::optional<decide::NodesAway> away() const;
  // A scale-down is draining one; what is drained for want of a place to take does not count.
  [[nodiscard]] bool any_leaving() const;
  [[nodiscard]] const Decision& decision() const { return look_.decision; }

  // The end of what is in flight, when nobody will look at it again. Nothing is undone.
  void farewell(const std::string& why);

 private:
  [[nodiscard]] decide::NodesInputs inputs() const;
  [[nodiscard]] const TargetName& name() const { return runtime_.name; }
  [[nodiscard]] NodeBackend& backend() const { return *setup_->hands.nodes; }
  [[nodiscard]] const Policy& policy() const { return setup_->target.policy; }

  bool let_go(const std::string& node);
  Status carry_out(const decide::NodeDecision& decided);
  Status begin(const decide::NodeDecision& decided);
  Status move_on(const std::string& node);
  Status drain(const std::string& node);
  Status rehearse(const std::string& node);
  Status restore(const std::string& node);
  Status failed(const std::string& node, const Error& error);
  void came_to(const std::string& node, DrainProgress progress);
  [[nodiscard]] std::string out_of_time(const std::string& node) const;
  Status finish(const std::string& node, ActionOutcome outcome, std::string error);
  void say(const decide::NodeDecision& decided);
  void count();
  void publish();
  [[nodiscard]] std::vector<NodeView> views() const;
  [[nodiscard]] std::string trouble() const;
  [[nodiscard]] NodeView view_of(const decide::NodeDecision& decided) const;
  [[nodiscard]] TargetStatus status_of(const std::vector<NodeView>& nodes, bool paused) const;

  Controller& controller_;
  Runtime& runtime_;
  const std::shared_ptr<const Setup> setup_;
  const std::stop_token stop_;
  const std::vector<Alert> alerts_;
  const Orders orders_;
  const bool dry_run_;
  const bool of_pool_;
  TargetState state_;
  std::vector<ObservedNode> observed_;
  std::optional<Blocked> blocked_;
  decide::NodesLook look_;
  bool changed_ = false;  // an action has ended: what then stands is decided afresh
  bool again_ = false;    // something could not be done, and is tried again in a while
  std::optional<HistoryEntry> last_;
};

}  // namespace alertscaler::control
