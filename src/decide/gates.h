// What may stand between an intent and its action, one gate after the other. Private to decide.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "decide/decide.h"
#include "decide/intent.h"

namespace alertscaler::decide {

// Everything the gates need, once: the inputs with the noticed state, the intent, and the wanted count inside the
// bounds.
struct Wish {
  const Inputs& in;
  const TargetState& state;
  const Intent& intent;
  int wanted = 0;
  int position = 0;  // what it starts from: the observed count, or the floor of the autoscaler that sets it

  [[nodiscard]] bool upward() const { return wanted > position; }
  [[nodiscard]] bool downward() const { return wanted < position; }
};

struct Gate {
  Outcome outcome;
  Reason reason;
  std::optional<Instant> until;
};

// The gate that decides; absent: the way is free.
[[nodiscard]] std::optional<Gate> find_gate(const Wish& wish);
// The same gates in the same order, each with its numbers.
[[nodiscard]] std::vector<GateNote> describe_gates(const Wish& wish);

// Does a hold alert forbid this move?
[[nodiscard]] bool on_hold(const Wish& wish);
// May the wish take the place of the action in flight?
[[nodiscard]] bool may_supersede(const Wish& wish);
[[nodiscard]] Reason action_of(IntentKind kind);

}  // namespace alertscaler::decide
