// Scaling down: which node goes, and how: drained, stopped, deleted from the cluster, and its container removed, in
// that order. Each step leaves a trace by which whoever looks next knows how far it has come.
#include <algorithm>
#include <array>
#include <utility>

#include "act/kubernetes/annotations.h"
#include "act/node_pool/backend.h"
#include "base/crash_point.h"
#include "base/log.h"
#include "base/text.h"

namespace alertscaler::node_pool {
namespace {

constexpr std::size_t rehearsals_max = 5;  // a call is short
constexpr Duration ask_again_after = std::chrono::seconds{5};
constexpr Duration refused_for = std::chrono::minutes{1};
constexpr Duration stop_overtime = std::chrono::seconds{30};

std::string path_of(const std::string& node) {
  return "/api/v1/nodes/" + kubernetes::escape(node);
}

}  // namespace

Status PoolBackend::apply(const Change& change, std::stop_token stop) {
  const Result<Pool> pool = seen(stop);
  if (!pool) return fail(pool.error());
  Status swept = sweep(*pool, std::to_string(change.id), stop);
  if (Status marked = mark_members(*pool, stop); swept && !marked) swept = std::move(marked);
  // What is left to sweep is in no growth's way, unless it may still start and be one more.
  const auto may_start = [&](const Member& member) {
    return member.life == docker::Life::created && member.action == std::to_string(change.id);
  };
  const bool grows = change.to >= change.from;
  if (grows && !swept && std::any_of(pool->members.begin(), pool->members.end(), may_start)) return doubted(swept);
  if (grows) return doubted(grow(change, *pool, stop));
  Status moved = shrink(change, *pool, stop);
  return doubted(moved ? std::move(swept) : std::move(moved));
}

Status PoolBackend::shrink(const Change& change, const Pool& pool, const std::stop_token& stop) {
  const std::string action = std::to_string(change.id);
  const int replicas = count(pool, action);
  auto surplus = static_cast<std::size_t>(std::max(0, replicas - change.to));
  std::size_t unavailable = 0;
  std::vector<std::string> out_of_work;  // of those that no scale-down takes away
  Status first;
  for (const Member& member : pool.members) {
    if (member.removed()) ++unavailable;
    if (!counts(member, pool, action)) continue;
    if (!member.leaving()) {
      // A dead one is what goes first; it takes nothing away.
      const bool works = member.ready() && !member.node->cordoned;
      if (!works && !goes_first(member)) out_of_work.push_back(member.name);
      continue;
    }
    Status moved;
    if (surplus == 0) {
      moved = keep_after_all(member, stop);
    } else {
      --surplus;
      ++unavailable;
      moved = move_on(member, stop);
    }
    if (first && !moved) first = moved;
  }
  const auto limit = static_cast<std::size_t>(settings_.drain.max_unavailable.of(replicas));
  held_up_.clear();
  if (!first || surplus == 0 || unavailable >= limit) return first;
  const bool any_goes = unavailable > 0;
  unavailable += out_of_work.size();
  if (unavailable >= limit) {
    held_up_ = "no node is taken now: " + text::join(out_of_work, ", ") + " cannot work, and max_unavailable allows " +
               std::to_string(limit) + " at once";
    return {};
  }
  const auto chosen = choose(pool, std::min(surplus, limit - unavailable), stop);
  if (!chosen && !any_goes) return fail(chosen.error());
  if (!chosen) held_up_ = chosen.error().message;
  if (!chosen) return {};
  for (const Member* member : *chosen) {
    if (Status begun = begin_removal(*member, stop); !begun) return begun;
  }
  return {};
}

// The best ones, asked of the API server one by one whether their pods could go.
Result<std::vector<const Member*>> PoolBackend::choose(const Pool& pool, std::size_t at_most,
                                                       const std::stop_token& stop) {
  std::vector<Candidate> candidates;
  std::vector<std::string> reasons;
  bool passes = false;
  for (const Member& member : pool.members) {
    if (!counts(member, pool, "") || member.leaving()) continue;
    if (const auto* refusal = member.dead ? nullptr : fresh_refusal(member)) {
      reasons.push_back(member.name + ": " + refusal->why);
      passes = passes || refusal->passes;
      continue;
    }
    Json pods = Json::array();
    if (member.ready()) {
      Result<Json> list = pods_on(member, stop);
      if (!list) return fail(std::move(list).error());
      pods = *std::move(list);
    }
    candidates.push_back(candidate_of(member, pods, settings_.own_pod));
    if (!candidates.back().blocked.empty()) reasons.push_back(member.name + ": " + candidates.back().blocked);
  }
  std::vector<const Member*> chosen;
  std::size_t asked = 0;
  for (const Candidate& candidate : in_order(std::move(candidates))) {
    if (chosen.size() >= at_most) break;
    if (asked++ >= rehearsals_max) {
      passes = true;
      reasons.emplace_back("others are asked next");
      break;
    }
    const Result<std::string> why = objection_to(candidate, stop);
    if (!why) return fail(why.error());
    if (why->empty()) {
      chosen.push_back(candidate.member);
      continue;
    }
    reasons.push_back(candidate.member->name + ": " + *why);
    passes = passes || noticed(*candidate.member).refusal->passes;
  }
  if (!chosen.empty()) return chosen;
  return fail(passes ? ErrorKind::busy : ErrorKind::refused,
              "no node of " + shown() + " can be removed: " + text::join(reasons, "; "));
}

Result<std::string> PoolBackend::objection_to(const Candidate& candidate, const std::stop_token& stop) {
  if (candidate.dead) return "";
  const Member& member = *candidate.member;
  const auto rehearsal = drains_->rehearse(member.name, settings_.drain, stop);
  if (!rehearsal) {
    const bool says_no = rehearsal.error().kind == ErrorKind::refused || rehearsal.error().kind == ErrorKind::not_found;
    if (!says_no) return fail(rehearsal.error());
    put_off(member, rehearsal.error().message, false);
    return rehearsal.error().message;
  }
  const std::string why = rehearsal->refused.empty() ? rehearsal->waits : rehearsal->refused;
  if (why.empty()) noticed(member).refusal.reset();
  if (!why.empty()) put_off(member, why, rehearsal->refused.empty());
  return why;
}

const PoolBackend::Noticed::Refusal* PoolBackend::fresh_refusal(const Member& member) {
  const auto& refusal = noticed(member).refusal;
  const Instant now = clock_.now();
  const bool fresh = refusal && now < refusal->until && refusal->until - now <= refused_for;
  return fresh ? &*refusal : nullptr;
}

// A budget may be there again a moment later; what a pod says stays for longer.
void PoolBackend::put_off(const Member& member, std::string why, bool passes) {
  noticed(member).refusal =
      Noticed::Refusal{clock_.now() + (passes ? ask_again_after : refused_for), std::move(why), passes};
}

Result<Json> PoolBackend::pods_on(const Member& member, const std::stop_token& stop) {
  const std::string selector = kubernetes::escape("spec.nodeName=" + member.name);
  auto list = server_.list("/api/v1/pods?fieldSelector=" + selector, stop);
  if (!list) return fail(list.error().error.wrap("see what runs on " + member.name));
  return *std::move(list);
}

Status PoolBackend::begin_removal(const Member& member, const std::stop_token& stop) {
  log::info("replica.leaving", {{"target", settings_.target.text}, {"node", member.name}});
  if (member.node && !member.dead) {
    if (Status marked = set_mark(member.name, kubernetes::pool_leaving, true, stop); !marked) return marked;
    crash_point("after_leaving");
    tell(member.name, false, "NodeRemoving", "drained, so that it can be removed: " + shown() + " is scaled down");
  }
  return move_on(member, stop);
}

Result<DrainProgress> PoolBackend::drain_out(const Member& member, const DrainPolicy& policy,
                                             const std::stop_token& stop) {
  auto progress = drains_->drain(member.name, policy, stop);
  Noticed& seen = noticed(member);
  const Instant now = clock_.now();
  const bool cordoned = progress || member.node->cordoned;
  if (cordoned && (!seen.cordon_since || now < *seen.cordon_since)) seen.cordon_since = now;
  if (!progress) return progress;
  if (progress->empty && now - *seen.cordon_since < settings_.settles_after) {
    progress->empty = false;
    progress->waits = "it is looked at a little longer";
  }
  return progress;
}

// One more move of what is to go: it is drained, unless nothing runs there that could be; then it is certain to go.
Status PoolBackend::move_on(const Member& member, const std::stop_token& stop) {
  // At once: there is nothing to put a mark on, by which it would be known as gone while it stops.
  if (!member.node) return destroy(member, stop);
  if (!member.dead) {
    const auto progress = drain_out(member, settings_.drain, stop);
    const bool refused = progress ? !progress->refused.empty() : progress.error().kind == ErrorKind::refused;
    if (refused) {
      const Status kept = keep_after_all(member, stop);
      return fail(ErrorKind::refused, "drain " + member.name + ": " +
                                          (progress ? progress->refused : progress.error().message) +
                                          (kept ? "" : "; it stays cordoned: " + kept.error().message));
    }
    // Gone, or so somebody on the way there says: the next look tells.
    if (!progress) return progress.error().kind == ErrorKind::not_found ? Status{} : fail(progress.error());
    if (!progress->empty) {
      drain_waits_[member.name] = member.name + " is being drained: " + std::to_string(progress->left) +
                                  (progress->left == 1 ? " pod is left" : " pods are left") +
                                  (progress->waits.empty() ? "" : ", " + progress->waits);
      return {};
    }
  }
  drain_waits_.erase(member.name);
  if (Status marked = set_mark(member.name, kubernetes::pool_removed, true, stop); !marked) return marked;
  crash_point("after_removed_mark");
  const Result<bool> gone = finish(member, stop);
  if (!gone) return fail(gone.error());
  return {};
}

// One move of the removal of what is certain to go. True: nothing of it is left.
Result<bool> PoolBackend::finish(const Member& member, const std::stop_token& stop) {
  if (member.live()) {
    const Result<bool> stopped = stop_container(member, stop);
    if (!stopped || !*stopped) return stopped;
    crash_point("after_stop");
  }
  // Not before it has stopped: its kubelet would make the node anew.
  if (member.node) {
    if (Status deleted = delete_node(*member.node, stop); !deleted) return fail(std::move(deleted).error());
    crash_point("after_node_deleted");
  }
  if (Status removed = remove_container(member, false, stop); !removed) return fail(std::move(removed).error());
  crash_point("after_container_removed");
  return true;
}

// False: it is still stopping. Who does not stop within his grace period is killed by the engine, and if that fails,
// too, is removed by force.
Result<bool> PoolBackend::stop_container(const Member& member, const std::stop_token& stop) {
  Noticed& seen = noticed(member);
  if (seen.stop_since && clock_.now() - *seen.stop_since > stop_grace + stop_overtime) {
    if (Status removed = remove_container(member, true, stop); !removed) return fail(std::move(removed).error());
    return true;
  }
  if (seen.stop_since) return false;  // the engine goes on by itself
  const Result<docker::StopResult> stopped = engine_.stop_all({&member.id, 1}, settings_.stop_wait, stop).front();
  if (!stopped) return fail(stopped.error().wrap("stop " + member.name));
  seen.stop_since = clock_.now();
  log::info("replica.stopping", {{"target", settings_.target.text}, {"container", member.name}});
  return *stopped != docker::StopResult::stopping;
}

Status PoolBackend::remove_container(const Member& member, bool force, const std::stop_token& stop) {
  const Status removed = engine_.remove_all({&member.id, 1}, force, stop).front();
  if (!removed) return fail(removed.error().wrap("remove " + member.name));
  log::info("replica.removed", {{"target", settings_.target.text}, {"container", member.name}, {"force", force}});
  return {};
}

// Of what never became a Ready node: nothing runs there that would have to end.
Status PoolBackend::destroy(const Member& member, const std::stop_token& stop) {
  if (member.node) {
    if (Status marked = set_mark(member.name, kubernetes::pool_removed, true, stop); !marked) return marked;
  }
  if (Status removed = remove_container(member, true, stop); !removed) return removed;
  // It may have come while the container was on its way out.
  const auto found = server_.get(path_of(member.name), stop);
  if (!found && found.error().code == 404) return {};
  if (!found) return fail(found.error().error);
  const ClusterNode node = read_node(*found, mark_);
  return node.owner.empty() ? delete_node(node, stop) : Status{};
}

Status PoolBackend::destroy_unless_used(const Member& member, const std::stop_token& stop) {
  if (member.node && !member.dead) {
    const Result<Json> pods = pods_on(member, stop);
    if (!pods) return fail(pods.error());
    if (pods_to_move(*pods) > 0) return {};
  }
  return destroy(member, stop);
}

// What is certain to go; nobody will be there to see it stop.
Status PoolBackend::end_at_once(const Member& member, const std::stop_token& stop) {
  if (Status removed = remove_container(member, true, stop); !removed) return removed;
  return member.node ? delete_node(*member.node, stop) : Status{};
}

Status PoolBackend::delete_node(const ClusterNode& node, const std::stop_token& stop) {
  const auto deleted = server_.remove(path_of(node.name), node.uid, stop);
  // 409: another node of that name, which is none of ours.
  if (!deleted && deleted.error().code != 404 && deleted.error().code != 409) return fail(deleted.error().error);
  log::info("node.deleted", {{"target", settings_.target.text}, {"node", node.name}});
  return {};
}

// It takes work again, if it was us who stopped that. The mark goes last, so that a crash leaves it.
Status PoolBackend::keep_after_all(const Member& member, const std::stop_token& stop) {
  drain_waits_.erase(member.name);
  if (Status taken = drains_->uncordon(member.name, stop); !taken) return taken;
  if (Status unmarked = set_mark(member.name, kubernetes::pool_leaving, false, stop); !unmarked) return unmarked;
  log::info("replica.kept", {{"target", settings_.target.text}, {"node", member.name}});
  tell(member.name, false, "NodeKept", "takes work again: it is not removed");
  return {};
}

// A node that has gone meanwhile has no mark any more.
Status PoolBackend::set_mark(const std::string& node, std::string_view annotation, bool on,
                             const std::stop_token& stop) {
  const Json value = on ? Json(mark_) : Json(nullptr);
  const auto patched =
      server_.merge_patch(path_of(node), {{"metadata", {{"annotations", {{std::string(annotation), value}}}}}}, stop);
  if (!patched && patched.error().code != 404) return fail(patched.error().error);
  return {};
}

Status PoolBackend::clean_up(const Change& change, std::stop_token stop) {
  const Result<Pool> pool = look(stop);
  if (!pool) return fail(pool.error());
  const std::string action = std::to_string(change.id);
  Status first;
  for (const Member& member : pool->members) {
    Status done;
    if (member.leaving()) {
      done = keep_after_all(member, stop);
    } else if (member.action == action && !member.ready() && !member.removed()) {
      done = destroy_unless_used(member, stop);
    }
    if (first && !done) first = done;
  }
  return doubted(std::move(first));
}

}  // namespace alertscaler::node_pool
