#include "act/node_pool/backend.h"

#include <algorithm>
#include <array>
#include <utility>

#include "act/docker/log_stream.h"
#include "act/kubernetes/signature.h"
#include "base/log.h"
#include "base/text.h"

namespace alertscaler::node_pool {
namespace {

constexpr int log_lines = 40;
constexpr std::size_t log_lines_shown = 5;
constexpr std::size_t log_bytes_shown = 600;
constexpr Duration log_again_after = std::chrono::seconds{5};
const std::string lead = "the API server does not allow us all that this takes; ";

std::vector<kubernetes::Right> rights() {
  return {{"", "", "nodes", "", "", "get"},
          {"", "", "nodes", "", "", "list"},
          {"", "", "nodes", "", "", "patch"},
          {"", "", "nodes", "", "", "delete"},
          {"", "", "pods", "", "", "get"},
          {"", "", "pods", "", "", "list"},
          {"", "", "pods", "eviction", "", "create"},
          {"", "apps", "daemonsets", "", "", "get"}};
}

void add(std::string& text, const std::string& more) {
  if (more.empty()) return;
  text += (text.empty() ? "" : "; ") + more;
}

}  // namespace

PoolBackend::PoolBackend(Settings settings, Access access)
    : settings_(std::move(settings)),
      mark_(kubernetes::Signature{settings_.target.text, settings_.installation}.text()),
      engine_(access.engine),
      server_(access.server),
      keep_(access.keep),
      events_(access.events),
      clock_(access.clock),
      drains_(std::move(access.drains)),
      permissions_(access.server, rights(), access.clock) {}

// Containers first: one that is made later may be a node without us knowing, and never the other way round.
Result<Pool> PoolBackend::look(const std::stop_token& stop) {
  seen_.reset();
  const std::array<std::string, 1> labels = {std::string(label::pool) + "=" + settings_.target.text};
  const Result<Json> containers = engine_.list_labelled(labels, stop);
  if (!containers) {
    // An engine that was away may have forgotten whom it was to stop: it is asked once more.
    if (containers.error().kind == ErrorKind::unreachable) {
      for (auto& [id, seen] : noticed_) seen.stop_since.reset();
    }
    return fail(containers.error().wrap("list the containers of " + shown()));
  }
  const auto nodes = server_.list("/api/v1/nodes", stop);
  if (!nodes) {
    if (nodes.error().error.kind == ErrorKind::refused) permissions_.doubt();
    return fail(nodes.error().error.wrap("list the nodes of " + shown()));
  }
  if (Status learnt = learn_cluster(stop); !learnt) return fail(std::move(learnt).error());
  Pool pool = read_pool(*containers, *nodes, settings_.nodes.name_prefix, mark_, *cluster_);
  notice(pool);
  return pool;
}

// One engine may serve several clusters, whose installations may be called alike. Who is not allowed to look at
// kube-system has only the names to go by.
Status PoolBackend::learn_cluster(const std::stop_token& stop) {
  if (cluster_) return {};
  const auto found = server_.get("/api/v1/namespaces/kube-system", stop);
  if (found) {
    cluster_ = string_at(*found, "metadata", "uid");
  } else if (found.error().code == 403 || found.error().code == 404) {
    cluster_ = "";
  } else {
    return fail(found.error().error.wrap("see which cluster " + shown() + " is of"));
  }
  return {};
}

// What only time tells.
void PoolBackend::notice(Pool& pool) {
  pool.now = server_.date().value_or(clock_.now());
  const auto is_gone = [&](const auto& entry) {
    return std::none_of(pool.members.begin(), pool.members.end(), [&](const Member& m) { return m.id == entry.first; });
  };
  std::erase_if(noticed_, is_gone);
  for (Member& member : pool.members) {
    Noticed& seen = noticed(member);
    if (member.node) seen.alone_since = clock_.now();
    if (member.node && !member.node->cordoned) seen.cordon_since.reset();
    member.dead = is_dead(member, clock_.now() - seen.alone_since, pool.now);
    seen.was_ready = seen.was_ready || member.ready();
  }
  std::erase_if(drain_waits_, [&](const auto& entry) {
    const Member* const member = pool.find(entry.first);
    return member == nullptr || !(member->leaving() || is_surplus(*member, pool));
  });
}

Result<Pool> PoolBackend::seen(const std::stop_token& stop) {
  if (auto latest = std::exchange(seen_, std::nullopt)) return *std::move(latest);
  return look(stop);
}

PoolBackend::Noticed& PoolBackend::noticed(const Member& member) {
  return noticed_.try_emplace(member.id, Noticed{.since = clock_.now(), .alone_since = clock_.now()}).first->second;
}

Result<Observed> PoolBackend::observe(const std::optional<Change>& in_flight, std::stop_token stop) {
  const std::optional<std::string> missing = permissions_.missing(stop);
  Result<Pool> pool = look(stop);
  if (!pool && missing && pool.error().kind == ErrorKind::refused) return fail(ErrorKind::refused, lead + *missing);
  if (!pool) return fail(pool.error());

  const std::string action = in_flight ? std::to_string(in_flight->id) : "";
  const bool grows = in_flight && in_flight->to >= in_flight->from;
  Observed observed;
  if (grows) observed.awaited = 0;
  int not_ready = 0;
  for (const Member& member : pool->members) {
    if (!counts(member, *pool, action)) continue;
    ++observed.replicas;
    if (member.ready()) {
      ++observed.ready;
      continue;
    }
    const bool is_awaited = grows && member.action == action;
    if (is_awaited) ++*observed.awaited;
    const bool tells_most = is_awaited && *observed.awaited == 1;
    if (not_ready++ == 0 || tells_most) observed.waits = why_not_ready(member, stop);
    if (is_awaited && observed.broken.empty()) observed.broken = why_broken(member, stop);
  }
  if (not_ready > 1) observed.waits += "; " + std::to_string(not_ready - 1) + " more are not ready";
  bool going = false;
  for (const Member& member : pool->members) {
    going = going || member.leaving() || member.removed();
    if (const auto waits = drain_waits_.find(member.name); waits != drain_waits_.end())
      add(observed.waits, waits->second);
    if (member.removed()) add(observed.waits, member.name + " is drained, and is being removed");
    const bool forgotten = member.leaving() && !in_flight;  // until it is tidied up
    if (forgotten) add(observed.note, member.name + " is cordoned for a removal that was given up");
  }
  if (!in_flight) held_up_.clear();
  add(observed.waits, held_up_);
  // An action that makes some does not wait for those that still go.
  observed.settled = grows || !going;
  add(observed.note, note_of(*pool));
  if (pool->members.empty() && !keep_.get(keep_key())) {
    add(observed.note, "no node of it was ever made: ask for the first by hand, or let min be 0");
  }
  if (missing) observed.blocked = Blocked{Reason::not_scalable, lead + *missing};
  seen_ = *std::move(pool);
  return observed;
}

std::string PoolBackend::why_not_ready(const Member& member, const std::stop_token& stop) {
  if (!member.live())
    return "the container " + member.name + " is not running; docker start " + member.name + " brings its node back";
  if (member.life == docker::Life::paused) return "the container " + member.name + " is paused";
  if (!member.taken_by.empty()) {
    return "the cluster's node " + member.name + " is another pool's (" + member.taken_by +
           "), so that the container of that name cannot be one; let each pool have a name_prefix of its own";
  }
  const std::string why = member.node ? "node " + member.name + " is not ready: " + member.node->why_not_ready
                                      : member.name + " has not joined the cluster yet";
  if (clock_.now() - noticed(member).since < settings_.log_after) return why;
  return with_log(why, member, stop);
}

// Whether the container itself has given up; a node that does not get ready has until the action's end.
std::string PoolBackend::why_broken(const Member& member, const std::stop_token& stop) {
  const auto look = engine_.inspect(member.id, stop);
  if (!look) return "";
  const std::string why = docker::why_broken(member.name, docker::read_condition(look->document));
  return why.empty() ? why : with_log(why, member, stop);
}

std::string PoolBackend::with_log(const std::string& why, const Member& member, const std::stop_token& stop) {
  Noticed& seen = noticed(member);
  const Instant now = clock_.now();
  if (!seen.log_read || now - *seen.log_read >= log_again_after || now < *seen.log_read) {
    seen.log_read = now;
    const auto log = engine_.last_log_lines(member.id, log_lines, stop);
    if (log) seen.log = docker::last_lines(*log, log_lines_shown, log_bytes_shown);
    if (!log) seen.log = "(it cannot be read: " + log.error().message + ")";
  }
  return seen.log.empty() ? why : why + "; its log ends: " + seen.log;
}

// What somebody has to look after.
std::string PoolBackend::note_of(const Pool& pool) {
  std::vector<std::string> names, taken, in_place;
  for (const ClusterNode& node : pool.strays) {
    if (is_leftover(node, pool.now) || pool.find(node.name) != nullptr) continue;
    (node.owner.empty() ? names : taken).push_back(node.name);
  }
  for (const Member& member : pool.members) {
    const Member* const replaced = pool.find(member.replaces);
    const bool is_there = replaced != nullptr && replaced->node && !replaced->node->replaced && !replaced->removed();
    if (!is_there || member.removed()) continue;
    if (!is_surplus(member, pool)) {
      in_place.push_back(member.name + " stands in for " + replaced->name + ", which " +
                         (replaced->node->cordoned ? "is cordoned" : "is not ready"));
    } else if (const auto& refusal = noticed(member).refusal) {
      in_place.push_back(member.name + " replaces nothing any more, and stays: " + refusal->why);
    }
  }
  std::string note;
  if (!names.empty()) {
    note = "no container of " + shown() + " on this engine, but a node in the cluster: " + text::join(names, ", ") +
           "; if it is gone for good, kubectl delete node";
  }
  if (!taken.empty()) {
    add(note, "nodes of another pool have names as this one gives them: " + text::join(taken, ", ") +
                  "; let each pool have a name_prefix of its own");
  }
  if (!pool.others.empty()) {
    add(note, "containers of another installation's pool of the same name, or another cluster's, are left alone: " +
                  text::join(pool.others, ", ") + "; give one of the two targets another name");
  }
  const std::string orphans = note;
  add(note, text::join(in_place, "; "));
  if (orphans != last_note_ && !orphans.empty()) {
    log::warn("pool.orphans", {{"target", settings_.target.text}, {"text", orphans}});
  }
  last_note_ = orphans;
  return note;
}

std::optional<Blocked> PoolBackend::blocked(std::stop_token stop) {
  const auto missing = permissions_.missing(stop);
  return missing ? std::optional(Blocked{Reason::not_scalable, lead + *missing}) : std::nullopt;
}

Status PoolBackend::doubted(Status status) {
  if (!status && status.error().kind == ErrorKind::refused) permissions_.doubt();
  return status;
}

void PoolBackend::tell(const std::string& node, bool warning, const char* reason, std::string text) {
  if (events_ == nullptr) return;
  events_->tell({"v1", "Node", "", node, "/api/v1/nodes/" + kubernetes::escape(node)},
                {warning, reason, "ScaleDown", std::move(text)});
}

Faces make_pool(Settings settings, Access access) {
  auto pool = std::make_shared<PoolBackend>(std::move(settings), std::move(access));
  return {pool, pool};
}

}  // namespace alertscaler::node_pool
