// Which nodes of a pool can be removed, and which goes first. Pure.
#pragma once

#include <string>
#include <vector>

#include "act/node_pool/member.h"

namespace alertscaler::node_pool {

// A node that might go.
struct Candidate {
  const Member* member = nullptr;
  bool dead = false;    // it goes first, and there is nothing to drain
  int pods = 0;         // that would have to move
  double cost = 0;      // of moving them: about how many there are, tilted by their priority and deletion cost
  std::string blocked;  // why it must not go; empty: it may
};

// REQUIRES: `member` outlives the candidate. `own_pod`: "namespace/name" of the pod that we are; empty: none. Whether
// its pods may be evicted at all, the drain says.
[[nodiscard]] Candidate candidate_of(const Member& member, const Json& pods, const std::string& own_pod);

// A dead one that may go.
[[nodiscard]] bool goes_first(const Member& member);

// Of the pods of a node, those that would have to move.
[[nodiscard]] int pods_to_move(const Json& pods);

// Those that may go, the best first: dead ones, then those that cost least, then the newest.
[[nodiscard]] std::vector<Candidate> in_order(std::vector<Candidate> candidates);

}  // namespace alertscaler::node_pool
