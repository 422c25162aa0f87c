// What a Swarm tells of a service and its tasks, as values. Pure.
#pragma once

#include <cstdint>
#include <set>
#include <string>

#include "act/docker/json.h"

namespace alertscaler::docker {

struct ServiceState {
  std::string id;
  std::string name;
  std::uint64_t version = 0;  // of its specification; a change must name it
  Json spec;
  int replicas = 0;      // as specified, whatever runs
  std::string fixed;     // why it has no count to be set, and what to do; empty: it has
  std::string updating;  // why its count must not be touched now: an update or rollback is under way, or paused
  bool paused = false;   // it is, and stays so until somebody does something about it
};
[[nodiscard]] ServiceState read_service(const Json& service);
// The specification with another count and nothing else changed.
[[nodiscard]] Json with_replicas(Json spec, int replicas);

struct TaskCount {
  int ready = 0;      // running, and meant to
  int leaving = 0;    // not meant to run any more, and not ended yet
  std::string waits;  // of one that is not ready: "web.3 is pending: no suitable node (…)"; empty when all are
};
// `gone`: ids of nodes that are down; what was on them ends for nobody to see.
[[nodiscard]] TaskCount count_tasks(const Json& tasks, const std::string& service, const std::set<std::string>& gone);
// How many have not ended yet.
[[nodiscard]] int count_unended(const Json& tasks);
// The ids of nodes that are down.
[[nodiscard]] std::set<std::string> nodes_down(const Json& nodes);

}  // namespace alertscaler::docker
