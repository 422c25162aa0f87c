#include "decide/intent.h"

#include <algorithm>
#include <limits>

#include "decide/floor.h"
#include "decide/progress.h"

namespace alertscaler::decide {
namespace {

int saturated_add(int a, int b) {
  return static_cast<int>(std::min<std::int64_t>(std::int64_t{a} + b, std::numeric_limits<int>::max()));
}

bool has(std::span<const Alert> alerts, AlertAction action) {
  return std::any_of(alerts.begin(), alerts.end(), [&](const Alert& a) { return a.mapping.action == action; });
}

// The alert that a person would name first: the oldest, and among equals the one with the smaller fingerprint.
bool older(const Alert& a, const Alert& b) {
  return std::tie(a.starts_at, a.fingerprint) < std::tie(b.starts_at, b.fingerprint);
}

const Alert* oldest(std::span<const Alert> alerts, AlertAction action) {
  const Alert* found = nullptr;
  for (const Alert& alert : alerts) {
    if (alert.mapping.action == action && (found == nullptr || older(alert, *found))) found = &alert;
  }
  return found;
}

bool already_stepped(const Inputs& in, const Alert& alert) {
  return in.policy.repeat == Repeat::once && in.state.stepped.contains({alert.fingerprint, alert.starts_at});
}

// The count, or floor, that a step starts from: what there is, or what an unfinished action of the same kind started
// from, as long as that still leads somewhere. One above that from which a way down began was made by somebody else.
int step_base(const Inputs& in, Reason action, int there) {
  const auto& unfinished = in.state.unfinished;
  if (!unfinished || unfinished->action != action) return there;
  if (action == Reason::down && there > unfinished->from) return there;
  return unfinished->from;
}

// What there is for an intent of this kind to start from.
int position(const Inputs& in, IntentKind kind) {
  Intent intent;
  intent.kind = kind;
  intent.floor = moves_floor(in, intent);
  return decide::position(in, intent);
}

Intent none(Reason because) {
  Intent intent;
  intent.none_because = because;
  return intent;
}

Intent way_back_from_drain(const Inputs& in) {
  const Baseline& baseline = *in.state.drain_baseline;
  return {IntentKind::restore, baseline.replicas, true, baseline.cause, Reason::satisfied};
}

// The largest of each `to` value and observed + the largest step.
Intent to_or_up(const Inputs& in) {
  const int there = position(in, IntentKind::up);
  const int base = step_base(in, Reason::up, there);
  const Alert* strongest_to = nullptr;
  const Alert* strongest_up = nullptr;
  int step = 0;
  bool up_fires = false;
  for (const Alert& alert : in.alerts) {
    if (alert.mapping.action == AlertAction::to) {
      const int value = alert.mapping.replicas.value_or(0);
      const int best = strongest_to == nullptr ? -1 : strongest_to->mapping.replicas.value_or(0);
      if (value > best || (value == best && older(alert, *strongest_to))) strongest_to = &alert;
    } else if (alert.mapping.action == AlertAction::up) {
      up_fires = true;
      if (already_stepped(in, alert)) continue;
      const int amount = alert.mapping.step.value_or(in.policy.up_step).of(base);
      if (amount > step || (amount == step && older(alert, *strongest_up))) {
        step = amount;
        strongest_up = &alert;
      }
    }
  }
  int stepped_to = saturated_add(base, step);
  if (stepped_to <= there) stepped_to = saturated_add(there, step);
  const int asked_to = strongest_to == nullptr ? -1 : strongest_to->mapping.replicas.value_or(0);
  if (strongest_up != nullptr && stepped_to >= asked_to) {
    return {IntentKind::up, stepped_to, false, cause_of(*strongest_up), Reason::satisfied};
  }
  if (strongest_to == nullptr) return none(Reason::already_stepped);
  // An up that has had its one step still forbids going down.
  const int at_least = up_fires ? position(in, IntentKind::to) : 0;
  return {IntentKind::to, std::max(asked_to, at_least), false, cause_of(*strongest_to), Reason::satisfied};
}

// What there is - the smallest step.
Intent down(const Inputs& in) {
  const int there = position(in, IntentKind::down);
  const int base = step_base(in, Reason::down, there);
  const Alert* gentlest = nullptr;
  int step = 0;
  for (const Alert& alert : in.alerts) {
    if (alert.mapping.action != AlertAction::down || already_stepped(in, alert)) continue;
    const int amount = alert.mapping.step.value_or(in.policy.down_step).of(base);
    if (gentlest == nullptr || amount < step || (amount == step && older(alert, *gentlest))) {
      step = amount;
      gentlest = &alert;
    }
  }
  if (gentlest == nullptr) return none(Reason::already_stepped);
  int wanted = base - step;
  if (wanted >= there) wanted = there - step;
  return {IntentKind::down, std::max(wanted, 0), false, cause_of(*gentlest), Reason::satisfied};
}

// What is left to do after the last up or to ended. REQUIRES: noticed() has dropped a baseline that is reached, and the
// baseline is a count.
Intent on_resolve(const Inputs& in) {
  const Baseline& baseline = *in.state.baseline;
  const bool rise = in.policy.on_resolve == OnResolve::restore && baseline.moved < 0;
  if (rise) {
    const int base = step_base(in, Reason::restore, in.observed.replicas);
    int wanted = saturated_add(base, in.policy.up_step.of(base));
    if (wanted <= in.observed.replicas) wanted = saturated_add(in.observed.replicas, in.policy.up_step.of(base));
    return {IntentKind::restore, std::min(wanted, baseline.replicas), false, baseline.cause, Reason::satisfied};
  }
  const int goal = in.policy.on_resolve == OnResolve::min ? in.policy.min : baseline.replicas;
  const int base = step_base(in, Reason::restore, in.observed.replicas);
  int wanted = base - in.policy.down_step.of(base);
  if (wanted >= in.observed.replicas) wanted = in.observed.replicas - in.policy.down_step.of(base);
  return {IntentKind::restore, std::max(wanted, goal), false, baseline.cause, Reason::satisfied};
}

bool baseline_is_done(const Inputs& in, const Baseline& baseline) {
  if (baseline.floor) return in.observed.floor && in.observed.floor->current == baseline.replicas;
  switch (in.policy.on_resolve) {
    case OnResolve::stay:
      return true;
    case OnResolve::min:
      return in.observed.replicas <= in.policy.min;
    case OnResolve::restore:
      break;
  }
  if (baseline.moved > 0) return in.observed.replicas <= baseline.replicas;
  if (baseline.moved < 0) return in.observed.replicas >= baseline.replicas;
  return true;
}

// Did one of the last alerts of an episode end for want of data? Then its end calls for nothing.
bool ended_unproven(const Inputs& in, const Baseline& baseline) {
  return std::any_of(in.unproven.begin(), in.unproven.end(),
                     [&](const Episode& episode) { return baseline.alerts.contains(episode); });
}

void notice_episode(const Inputs& in, TargetState& state) {
  const Alert* up = oldest(in.alerts, AlertAction::up);
  const Alert* asked = up != nullptr ? up : oldest(in.alerts, AlertAction::to);
  const bool floor = in.observed.floor.has_value();
  if (state.baseline && speaks_of_another(*state.baseline, in.observed)) state.baseline.reset();
  if (asked != nullptr) {
    if (!state.baseline) state.baseline = Baseline{level(in.observed), 0, cause_of(*asked), {}, floor};
    state.baseline->alerts = episodes_of(in.alerts, {AlertAction::up, AlertAction::to});
    state.baseline->unproven = false;
    const bool follows = state.baseline->moved == 0 && !state.in_flight && state.baseline->floor == floor;
    if (follows) state.baseline->replicas = level(in.observed);
  } else if (state.baseline) {
    const bool unproven = ended_unproven(in, *state.baseline);
    if (unproven) state.baseline->unproven = true;
    // A count belongs to whoever sets it next; a floor that is raised stays ours.
    const bool forgotten = unproven && !state.baseline->floor;
    if (forgotten || (!state.in_flight && baseline_is_done(in, *state.baseline))) state.baseline.reset();
  }
}

void notice_drain(const Inputs& in, TargetState& state) {
  if (!state.drain_baseline) return;
  if (has(in.alerts, AlertAction::drain)) {
    state.drain_baseline->alerts = episodes_of(in.alerts, {AlertAction::drain});
    state.drain_baseline->unproven = false;
    return;
  }
  if (ended_unproven(in, *state.drain_baseline)) state.drain_baseline->unproven = true;
  // Where an autoscaler sets the count, it is for us to wake it, and for it to decide how many.
  const int enough = in.observed.floor ? std::min(1, state.drain_baseline->replicas) : state.drain_baseline->replicas;
  // What is neither drained nor what we have asked for since is what somebody else has made of it.
  const bool elsewhere =
      state.drain_baseline->unproven && in.observed.replicas > 0 && in.observed.replicas != state.asked;
  const bool over = (in.observed.replicas >= enough || elsewhere) && !state.in_flight;
  if (in.policy.drain_on_resolve == OnResolve::stay || over) state.drain_baseline.reset();
}

void notice_episodes_that_ended(const Inputs& in, TargetState& state) {
  std::erase_if(state.stepped, [&](const Episode& episode) {
    return std::none_of(in.alerts.begin(), in.alerts.end(), [&](const Alert& alert) {
      return alert.fingerprint == episode.fingerprint && alert.starts_at == episode.starts_at;
    });
  });
}

// A wall clock that was set back must not freeze the target until it has caught up: what lies ahead has just been.
void notice_clock_set_back(const Inputs& in, TargetState& state) {
  for (std::optional<Instant>* time : {&state.last_up, &state.last_change, &state.down_since}) {
    if (*time) *time = std::min(**time, in.now);
  }
  if (state.retry_at) state.retry_at = std::min(*state.retry_at, in.now + retry_after_max);
  if (state.in_flight && state.in_flight->started > in.now) {
    state.in_flight->started = in.now;
    state.in_flight->deadline = in.now + time_for(state.in_flight->from, state.in_flight->to, in.policy);
  }
}

}  // namespace

std::set<Episode> episodes_of(std::span<const Alert> alerts, std::initializer_list<AlertAction> actions) {
  std::set<Episode> episodes;
  for (const Alert& alert : alerts) {
    if (std::find(actions.begin(), actions.end(), alert.mapping.action) == actions.end()) continue;
    episodes.insert({alert.fingerprint, alert.starts_at});
  }
  return episodes;
}

AlertCause cause_of(const Alert& alert) {
  return {alert.fingerprint, alert.starts_at, alert.labels};
}

const Command* waiting_command(const Inputs& in) {
  const auto& command = in.orders.command;
  return command && command->id > in.state.orders_taken ? &*command : nullptr;
}

namespace {

Intent strongest_intent(const Inputs& in) {
  if (const Command* command = waiting_command(in)) {
    return {IntentKind::manual, command->replicas, true, ManualCause{command->user}, Reason::satisfied};
  }
  if (in.orders.pin && in.orders.pin->replicas != position_of_pin(in, *in.orders.pin)) {
    const Pin& pin = *in.orders.pin;
    return {IntentKind::manual, pin.replicas, true, ManualCause{pin.user}, Reason::satisfied};
  }
  if (const Alert* drain = oldest(in.alerts, AlertAction::drain)) {
    return {IntentKind::drain, 0, true, cause_of(*drain), Reason::satisfied};
  }
  if (leads_back_from_drain(in.state)) return way_back_from_drain(in);
  if (has(in.alerts, AlertAction::up) || has(in.alerts, AlertAction::to)) return to_or_up(in);
  if (has(in.alerts, AlertAction::hold)) return none(Reason::on_hold);
  if (const auto back = floor_back(in); back && !in.orders.pin) return *back;
  if (has(in.alerts, AlertAction::down)) return down(in);
  if (in.state.baseline && !in.state.baseline->floor) return on_resolve(in);
  return none(Reason::no_intent);
}

}  // namespace

Intent find_intent(const Inputs& in) {
  Intent intent = strongest_intent(in);
  intent.floor = moves_floor(in, intent);
  return intent;
}

TargetState noticed(const Inputs& in) {
  TargetState state = in.state;
  notice_clock_set_back(in, state);
  notice_episodes_that_ended(in, state);
  notice_drain(in, state);
  notice_floor(in, state);
  notice_episode(in, state);
  notice_pinned_floor(in, state);
  const bool followed = !in.observed.floor || in.observed.replicas >= in.observed.floor->current;
  if (in.observed.ready >= in.observed.replicas && followed) state.last_up_not_ready = false;
  // Zero that we asked for is not "switched off by somebody" - until it has been above zero again.
  if (in.observed.replicas > 0 && state.asked == 0 && !state.in_flight) state.asked.reset();
  return state;
}

}  // namespace alertscaler::decide
