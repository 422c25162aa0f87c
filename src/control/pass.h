// What one pass carries along from observation to publication. Private to control.
#pragma once

#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "control/controller.h"

namespace alertscaler::control {

struct Controller::Look {
  Runtime& runtime;
  std::shared_ptr<const Setup> setup;
  std::stop_token stop;
  std::vector<Alert> alerts;  // those about the count
  TargetState state;
  Orders orders;      // that hold now
  Observed observed;  // as decide() sees it: of a dry run, the count as if
  bool dry_run = false;
  bool failed = false;  // an action has just failed or timed out: what is observed may be of no use any more
  std::optional<decide::NodesAway> nodes_away{};
  bool removal_waits = false;  // for them: what the scale-down under way would drain beside them
  bool stuck = false;          // the action under way is to end, and what it has begun could not be taken back yet
  std::optional<Observed> exists{};  // of a dry run: what there really is

  [[nodiscard]] const TargetName& name() const { return runtime.name; }
  [[nodiscard]] const Policy& policy() const { return setup->target.policy; }
  // Its replicas are nodes, which are drained before they go.
  [[nodiscard]] bool is_pool() const { return setup->hands.nodes != nullptr; }
  // REQUIRES: state.in_flight
  [[nodiscard]] Change change() const {
    const InFlight& action = *state.in_flight;
    return {action.id, name(), action.from, action.to, action.floor};
  }
  [[nodiscard]] HistoryEntry entry() const {
    const InFlight& action = *state.in_flight;
    return {action.id, action.started, name(), action.action, action.from, action.to, {}, {}, "", action.cause};
  }
};

// Makes of what exists what a dry run sees: the world as if its actions had happened.
void pretend(const TargetState& state, Observed& observed);

// Two remarks as one; either may be empty.
[[nodiscard]] inline std::string joined(std::string first, const std::string& second) {
  if (first.empty()) return second;
  return second.empty() ? first : std::move(first) + "; " + second;
}

}  // namespace alertscaler::control
