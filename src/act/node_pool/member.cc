#include "act/node_pool/member.h"

#include <algorithm>
#include <array>
#include <map>

#include "act/kubernetes/annotations.h"
#include "act/kubernetes/signature.h"
#include "base/text.h"

namespace alertscaler::node_pool {
namespace {

constexpr std::array<const char*, 3> control_plane = {"node-role.kubernetes.io/control-plane",
                                                      "node-role.kubernetes.io/master", "node-role.kubernetes.io/etcd"};

// Whether the node has our mark; whose mark it has otherwise goes to `owner`.
bool has_mark(const Json& node, std::string_view annotation, const kubernetes::Signature& own, std::string& owner) {
  const auto mark = kubernetes::read_signature(string_at(node, "metadata", "annotations", annotation));
  if (mark.target.empty()) return false;
  if (mark.target == own.target && kubernetes::same_installation(mark, own)) return true;
  owner = mark.text();
  return false;
}

template <class... Keys>
std::optional<Instant> time_at(const Json& value, const Keys&... keys) {
  const auto time = text::parse_time(string_at(value, keys...));
  return time ? std::optional<Instant>(*time) : std::nullopt;
}

std::string protection_of(const Json& node) {
  for (const char* role : control_plane) {
    if (!at(node, "metadata", "labels", role).is_null())
      return "it is of the control plane (" + std::string(role) + ")";
  }
  for (const char* annotation :
       {"cluster-autoscaler.kubernetes.io/scale-down-disabled", "karpenter.sh/do-not-disrupt"}) {
    if (string_at(node, "metadata", "annotations", annotation) == "true") {
      return "its annotation " + std::string(annotation) + " says so";
    }
  }
  return "";
}

}  // namespace

ClusterNode read_node(const Json& node, const std::string& mark) {
  ClusterNode out;
  out.name = string_at(node, "metadata", "name");
  out.uid = string_at(node, "metadata", "uid");
  out.why_not_ready = "it has said nothing of itself yet";
  out.not_ready_since = time_at(node, "metadata", "creationTimestamp");
  for (const Json& condition : at(node, "status", "conditions")) {
    if (string_at(condition, "type") != "Ready") continue;
    out.ready = string_at(condition, "status") == "True";
    out.not_ready_since = out.ready ? std::nullopt : time_at(condition, "lastTransitionTime");
    const std::string message = string_at(condition, "message");
    out.why_not_ready = message.empty() ? string_at(condition, "reason") : message;
  }
  out.cordoned = bool_at(node, "spec", "unschedulable");
  const kubernetes::Signature own = kubernetes::read_signature(mark);
  out.member = has_mark(node, kubernetes::pool_member, own, out.owner);
  out.leaving = has_mark(node, kubernetes::pool_leaving, own, out.owner);
  out.removed = has_mark(node, kubernetes::pool_removed, own, out.owner);
  out.replaced = has_mark(node, kubernetes::pool_replaced, own, out.owner);
  std::string of_no_matter;
  out.ours = out.cordoned && has_mark(node, kubernetes::cordoned_by, own, of_no_matter);
  out.protection = protection_of(node);
  return out;
}

bool Member::live() const {
  return life == docker::Life::running || life == docker::Life::paused || life == docker::Life::restarting;
}

bool is_dead(const Member& member, Duration alone_for, Instant now) {
  if (!member.live()) return !member.node || !member.node->ready;
  if (!member.node) return alone_for >= dead_after;
  return member.node->not_ready_since && now - *member.node->not_ready_since >= dead_after;
}

const Member* Pool::find(std::string_view name) const {
  const auto found =
      std::find_if(members.begin(), members.end(), [&](const Member& member) { return member.name == name; });
  return found == members.end() ? nullptr : &*found;
}

const Member* Pool::replacement_of(std::string_view name) const {
  const auto found = std::find_if(members.begin(), members.end(), [&](const Member& member) {
    return member.replaces == name && !member.removed() && member.life != docker::Life::removing;
  });
  return found == members.end() ? nullptr : &*found;
}

Pool read_pool(const Json& containers, const Json& nodes, const std::string& prefix, const std::string& mark,
               const std::string& cluster) {
  std::map<std::string, ClusterNode> by_name;
  for (const Json& item : nodes.is_array() ? nodes : Json::array()) {
    ClusterNode node = read_node(item, mark);
    std::string name = node.name;
    by_name.emplace(std::move(name), std::move(node));
  }
  const std::string own = kubernetes::read_signature(mark).installation;
  Pool pool;
  for (const Json& entry : containers.is_array() ? containers : Json::array()) {
    Member member;
    member.id = string_at(entry, "Id");
    if (member.id.empty()) continue;
    member.name = docker::name_in(entry);
    const auto is_other = [&](const char* name, const std::string& ours) {
      const std::string theirs = string_at(entry, "Labels", name);
      return !theirs.empty() && !ours.empty() && theirs != ours;
    };
    const auto node = by_name.find(member.name);
    // Of a version that did not label its containers: whose its node is counts.
    const bool unknown = string_at(entry, "Labels", label::installation).empty() && !own.empty();
    const bool by_its_node = unknown && node != by_name.end() && !node->second.owner.empty();
    if (by_its_node || is_other(label::installation, own) || is_other(label::cluster, cluster)) {
      pool.others.push_back(member.name);
      continue;
    }
    member.index = text::parse_int(string_at(entry, "Labels", label::index)).value_or(0);
    member.life = docker::parse_life(string_at(entry, "State"));
    member.action = string_at(entry, "Labels", label::action);
    member.replaces = string_at(entry, "Labels", label::replaces);
    if (node != by_name.end()) {
      if (node->second.owner.empty()) {
        member.node = std::move(node->second);
        by_name.erase(node);
      } else {
        member.taken_by = node->second.owner;
      }
    }
    pool.members.push_back(std::move(member));
  }
  std::sort(pool.members.begin(), pool.members.end(),
            [](const Member& a, const Member& b) { return std::tie(a.index, a.name) < std::tie(b.index, b.name); });
  std::sort(pool.others.begin(), pool.others.end());
  for (auto& [name, node] : by_name) {
    const bool marked = node.member || node.leaving || node.removed;
    if (marked || index_in(name, prefix)) pool.strays.push_back(std::move(node));
  }
  return pool;
}

bool is_leftover(const ClusterNode& stray, Instant now) {
  if (!stray.owner.empty()) return false;
  const bool is_dead = stray.not_ready_since && now - *stray.not_ready_since >= dead_after;
  return stray.removed || ((stray.member || stray.leaving) && is_dead);
}

bool is_junk(const Member& member, std::string_view in_flight) {
  if (member.life == docker::Life::removing) return false;
  if (member.life == docker::Life::created) return true;
  const bool ended = member.life == docker::Life::exited || member.life == docker::Life::dead;
  return ended && !member.node && (in_flight.empty() || member.action != in_flight);
}

bool counts(const Member& member, const Pool& pool, std::string_view in_flight) {
  if (member.life == docker::Life::removing || member.removed() || is_junk(member, in_flight)) return false;
  if (member.replaces.empty()) return true;
  const Member* const replaced = pool.find(member.replaces);
  return replaced == nullptr || replaced->removed() || is_junk(*replaced, in_flight);
}

int count(const Pool& pool, std::string_view in_flight) {
  return static_cast<int>(std::count_if(pool.members.begin(), pool.members.end(),
                                        [&](const Member& member) { return counts(member, pool, in_flight); }));
}

bool is_surplus(const Member& member, const Pool& pool) {
  if (member.replaces.empty() || member.removed()) return false;
  const Member* const replaced = pool.find(member.replaces);
  if (replaced == nullptr || !replaced->node || replaced->removed()) return false;
  return !replaced->node->replaced && !replaced->node->cordoned && replaced->ready();
}

bool is_retired(const Member& member, const Pool& pool) {
  return is_surplus(member, pool) && member.node && member.node->ours;
}

std::optional<int> index_in(std::string_view name, std::string_view prefix) {
  if (!name.starts_with(prefix) || name.size() == prefix.size()) return std::nullopt;
  const std::string_view digits = name.substr(prefix.size());
  const bool plain =
      digits.front() != '0' && std::all_of(digits.begin(), digits.end(), [](char c) { return c >= '0' && c <= '9'; });
  return plain ? text::parse_int(digits) : std::nullopt;
}

int highest_index(const Pool& pool, std::string_view prefix) {
  int highest = 0;
  for (const Member& member : pool.members) {
    highest = std::max({highest, member.index, index_in(member.name, prefix).value_or(0)});
  }
  for (const ClusterNode& node : pool.strays) highest = std::max(highest, index_in(node.name, prefix).value_or(0));
  for (const std::string& name : pool.others) highest = std::max(highest, index_in(name, prefix).value_or(0));
  return highest;
}

}  // namespace alertscaler::node_pool
