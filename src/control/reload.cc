// Another configuration in place of the one in force, while everything runs.
#include <algorithm>
#include <iterator>
#include <utility>

#include "base/log.h"
#include "control/controller.h"
#include "decide/map.h"

namespace alertscaler::control {

Status map_known_alerts(Store& store, const Settings& settings) {
  return store.remap([&](const Labels& labels, const Labels& annotations) -> std::optional<Mapping> {
    const auto mapped = decide::map_alert(settings, labels, annotations);
    return mapped ? *mapped : std::nullopt;
  });
}

Controller::RuntimePtr Controller::make_runtime(const Target& target, Hands hands) const {
  auto runtime = std::make_shared<Runtime>(target.name);
  runtime->setup.with([&](auto& setup) { setup = std::make_shared<const Setup>(Setup{target, std::move(hands)}); });
  runtime->view.with([&](TargetView& view) {
    view.target = target;
    view.target.policy.dry_run = is_dry_run(*runtime->current());
    view.last_action = store_.last_action(target.name);
    const Orders orders = orders_of(target.name);
    view.pin = orders.pin;
    view.pause = orders.pause;
  });
  return runtime;
}

Controller::RuntimePtr Controller::runtime_of(const TargetName& name) const {
  const std::shared_lock lock(runtimes_mutex_);
  const auto found = runtimes_.find(name);
  return found == runtimes_.end() ? nullptr : found->second;
}

std::vector<Controller::RuntimePtr> Controller::runtimes() const {
  const std::shared_lock lock(runtimes_mutex_);
  std::vector<RuntimePtr> all;
  all.reserve(runtimes_.size());
  for (const auto& [name, runtime] : runtimes_) all.push_back(runtime);
  return all;
}

std::vector<Controller::RuntimePtr> Controller::leaving(const Reload& reload) const {
  std::vector<RuntimePtr> found = runtimes();
  std::erase_if(found, [&](const RuntimePtr& runtime) {
    return reload.settings->targets.contains(runtime->name) && !reload.elsewhere.contains(runtime->name);
  });
  return found;
}

Status Controller::reload(const Reload& reload) {
  const std::lock_guard one_at_a_time(reload_mutex_);
  if (reload_stop_.stop_requested()) return fail(ErrorKind::cancelled, "the program is stopping");
  const auto left = leaving(reload);
  // First of all they stop: without its alerts a target would be led back to where it came from.
  if (scheduler_) {
    for (const RuntimePtr& runtime : left) scheduler_->remove(runtime->name);
  }
  if (Status mapped = map_known_alerts(store_, *reload.settings); !mapped) {
    if (scheduler_) {
      for (const RuntimePtr& runtime : left) scheduler_->add(runtime->name);
    }
    metrics_.store_failed();
    return fail(std::move(mapped).error().wrap("apply the configuration to the known alerts"));
  }
  // From here on nothing fails.
  for (const RuntimePtr& runtime : left) {
    const bool stays = reload.settings->targets.contains(runtime->name);
    const bool is_same_object = reload.otherwise.contains(runtime->name);
    farewell(*runtime,
             stays ? "the target is something else since a reload of the configuration"
                   : "the target was removed from the configuration",
             is_same_object);
    Parting how = Parting::removed;
    if (stays) {
      const BackendRef& next = reload.settings->targets.at(runtime->name).backend;
      const bool is_other = object_of(next) != object_of(runtime->current()->target.backend);
      how = is_other ? Parting::other_object : is_same_object ? Parting::same_object : Parting::other_way;
    }
    part(runtime->name, how);
  }
  for (const auto& [name, target] : reload.settings->targets) {
    if (!runtime_of(name) && is_something_else(store_.state(name), target)) part(name, Parting::other_object);
  }
  put_in_force(reload);
  {
    std::lock_guard lock(house_mutex_);
    house_kicked_ = true;  // it keeps other times now
  }
  house_changed_.notify_one();
  return {};
}

void Controller::put_in_force(const Reload& reload) {
  std::vector<RuntimePtr> removed, changed;
  {
    const std::unique_lock lock(runtimes_mutex_);
    for (auto at = runtimes_.begin(); at != runtimes_.end();) {
      const bool stays = reload.settings->targets.contains(at->first);
      if (!stays) removed.push_back(at->second);
      at = stays ? std::next(at) : runtimes_.erase(at);
    }
    for (const auto& [name, target] : reload.settings->targets) {
      const auto fresh = reload.backends.find(name);
      const auto known = runtimes_.find(name);
      if (known == runtimes_.end() || reload.elsewhere.contains(name)) {
        if (known != runtimes_.end()) known->second->gone = true;
        runtimes_.insert_or_assign(name, make_runtime(target, fresh->second));
        continue;
      }
      const auto before = known->second->current();
      if (fresh == reload.backends.end() && before->target == target) continue;
      auto setup =
          std::make_shared<const Setup>(Setup{target, fresh == reload.backends.end() ? before->hands : fresh->second});
      known->second->setup.with([&](auto& current) { current = std::move(setup); });
      changed.push_back(known->second);
    }
  }
  const auto before = settings_.with([&](auto& settings) { return std::exchange(settings, reload.settings); });
  retired_.with([&](auto& retired) { retired.emplace_back(before); });
  for (const RuntimePtr& runtime : removed) forget(*runtime);
  for (const RuntimePtr& runtime : changed) {
    show(*runtime, [&](TargetView& view) { view.target = runtime->current()->target; });
  }
  if (!scheduler_) return;
  scheduler_->resize(reload.settings->max_parallel);
  for (const auto& [name, target] : reload.settings->targets) {
    if (scheduler_->kick(name) == 0) scheduler_->add(name);
  }
}

void Controller::forget(Runtime& runtime) {
  runtime.view.with([&](TargetView&) {
    runtime.gone = true;
    metrics_.forget_target(runtime.name);
  });
  log::info("target.removed", {{"target", runtime.name.text}});
  if (options_.target_changed) options_.target_changed(runtime.name);
}

// A request that began before a reload maps its alerts with the settings from then, and may store them after it. When
// nobody uses those any more, what was stored so gets its mapping again. True: somebody still does.
bool Controller::map_late_alerts() {
  std::unique_lock reloading(reload_mutex_, std::try_to_lock);
  if (!reloading) return true;
  const auto [ended, in_use] = retired_.with([](auto& retired) {
    const auto count = std::erase_if(retired, [](const auto& settings) { return settings.expired(); });
    return std::pair{count > 0, !retired.empty()};
  });
  if (!ended) return in_use;
  if (const Status mapped = map_known_alerts(store_, *settings()); !mapped) {
    metrics_.store_failed();
    log::warn("remap.failed", {{"error", mapped.error().message}});
    retired_.with([](auto& retired) { retired.emplace_back(); });  // so that it is tried again
    return true;
  }
  return in_use;
}

}  // namespace alertscaler::control
