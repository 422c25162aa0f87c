// What the active alerts of a target ask for, before bounds, cooldowns and everything else that may stand against it.
#pragma once

#include <initializer_list>
#include <optional>
#include <set>
#include <span>

#include "decide/decide.h"

namespace alertscaler::decide {

struct Intent {
  IntentKind kind = IntentKind::none;
  int wanted = 0;      // unbounded; meaningless for none
  bool exact = false;  // not limited by min and max, and not by cooldowns: by hand, a drain, and the way back from one
  std::optional<Cause> cause;
  Reason none_because = Reason::no_intent;  // for none: no_intent, on_hold, already_stepped or satisfied
  bool floor = false;                       // `wanted` is for the floor of the autoscaler that sets the count
};

// The command that waits to be carried out, or null.
[[nodiscard]] const Command* waiting_command(const Inputs& inputs);

// Strongest first: what was asked by hand, drain, the way back from a drain, to and up, hold, down, on_resolve.
[[nodiscard]] Intent find_intent(const Inputs& inputs);

// The parts of the state that the mere sight of alerts and observation changes: baselines, stepped episodes, what is
// over and done with.
[[nodiscard]] TargetState noticed(const Inputs& inputs);

// The firings that ask for one of these.
[[nodiscard]] std::set<Episode> episodes_of(std::span<const Alert> alerts, std::initializer_list<AlertAction> actions);

[[nodiscard]] AlertCause cause_of(const Alert& alert);

}  // namespace alertscaler::decide
