// What one pass carries along from observation to publication. Private to control.
#pragma once

#include <stop_token>
#include <vector>

#include "control/controller.h"

namespace alertscaler::control {

struct Controller::Look {
  Runtime& runtime;
  std::shared_ptr<const Setup> setup;
  std::stop_token stop;
  std::vector<Alert> alerts;
  TargetState state;
  Orders orders;      // that hold now
  Observed observed;  // as decide() sees it: of a dry run, the count as if
  bool dry_run = false;
  bool failed = false;  // an action has just failed or timed out: what is observed may be of no use any more

  [[nodiscard]] const TargetName& name() const { return runtime.name; }
  [[nodiscard]] const Policy& policy() const { return setup->target.policy; }
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

}  // namespace alertscaler::control
