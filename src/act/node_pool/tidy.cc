// Putting in order what earlier actions, a crash or somebody's hand have left: what is ours is finished off, the rest
// only told of.
#include <algorithm>

#include "act/kubernetes/annotations.h"
#include "act/node_pool/backend.h"
#include "base/log.h"
#include "base/text.h"

namespace alertscaler::node_pool {
namespace {

constexpr int marks_at_once = 10;

void keep_first(Status& first, Status status) {
  if (first && !status) first = std::move(status);
}

}  // namespace

Status PoolBackend::tidy(std::stop_token stop) {
  const Result<Pool> pool = seen(stop);
  if (!pool) return fail(pool.error());
  Status first = sweep(*pool, "", stop);
  for (const Member& member : pool->members) {
    // No action is under way that would want it gone.
    if (member.leaving() || is_wanted_again(member, *pool)) keep_first(first, keep_after_all(member, stop));
  }
  keep_first(first, retire_surplus(*pool, stop));
  keep_first(first, sweep_strays(*pool, stop));
  keep_first(first, mark_members(*pool, stop));
  return doubted(std::move(first));
}

// It was being drained because it replaced nothing any more, and by now it stands in for somebody.
bool PoolBackend::is_wanted_again(const Member& member, const Pool& pool) {
  const bool was_retired = !member.replaces.empty() && member.node && member.node->ours && !member.removed() &&
                           !member.node->replaced && noticed(member).cordon_since;
  const Member* const replaced = pool.find(member.replaces);
  const bool is_replaced = replaced != nullptr && replaced->node && replaced->node->replaced;
  return was_retired && !is_surplus(member, pool) && !is_replaced;
}

// What is certain to go, goes on; what never was a replica, or is none any more, is removed.
Status PoolBackend::sweep(const Pool& pool, std::string_view in_flight, const std::stop_token& stop) {
  Status first;
  for (const Member& member : pool.members) {
    if (member.removed() && member.life != docker::Life::removing) {
      if (const Result<bool> gone = finish(member, stop); !gone) keep_first(first, fail(gone.error()));
    } else if (is_junk(member, in_flight)) {
      keep_first(first, remove_container(member, false, stop));
    } else if (const Member* other = pool.replacement_of(member.name);
               !member.node && other != nullptr && other->ready()) {
      // Somebody has deleted the node while it was being replaced.
      if (const Result<bool> gone = finish(member, stop); !gone) keep_first(first, fail(gone.error()));
    }
  }
  return first;
}

// Nodes without a container, which the cluster itself keeps for ever: of a removal that was interrupted, and those
// whose container somebody has removed. A node that is ready, or was a moment ago, has a kubelet somewhere, and is left
// alone.
Status PoolBackend::sweep_strays(const Pool& pool, const std::stop_token& stop) {
  Status first;
  for (const ClusterNode& node : pool.strays) {
    if (is_leftover(node, pool.now)) keep_first(first, delete_node(node, stop));
  }
  return first;
}

// A replacement of what stays after all goes as every node that is removed, one after the other; but nobody waits for
// it.
Status PoolBackend::retire_surplus(const Pool& pool, const std::stop_token& stop) {
  for (const Member& member : pool.members) {
    if (is_surplus(member, pool) && fresh_refusal(member) == nullptr) return retire(member, stop);
  }
  return {};
}

// What cannot go, or not in the time of a drain, works on until it is asked again.
Status PoolBackend::retire(const Member& member, const std::stop_token& stop) {
  const bool begun = member.node && member.node->ours;
  if (!begun && member.node) {
    const Result<Json> pods = member.ready() ? pods_on(member, stop) : Json::array();
    if (!pods) return fail(pods.error());
    const Candidate candidate = candidate_of(member, *pods, settings_.own_pod);
    if (!candidate.blocked.empty()) put_off(member, candidate.blocked, false);
    if (!candidate.blocked.empty()) return {};
    const Result<std::string> why = objection_to(candidate, stop);
    if (!why || !why->empty()) return why ? Status{} : fail(why.error());
  }
  const auto since = noticed(member).cordon_since;
  if (begun && since && clock_.now() - *since > settings_.drain.timeout) {
    put_off(member, "it could not be drained in " + text::format_duration(settings_.drain.timeout), false);
    return keep_after_all(member, stop);
  }
  Status moved = move_on(member, stop);
  if (!moved && moved.error().kind == ErrorKind::refused) put_off(member, moved.error().message, false);
  return moved;
}

// What cannot be ended in a moment stays as it is, and is told of.
Status PoolBackend::leave(std::stop_token stop) {
  const Result<Pool> pool = look(stop);
  if (!pool) return fail(pool.error());
  Status first;
  std::vector<std::string> left;
  for (const Member& member : pool->members) {
    const bool retired = is_retired(member, *pool);
    if (member.leaving() || retired) keep_first(first, keep_after_all(member, stop));
    if (member.removed()) keep_first(first, end_at_once(member, stop));
    const Member* const replaced = pool->find(member.replaces);
    const bool beside = replaced != nullptr && !replaced->removed() && !member.removed();
    if (is_junk(member, "") || (beside && !member.node)) keep_first(first, destroy(member, stop));
    if (beside && member.node) left.push_back(member.name + ", made to take the place of " + replaced->name);
    const bool drained = member.node && member.node->ours && !member.leaving() && !retired && !member.removed();
    if (drained) left.push_back(member.name + ", cordoned for an alert");
  }
  keep_first(first, sweep_strays(*pool, stop));
  if (!left.empty()) {
    log::warn("pool.left_behind",
              {{"target", settings_.target.text}, {"text", "look after these yourself: " + text::join(left, "; ")}});
  }
  return doubted(std::move(first));
}

// So that a node is known as ours when its container is not there any more.
Status PoolBackend::mark_members(const Pool& pool, const std::stop_token& stop) {
  int marked = 0;
  for (const Member& member : pool.members) {
    if (!member.node || member.node->member || member.removed()) continue;
    if (marked++ == marks_at_once) break;
    if (Status done = set_mark(member.name, kubernetes::pool_member, true, stop); !done) return done;
  }
  return {};
}

}  // namespace alertscaler::node_pool
