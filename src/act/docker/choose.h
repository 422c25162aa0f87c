// Which replicas count, which one new ones are made like, and which ones go. Pure.
#pragma once

#include <set>
#include <span>
#include <string>
#include <vector>

#include "act/docker/replica.h"

namespace alertscaler::docker {

// How many replicas there are: stopped ones count, unless nothing of the service lives: then somebody stopped it, and
// it has none. What is being removed, and what an unfinished action of ours left, never counts.
[[nodiscard]] int count(std::span<const Replica> replicas);
// Counts, in the sense above.
[[nodiscard]] bool exists(const Replica& replica);

// The replica that new ones are made like: running and healthy, of the newest configuration, the lowest number; null
// when there is none at all.
[[nodiscard]] const Replica* best_template(std::span<const Replica> replicas);
// Replicas differ in configuration or image.
[[nodiscard]] bool are_mixed(std::span<const Replica> replicas);

// One more than the highest number that any container of the service has; numbers are never filled in.
[[nodiscard]] int next_number(std::span<const Replica> replicas);

// What brings the service to `to` replicas. Those in `going` are being stopped already: they stay gone whatever else
// happens, and never count as kept.
struct Steps {
  std::vector<Replica> start;    // stopped ones to keep
  int create = 0;                // how many are missing after that
  std::vector<Replica> surplus;  // to stop and remove: first what does not run, then the unhealthy, then high numbers
  std::vector<Replica> junk;     // to remove without ado: dead, or left by an unfinished action
  std::vector<Replica> kept;     // stay as they are
};
[[nodiscard]] Steps steps_to(std::span<const Replica> replicas, int to, const std::set<std::string>& going);

}  // namespace alertscaler::docker
