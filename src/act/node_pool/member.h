// The containers of a pool and the nodes that they have become, as values. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "act/docker/replica.h"
#include "act/json.h"
#include "base/clock.h"
#include "base/names.h"

namespace alertscaler::node_pool {

using namespace json;

namespace label {
inline constexpr const char* pool = "alertscaler.pool";                  // the target's name
inline constexpr const char* index = "alertscaler.index";                // the number in its name
inline constexpr const char* action = "alertscaler.action";              // the action that made it; 0 of a replacement
inline constexpr const char* replaces = "alertscaler.replaces";          // the node in whose place it is
inline constexpr const char* installation = "alertscaler.installation";  // of this program, that made it
inline constexpr const char* cluster = "alertscaler.cluster";            // that it joins: the uid of its kube-system
}  // namespace label

// A Node of the cluster.
struct ClusterNode {
  std::string name;
  std::string uid;
  bool ready = false;
  std::string why_not_ready;               // as its kubelet or the cluster says it
  std::optional<Instant> not_ready_since;  // by the cluster's clock; absent: it is ready
  bool cordoned = false;
  bool ours = false;       // it was this target that cordoned it
  bool member = false;     // our marks: it is of this pool,
  bool leaving = false;    // is drained so that it can be removed, and may come back,
  bool removed = false;    // will be removed, whatever comes,
  bool replaced = false;   // and another one is made to take its place
  std::string owner;       // the signature of another target or installation whose node it is; empty: of none
  std::string protection;  // why it must not be removed; empty: it may be
};
// `mark` is the value that our annotations have on nodes of this pool: the text of a kubernetes::Signature.
[[nodiscard]] ClusterNode read_node(const Json& node, const std::string& mark);

// A container of the pool.
struct Member {
  std::string id;
  std::string name;
  int index = 0;
  docker::Life life = docker::Life::exited;
  std::string action;
  std::string replaces;             // empty: nothing
  std::optional<ClusterNode> node;  // absent: it has not joined, or was deleted from the cluster
  std::string taken_by;             // whose node has its name, so that it is none itself; empty: nobody's
  // Nothing runs there any more, and the cluster knows: so it goes first, and undrained. read_pool() leaves it.
  bool dead = false;

  [[nodiscard]] bool live() const;  // has a process
  [[nodiscard]] bool ready() const { return life == docker::Life::running && node && node->ready; }
  [[nodiscard]] bool removed() const { return node && node->removed; }
  [[nodiscard]] bool leaving() const { return node && node->leaving && !node->removed; }
};

// A node without a kubelet counts as dead after this time, when the cluster, too, has begun to make its pods anew
// elsewhere. Before that the network may be away, or the wrong engine have been asked.
inline constexpr Duration dead_after = std::chrono::minutes{5};
// Who is not ready for a moment is not. `alone_for`: how long it has been seen to be no node; `now` is the cluster's.
[[nodiscard]] bool is_dead(const Member& member, Duration alone_for, Instant now);
// Of a node without a container: is it certain to go, or dead, and its mark our own?
[[nodiscard]] bool is_leftover(const ClusterNode& stray, Instant now);

// All of it at one time.
struct Pool {
  Instant now{};                    // by the cluster's clock; read_pool() leaves it
  std::vector<Member> members;      // by index
  std::vector<ClusterNode> strays;  // nodes that look like ours and have no container, by name
  std::vector<std::string> others;  // containers of a pool of the same name that is another installation's or cluster's

  [[nodiscard]] const Member* find(std::string_view name) const;
  // The one that is to take this node's place; null: there is none.
  [[nodiscard]] const Member* replacement_of(std::string_view name) const;
};
// From GET /containers/json and the items of GET /api/v1/nodes. `cluster`: what the label of that name says in our own;
// empty: not known.
[[nodiscard]] Pool read_pool(const Json& containers, const Json& nodes, const std::string& prefix,
                             const std::string& mark, const std::string& cluster);

// What an action left before it was a replica: never started; or it has ended, and there is no node of it any more.
// What the action `in_flight` (its id; empty: none) makes is not left yet.
[[nodiscard]] bool is_junk(const Member& member, std::string_view in_flight);
// A replica: nothing that is left or certain to go, and no replacement as long as what it replaces is there.
[[nodiscard]] bool counts(const Member& member, const Pool& pool, std::string_view in_flight);
[[nodiscard]] int count(const Pool& pool, std::string_view in_flight);
// A replacement whose node keeps its place after all, and works there.
[[nodiscard]] bool is_surplus(const Member& member, const Pool& pool);

// One that is being drained for that.
[[nodiscard]] bool is_retired(const Member& member, const Pool& pool);

// The number in a name of the pool; absent: it is none.
[[nodiscard]] std::optional<int> index_in(std::string_view name, std::string_view prefix);
// The highest that is seen anywhere.
[[nodiscard]] int highest_index(const Pool& pool, std::string_view prefix);

}  // namespace alertscaler::node_pool
