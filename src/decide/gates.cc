#include "decide/gates.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "decide/floor.h"
#include "decide/progress.h"

namespace alertscaler::decide {
namespace {

// How soon to look again at what waits for something that has no known time, such as replicas getting ready.
constexpr Duration recheck_after = std::chrono::seconds{5};

// A replica that is still being drained before it goes is kept, for more are wanted than what would be left.
bool keeps_what_leaves(const Wish& wish) {
  const InFlight& action = *wish.state.in_flight;
  const bool leaves = wish.in.policy.removal_timeout > Duration{0} && action.to < action.from;
  if (!leaves || is_there(action, wish.in.observed) || wish.wanted <= action.to) return false;
  const IntentKind kind = wish.intent.kind;
  // What a person has asked for, no alert undoes.
  if (action.action == Reason::manual) return kind == IntentKind::manual;
  return kind == IntentKind::up || kind == IntentKind::to || kind == IntentKind::manual;
}

// What there is now is wanted, but not what is under way: a drain that is over, or the command before this one.
bool cancels(const Wish& wish) {
  if (!may_supersede(wish)) return false;
  const Reason action = wish.state.in_flight->action;
  const bool corrects = action == Reason::manual && wish.intent.kind == IntentKind::manual;
  return action == Reason::drain || corrects || keeps_what_leaves(wish);
}

// The note on the autoscaler that no longer says what is.
bool takes_note_off(const Wish& wish) {
  return wish.intent.floor && wish.intent.kind == IntentKind::restore && wish.in.observed.floor->stale();
}

bool stays(const Wish& wish) {
  return wish.wanted == wish.position && !cancels(wish) && !takes_note_off(wish);
}

bool any_hold(const Wish& wish) {
  return std::any_of(wish.in.alerts.begin(), wish.in.alerts.end(),
                     [](const Alert& alert) { return alert.mapping.action == AlertAction::hold; });
}

std::string until_text(const std::optional<Instant>& until) {
  return until ? " until " + text::format_time(*until) : "";
}

// ---- one action at a time ----
std::optional<Gate> in_flight_gate(const Wish& wish) {
  if (!wish.state.in_flight || may_supersede(wish)) return std::nullopt;
  return Gate{Outcome::postpone, Reason::in_flight, wish.state.in_flight->deadline};
}

std::string in_flight_text(const Wish& wish) {
  if (!wish.state.in_flight) return "nothing is under way";
  const InFlight& action = *wish.state.in_flight;
  return std::string(to_string(action.action)) + " " + std::to_string(action.from) + " -> " +
         std::to_string(action.to) + " is under way, until " + text::format_time(action.deadline) + " at the latest" +
         (may_supersede(wish) ? "; this takes its place" : "");
}

// ---- what people have said: a pin holds against alerts, a pause against everything ----
std::optional<Gate> person_gate(const Wish& wish) {
  if (stays(wish)) return std::nullopt;
  const Orders& orders = wish.in.orders;
  if (orders.pause) return Gate{Outcome::blocked, Reason::paused, orders.pause->until};
  if (orders.pin && wish.intent.kind != IntentKind::manual) {
    return Gate{Outcome::blocked, Reason::pinned, orders.pin->until};
  }
  return std::nullopt;
}

std::string person_text(const Wish& wish) {
  const Orders& orders = wish.in.orders;
  if (orders.pause) return "paused by " + orders.pause->user + until_text(orders.pause->until);
  if (!orders.pin) return "neither paused nor pinned";
  return "pinned at " + std::to_string(orders.pin->replicas) + " by " + orders.pin->user +
         until_text(orders.pin->until);
}

// ---- the autoscaler's floor, moved by somebody else after we had moved it; who asks by hand knows better ----
std::optional<Gate> undone_gate(const Wish& wish) {
  if (!wish.intent.floor || stays(wish) || wish.intent.kind == IntentKind::restore) return std::nullopt;
  if (waiting_command(wish.in) != nullptr || !undone(wish.in.observed, wish.state)) return std::nullopt;
  return Gate{Outcome::blocked, Reason::hpa_owned, {}};
}

std::string undone_text(const Wish& wish) {
  const auto& floor = wish.in.observed.floor;
  if (!floor) return "";
  const std::string now = "the floor of " + floor->owner + " is " + std::to_string(floor->current);
  if (undone(wish.in.observed, wish.state)) {
    return now + ": somebody else has changed it from " + std::to_string(*wish.state.floor_set);
  }
  return floor->raised() ? now + ", without us " + std::to_string(floor->original) : now;
}

// ---- an autoscaler that keeps the count below its own floor ----
std::optional<Gate> resting_gate(const Wish& wish) {
  const auto& floor = wish.in.observed.floor;
  if (!wish.intent.floor || !wish.upward() || floor->rests.empty()) return std::nullopt;
  return Gate{Outcome::blocked, Reason::hpa_owned, {}};
}

std::string resting_text(const Wish& wish) {
  const auto& floor = wish.in.observed.floor;
  if (!floor) return "";
  return floor->rests.empty() ? floor->owner + " holds its floor" : floor->rests;
}

// ---- set to 0 by somebody else ----
std::optional<Gate> disabled_gate(const Wish& wish) {
  if (wish.in.observed.replicas != 0 || wish.in.policy.min == 0 || wish.state.asked == 0) return std::nullopt;
  if (wish.intent.kind == IntentKind::drain || wish.intent.kind == IntentKind::manual) return std::nullopt;
  // To lower a floor switches nothing on; and an autoscaler whose own floor is 0 goes there by itself.
  const auto& floor = wish.in.observed.floor;
  const bool by_itself = floor && (floor->original == 0 || !floor->rests.empty());
  if (floor && (wish.intent.kind == IntentKind::restore || by_itself)) return std::nullopt;
  return Gate{Outcome::blocked, Reason::disabled, {}};
}

std::string disabled_text(const Wish& wish) {
  const std::string now =
      std::to_string(wish.in.observed.replicas) + " replicas, min is " + std::to_string(wish.in.policy.min);
  return disabled_gate(wish) ? now + ": somebody else set it to 0" : now;
}

// ---- what stands in the way of any change ----
std::optional<Gate> blocked_gate(const Wish& wish) {
  if (!wish.in.observed.blocked || stays(wish)) return std::nullopt;
  return Gate{Outcome::blocked, wish.in.observed.blocked->reason, {}};
}

std::string blocked_text(const Wish& wish) {
  return wish.in.observed.blocked ? wish.in.observed.blocked->text : "nothing stands in the way";
}

// ---- the bounds: the wanted count is inside of them already; is it another one than there is? ----
std::optional<Gate> bounds_gate(const Wish& wish) {
  if (!stays(wish)) return std::nullopt;
  const int there = wish.position;
  if (wish.intent.wanted > there && there >= wish.in.policy.max) return Gate{Outcome::none, Reason::at_max, {}};
  if (wish.intent.wanted < there && there <= wish.in.policy.min) return Gate{Outcome::none, Reason::at_min, {}};
  if (wish.intent.floor && wish.intent.wanted < there) return Gate{Outcome::none, Reason::at_min, {}};
  if (wish.intent.kind == IntentKind::down) return Gate{Outcome::none, Reason::at_min, {}};
  return Gate{Outcome::none, Reason::satisfied, {}};
}

std::string bounds_text(const Wish& wish) {
  return std::to_string(wish.in.policy.min) + ".." + std::to_string(wish.in.policy.max) + ": " +
         std::to_string(wish.position) + " there, " + std::to_string(wish.intent.wanted) + " asked for, " +
         std::to_string(wish.wanted) + " allowed" + (wish.intent.exact ? " (the bounds do not hold for this)" : "");
}

// ---- what can exist at all ----
std::optional<Gate> capacity_gate(const Wish& wish) {
  const Observed& observed = wish.in.observed;
  if (!wish.upward() || !observed.replicas_max || wish.position < *observed.replicas_max) return std::nullopt;
  return Gate{Outcome::blocked, Reason::not_scalable, {}};
}

std::string capacity_text(const Wish& wish) {
  const Observed& observed = wish.in.observed;
  if (!observed.replicas_max) return "nothing else limits how many there can be";
  return "at most " + std::to_string(*observed.replicas_max) + ": " + observed.replicas_max_why;
}

// ---- hold alerts ----
std::optional<Gate> hold_gate(const Wish& wish) {
  if (!on_hold(wish)) return std::nullopt;
  return Gate{Outcome::none, Reason::on_hold, {}};
}

std::string hold_text(const Wish& wish) {
  return any_hold(wish) ? "a hold alert fires: no scale-down" : "no hold alert fires";
}

// ---- after a failure; what failed says nothing about a request of another kind ----
std::optional<Gate> backoff_gate(const Wish& wish) {
  const TargetState& state = wish.state;
  if (!state.retry_at || *state.retry_at <= wish.in.now || !state.unfinished) return std::nullopt;
  if (state.unfinished->action != action_of(wish.intent.kind)) return std::nullopt;
  return Gate{Outcome::postpone, Reason::backoff, state.retry_at};
}

std::string backoff_text(const Wish& wish) {
  if (wish.state.failures == 0) return "the last action did not fail";
  return "failed " + std::to_string(wish.state.failures) + " times in a row" +
         (wish.state.retry_at ? "; next try at " + text::format_time(*wish.state.retry_at) : "");
}

// ---- the pace: cooldown, readiness, stabilization ----
// The action whose place is to be taken is a change, too, though not an ended one.
std::optional<Instant> down_until(const Wish& wish) {
  const auto until = down_cooldown_until(wish.in.policy, wish.state, wish.in.now);
  if (!wish.state.in_flight) return until;
  const Instant after_this = wish.state.in_flight->started + wish.in.policy.down_cooldown;
  return after_this > wish.in.now ? std::max(until, std::optional(after_this)) : until;
}

std::optional<Gate> cooldown_gate(const Wish& wish) {
  if (wish.intent.exact) return std::nullopt;
  const auto until = wish.upward() ? up_cooldown_until(wish.in.policy, wish.state, wish.in.now) : down_until(wish);
  if (!until) return std::nullopt;
  return Gate{Outcome::postpone, Reason::cooldown, until};
}

std::string cooldown_text(const Wish& wish) {
  const auto up = up_cooldown_until(wish.in.policy, wish.state, wish.in.now);
  const auto down = down_until(wish);
  return "up.cooldown " + text::format_duration(wish.in.policy.up_cooldown) + (up ? until_text(up) : ", over") +
         "; down.cooldown " + text::format_duration(wish.in.policy.down_cooldown) +
         (down ? until_text(down) : ", over");
}

std::optional<Gate> readiness_gate(const Wish& wish) {
  if (!wish.upward() || wish.intent.kind != IntentKind::up || !wish.state.last_up_not_ready) return std::nullopt;
  return Gate{Outcome::postpone, Reason::not_ready, wish.in.now + recheck_after};
}

std::string readiness_text(const Wish& wish) {
  return std::to_string(wish.in.observed.ready) + " of " + std::to_string(wish.in.observed.replicas) + " are ready" +
         (wish.state.last_up_not_ready ? "; the last scale-up is not" : "");
}

std::optional<Gate> stabilization_gate(const Wish& wish) {
  if (wish.intent.exact || !wish.downward()) return std::nullopt;
  const Instant stable_at = wish.state.down_since.value_or(wish.in.now) + wish.in.policy.down_stabilization;
  if (stable_at <= wish.in.now) return std::nullopt;
  return Gate{Outcome::postpone, Reason::stabilization, stable_at};
}

std::string stabilization_text(const Wish& wish) {
  const std::string policy = "down.stabilization " + text::format_duration(wish.in.policy.down_stabilization);
  if (!wish.state.down_since) return policy + "; no scale-down is wanted";
  return policy + "; wanted without a break since " + text::format_time(*wish.state.down_since);
}

// ---- where replicas are nodes: how many of them are out of work, whoever asks ----
std::optional<Gate> nodes_gate(const Wish& wish) {
  if (!wish.in.nodes_away || !wish.downward()) return std::nullopt;
  return Gate{Outcome::postpone, Reason::budget, wish.in.nodes_away->until};
}

std::string nodes_text(const Wish& wish) {
  return wish.in.nodes_away ? wish.in.nodes_away->text : "";
}

struct Row {
  const char* name;
  std::optional<Gate> (*find)(const Wish&);
  std::string (*describe)(
      const Wish&);  // its numbers, whether it is open or closed; empty: it does not concern the target
};

constexpr std::array rows{
    Row{"in flight", in_flight_gate, in_flight_text},
    Row{"by hand", person_gate, person_text},
    Row{"autoscaler", undone_gate, undone_text},
    Row{"at rest", resting_gate, resting_text},
    Row{"disabled", disabled_gate, disabled_text},
    Row{"allowed", blocked_gate, blocked_text},
    Row{"bounds", bounds_gate, bounds_text},
    Row{"capacity", capacity_gate, capacity_text},
    Row{"hold", hold_gate, hold_text},
    Row{"backoff", backoff_gate, backoff_text},
    Row{"cooldown", cooldown_gate, cooldown_text},
    Row{"readiness", readiness_gate, readiness_text},
    Row{"stabilization", stabilization_gate, stabilization_text},
    Row{"nodes", nodes_gate, nodes_text},
};

bool is_pace_of_down(const Gate& gate) {
  return gate.reason == Reason::cooldown || gate.reason == Reason::stabilization;
}

}  // namespace

// What was asked by hand, a drain, a `to` of another value and the way back from a drain do not wait for an action that
// only waits for readiness; steps do. The way back, and what was asked by hand, do not wait for a drain at all; nor
// does a command wait for what an earlier one still does, so that a slip can be put right. Who wants more does not wait
// for replicas that are only being drained before they go.
bool may_supersede(const Wish& wish) {
  if (!wish.state.in_flight) return false;
  if (keeps_what_leaves(wish)) return true;
  const InFlight& action = *wish.state.in_flight;
  const bool only_waits = action.floor ? level(wish.in.observed) == action.to : wish.in.observed.replicas == action.to;
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

bool on_hold(const Wish& wish) {
  return wish.downward() && !wish.intent.exact && any_hold(wish);
}

std::optional<Gate> find_gate(const Wish& wish) {
  std::optional<Gate> found;
  for (const Row& row : rows) {
    const std::optional<Gate> gate = row.find(wish);
    if (!gate) continue;
    if (!found) found = gate;
    if (!is_pace_of_down(*found)) return found;
    // Of a move down's cooldown and stabilization, the one that ends later.
    if (is_pace_of_down(*gate) && gate->until > found->until) found = gate;
  }
  return found;
}

std::vector<GateNote> describe_gates(const Wish& wish) {
  std::vector<GateNote> notes;
  bool reached = true;
  for (const Row& row : rows) {
    const std::optional<Gate> gate = reached ? row.find(wish) : std::nullopt;
    const GateNote::Verdict verdict = !reached ? GateNote::Verdict::not_reached
                                      : gate   ? GateNote::Verdict::closed
                                               : GateNote::Verdict::open;
    std::string text = row.describe(wish);
    if (!text.empty()) notes.push_back({row.name, verdict, std::move(text)});
    if (gate && !is_pace_of_down(*gate)) reached = false;
  }
  return notes;
}

}  // namespace alertscaler::decide
