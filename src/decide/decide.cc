#include "decide/decide.h"

#include <algorithm>
#include <limits>

#include "decide/intent.h"
#include "decide/render.h"

namespace alertscaler::decide {
namespace {

// How soon to look again at what waits for something that has no known time, such as replicas getting ready.
constexpr Duration recheck_after = std::chrono::seconds{5};

// Everything the gates need, once: the inputs with the noticed state, the intent, and the wanted count inside the
// bounds.
struct Wish {
  const Inputs& in;
  const TargetState& state;
  const Intent& intent;
  int wanted = 0;

  [[nodiscard]] bool upward() const { return wanted > in.observed.replicas; }
  [[nodiscard]] bool downward() const { return wanted < in.observed.replicas; }
};

Reason action_of(IntentKind kind) {
  switch (kind) {
    case IntentKind::manual:
      return Reason::manual;
    case IntentKind::drain:
      return Reason::drain;
    case IntentKind::up:
      return Reason::up;
    case IntentKind::to:
      return Reason::to;
    case IntentKind::down:
      return Reason::down;
    case IntentKind::restore:
      return Reason::restore;
    case IntentKind::none:
      break;
  }
  return Reason::no_intent;
}

// The bounds limit what we do: a count that somebody else put outside them is not fought, and an up goes at least to
// min.
int bounded(const Inputs& in, const Intent& intent) {
  const int observed = in.observed.replicas;
  if (intent.exact || intent.wanted == observed) return intent.wanted;
  const int clamped = std::clamp(intent.wanted, in.policy.min, in.policy.max);
  if (intent.wanted > observed) return std::max(clamped, observed);
  return std::min(clamped, observed);
}

struct Gate {
  Outcome outcome;
  Reason reason;
  std::optional<Instant> until;
};

// What was asked by hand, a drain, a `to` of another value and the way back from a drain do not wait for an action that
// only waits for readiness; steps do. The way back, and what was asked by hand, do not wait for a drain at all; nor
// does a command wait for what an earlier one still does, so that a slip can be put right.
bool may_supersede(const Wish& wish) {
  if (!wish.state.in_flight) return false;
  const InFlight& action = *wish.state.in_flight;
  const bool only_waits = wish.in.observed.replicas == action.to;
  switch (wish.intent.kind) {
    case IntentKind::manual:
      if (action.action == Reason::drain) return true;
      return wish.wanted != action.to && (only_waits || action.action == Reason::manual);
    case IntentKind::drain:
      return action.action != Reason::drain && only_waits;
    case IntentKind::to:
      return wish.wanted != action.to && only_waits;
    case IntentKind::restore:
      return wish.intent.exact && action.action == Reason::drain;
    default:
      return false;
  }
}

// An intent of another kind, or none, has nothing to do with what failed before.
void forget_unfinished(TargetState& state) {
  state.unfinished.reset();
  state.retry_at.reset();
  state.failures = 0;
}

// Why the wanted count, which is the observed one, is all there is to it.
Gate nothing_to_change(const Wish& wish) {
  const int observed = wish.in.observed.replicas;
  if (wish.intent.wanted > observed && observed >= wish.in.policy.max) return {Outcome::none, Reason::at_max, {}};
  if (wish.intent.wanted < observed && observed <= wish.in.policy.min) return {Outcome::none, Reason::at_min, {}};
  if (wish.intent.kind == IntentKind::down) return {Outcome::none, Reason::at_min, {}};
  return {Outcome::none, Reason::satisfied, {}};
}

bool on_hold(const Wish& wish) {
  return wish.downward() && !wish.intent.exact &&
         std::any_of(wish.in.alerts.begin(), wish.in.alerts.end(),
                     [](const Alert& alert) { return alert.mapping.action == AlertAction::hold; });
}

std::optional<Gate> backoff_gate(const Wish& wish) {
  const TargetState& state = wish.state;
  if (!state.retry_at || *state.retry_at <= wish.in.now || !state.unfinished) return std::nullopt;
  // What failed says nothing about a request of another kind.
  if (state.unfinished->action != action_of(wish.intent.kind)) return std::nullopt;
  return Gate{Outcome::postpone, Reason::backoff, state.retry_at};
}

// Of a move down: stabilization and cooldown, whichever ends later.
std::optional<Gate> down_gate(const Wish& wish) {
  const Instant stable_at = wish.state.down_since.value_or(wish.in.now) + wish.in.policy.down_stabilization;
  const auto cool_at = down_cooldown_until(wish.in.policy, wish.state, wish.in.now);
  if (cool_at && *cool_at >= stable_at) return Gate{Outcome::postpone, Reason::cooldown, cool_at};
  if (stable_at > wish.in.now) return Gate{Outcome::postpone, Reason::stabilization, stable_at};
  return std::nullopt;
}

std::optional<Gate> up_gate(const Wish& wish) {
  if (const auto cool_at = up_cooldown_until(wish.in.policy, wish.state, wish.in.now)) {
    return Gate{Outcome::postpone, Reason::cooldown, cool_at};
  }
  if (wish.intent.kind == IntentKind::up && wish.state.last_up_not_ready) {
    return Gate{Outcome::postpone, Reason::not_ready, wish.in.now + recheck_after};
  }
  return std::nullopt;
}

// Of what people have said. A pin holds against alerts, a pause against everything.
std::optional<Gate> person_gate(const Wish& wish) {
  const Orders& orders = wish.in.orders;
  if (orders.pause) return Gate{Outcome::blocked, Reason::paused, orders.pause->until};
  if (orders.pin && wish.intent.kind != IntentKind::manual) {
    return Gate{Outcome::blocked, Reason::pinned, orders.pin->until};
  }
  return std::nullopt;
}

// Every gate in its order; absent: the way is free.
std::optional<Gate> find_gate(const Wish& wish) {
  const bool cancels_drain = may_supersede(wish) && wish.state.in_flight->action == Reason::drain;
  if (wish.state.in_flight && !may_supersede(wish)) {
    return Gate{Outcome::postpone, Reason::in_flight, wish.state.in_flight->deadline};
  }
  const Observed& observed = wish.in.observed;
  if (wish.wanted != observed.replicas || cancels_drain) {
    if (auto gate = person_gate(wish)) return gate;
  }
  if (observed.replicas == 0 && wish.in.policy.min > 0 && wish.state.asked != 0 &&
      wish.intent.kind != IntentKind::drain && wish.intent.kind != IntentKind::manual) {
    return Gate{Outcome::blocked, Reason::disabled, {}};
  }
  if (wish.wanted == observed.replicas && !cancels_drain) return nothing_to_change(wish);
  if (wish.upward() && observed.replicas_max && observed.replicas >= *observed.replicas_max) {
    return Gate{Outcome::blocked, Reason::not_scalable, {}};
  }
  if (on_hold(wish)) return Gate{Outcome::none, Reason::on_hold, {}};
  if (auto gate = backoff_gate(wish)) return gate;
  if (wish.intent.exact) return std::nullopt;
  return wish.upward() ? up_gate(wish) : down_gate(wish);
}

// From here on the count that a person chose is what everything starts from: there is nothing older to come back to.
void take(TargetState& state, OrderId order) {
  if (order != 0) state.orders_taken = order;
  state.baseline.reset();
  state.drain_baseline.reset();
}

}  // namespace

std::optional<Instant> up_cooldown_until(const Policy& policy, const TargetState& state, Instant now) {
  if (!state.last_up || *state.last_up + policy.up_cooldown <= now) return std::nullopt;
  return *state.last_up + policy.up_cooldown;
}

std::optional<Instant> down_cooldown_until(const Policy& policy, const TargetState& state, Instant now) {
  if (!state.last_change || *state.last_change + policy.down_cooldown <= now) return std::nullopt;
  return *state.last_change + policy.down_cooldown;
}

Look decide(const Inputs& given) {
  Look look;
  look.state = noticed(given);
  const Inputs in{given.now, given.policy, given.alerts, look.state, given.observed, given.orders};
  const Intent intent = find_intent(in);

  Decision& decision = look.decision;
  decision.intent = intent.kind;
  decision.from = decision.to = in.observed.replicas;
  decision.cause = intent.cause;
  if (intent.kind == IntentKind::none) {
    decision.reason = intent.none_because;
    look.state.down_since.reset();
    if (!look.state.in_flight) forget_unfinished(look.state);
  } else {
    Wish wish{in, look.state, intent, bounded(in, intent)};
    if (wish.upward() && in.observed.replicas_max) {
      wish.wanted = std::min(wish.wanted, std::max(*in.observed.replicas_max, in.observed.replicas));
      if (wish.wanted == in.observed.replicas) wish.wanted = bounded(in, intent);
    }
    const bool wants_down = wish.downward() && !intent.exact && !on_hold(wish);
    if (wants_down && !look.state.down_since) look.state.down_since = in.now;
    if (!wants_down) look.state.down_since.reset();
    const Command* command = waiting_command(in);
    if (look.state.unfinished && (command != nullptr || look.state.unfinished->action != action_of(intent.kind))) {
      forget_unfinished(look.state);
    }
    const auto gate = find_gate(wish);
    decision.to = wish.wanted;
    decision.outcome = gate ? gate->outcome : Outcome::act;
    decision.reason = gate ? gate->reason : action_of(intent.kind);
    decision.until = gate ? gate->until : std::nullopt;
    look.supersedes = !gate && look.state.in_flight.has_value();
    if (command != nullptr) {
      decision.order = command->id;
      const bool is_so = gate && gate->outcome == Outcome::none;
      const bool never = gate && gate->reason == Reason::not_scalable;
      if (is_so || never) take(look.state, command->id);
    }
  }
  decision.text = render(decision, in, look.state);
  return look;
}

TargetState started(TargetState state, const Decision& decision, ActionId id, const Policy& policy,
                    std::span<const Alert> alerts, Instant now) {
  state.in_flight =
      InFlight{id, decision.reason, decision.from, decision.to, now, now + policy.timeout, decision.cause, {}, 0};
  state.asked = decision.to;
  state.retry_at.reset();
  if (decision.intent == IntentKind::manual) {
    take(state, decision.order);
    state.in_flight->order = decision.order;
  }
  if (decision.intent == IntentKind::drain && !state.drain_baseline && decision.cause) {
    state.drain_baseline = Baseline{decision.from, -1, std::get<AlertCause>(*decision.cause)};
  }
  if (state.baseline && (decision.intent == IntentKind::up || decision.intent == IntentKind::to)) {
    state.baseline->moved = decision.to > decision.from ? 1 : -1;
  }
  // A firing down alert is newer and better evidence than a count to come back to.
  if (decision.intent == IntentKind::down) state.baseline.reset();
  if (policy.repeat == Repeat::once) {
    for (const Alert& alert : alerts) {
      const bool stepped = (decision.intent == IntentKind::up && alert.mapping.action == AlertAction::up) ||
                           (decision.intent == IntentKind::down && alert.mapping.action == AlertAction::down);
      const Episode episode{alert.fingerprint, alert.starts_at};
      if (stepped && state.stepped.insert(episode).second) state.in_flight->stepped.insert(episode);
    }
  }
  return state;
}

TargetState ended(TargetState state, const End& end, Instant now) {
  const InFlight action = *state.in_flight;
  state.in_flight.reset();
  const bool counts = end.outcome == ActionOutcome::done || end.outcome == ActionOutcome::timeout ||
                      end.outcome == ActionOutcome::dry_run;
  if (counts) {
    state.last_change = now;
    if (action.to > action.from) {
      state.last_up = now;
      state.last_up_not_ready = end.outcome == ActionOutcome::timeout;
    }
    state.failures = 0;
  }
  if (end.outcome == ActionOutcome::dry_run) state.dry_run_replicas = action.to;
  if (end.outcome == ActionOutcome::failed) {
    constexpr int failures_max = 1000;
    state.failures = std::min(state.failures + 1, failures_max);
    state.retry_at = now + end.retry_after;
  }
  if (end.reached) {
    state.unfinished.reset();
    return state;
  }
  if (!state.unfinished || state.unfinished->action != action.action) {
    state.unfinished = Unfinished{action.action, action.from};
  }
  for (const Episode& episode : action.stepped) state.stepped.erase(episode);
  if (action.order != 0 && end.outcome == ActionOutcome::interrupted) {
    state.orders_taken = std::min(state.orders_taken, action.order - 1);
  }
  return state;
}

}  // namespace alertscaler::decide
