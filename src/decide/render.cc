#include "decide/render.h"

#include "base/text.h"
#include "decide/floor.h"

namespace alertscaler::decide {
namespace {

std::string count(int replicas) {
  return std::to_string(replicas) + (replicas == 1 ? " replica" : " replicas");
}

std::string cause_text(const Decision& decision) {
  if (!decision.cause) return decision.floor ? "nothing asks for it any more" : "";
  if (const auto* manual = std::get_if<ManualCause>(&*decision.cause)) return "asked for by " + manual->user;
  const auto& cause = std::get<AlertCause>(*decision.cause);
  const std::string alert = cause.labels.contains("alertname") ? alert_name(cause) : "alert " + cause.fingerprint.text;
  return alert + (decision.intent == IntentKind::restore ? " has ended" : " is firing");
}

std::string floor_of(const Inputs& in) {
  return "the floor of " + in.observed.floor->owner;
}

std::string change_text(const Decision& decision, const Inputs& in) {
  const std::string counts = " " + std::to_string(decision.from) + " -> " + std::to_string(decision.to) +
                             (decision.floor ? " (" + floor_of(in) + ")" : "");
  switch (decision.intent) {
    case IntentKind::manual:
      return "scale by hand" + counts;
    case IntentKind::up:
      return "scale up" + counts;
    case IntentKind::down:
      return "scale down" + counts;
    case IntentKind::to:
      return "scale" + counts;
    case IntentKind::drain:
      return "drain" + counts;
    case IntentKind::restore:
      return "restore" + counts;
    case IntentKind::none:
      break;
  }
  return "";
}

std::string postponed_text(const Decision& decision, const Inputs& in, const TargetState& state) {
  const std::string until = decision.until ? text::format_time(*decision.until) : "";
  const std::string waits = change_text(decision, in) + " waits: ";
  switch (decision.reason) {
    case Reason::cooldown: {
      const bool up = decision.to > decision.from;
      return waits + "cooldown until " + until + " (" +
             text::format_duration(up ? in.policy.up_cooldown : in.policy.down_cooldown) +
             (up ? " after the last scale-up)" : " after the last change)");
    }
    case Reason::stabilization:
      return waits + "stabilization until " + until + " (wanted without a break for " +
             text::format_duration(in.policy.down_stabilization) + ")";
    case Reason::in_flight: {
      const InFlight& action = *state.in_flight;
      return waits + "an action is under way (" + std::string(to_string(action.action)) + " " +
             std::to_string(action.from) + " -> " + std::to_string(action.to) + ", until " + until + " at the latest)";
    }
    case Reason::not_ready:
      return waits + std::to_string(in.observed.replicas - in.observed.ready) + " of " + count(in.observed.replicas) +
             " of the last scale-up are not ready yet; next look at " + until;
    case Reason::backoff:
      return waits + "it failed " +
             (state.failures == 1 ? "once" : std::to_string(state.failures) + " times in a row") + "; next try at " +
             until;
    case Reason::budget:
      return waits + in.nodes_away->text;
    default:
      return waits + std::string(to_string(decision.reason));
  }
}

std::string none_text(const Decision& decision, const Inputs& in, const TargetState& state) {
  const bool floor = decision.floor && decision.from == in.observed.floor->current;
  const std::string now = floor ? floor_of(in) + " is " + std::to_string(decision.from) : count(decision.from);
  switch (decision.reason) {
    case Reason::no_intent:
      if ((state.baseline && state.baseline->unproven) || (state.drain_baseline && state.drain_baseline->unproven)) {
        return "nothing to do: no alert asks for anything; the last one is not known to have ended, so it stays until "
               "such an alert really ends, or somebody scales by hand";
      }
      return "nothing to do: no alert asks for anything";
    case Reason::on_hold:
      return "nothing to do: on hold, no scale-down while a hold alert fires";
    case Reason::already_stepped:
      return "nothing to do: every firing alert has had its one step (repeat: once)";
    case Reason::at_max:
      return "nothing to do: " + now + ", max is " + std::to_string(in.policy.max) + "; " + cause_text(decision);
    case Reason::at_min:
      if (decision.floor && decision.from <= in.observed.floor->original) {
        return "nothing to do: " + now + ", its own; above that the autoscaler decides; " + cause_text(decision);
      }
      return "nothing to do: " + now + ", min is " + std::to_string(in.policy.min) + "; " + cause_text(decision);
    default:
      return "nothing to do: " + now + " as wanted; " + cause_text(decision);
  }
}

// REQUIRES: such an order holds.
std::string order_text(Reason reason, const Orders& orders) {
  if (reason == Reason::pinned) {
    return "pinned at " + std::to_string(orders.pin->replicas) + " until " + text::format_time(orders.pin->until) +
           " by " + orders.pin->user;
  }
  return "paused " + (orders.pause->until ? "until " + text::format_time(*orders.pause->until) : "until resumed") +
         " by " + orders.pause->user;
}

}  // namespace

std::string render(const Decision& decision, const Inputs& in, const TargetState& state) {
  switch (decision.outcome) {
    case Outcome::act:
      return change_text(decision, in) + ": " + cause_text(decision);
    case Outcome::postpone:
      return postponed_text(decision, in, state) + "; " + cause_text(decision);
    case Outcome::none:
      return none_text(decision, in, state);
    case Outcome::blocked:
      break;
  }
  if (decision.reason == Reason::paused || decision.reason == Reason::pinned) {
    return change_text(decision, in) + " is blocked: " + order_text(decision.reason, in.orders) + "; " +
           cause_text(decision);
  }
  if (in.observed.blocked && decision.reason == in.observed.blocked->reason) {
    return change_text(decision, in) + " is blocked: " + in.observed.blocked->text + "; " + cause_text(decision);
  }
  if (decision.reason == Reason::not_scalable)
    return change_text(decision, in) + " is blocked: " + in.observed.replicas_max_why;
  if (decision.reason == Reason::disabled) {
    const std::string note = in.observed.note.empty() ? "" : " (" + in.observed.note + ")";
    return "blocked: somebody set it to 0 while min is " + std::to_string(in.policy.min) + note +
           "; it is left alone until it is above 0 again; " + cause_text(decision);
  }
  if (decision.floor && undone(in.observed, state)) {
    return change_text(decision, in) + " is blocked: somebody else has set it to " +
           std::to_string(in.observed.floor->current) + " after it had been set to " +
           std::to_string(*state.floor_set) +
           ", and it is left there while this lasts; if a GitOps tool did it, let it ignore that field, or set hpa: "
           "refuse; " +
           cause_text(decision);
  }
  if (decision.floor && !in.observed.floor->rests.empty()) {
    return change_text(decision, in) + " is blocked: " + in.observed.floor->rests + "; " + cause_text(decision);
  }
  return "blocked: " + std::string(to_string(decision.reason)) + "; " + cause_text(decision);
}

}  // namespace alertscaler::decide
