// What the database holds, in memory; and the changes of one transaction.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "model/action.h"
#include "model/orders.h"
#include "remember/active_set.h"

namespace alertscaler {

// Written by the writer's thread alone, and read by it without a lock.
struct Memory {
  ActiveSet alerts;
  std::int64_t next_row = 1;  // of table alert
  WriteMark written = 0;      // how many batches
  std::unordered_map<TargetName, TargetState> states;
  std::unordered_map<TargetName, Orders> orders;
  std::unordered_map<TargetName, HistoryEntry> last_actions;  // the newest with an outcome
  std::map<ActionId, HistoryEntry> unfinished;
  std::map<std::string, std::string, std::less<>> kept;
};

// Forgets what is older than `before`, and gives back free pages: a bounded number of each.
struct PruneStep {
  Instant before;
  bool more = false;  // the answer: there is more to do
};

// Several callers' changes, which are written together or not at all. Staging never fails and writes nothing.
struct Batch {
  explicit Batch(const Memory& memory) : alerts(memory.alerts, memory.next_row, memory.written + 1) {}

  StagedAlerts alerts;
  std::unordered_map<TargetName, TargetState> states;
  std::unordered_map<TargetName, Orders> orders;
  std::vector<HistoryEntry> begun;
  std::vector<HistoryEntry> finished;
  std::map<std::string, std::string> kept;
  std::vector<PruneStep*> prunes;  // owned by their callers, who wait

  [[nodiscard]] bool empty() const {
    return alerts.changes().empty() && alerts.remembered().empty() && alerts.forgotten().empty() && states.empty() &&
           orders.empty() && begun.empty() && finished.empty() && kept.empty() && prunes.empty();
  }
};

// What the batch changes of what others can see.
[[nodiscard]] StoreChanges changes_of(const Batch& batch);
// After the batch is durable. REQUIRES: the lock that readers of `memory` take.
void publish(Batch&& batch, Memory& memory);

}  // namespace alertscaler
