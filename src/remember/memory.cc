#include "remember/memory.h"

#include <utility>

namespace alertscaler {
namespace {

void note_finished(Memory& memory, HistoryEntry entry) {
  memory.unfinished.erase(entry.id);
  HistoryEntry& last = memory.last_actions[entry.target];
  if (entry.id >= last.id) last = std::move(entry);
}

}  // namespace

StoreChanges changes_of(const Batch& batch) {
  StoreChanges changes;
  for (const StagedAlerts::Change& change : batch.alerts.changes()) {
    const bool active = change.after.alert != nullptr;
    const bool was_active = change.before != nullptr;
    if (!active && !was_active) continue;  // came and went within the batch
    if (active && was_active && change.before->alert == change.after.alert) continue;
    const ActiveEntry& entry = active ? change.after : *change.before;
    changes.alerts.push_back({entry.alert, entry.seen.last_seen, entry.seen.ends_at, active});
  }
  changes.history = batch.finished;
  return changes;
}

void publish(Batch&& batch, Memory& memory) {
  memory.next_row = batch.alerts.next_row();
  ++memory.written;
  std::move(batch.alerts).publish(memory.alerts);
  for (auto& [target, state] : batch.states) memory.states.insert_or_assign(target, std::move(state));
  for (auto& [target, orders] : batch.orders) memory.orders.insert_or_assign(target, std::move(orders));
  for (HistoryEntry& entry : batch.begun) memory.unfinished.insert_or_assign(entry.id, std::move(entry));
  for (HistoryEntry& entry : batch.finished) note_finished(memory, std::move(entry));
  for (auto& [key, value] : batch.kept) memory.kept.insert_or_assign(key, std::move(value));
  for (const PruneStep* step : batch.prunes) {
    std::erase_if(memory.last_actions, [&](const auto& item) { return item.second.time < step->before; });
  }
}

}  // namespace alertscaler
