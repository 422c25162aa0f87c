// What a backend sees of a target.
#pragma once

#include <optional>
#include <string>

#include "model/decision.h"

namespace alertscaler {

// Why nothing may be done to a target, whatever is wanted.
struct Blocked {
  Reason reason = Reason::not_scalable;  // not_scalable or hpa_owned
  std::string text;                      // what stands in the way, and what to do about it
  bool passes = false;                   // by itself: what was asked by hand waits for that
  bool operator==(const Blocked&) const = default;
};

// The lower bound of the autoscaler that sets the target's count. We move the bound and not the count.
struct Floor {
  int current = 1;
  int original = 1;     // what it was before we moved it; the same as current when it is not where we put it
  std::string owner;    // for people: "the HorizontalPodAutoscaler api"
  bool ours = false;    // a note of ours is on the autoscaler: we moved it, or somebody has since moved it elsewhere
  std::string rests{};  // why the count stays below it now, wherever it is, and what to do; empty: it holds
  bool operator==(const Floor&) const = default;

  // It is where we put it.
  [[nodiscard]] bool raised() const { return ours && current != original; }
  // Our note is on it, and it is not where we put it.
  [[nodiscard]] bool stale() const { return ours && current == original; }
};

struct Observed {
  int replicas = 0;  // exist
  int ready = 0;     // running and healthy; at most replicas
  // Of those that the action under way has made, how many are not ready yet; absent: it cannot be told which those are,
  // and it waits for all.
  std::optional<int> awaited;
  // False: the engine has been told this count, and is still making or removing replicas.
  bool settled = true;
  std::string waits;  // why those that are not ready are not: "pod web-7d4f: container app: CrashLoopBackOff"
  // The most replicas that can exist here, and the sentence that says why and what to change; absent when nothing but
  // the policy limits them.
  std::optional<int> replicas_max;
  std::string replicas_max_why;
  // Why what the current action asked for will never be there ("replica shop-web-3 exited with 1, 3 times"); empty
  // while there is hope. Such an action has failed.
  std::string broken;
  std::optional<Blocked> blocked;
  std::optional<Floor> floor;  // absent: no autoscaler, or its bound is none of our business
  std::string note;            // something a person should know and that changes nothing
  bool operator==(const Observed&) const = default;
};

}  // namespace alertscaler
