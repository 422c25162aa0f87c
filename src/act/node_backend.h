// What drains nodes. Like a backend it moves things and decides nothing: which node, when, and how many at once is
// decided before.
#pragma once

#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/action.h"
#include "model/policy.h"

namespace alertscaler {

// A node of the target, as it is seen now.
struct ObservedNode {
  std::string name;
  bool ready = false;
  bool cordoned = false;  // takes no new work
  bool ours = false;      // and it was us who cordoned it
  bool operator==(const ObservedNode&) const = default;
};

// How far a drain has come.
struct DrainProgress {
  bool empty = false;   // nothing is left that has to go
  int left = 0;         // what has to go and is still there
  std::string waits;    // why not more has gone: "the disruption budget shop/web needs 2 healthy pods and has 2"
  std::string refused;  // why it will never be empty as things are, as kubectl says it; nothing was evicted then
};

// Calls for one target never overlap. Every call is short: a few requests with deadlines, never a wait for a pod.
// Errors as those of Backend.
class NodeBackend {
 public:
  virtual ~NodeBackend() = default;

  // All nodes of the target, by name.
  [[nodiscard]] virtual Result<std::vector<ObservedNode>> observe(std::stop_token stop) = 0;

  // One move of a drain: cordon if it is not, evict what can go now. Harmless to repeat. not_found: the node is gone.
  [[nodiscard]] virtual Result<DrainProgress> drain(const std::string& node, const DrainPolicy& policy,
                                                    std::stop_token stop) = 0;

  // What drain() would do, asked of the engine and not done.
  [[nodiscard]] virtual Result<DrainProgress> rehearse(const std::string& node, const DrainPolicy& policy,
                                                       std::stop_token stop) = 0;

  // Lets the node take work again, if it was us who stopped that; otherwise it does nothing.
  [[nodiscard]] virtual Status uncordon(const std::string& node, std::stop_token stop) = 0;

  // An action on this node has begun (it has no outcome yet) or ended: for those who look at the node. Never waits.
  virtual void announce(const std::string&, const HistoryEntry&) {}
};

}  // namespace alertscaler
