#include "decide/progress.h"

#include <algorithm>

namespace alertscaler::decide {
namespace {

bool floor_is_there(const InFlight& action, const Observed& observed) {
  if (!observed.floor || observed.floor->current != action.to) return false;
  // The way back is over when our note is off, too.
  return action.action != Reason::restore || !observed.floor->stale();
}

bool is_step(const InFlight& action) {
  return action.action == Reason::up || action.action == Reason::down || action.action == Reason::to;
}

// The way back from 0 under an autoscaler: once it runs again, the autoscaler decides how many.
bool is_awake(const InFlight& action, const Observed& observed) {
  return observed.floor && !action.floor && !is_step(action) && action.to > action.from && observed.replicas > 0;
}

}  // namespace

bool is_there(const InFlight& action, const Observed& observed) {
  if (action.floor) {
    const bool counts = action.to > action.from && action.action != Reason::restore;
    return floor_is_there(action, observed) && (!counts || observed.replicas >= action.to);
  }
  if (is_awake(action, observed)) return true;
  return action.to < action.from ? observed.replicas <= action.to : observed.replicas >= action.to;
}

bool carried_out(const InFlight& action, const Observed& observed) {
  return action.floor ? floor_is_there(action, observed) : is_there(action, observed);
}

bool reached(const InFlight& action, const Observed& observed) {
  if (!is_there(action, observed)) return false;
  // What becomes of the count when a floor goes down is the autoscaler's affair.
  if (action.floor && (action.to < action.from || action.action == Reason::restore)) return true;
  if (is_awake(action, observed)) return observed.ready >= std::min(action.to, observed.replicas);
  const bool ready = observed.awaited ? *observed.awaited == 0 : observed.ready >= action.to;
  return observed.settled && (action.to < action.from || ready);
}

bool changed_hands(const InFlight& action, const Observed& observed) {
  if (observed.blocked) return false;
  if (action.floor) return !observed.floor;
  return observed.floor && is_step(action);
}

Duration time_for(int from, int to, const Policy& policy) {
  return policy.timeout + policy.removal_timeout * std::max(0, from - to);
}

}  // namespace alertscaler::decide
