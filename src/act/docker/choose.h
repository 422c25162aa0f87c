// Which replicas count, which one new ones are made like, and which ones go. Pure.
#pragma once

#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "act/docker/replica.h"

namespace alertscaler::docker {

// How many replicas there are. Stopped ones count, unless nothing of the service lives: then somebody stopped it, and
// it has none; while we are the ones who stop them (`we_stop`) they count until they are removed. What is being
// removed, and what an unfinished action of ours left, never counts.
[[nodiscard]] int count(std::span<const Replica> replicas, bool we_stop);
// Counts, in the sense above.
[[nodiscard]] bool exists(const Replica& replica);

// The replica that new ones are made like: running and healthy, of the newest configuration, the lowest number; null
// when there is none at all.
[[nodiscard]] const Replica* best_template(std::span<const Replica> replicas);
// Replicas differ in configuration or image.
[[nodiscard]] bool are_mixed(std::span<const Replica> replicas);

// What stands between project, service and number in the names; absent when no replica's name is made of them.
[[nodiscard]] std::optional<std::string> separator_among(std::span<const Replica> replicas, std::string_view project,
                                                         std::string_view service);

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
