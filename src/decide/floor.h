// A target whose count an autoscaler sets: we move the autoscaler's floor, and above that it decides. Private to
// decide.
#pragma once

#include <optional>

#include "decide/decide.h"
#include "decide/intent.h"

namespace alertscaler::decide {

// Is the intent carried out by moving the floor? A drain, the way back from one and 0 by hand are about the count
// itself: at 0 an autoscaler stands back.
[[nodiscard]] bool moves_floor(const Inputs& inputs, const Intent& intent);
// What the intent starts from: the count, or the floor. An up starts from the count that the autoscaler has made.
[[nodiscard]] int position(const Inputs& inputs, const Intent& intent);
// The same for a pin: what its count is compared with.
[[nodiscard]] int position_of_pin(const Inputs& inputs, const Pin& pin);
// Where the floor, or without one the count, stands now.
[[nodiscard]] int level(const Observed& observed);

// Somebody has moved the floor from where we had put it. REQUIRES: `state` is what noticed() made.
[[nodiscard]] bool undone(const Observed& observed, const TargetState& state);

// What is left to do when nothing fires that wants a floor: back to where it was before the episode, in one go, or our
// note taken off. Absent: nothing. REQUIRES: no up, to, hold or drain alert.
[[nodiscard]] std::optional<Intent> floor_back(const Inputs& inputs);

// The sight of the floor: what we know of it, and what somebody else has made of it.
void notice_floor(const Inputs& inputs, TargetState& state);
// A floor that a pin holds is to go back when the pin ends.
void notice_pinned_floor(const Inputs& inputs, TargetState& state);
// Is what a restore would do the way back from a drain, rather than the end of an up or to episode?
[[nodiscard]] bool leads_back_from_drain(const TargetState& state);
// Does the baseline speak of what there is no longer, a floor without an autoscaler or a count with one?
[[nodiscard]] bool speaks_of_another(const Baseline& baseline, const Observed& observed);

}  // namespace alertscaler::decide
