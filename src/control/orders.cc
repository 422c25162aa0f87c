// What people ask for by hand: checked, made durable, shown, and left to the next pass to carry out.
#include <algorithm>

#include "base/log.h"
#include "base/text.h"
#include "control/controller.h"

namespace alertscaler::control {
namespace {

const TargetName all_targets{};

std::string until_text(const std::optional<Instant>& until) {
  return until ? "until " + text::format_time(*until) : "until resumed";
}

std::vector<std::string> bounds_warnings(const Policy& policy, int replicas) {
  const std::string count = std::to_string(replicas);
  if (replicas > policy.max) {
    return {count + " is above max (" + std::to_string(policy.max) + "): alerts never go there, and the next step " +
            "down leads back inside the bounds"};
  }
  if (replicas < policy.min) {
    return {count + " is below min (" + std::to_string(policy.min) + "): alerts never go there, and the next step up " +
            "leads back inside the bounds"};
  }
  return {};
}

}  // namespace

Orders Controller::orders_of(const TargetName& target) const {
  return in_force(store_.orders(target), store_.orders(all_targets), clock_.now());
}

Result<Controller::RuntimePtr> Controller::find(const TargetName& target) const {
  RuntimePtr found = runtime_of(target);
  if (!found) return fail(ErrorKind::not_found, "no target is named \"" + target.text + "\"");
  return found;
}

Status Controller::put_orders(const TargetName& target, const Orders& orders) {
  Status written = store_.put_orders(target, orders);
  if (written) return {};
  metrics_.store_failed();
  return fail(std::move(written).error().wrap("what was asked for could not be stored"));
}

void Controller::look_soon(const TargetName& target) {
  if (scheduler_) scheduler_->kick(target);
}

// Shows at once what the next pass will find.
TargetView Controller::show_orders(Runtime& runtime, std::optional<int> desired) {
  TargetView shown;
  show(runtime, [&](TargetView& view) {
    const Orders orders = orders_of(view.target.name);
    view.pin = orders.pin;
    view.pause = orders.pause;
    if (desired) view.desired = *desired;
    const bool acts = view.status == TargetStatus::scaling || view.status == TargetStatus::draining;
    if (!acts && view.status != TargetStatus::unknown) {
      const bool was_by_hand = view.status == TargetStatus::paused || view.status == TargetStatus::pinned;
      if (view.pause) {
        view.status = TargetStatus::paused;
      } else if (view.pin) {
        view.status = TargetStatus::pinned;
      } else if (was_by_hand) {
        view.status = TargetStatus::idle;
      }
    }
    shown = view;
  });
  return shown;
}

void Controller::show_all_orders() {
  for (const RuntimePtr& runtime : runtimes()) {
    show_orders(*runtime, std::nullopt);
    look_soon(runtime->name);
  }
}

// Why the target's state does not allow it.
Status Controller::may_take(Runtime& runtime, const receive::ReplicasOrder& order) const {
  const std::string& name = runtime.name.text;
  const auto setup = runtime.current();
  if (!setup->hands.replicas) {
    return fail(ErrorKind::conflict, name + " is a target of nodes, which has no count to set: its alerts drain them");
  }
  const Orders orders = orders_of(runtime.name);
  if (orders.pause) {
    return fail(ErrorKind::conflict, name + " is paused " + until_text(orders.pause->until) + " by " +
                                         orders.pause->user + ": resume it first");
  }
  const auto alerts = store_.active_alerts(runtime.name);
  const auto drain = std::find_if(alerts.begin(), alerts.end(),
                                  [](const Alert& alert) { return alert.mapping.action == AlertAction::drain; });
  const bool to_zero = drain != alerts.end() && !setup->hands.nodes;
  if (to_zero && order.pin == Duration{0}) {
    return fail(ErrorKind::conflict, name + " is drained because " + std::string(drain->name()) +
                                         " is firing, which would undo it at once: add a pin, which wins over alerts "
                                         "until it ends");
  }
  const auto observed = runtime.view.with([](const TargetView& view) { return view.observed; });
  const bool must_not = observed && observed->blocked && !observed->blocked->passes;
  if (must_not) return fail(ErrorKind::conflict, name + ": " + observed->blocked->text);
  if (observed && observed->replicas_max && order.replicas > std::max(*observed->replicas_max, observed->replicas)) {
    return fail(ErrorKind::conflict,
                name + " cannot have " + std::to_string(order.replicas) + " replicas: " + observed->replicas_max_why);
  }
  return {};
}

Result<receive::Ordered> Controller::set_replicas(const TargetName& target, const receive::ReplicasOrder& order) {
  const auto runtime = find(target);
  if (!runtime) return fail(runtime.error());
  Runtime& found = **runtime;
  const auto setup = found.current();
  receive::Ordered ordered;
  ordered.warnings = bounds_warnings(setup->target.policy, order.replicas);
  const auto seen = found.view.with([](const TargetView& view) { return view.observed; });
  if (seen && seen->blocked) ordered.warnings.push_back(seen->blocked->text);
  if (seen && seen->floor && order.replicas != 0) {
    ordered.warnings.push_back(seen->floor->owner + " sets the count: " + std::to_string(order.replicas) +
                               " becomes its floor, and above that it decides");
  }
  {
    const std::lock_guard lock(orders_mutex_);
    if (Status allowed = may_take(found, order); !allowed) return fail(std::move(allowed).error());
    const Instant now = clock_.now();
    Orders orders = store_.orders(target);
    const OrderId last = std::max(orders.command ? orders.command->id : 0, store_.state(target).orders_taken);
    orders.command = Command{last + 1, order.replicas, order.user};
    if (orders.pin && orders.pin->until > now && order.pin == Duration{0}) {
      ordered.warnings.push_back("this ends the pin at " + std::to_string(orders.pin->replicas) + " by " +
                                 orders.pin->user + ", which was to hold until " +
                                 text::format_time(orders.pin->until));
    }
    orders.pin.reset();
    if (order.pin > Duration{0}) orders.pin = Pin{order.replicas, now + order.pin, order.user};
    if (Status written = put_orders(target, orders); !written) return fail(std::move(written).error());
    log::info("order.replicas", {{"target", target.text},
                                 {"to", order.replicas},
                                 {"pin", order.pin > Duration{0} ? text::format_duration(order.pin) : ""},
                                 {"user", order.user}});
  }
  ordered.target = show_orders(**runtime, order.replicas);
  if (ordered.target->status == TargetStatus::unknown) {
    ordered.warnings.push_back("it cannot be observed now, and is scaled as soon as it can be" +
                               (ordered.target->error.empty() ? "" : ": " + ordered.target->error));
  }
  if (is_dry_run(*setup)) ordered.warnings.emplace_back("dry run: it is recorded, and nothing is changed");
  look_soon(target);
  return ordered;
}

Result<receive::Ordered> Controller::pause(const std::optional<TargetName>& target, std::optional<Duration> how_long,
                                           const std::string& user) {
  RuntimePtr runtime;
  if (target) {
    const auto found = find(*target);
    if (!found) return fail(found.error());
    runtime = *found;
  }
  const TargetName& name = target ? *target : all_targets;
  Pause pause{{}, user};
  {
    const std::lock_guard lock(orders_mutex_);
    if (how_long) pause.until = clock_.now() + *how_long;
    Orders orders = store_.orders(name);
    orders.pause = pause;
    if (Status written = put_orders(name, orders); !written) return fail(std::move(written).error());
    log::info("order.pause", {{"target", target ? target->text : "all"},
                              {"until", pause.until ? text::format_time(*pause.until) : ""},
                              {"user", user}});
  }
  receive::Ordered ordered;
  if (!runtime) {
    show_all_orders();
    return ordered;
  }
  ordered.target = show_orders(*runtime, std::nullopt);
  if (ordered.target->pause && *ordered.target->pause != pause) {
    ordered.warnings.push_back("all targets are paused " + until_text(ordered.target->pause->until) + " by " +
                               ordered.target->pause->user);
  }
  look_soon(*target);
  return ordered;
}

Result<receive::Ordered> Controller::resume(const std::optional<TargetName>& target, const std::string& user) {
  RuntimePtr runtime;
  if (target) {
    const auto found = find(*target);
    if (!found) return fail(found.error());
    runtime = *found;
  }
  const TargetName& name = target ? *target : all_targets;
  {
    const std::lock_guard lock(orders_mutex_);
    Orders orders = store_.orders(name);
    orders.pause.reset();
    orders.pin.reset();
    if (Status written = put_orders(name, orders); !written) return fail(std::move(written).error());
    log::info("order.resume", {{"target", target ? target->text : "all"}, {"user", user}});
  }
  receive::Ordered ordered;
  if (!runtime) {
    show_all_orders();
    for (const TargetView& view : targets()) {
      if (!view.pause) continue;
      ordered.warnings.push_back(view.target.name.text + " stays paused " + until_text(view.pause->until) + " by " +
                                 view.pause->user + ": it has a pause of its own");
    }
    return ordered;
  }
  ordered.target = show_orders(*runtime, std::nullopt);
  if (ordered.target->pause) {
    ordered.warnings.push_back("it stays paused: all targets are, " + until_text(ordered.target->pause->until) +
                               " by " + ordered.target->pause->user);
  }
  look_soon(*target);
  return ordered;
}

}  // namespace alertscaler::control
