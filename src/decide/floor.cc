#include "decide/floor.h"

#include <algorithm>

namespace alertscaler::decide {

bool moves_floor(const Inputs& in, const Intent& intent) {
  if (!in.observed.floor) return false;
  switch (intent.kind) {
    case IntentKind::none:
    case IntentKind::drain:
      return false;
    case IntentKind::manual:
      return intent.wanted != 0;
    case IntentKind::restore:
      return !leads_back_from_drain(in.state);
    case IntentKind::up:
    case IntentKind::to:
    case IntentKind::down:
      break;
  }
  return true;
}

int level(const Observed& observed) {
  return observed.floor ? observed.floor->current : observed.replicas;
}

// An autoscaler that is off, or idle, at 0 has to be woken: whatever its floor, there is nothing yet.
int position(const Inputs& in, const Intent& intent) {
  const int count = in.observed.replicas;
  if (!intent.floor) return count;
  const int floor = in.observed.floor->current;
  if (intent.kind == IntentKind::down || intent.kind == IntentKind::restore) return floor;
  if (count == 0) return 0;
  return intent.kind == IntentKind::up ? std::max(count, floor) : floor;
}

int position_of_pin(const Inputs& in, const Pin& pin) {
  const int count = in.observed.replicas;
  return in.observed.floor && pin.replicas != 0 && count != 0 ? in.observed.floor->current : count;
}

bool undone(const Observed& observed, const TargetState& state) {
  if (!observed.floor || !state.floor_set || observed.floor->raised()) return false;
  if (state.in_flight && state.in_flight->floor) return false;
  return observed.floor->current != *state.floor_set;
}

std::optional<Intent> floor_back(const Inputs& in) {
  if (!in.observed.floor) return std::nullopt;
  const Floor& floor = *in.observed.floor;
  Intent back;
  back.kind = IntentKind::restore;
  if (floor.stale()) {
    // At 0 the note says, too, that it is we who keep the autoscaler off.
    if (in.observed.replicas == 0) return std::nullopt;
    back.wanted = floor.current;
    return back;
  }
  const auto& baseline = in.state.baseline;
  if (!baseline || !baseline->floor) return std::nullopt;
  // A down alert is the evidence that the end was not.
  const bool down = std::any_of(in.alerts.begin(), in.alerts.end(),
                                [](const Alert& alert) { return alert.mapping.action == AlertAction::down; });
  if (baseline->unproven && !down) return std::nullopt;
  back.wanted = baseline->replicas;
  if (!baseline->cause.fingerprint.text.empty()) back.cause = baseline->cause;
  return back;
}

void notice_floor(const Inputs& in, TargetState& state) {
  if (!in.observed.floor) return;
  const Floor& floor = *in.observed.floor;
  if (floor.raised()) {
    // By us, and we know nothing of it: our storage was lost.
    const bool unknown = !state.floor_set && !state.in_flight && !state.baseline;
    if (unknown) state.baseline = Baseline{floor.original, 1, {}, {}, true};
    state.floor_set = floor.current;
    return;
  }
  if (!state.floor_set || (state.in_flight && state.in_flight->floor)) return;
  const bool adopted = floor.current == *state.floor_set;  // it is theirs now, where we put it
  const bool asserted = in.orders.pin || std::any_of(in.alerts.begin(), in.alerts.end(), [](const Alert& alert) {
                          return alert.mapping.action == AlertAction::up || alert.mapping.action == AlertAction::to;
                        });
  if (!adopted && asserted) return;
  state.floor_set.reset();
  // Who has moved or adopted the floor has said where it belongs.
  if (state.baseline && state.baseline->floor) state.baseline.reset();
}

void notice_pinned_floor(const Inputs& in, TargetState& state) {
  if (!in.orders.pin || !in.observed.floor || !in.observed.floor->raised()) return;
  if (state.baseline && state.baseline->unproven) {  // when the pin ends, it does so for certain
    state.baseline->unproven = false;
    state.baseline->alerts.clear();
  }
  if (state.baseline && state.baseline->moved != 0) return;
  if (!state.baseline) state.baseline = Baseline{0, 0, {}, {}, true};
  state.baseline->replicas = in.observed.floor->original;
  state.baseline->moved = 1;
}

bool leads_back_from_drain(const TargetState& state) {
  return state.drain_baseline && !state.drain_baseline->unproven;
}

bool speaks_of_another(const Baseline& baseline, const Observed& observed) {
  return baseline.floor != observed.floor.has_value() && !observed.blocked;
}

}  // namespace alertscaler::decide
