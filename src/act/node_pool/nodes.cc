// One node of the pool, drained because an alert names it; and, where the policy says so, replaced by another.
#include <algorithm>
#include <utility>

#include "act/kubernetes/annotations.h"
#include "act/node_pool/backend.h"
#include "base/crash_point.h"
#include "base/log.h"

namespace alertscaler::node_pool {

Result<std::vector<ObservedNode>> PoolBackend::observe(std::stop_token stop) {
  const Result<Pool> pool = look(stop);
  if (!pool) return fail(pool.error());
  auto all = drains_->observe(stop);  // who has cordoned them, and how else they are called
  if (!all) return fail(std::move(all).error());
  std::vector<ObservedNode> observed;
  for (ObservedNode& node : *all) {
    const Member* const member = pool->find(node.name);
    if (member == nullptr || !member->node || member->removed()) continue;
    node.ready = member->ready();
    node.leaving = member->leaving() || is_retired(*member, *pool);
    node.surplus = !member->leaving() && node.leaving;
    node.dead = goes_first(*member);
    node.ours = node.ours && !node.leaving;
    node.replacing = member->node->replaced;
    observed.push_back(std::move(node));
  }
  return observed;
}

Result<DrainProgress> PoolBackend::drain(const std::string& node, const DrainPolicy& policy, std::stop_token stop) {
  const Result<Pool> pool = look(stop);
  if (!pool) return fail(pool.error());
  const Member* const member = pool->find(node);
  if (member == nullptr || !member->node) {
    return fail(ErrorKind::not_found, "there is no node " + node + " in " + shown());
  }
  if (member->leaving() || is_retired(*member, *pool)) {
    DrainProgress progress;
    progress.waits = member->leaving() ? "a scale-down is removing it" : "it is being removed, as it replaces nothing";
    return progress;
  }
  if (!member->removed() && !policy.replace) return drains_->drain(node, policy, std::move(stop));
  Result<DrainProgress> progress = replace(*member, *pool, policy, stop);
  if (!progress && progress.error().kind == ErrorKind::refused) permissions_.doubt();
  return progress;
}

// Another one joins, then this one is drained, and then it goes. Each step is read off what there is.
Result<DrainProgress> PoolBackend::replace(const Member& member, const Pool& pool, const DrainPolicy& policy,
                                           const std::stop_token& stop) {
  if (!member.removed()) {
    if (!member.node->replaced) {
      if (Status marked = set_mark(member.name, kubernetes::pool_replaced, true, stop); !marked) {
        return fail(std::move(marked).error());
      }
      crash_point("after_replaced_mark");
    }
    const Member* const other = pool.replacement_of(member.name);
    if (other == nullptr || !other->ready()) return await_replacement(member, pool, stop);
    if (!member.dead) {
      auto progress = drain_out(member, policy, stop);
      if (!progress || !progress->refused.empty() || !progress->empty) return progress;
    }
    if (Status marked = set_mark(member.name, kubernetes::pool_removed, true, stop); !marked) {
      return fail(std::move(marked).error());
    }
    crash_point("after_removed_mark");
  }
  const Result<bool> gone = finish(member, stop);
  if (!gone) return fail(gone.error());
  DrainProgress progress;
  progress.empty = *gone;
  if (!*gone) progress.waits = "its pods have gone; its container is being stopped";
  return progress;
}

Result<DrainProgress> PoolBackend::await_replacement(const Member& member, const Pool& pool,
                                                     const std::stop_token& stop) {
  DrainProgress progress;
  const Member* const other = pool.replacement_of(member.name);
  if (other != nullptr && is_junk(*other, "")) {
    if (Status removed = remove_container(*other, true, stop); !removed) return fail(std::move(removed).error());
  }
  if (other == nullptr || is_junk(*other, "")) {
    const Result<std::string> made = make(0, member.name, pool, stop);
    if (!made) return fail(made.error().wrap("replace " + member.name));
    progress.waits = made.value() + " is made to take its place, and must be ready first";
    return progress;
  }
  const std::string why = why_not_ready(*other, stop);
  // One that was ready before, and is away for a moment, is waited for.
  const bool in_vain = !noticed(*other).was_ready && clock_.now() - noticed(*other).since > settings_.join_within;
  if (other->dead || in_vain) {
    const Status destroyed = destroy_unless_used(*other, stop);
    if (!destroyed && destroyed.error().kind != ErrorKind::refused) return fail(destroyed.error());
    return fail(ErrorKind::refused, "what was made to take its place did not get ready: " + why);
  }
  progress.waits = "what takes its place must be ready first: " + why;
  return progress;
}

Result<DrainProgress> PoolBackend::rehearse(const std::string& node, const DrainPolicy& policy, std::stop_token stop) {
  return drains_->rehearse(node, policy, std::move(stop));
}

// With it the way of its replacement begins; tidy() takes it to its end. Not of a node that was cordoned so that it can
// go.
Status PoolBackend::uncordon(const std::string& node, std::stop_token stop) {
  const Result<Pool> pool = look(stop);
  if (!pool) return fail(pool.error());
  const Member* const member = pool->find(node);
  if (member == nullptr || !member->node || member->removed()) return {};
  if (member->leaving() || is_retired(*member, *pool)) return {};
  if (Status taken = drains_->uncordon(node, stop); !taken) return taken;
  return doubted(set_mark(node, kubernetes::pool_replaced, false, stop));
}

Status PoolBackend::let_go(const std::string& node, std::stop_token stop) {
  if (Status taken = drains_->let_go(node, stop); !taken) return taken;
  return doubted(set_mark(node, kubernetes::pool_replaced, false, stop));
}

void PoolBackend::announce(const std::string& node, const HistoryEntry& entry) {
  drains_->announce(node, entry);
}

}  // namespace alertscaler::node_pool
