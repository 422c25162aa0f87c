// A store that behaves, in memory: the real merge without the disk. It fails only when told to.
#pragma once

#include <algorithm>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "remember/store.h"

namespace alertscaler::test {

class MemoryStore final : public Store {
 public:
  // Taken one by one by the calls of merge() and apply() that follow.
  void fail_next_merge(Error error) {
    const std::lock_guard lock(mutex_);
    errors_.push_back(std::move(error));
  }
  // The next call of merge() throws, as a library that is out of memory does.
  void throw_next_merge(std::string what) {
    const std::lock_guard lock(mutex_);
    thrown_ = std::move(what);
  }
  void fail_next_remap(Error error) {
    const std::lock_guard lock(mutex_);
    remap_error_ = std::move(error);
  }
  void seal(Error error) {
    const std::lock_guard lock(mutex_);
    sealed_ = std::move(error);
  }
  void add_history(HistoryEntry entry) {
    const std::lock_guard lock(mutex_);
    entry.id = static_cast<ActionId>(history_.size()) + 1;
    history_.push_back(std::move(entry));
  }
  [[nodiscard]] std::size_t merges() const {
    const std::lock_guard lock(mutex_);
    return merges_;
  }

  [[nodiscard]] Result<std::vector<Merged>> merge(std::vector<Incoming> incoming) override {
    const std::lock_guard lock(mutex_);
    if (thrown_) throw std::runtime_error(*std::exchange(thrown_, std::nullopt));
    if (sealed_) return fail(*sealed_);
    if (!errors_.empty()) {
      Error error = std::move(errors_.front());
      errors_.pop_front();
      return fail(std::move(error));
    }
    ++merges_;
    return merge_into(memory_, incoming);
  }
  [[nodiscard]] WriteMark mark() const override {
    const std::lock_guard lock(mutex_);
    return memory_.written;
  }
  [[nodiscard]] Result<Surveyed> apply(Survey survey) override {
    const std::lock_guard lock(mutex_);
    if (sealed_) return fail(*sealed_);
    if (!errors_.empty()) {
      Error error = std::move(errors_.front());
      errors_.pop_front();
      return fail(std::move(error));
    }
    return apply_to(memory_, std::move(survey));
  }
  [[nodiscard]] std::vector<Alert> active_alerts() const override {
    const std::lock_guard lock(mutex_);
    std::vector<Alert> alerts;
    for (const auto& [fingerprint, alert] : memory_.active) alerts.push_back(alert);
    return alerts;
  }
  [[nodiscard]] std::vector<Alert> active_alerts(const TargetName& target) const override {
    const std::lock_guard lock(mutex_);
    return of(memory_, target);
  }
  [[nodiscard]] std::optional<Resolved> resolved(const Fingerprint& fingerprint) const override {
    const std::lock_guard lock(mutex_);
    const auto found = memory_.resolved.find(fingerprint);
    return found == memory_.resolved.end() ? std::nullopt : std::optional(found->second);
  }
  [[nodiscard]] std::vector<Alert> preview(const TargetName& target,
                                           const std::vector<Incoming>& incoming) const override {
    const std::lock_guard lock(mutex_);
    Memory copy = memory_;
    merge_into(copy, incoming);
    return of(copy, target);
  }
  [[nodiscard]] Result<std::vector<TargetName>> expire(Instant, Duration) override { return std::vector<TargetName>{}; }
  [[nodiscard]] std::optional<Instant> next_expiry(Duration) const override { return std::nullopt; }
  [[nodiscard]] Status remap(const Mapper&) override {
    const std::lock_guard lock(mutex_);
    if (remap_error_) return fail(*std::exchange(remap_error_, std::nullopt));
    return {};
  }

  [[nodiscard]] TargetState state(const TargetName& target) const override {
    const std::lock_guard lock(mutex_);
    const auto found = states_.find(target);
    return found == states_.end() ? TargetState{} : found->second;
  }
  [[nodiscard]] std::vector<TargetName> known_targets() const override {
    const std::lock_guard lock(mutex_);
    std::vector<TargetName> names;
    for (const auto& [name, state] : states_) names.push_back(name);
    return names;
  }
  [[nodiscard]] Status save(const TargetName& target, const TargetState& state) override {
    const std::lock_guard lock(mutex_);
    states_[target] = state;
    return {};
  }

  [[nodiscard]] Orders orders(const TargetName& target) const override {
    const std::lock_guard lock(mutex_);
    const auto found = orders_.find(target);
    return found == orders_.end() ? Orders{} : found->second;
  }
  [[nodiscard]] Status put_orders(const TargetName& target, const Orders& orders) override {
    const std::lock_guard lock(mutex_);
    orders_[target] = orders;
    return {};
  }

  [[nodiscard]] Result<ActionId> begin(HistoryEntry entry, const StateForId& make_state) override {
    const std::lock_guard lock(mutex_);
    entry.id = static_cast<ActionId>(history_.size()) + 1;
    states_[entry.target] = make_state(entry.id);
    history_.push_back(std::move(entry));
    return history_.back().id;
  }
  [[nodiscard]] Status finish(const HistoryEntry& entry, const TargetState& state) override {
    const std::lock_guard lock(mutex_);
    history_.at(static_cast<std::size_t>(entry.id) - 1) = entry;
    states_[entry.target] = state;
    return {};
  }
  [[nodiscard]] std::vector<HistoryEntry> unfinished() const override {
    const std::lock_guard lock(mutex_);
    std::vector<HistoryEntry> found;
    for (const HistoryEntry& entry : history_) {
      if (!entry.outcome) found.push_back(entry);
    }
    return found;
  }
  [[nodiscard]] Result<std::vector<HistoryEntry>> history(const HistoryQuery& query) const override {
    const std::lock_guard lock(mutex_);
    std::vector<HistoryEntry> found;
    for (auto entry = history_.rbegin(); entry != history_.rend() && found.size() < query.limit; ++entry) {
      const bool wanted = entry->outcome && (!query.target || entry->target == *query.target) &&
                          (!query.since || entry->time >= *query.since);
      if (wanted) found.push_back(*entry);
    }
    return found;
  }
  [[nodiscard]] std::optional<HistoryEntry> last_action(const TargetName& target) const override {
    const std::lock_guard lock(mutex_);
    for (auto entry = history_.rbegin(); entry != history_.rend(); ++entry) {
      if (entry->target == target) return *entry;
    }
    return std::nullopt;
  }
  [[nodiscard]] Status prune(Instant) override { return {}; }
  [[nodiscard]] std::optional<std::string> kept(std::string_view key) const override {
    const std::lock_guard lock(mutex_);
    const auto found = kept_.find(std::string(key));
    return found == kept_.end() ? std::nullopt : std::optional(found->second);
  }
  [[nodiscard]] Status keep(std::string_view key, std::string value) override {
    const std::lock_guard lock(mutex_);
    kept_[std::string(key)] = std::move(value);
    return {};
  }
  [[nodiscard]] std::optional<Error> sealed() const override {
    const std::lock_guard lock(mutex_);
    return sealed_;
  }

 private:
  struct Memory {
    std::map<Fingerprint, Alert> active;
    std::map<Fingerprint, Resolved> resolved;
    std::map<Fingerprint, WriteMark> delivered;
    WriteMark written = 0;
  };

  static Surveyed apply_to(Memory& memory, Survey survey) {
    Surveyed out;
    std::set<Fingerprint> present(survey.unusable.begin(), survey.unusable.end());
    std::set<TargetName> changed;
    for (Incoming& each : survey.firing) {
      const Fingerprint fingerprint = each.alert.fingerprint;
      present.insert(fingerprint);
      const auto known = memory.active.find(fingerprint);
      const bool news = known == memory.active.end();
      if (!news && memory.delivered[fingerprint] > survey.asked) continue;
      const TargetName target = each.alert.mapping.target;
      if (merge_into(memory, {std::move(each)}).front().changes_intent) changed.insert(target);
      if (news && memory.active.contains(fingerprint)) out.adopted.push_back(memory.active.at(fingerprint));
    }
    for (const Fingerprint& fingerprint : survey.unusable) {
      if (const auto known = memory.active.find(fingerprint); known != memory.active.end()) {
        known->second.last_seen = std::max(known->second.last_seen, survey.now);
      }
    }
    for (auto each = memory.active.begin(); survey.complete && each != memory.active.end();) {
      const Alert& alert = each->second;
      const bool newer = memory.delivered[alert.fingerprint] > survey.asked;
      const bool forgotten = survey.forgotten_before && alert.last_seen < *survey.forgotten_before;
      if (!ends_by_survey(alert) || present.contains(alert.fingerprint) || newer || forgotten) {
        ++each;
        continue;
      }
      changed.insert(alert.mapping.target);
      out.ended.push_back(alert);
      each = memory.active.erase(each);
    }
    ++memory.written;
    out.changed.assign(changed.begin(), changed.end());
    return out;
  }

  static std::vector<Merged> merge_into(Memory& memory, const std::vector<Incoming>& incoming) {
    std::vector<Merged> answers;
    ++memory.written;
    for (const Incoming& each : incoming) {
      const Fingerprint& fingerprint = each.alert.fingerprint;
      memory.delivered[fingerprint] = memory.written;
      const auto known = memory.active.find(fingerprint);
      const auto ended = memory.resolved.find(fingerprint);
      MergeOutcome out = alertscaler::merge(known == memory.active.end() ? nullptr : &known->second,
                                            ended == memory.resolved.end() ? nullptr : &ended->second, each);
      Merged& answer = answers.emplace_back();
      answer.result = out.result;
      answer.reason = out.reason;
      answer.changes_intent = out.changes_intent;
      if (out.change == ActiveChange::refreshed) {
        known->second.last_seen = out.last_seen;
        known->second.ends_at = out.ends_at;
      }
      if (out.change == ActiveChange::held) memory.active.insert_or_assign(fingerprint, *out.alert);
      if (out.change == ActiveChange::left) memory.active.erase(known);
      if (out.resolved) memory.resolved.insert_or_assign(fingerprint, *out.resolved);
    }
    return answers;
  }
  static std::vector<Alert> of(const Memory& memory, const TargetName& target) {
    std::vector<Alert> alerts;
    for (const auto& [fingerprint, alert] : memory.active) {
      if (alert.mapping.target == target) alerts.push_back(alert);
    }
    return alerts;
  }

  mutable std::mutex mutex_;
  std::deque<Error> errors_;
  std::optional<std::string> thrown_;
  std::optional<Error> sealed_;
  std::optional<Error> remap_error_;
  std::size_t merges_ = 0;
  Memory memory_;
  std::map<TargetName, TargetState> states_;
  std::map<TargetName, Orders> orders_;
  std::vector<HistoryEntry> history_;
  std::map<std::string, std::string> kept_;
};

}  // namespace alertscaler::test
