#include "remember/active_set.h"

#include <algorithm>
#include <utility>

namespace alertscaler {
namespace {

// Senders repeat a resolve: Prometheus for 15 minutes, Alertmanager after a reload for up to 30. Until then a
// repetition is told from news.
constexpr Duration resolved_kept_at_least = std::chrono::hours{1};

bool same_order(const ActiveEntry& a, const ActiveEntry& b) {
  return a.alert->fingerprint < b.alert->fingerprint;
}

}  // namespace

Alert ActiveEntry::copy() const {
  Alert out = *alert;
  out.last_seen = seen.last_seen;
  out.ends_at = seen.ends_at;
  return out;
}

const ActiveEntry* ActiveSet::find(const Fingerprint& fingerprint) const {
  const auto found = entries_.find(fingerprint);
  return found == entries_.end() ? nullptr : &found->second;
}

std::vector<ActiveEntry> ActiveSet::all() const {
  std::vector<ActiveEntry> out;
  out.reserve(entries_.size());
  for (const auto& [fingerprint, entry] : entries_) out.push_back(entry);
  return out;
}

std::vector<ActiveEntry> ActiveSet::of(const TargetName& target) const {
  std::vector<ActiveEntry> out;
  const auto found = by_target_.find(target);
  if (found == by_target_.end()) return out;
  out.reserve(found->second.size());
  for (const ActiveEntry* entry : found->second) out.push_back(*entry);
  return out;
}

void ActiveSet::drop_from_target(const ActiveEntry& entry) {
  const auto found = by_target_.find(entry.alert->mapping.target);
  found->second.erase(&entry);
  if (found->second.empty()) by_target_.erase(found);
}

void ActiveSet::see(ActiveEntry& entry, const Sighting& seen) {
  const auto move = [&](AtTime& index, std::optional<Instant> from, std::optional<Instant> to) {
    if (from == to) return;
    AtTime::node_type node;
    if (from) node = index.extract({*from, &entry});
    if (!to) return;
    if (node.empty()) {
      index.emplace(*to, &entry);
    } else {
      node.value().first = *to;
      index.insert(std::move(node));
    }
  };
  move(by_last_seen_, entry.seen.last_seen, seen.last_seen);
  move(by_ends_at_, entry.seen.ends_at, seen.ends_at);
  entry.seen = seen;
}

void ActiveSet::put(ActiveEntry entry) {
  const Sighting seen = entry.seen;
  const auto [place, added] = entries_.try_emplace(entry.alert->fingerprint, entry);
  ActiveEntry& there = place->second;
  if (added) {
    by_target_[there.alert->mapping.target].insert(&there);
    by_last_seen_.emplace(seen.last_seen, &there);
    if (seen.ends_at) by_ends_at_.emplace(*seen.ends_at, &there);
    return;
  }
  see(there, seen);
  there.row = entry.row;
  there.delivered = entry.delivered;
  if (there.alert == entry.alert) return;
  drop_from_target(there);
  there.alert = std::move(entry.alert);
  by_target_[there.alert->mapping.target].insert(&there);
}

void ActiveSet::drop(const Fingerprint& fingerprint) {
  const auto found = entries_.find(fingerprint);
  if (found == entries_.end()) return;
  const ActiveEntry& entry = found->second;
  drop_from_target(entry);
  by_last_seen_.erase({entry.seen.last_seen, &entry});
  if (entry.seen.ends_at) by_ends_at_.erase({*entry.seen.ends_at, &entry});
  entries_.erase(found);
}

std::optional<Instant> ActiveSet::next_expiry(Duration stale_after) const {
  std::optional<Instant> next;
  if (!by_last_seen_.empty()) next = by_last_seen_.begin()->first + stale_after;
  if (!by_ends_at_.empty()) next = std::min(*next, by_ends_at_.begin()->first);
  return next;
}

std::vector<ActiveEntry> ActiveSet::due(Instant now, Duration stale_after) const {
  std::vector<ActiveEntry> out;
  for (const auto& [seen, entry] : by_last_seen_) {
    if (seen + stale_after > now) break;
    out.push_back(*entry);
  }
  for (const auto& [end, entry] : by_ends_at_) {
    if (end > now) break;
    out.push_back(*entry);
  }
  return out;
}

const Resolved* ActiveSet::resolved(const Fingerprint& fingerprint) const {
  const auto found = resolved_.find(fingerprint);
  return found == resolved_.end() ? nullptr : &found->second;
}

void ActiveSet::remember(const Fingerprint& fingerprint, const Resolved& resolved) {
  forget(fingerprint);
  resolved_.emplace(fingerprint, resolved);
  by_resolved_at_.emplace(resolved.resolved_at, fingerprint);
}

void ActiveSet::forget(const Fingerprint& fingerprint) {
  const auto found = resolved_.find(fingerprint);
  if (found == resolved_.end()) return;
  by_resolved_at_.erase({found->second.resolved_at, fingerprint});
  resolved_.erase(found);
}

std::vector<Fingerprint> ActiveSet::resolved_before(Instant before, std::size_t at_most) const {
  std::vector<Fingerprint> out;
  for (const auto& [at, fingerprint] : by_resolved_at_) {
    if (at >= before || out.size() == at_most) break;
    out.push_back(fingerprint);
  }
  return out;
}

const ActiveEntry* StagedAlerts::find(const Fingerprint& fingerprint) const {
  const auto staged = index_.find(fingerprint);
  if (staged == index_.end()) return base_.find(fingerprint);
  const ActiveEntry& after = changes_[staged->second].after;
  return after.alert ? &after : nullptr;
}

const Resolved* StagedAlerts::resolved(const Fingerprint& fingerprint) const {
  const auto staged = remembered_.find(fingerprint);
  return staged == remembered_.end() ? base_.resolved(fingerprint) : &staged->second;
}

ActiveEntry& StagedAlerts::change(const Fingerprint& fingerprint, const ActiveEntry* known) {
  const auto [place, added] = index_.try_emplace(fingerprint, changes_.size());
  if (added) changes_.push_back({known, known == nullptr ? ActiveEntry{} : *known});
  return changes_[place->second].after;
}

Merged StagedAlerts::merge(Incoming incoming) {
  const Fingerprint fingerprint = incoming.alert.fingerprint;
  const ActiveEntry* known = find(fingerprint);
  std::optional<TargetName> other;
  if (known != nullptr && known->alert->mapping.target != incoming.alert.mapping.target) {
    other = known->alert->mapping.target;
  }
  MergeOutcome outcome =
      known == nullptr ? alertscaler::merge(nullptr, resolved(fingerprint), std::move(incoming))
                       : alertscaler::merge(known->alert.get(), known->seen.ends_at, nullptr, std::move(incoming));
  Merged merged{outcome.result, std::move(outcome.reason), outcome.changes_intent, {}};
  if (outcome.resolved) {
    newest_resolve_ = std::max(newest_resolve_, outcome.resolved->resolved_at);
    remembered_.insert_or_assign(fingerprint, *outcome.resolved);
  }
  if (outcome.change == ActiveChange::none) return merged;
  ActiveEntry& entry = change(fingerprint, known);
  entry.delivered = mark_;
  switch (outcome.change) {
    case ActiveChange::none:
      break;
    case ActiveChange::refreshed:
      entry.seen = {outcome.last_seen, outcome.ends_at};
      break;
    case ActiveChange::held:
      if (entry.row == 0) entry.row = next_row_++;
      entry.seen = {outcome.alert->last_seen, outcome.alert->ends_at};
      merged.left = std::move(other);
      entry.alert = std::make_shared<const Alert>(*std::move(outcome.alert));
      break;
    case ActiveChange::left:
      merged.left = std::move(other);
      entry.alert = nullptr;
      break;
  }
  return merged;
}

void StagedAlerts::expire(Instant now, Duration stale_after, std::set<TargetName>& targets) {
  for (const ActiveEntry& candidate : base_.due(now, stale_after)) {
    const Fingerprint& fingerprint = candidate.alert->fingerprint;
    const ActiveEntry* entry = find(fingerprint);  // may have been refreshed, or have left, a moment ago
    if (entry == nullptr) continue;
    const bool ended = entry->seen.ends_at && *entry->seen.ends_at <= now;
    if (!ended && entry->seen.last_seen + stale_after > now) continue;
    targets.insert(entry->alert->mapping.target);
    change(fingerprint, entry).alert = nullptr;
  }
}

void StagedAlerts::remap(const Store::Mapper& map) {
  std::vector<Fingerprint> fingerprints;
  for (const ActiveEntry& entry : base_.all()) fingerprints.push_back(entry.alert->fingerprint);
  for (const Change& staged : changes_) {
    if (staged.before == nullptr && staged.after.alert) fingerprints.push_back(staged.after.alert->fingerprint);
  }
  for (const Fingerprint& fingerprint : fingerprints) {
    const ActiveEntry* entry = find(fingerprint);
    if (entry == nullptr) continue;
    const Alert& alert = *entry->alert;
    std::optional<Mapping> mapping = map(alert.labels, alert.annotations);
    if (mapping == alert.mapping) continue;
    if (!mapping) {
      change(fingerprint, entry).alert = nullptr;
      continue;
    }
    auto mapped = std::make_shared<Alert>(alert);
    mapped->mapping = *std::move(mapping);
    change(fingerprint, entry).alert = std::move(mapped);
  }
}

void StagedAlerts::forget_resolved(std::vector<Fingerprint> fingerprints) {
  for (Fingerprint& fingerprint : fingerprints) {
    if (!remembered_.contains(fingerprint)) forgotten_.push_back(std::move(fingerprint));
  }
}

void StagedAlerts::forget_old_resolved() {
  if (remembered_.empty()) return;
  forget_resolved(base_.resolved_before(newest_resolve_ - resolved_kept_at_least, 2 * remembered_.size()));
}

std::vector<ActiveEntry> StagedAlerts::of(const TargetName& target) const {
  std::vector<ActiveEntry> out;
  for (ActiveEntry& entry : base_.of(target)) {
    if (!index_.contains(entry.alert->fingerprint)) out.push_back(std::move(entry));
  }
  for (const Change& staged : changes_) {
    if (staged.after.alert && staged.after.alert->mapping.target == target) out.push_back(staged.after);
  }
  std::sort(out.begin(), out.end(), same_order);
  return out;
}

void StagedAlerts::publish(ActiveSet& base) && {
  for (Change& staged : changes_) {
    if (staged.after.alert) {
      base.put(std::move(staged.after));
    } else if (staged.before != nullptr) {
      base.drop(Fingerprint{staged.before->alert->fingerprint});
    }
  }
  for (const Fingerprint& fingerprint : forgotten_) base.forget(fingerprint);
  for (const auto& [fingerprint, resolved] : remembered_) base.remember(fingerprint, resolved);
}

}  // namespace alertscaler
