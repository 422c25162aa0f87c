#include "remember/survey.h"

#include <algorithm>
#include <set>
#include <unordered_set>
#include <utility>

#include "remember/active_set.h"

namespace alertscaler {

bool ends_by_survey(const Alert& alert) {
  return alert.source == Source::resync || (alert.source == Source::alertmanager && !alert.group_key.empty());
}

void StagedAlerts::apply(Survey survey, Surveyed& out) {
  std::unordered_set<Fingerprint> present;
  std::set<TargetName> changed;
  for (Incoming& incoming : survey.firing) {
    present.insert(incoming.alert.fingerprint);
    const ActiveEntry* known = find(incoming.alert.fingerprint);
    if (known != nullptr && known->delivered > survey.asked) continue;
    const bool news = known == nullptr;
    const TargetName target = incoming.alert.mapping.target;
    const Fingerprint fingerprint = incoming.alert.fingerprint;
    const Merged merged = merge(std::move(incoming));
    if (merged.changes_intent) changed.insert(target);
    if (merged.left) changed.insert(*merged.left);
    if (news && merged.result == MergeResult::accepted) out.adopted.push_back(find(fingerprint)->copy());
  }
  for (Fingerprint& fingerprint : survey.unusable) {
    const ActiveEntry* known = find(fingerprint);
    if (known != nullptr) change(fingerprint, known).seen.last_seen = std::max(known->seen.last_seen, survey.now);
    present.insert(std::move(fingerprint));
  }
  if (survey.complete) end_absent(survey, present, changed, out.ended);
  out.changed.assign(changed.begin(), changed.end());
}

// What was staged in this transaction came after the question, so the base has all candidates.
void StagedAlerts::end_absent(const Survey& survey, const std::unordered_set<Fingerprint>& present,
                              std::set<TargetName>& changed, std::vector<Alert>& ended) {
  for (const ActiveEntry& candidate : base_.all()) {
    const Fingerprint& fingerprint = candidate.alert->fingerprint;
    if (!ends_by_survey(*candidate.alert) || present.contains(fingerprint)) continue;
    const ActiveEntry* entry = find(fingerprint);
    if (entry == nullptr || entry->delivered > survey.asked) continue;
    if (survey.forgotten_before && entry->seen.last_seen < *survey.forgotten_before) continue;
    changed.insert(entry->alert->mapping.target);
    ended.push_back(entry->copy());
    change(fingerprint, entry).alert = nullptr;
  }
}

}  // namespace alertscaler
