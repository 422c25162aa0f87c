// What carries actions out. A backend moves things; it decides nothing, remembers nothing that must survive, and never
// retries.
#pragma once

#include <optional>
#include <stop_token>

#include "base/result.h"
#include "model/action.h"
#include "model/observed.h"

namespace alertscaler {

// One target's hands and eyes. Calls for one target never overlap; different targets run on different threads, so what
// backends share (an engine's client) is thread-safe. Every call is short: a few requests with deadlines, never a wait
// for readiness or for a graceful stop. What takes longer shows in the next observation.
// Errors of every call: unreachable (no engine), refused (permission, with what to do), busy, conflict, cancelled
// (stop was requested).
class Backend {
 public:
  virtual ~Backend() = default;

  // What exists now. Where a target is nothing but its replicas (the containers of a Compose service), none of them is
  // a count of 0 and no error; an object of its own that is missing is not_found. `in_flight` is the action under way,
  // if any: `Observed::broken` speaks of its replicas.
  [[nodiscard]] virtual Result<Observed> observe(const std::optional<Change>& in_flight, std::stop_token stop) = 0;

  // Moves towards change.to as far as one short call goes; passes repeat it until `to` replicas exist, so it must be
  // harmless to repeat. REQUIRES: a fresh observation came before. not_found: nothing to make replicas from; refused:
  // it can never work as things are, with what to change. conflict: somebody else has moved the count since it was
  // observed, or since this change was carried out, and nothing was done: it is to be decided anew. On any error
  // nothing half-made stays behind that the next observation would count as a replica, unless the removal failed too,
  // which the text then says.
  [[nodiscard]] virtual Status apply(const Change& change, std::stop_token stop) = 0;

  // After a failed action: removes the broken replicas that it made. Nothing to remove is no error.
  // Where replicas are drained before they go, every action that ends without being reached ends with this, also at its
  // deadline and when it is given up: what it made and is not ready is removed, and a replica that is still being
  // drained takes work again. One that is past that is gone, and goes on going whether or not an action is under way.
  [[nodiscard]] virtual Status clean_up(const Change& change, std::stop_token stop) = 0;

  // No action is under way, or one down that has to wait, and it is no dry run: one short move at what earlier actions
  // have left undone, and what else is in the way of the next one.
  [[nodiscard]] virtual Status tidy(std::stop_token /*stop*/) { return {}; }  // NOLINT

  // Nobody will look at this target again, which is no dry run: what it has half done is ended now, by force if need
  // be.
  [[nodiscard]] virtual Status leave(std::stop_token /*stop*/) { return {}; }  // NOLINT

  // An action has ended, or the target has come to be blocked: for those who look at it where it lives. Never waits.
  virtual void announce(const HistoryEntry&) {}
  virtual void announce(const Decision&) {}
};

}  // namespace alertscaler
