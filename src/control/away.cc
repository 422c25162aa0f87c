// Targets that the configuration has no more, or that are something else in it, since a reload or since the program was
// away.
#include "control/away.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/log.h"
#include "base/text.h"
#include "control/controller.h"

namespace alertscaler::control {

std::string held_nodes(const TargetState& state) {
  std::vector<std::string> held;
  for (const auto& [name, node] : state.nodes) {
    if (node.held && !node.dry_run) held.push_back(name);
  }
  return text::join(held, " ");
}

void tell_left_drained(const TargetName& target, int replicas) {
  log::warn("target.left_drained",
            {{"target", target.text},
             {"replicas", replicas},
             {"text", "an alert has had it drained from " + std::to_string(replicas) +
                          " replicas, and nothing brings it back now; scale it by hand, and take our annotations off "
                          "its autoscaler, if it has one"}});
}

void tell_left_drained(const TargetName& target, const std::string& nodes) {
  if (nodes.empty()) return;
  log::warn("target.left_drained", {{"target", target.text},
                                    {"nodes", nodes},
                                    {"text",
                                     "alerts have had them drained, and nothing brings them back now; uncordon or "
                                     "activate by hand those that are still there"}});
}

TargetState Controller::state_of(const Runtime& runtime, const Setup& setup) const {
  TargetState state = store_.state(runtime.name);
  if (state != TargetState{}) state.object = object_of(setup.target.backend);
  return state;
}

bool Controller::is_something_else(const TargetState& state, const Target& target) {
  return !state.object.empty() && state.object != object_of(target.backend);
}

// The command that waits for it, and, of a name that stands for something else, the pin.
void Controller::drop_orders(const TargetName& name, TargetState& state, bool with_pin) {
  const std::lock_guard lock(orders_mutex_);
  Orders orders = store_.orders(name);
  const bool is_pinned = orders.pin && orders.pin->until > clock_.now();
  const bool waits = orders.command && orders.command->id > state.orders_taken;
  if (waits) state.orders_taken = orders.command->id;
  if (is_pinned ? with_pin : waits) {
    log::warn(
        "order.dropped",
        {{"target", name.text},
         {"to", is_pinned ? orders.pin->replicas : orders.command->replicas},
         {"user", is_pinned ? orders.pin->user : orders.command->user},
         {"text", "it was for what the target was before the configuration changed; give it again if it still holds"}});
  }
  if (!with_pin || !orders.pin) return;
  orders.pin.reset();
  if (const Status written = put_orders(name, orders); !written) {
    log::error("store.failed", {{"target", name.text}, {"error", written.error().message}});
  }
}

// The end of what the state of a target says of the object that it was, or of the way in which that was scaled.
void Controller::part(const TargetName& name, Parting how) {
  TargetState state = store_.state(name);
  if (how == Parting::removed || how == Parting::other_object) drop_orders(name, state, how == Parting::other_object);
  state = how == Parting::removed ? decide::left(std::move(state))
                                  : decide::elsewhere(std::move(state), how == Parting::same_object);
  if (state == store_.state(name)) return;
  if (const Status saved = store_.save(name, state); !saved) {
    metrics_.store_failed();
    log::error("store.failed", {{"target", name.text}, {"error", saved.error().message}});
  }
}

void Controller::settle_away() {
  settle_unfinished();
  tell_floors_left();
  for (const TargetName& name : store_.known_targets()) {
    const TargetState state = store_.state(name);
    const RuntimePtr known = runtime_of(name);
    if (known && !is_something_else(state, known->current()->target)) continue;
    const auto& drained = state.drain_baseline;
    if (drained && !drained->unproven && !state.dry_run_replicas) tell_left_drained(name, drained->replicas);
    const bool told =
        std::all_of(state.nodes.begin(), state.nodes.end(), [](const auto& item) { return item.second.unproven; });
    if (!told) tell_left_drained(name, held_nodes(state));
    part(name, known ? Parting::other_object : Parting::removed);
  }
}

// The journal of what nobody carries on.
void Controller::settle_unfinished() {
  for (HistoryEntry entry : store_.unfinished()) {
    const RuntimePtr known = runtime_of(entry.target);
    const bool of_nodes = !entry.node.empty();
    const auto setup = known ? known->current() : nullptr;
    TargetState state = store_.state(entry.target);
    const bool is_so = setup && !is_something_else(state, setup->target);
    if (is_so && (of_nodes ? setup->hands.nodes != nullptr : setup->hands.replicas != nullptr)) continue;
    const Instant now = clock_.now();
    if (of_nodes) {
      state.nodes.erase(entry.node);
    } else if (state.in_flight) {
      state = decide::ended(state, {ActionOutcome::interrupted, true, {}}, now);
    }
    entry.outcome = ActionOutcome::interrupted;
    entry.finished = now;
    entry.error = known ? "the target is something else since the configuration changed"
                        : "the target was removed from the configuration";
    if (const Status written = store_.finish(entry, state); !written) {
      metrics_.store_failed();
      log::error("store.failed", {{"target", entry.target.text}, {"error", written.error().message}});
    }
    log::warn("action.left_behind", {{"target", entry.target.text},
                                     {"node", entry.node},
                                     {"action", to_string(entry.action)},
                                     {"text", entry.error + "; look after what it had begun"}});
  }
}

// Floors that were raised when their targets were removed, or became something else, or were told to leave autoscalers
// alone.
void Controller::tell_floors_left() {
  for (const TargetName& name : store_.known_targets()) {
    const TargetState state = store_.state(name);
    if (!state.floor_set) continue;
    const RuntimePtr known = runtime_of(name);
    const auto setup = known ? known->current() : nullptr;
    const auto* workload = setup ? std::get_if<KubernetesWorkload>(&setup->target.backend) : nullptr;
    const bool looks_after_it = workload != nullptr && workload->hpa == HpaMode::automatic;
    if (looks_after_it && !is_something_else(state, setup->target)) continue;
    std::string why = "the target was removed from the configuration";
    if (looks_after_it) why = "the target is something else since the configuration changed";
    if (known && !looks_after_it) why = "the target does not look after autoscalers since the configuration changed";
    log::warn("target.floor_left", {{"target", name.text}, {"from", *state.floor_set}, {"error", why + floor_by_hand}});
    if (const Status saved = store_.save(name, decide::without_floor(state)); !saved) {
      metrics_.store_failed();
      log::error("store.failed", {{"target", name.text}, {"error", saved.error().message}});
    }
  }
}

}  // namespace alertscaler::control
