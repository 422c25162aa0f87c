// How far an action under way has come, by what is observed. Pure.
#pragma once

#include "model/action.h"
#include "model/observed.h"
#include "model/policy.h"

namespace alertscaler::decide {

// What was asked for is there, and ready.
[[nodiscard]] bool reached(const InFlight& action, const Observed& observed);
// It is there, ready or not.
[[nodiscard]] bool is_there(const InFlight& action, const Observed& observed);
// The write was made, whatever has come of it.
[[nodiscard]] bool carried_out(const InFlight& action, const Observed& observed);
// An autoscaler has come to own the target, or has gone, since the action began: it can no longer be carried out as it
// was meant.
[[nodiscard]] bool changed_hands(const InFlight& action, const Observed& observed);

// How long an action has for it.
[[nodiscard]] Duration time_for(int from, int to, const Policy& policy);

}  // namespace alertscaler::decide
