// What drains nodes. Like a backend it moves things and decides nothing: which node, when, and how many at once is
// decided before.
#pragma once

#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/action.h"
#include "model/nodes.h"
#include "model/observed.h"
#include "model/policy.h"

namespace alertscaler {

// Calls for one target never overlap. Every call is short: a few requests with deadlines, never a wait for a pod.
// Errors as those of Backend.
// Where the policy says `replace`, drain() makes what takes the node's place before it cordons, and removes the node
// when it is empty; it is done when the node is no longer observed.
class NodeBackend {
 public:
  virtual ~NodeBackend() = default;

  // All nodes of the target, by name.
  [[nodiscard]] virtual Result<std::vector<ObservedNode>> observe(std::stop_token stop) = 0;

  // Why nothing may be done to any node, whatever is wanted: as Observed::blocked. Called after observe(), which need
  // not have looked for it.
  [[nodiscard]] virtual std::optional<Blocked> blocked(std::stop_token /*stop*/) { return std::nullopt; }  // NOLINT

  // One move of a drain: cordon if it is not, evict what can go now. Harmless to repeat. not_found: the node is gone.
  [[nodiscard]] virtual Result<DrainProgress> drain(const std::string& node, const DrainPolicy& policy,
                                                    std::stop_token stop) = 0;

  // What drain() would do, asked of the engine and not done.
  [[nodiscard]] virtual Result<DrainProgress> rehearse(const std::string& node, const DrainPolicy& policy,
                                                       std::stop_token stop) = 0;

  // Lets the node take work again, if it was us who stopped that, and takes our mark off it; otherwise, or when the
  // node is gone, it does nothing.
  [[nodiscard]] virtual Status uncordon(const std::string& node, std::stop_token stop) = 0;

  // Takes nothing but our mark off: whether the node takes work, stays as it is, and is from now on for others to say.
  [[nodiscard]] virtual Status let_go(const std::string& /*node*/, std::stop_token /*stop*/) { return {}; }  // NOLINT

  // An action on this node has begun (it has no outcome yet) or ended: for those who look at the node. Never waits.
  virtual void announce(const std::string&, const HistoryEntry&) {}
};

}  // namespace alertscaler
