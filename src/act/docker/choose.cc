#include "act/docker/choose.h"

#include <algorithm>
#include <tuple>

#include "act/docker/clone.h"

namespace alertscaler::docker {
namespace {

// 0 is best.
int template_rank(const Replica& replica) {
  if (is_leftover(replica)) return 6;
  switch (replica.life) {
    case Life::running:
      return replica.health == Health::unhealthy ? 2 : replica.health == Health::starting ? 1 : 0;
    case Life::paused:
    case Life::restarting:
      return 3;
    case Life::exited:
      return 4;
    case Life::created:
      return 5;
    case Life::removing:
    case Life::dead:
      return 7;
  }
  return 7;
}
constexpr int no_template = 7;

int victim_rank(const Replica& replica) {
  if (replica.life != Life::running) return 2;
  return replica.health == Health::unhealthy ? 1 : 0;
}

auto likeness(const Replica& replica) {
  return std::tie(replica.config_hash, replica.image_id);
}

}  // namespace

bool exists(const Replica& replica) {
  return replica.life != Life::removing && !is_leftover(replica);
}

int count(std::span<const Replica> replicas, bool we_stop) {
  if (!we_stop && std::none_of(replicas.begin(), replicas.end(), is_live)) return 0;
  return static_cast<int>(std::count_if(replicas.begin(), replicas.end(), exists));
}

const Replica* best_template(std::span<const Replica> replicas) {
  int best_rank = no_template;
  for (const Replica& replica : replicas) best_rank = std::min(best_rank, template_rank(replica));
  // The newest among the best tells which configuration is meant; among those of that one the lowest number serves.
  const Replica* newest = nullptr;
  for (const Replica& replica : replicas) {
    if (template_rank(replica) != best_rank || best_rank == no_template) continue;
    if (newest == nullptr || replica.created > newest->created) newest = &replica;
  }
  const Replica* best = newest;
  for (const Replica& replica : replicas) {
    if (newest == nullptr || template_rank(replica) != best_rank || likeness(replica) != likeness(*newest)) continue;
    if (replica.number < best->number) best = &replica;
  }
  return best;
}

bool are_mixed(std::span<const Replica> replicas) {
  const Replica* first = nullptr;
  for (const Replica& replica : replicas) {
    if (!exists(replica)) continue;
    if (first == nullptr) first = &replica;
    if (likeness(replica) != likeness(*first)) return true;
  }
  return false;
}

std::optional<std::string> separator_among(std::span<const Replica> replicas, std::string_view project,
                                           std::string_view service) {
  for (const Replica& replica : replicas) {
    if (auto found = separator_of(replica.name, project, service, replica.number)) return found;
  }
  return std::nullopt;
}

int next_number(std::span<const Replica> replicas) {
  int highest = 0;
  for (const Replica& replica : replicas) highest = std::max(highest, replica.number);
  return highest + 1;
}

Steps steps_to(std::span<const Replica> replicas, int to, const std::set<std::string>& going) {
  Steps steps;
  std::vector<Replica> candidates;
  for (const Replica& replica : replicas) {
    if (replica.life == Life::removing || going.contains(replica.id)) continue;
    (is_leftover(replica) || replica.life == Life::dead ? steps.junk : candidates).push_back(replica);
  }
  std::stable_sort(candidates.begin(), candidates.end(), [](const Replica& a, const Replica& b) {
    return std::tuple(victim_rank(a), a.number) < std::tuple(victim_rank(b), b.number);
  });
  const auto keep = std::min(candidates.size(), static_cast<std::size_t>(std::max(to, 0)));
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    const bool stopped = candidates[i].life == Life::exited || candidates[i].life == Life::created;
    (i >= keep ? steps.surplus : stopped ? steps.start : steps.kept).push_back(candidates[i]);
  }
  std::reverse(steps.surplus.begin(), steps.surplus.end());
  steps.create = std::max(to, 0) - static_cast<int>(keep);
  return steps;
}

}  // namespace alertscaler::docker
