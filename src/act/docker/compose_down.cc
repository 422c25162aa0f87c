// Scaling down: asks containers to stop, and removes them once they have; a pass never waits for a grace period.
#include <algorithm>

#include "act/docker/backend.h"
#include "base/log.h"

namespace alertscaler::docker {

Status ComposeBackend::shrink(const Change& change, const std::vector<Replica>& replicas, const std::stop_token& stop) {
  const Steps steps = steps_to(replicas, change.to, going());
  if (change.to == 0) {
    if (known_.template_id.empty()) learn(replicas, stop);
    if (!known_.not_saved.empty() && !replicas.empty()) {
      return fail(ErrorKind::refused, name_ + " stays above 0, as the way back could not be kept: " + known_.not_saved);
    }
  }
  Status first = finish_going(change, replicas, stop);
  std::vector<Replica> running;
  std::vector<Replica> stopped;
  for (const Replica& victim : steps.surplus) (is_live(victim) ? running : stopped).push_back(victim);
  const Status asked = stop_some(change, running, stopped, stop);
  const Status removed = remove(change, stopped, false, stop);
  const Status cleared = remove(change, steps.junk, true, stop);
  for (const Status& status : {asked, removed, cleared}) {
    if (first && !status) first = status;
  }
  return first;
}

// Asks all of them at once; those that have stopped in time join `stopped`, for the others later calls look.
Status ComposeBackend::stop_some(const Change& change, const std::vector<Replica>& running,
                                 std::vector<Replica>& stopped, const std::stop_token& stop) {
  if (running.empty()) return {};
  const std::vector<std::string> ids = ids_of(running);
  const std::vector<Result<Inspected>> looks = engine_.inspect_all(ids, stop);
  const std::vector<Result<StopResult>> results = engine_.stop_all(ids, options_.stop_wait, stop);
  Status first;
  for (std::size_t i = 0; i < running.size(); ++i) {
    const Replica& replica = running[i];
    if (!results[i]) {
      if (first) first = fail(results[i].error().wrap("stop " + replica.name));
      continue;
    }
    if (*results[i] == StopResult::gone) continue;
    const bool still_stopping = *results[i] == StopResult::stopping;
    log::info(still_stopping ? "replica.stopping" : "replica.stopped",
              {{"target", change.target.text}, {"container", replica.name}});
    if (!still_stopping) {
      stopped.push_back(replica);
      continue;
    }
    const Duration grace = looks[i] ? stop_grace(looks[i]->document) : Duration{0};
    stopping_[replica.id] = std::chrono::steady_clock::now() + grace + options_.stop_overtime;
  }
  return first;
}

// Removes those that have stopped since an earlier call asked them to, and by force those that never will.
Status ComposeBackend::finish_going(const Change& change, const std::vector<Replica>& replicas,
                                    const std::stop_token& stop) {
  const Time now = std::chrono::steady_clock::now();
  std::vector<Replica> stopped;
  std::vector<Replica> stuck;
  for (const Replica& replica : replicas) {
    const auto found = stopping_.find(replica.id);
    if (found == stopping_.end() || replica.life == Life::removing) continue;
    if (!is_live(replica)) {
      stopped.push_back(replica);
    } else if (now >= found->second) {
      stuck.push_back(replica);
    }
  }
  const Status removed = remove(change, stopped, false, stop);
  const Status forced = remove(change, stuck, true, stop);
  return removed ? forced : removed;
}

}  // namespace alertscaler::docker
