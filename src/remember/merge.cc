#include "remember/merge.h"

#include <algorithm>
#include <utility>

#include "base/text.h"

namespace alertscaler {
namespace {

// A clock that was set back does not stretch the window.
bool within_window(const Resolved& resolved, Instant now) {
  const Duration age = now - resolved.resolved_at;
  return age < late_firing_window && age > -late_firing_window;
}

std::string ago(Duration age) {
  const Duration whole = std::chrono::duration_cast<std::chrono::seconds>(std::max(age, Duration{0}));
  return text::format_duration(whole) + " ago";
}

bool is_alertmanagers(Source source) {
  return source == Source::alertmanager || source == Source::grafana || source == Source::resync;
}

// Until when an alert that is active until `known_end` is active after it was delivered again.
std::optional<Instant> end_after(const Alert& known, std::optional<Instant> known_end, const Alert& alert) {
  if (alert.source == Source::manual && known.source != Source::manual) return known_end;
  if (alert.source != Source::prometheus || known.source == Source::manual) return alert.ends_at;
  if (!known_end || !alert.ends_at) return known_end;
  return std::max(*known_end, *alert.ends_at);
}

// Who asserts an alert: one that was posted by hand becomes Alertmanager's when Alertmanager delivers it, and stays
// Alertmanager's when somebody posts it by hand, a resync finds it or Prometheus pushes it, too.
void keep_origin(const Alert& known, std::optional<Instant> known_end, Alert& alert) {
  alert.ends_at = end_after(known, known_end, alert);
  const bool keeps =
      (alert.source == Source::manual && known.source != Source::manual) ||
      (alert.source == Source::resync && (known.source == Source::alertmanager || known.source == Source::grafana)) ||
      (alert.source == Source::prometheus && is_alertmanagers(known.source));
  if (keeps) alert.source = known.source;
  if (alert.group_key.empty()) alert.group_key = known.group_key;
}

bool same_but_for_sighting(const Alert& known, const Alert& alert) {
  return known.labels == alert.labels && known.annotations == alert.annotations && known.mapping == alert.mapping &&
         known.source == alert.source && known.group_key == alert.group_key &&
         known.generator_url == alert.generator_url;
}

MergeOutcome stale(std::string reason) {
  return {.result = MergeResult::stale, .reason = std::move(reason)};
}

MergeOutcome accept(Alert alert) {
  return {.change = ActiveChange::held, .alert = std::move(alert), .changes_intent = true};
}

MergeOutcome refresh(const Alert& known, std::optional<Instant> known_end, Alert alert) {
  // A short text: formatting a time would cost as much as all the rest, a thousand times a notification.
  MergeOutcome out{.result = MergeResult::duplicate, .reason = "already active"};
  keep_origin(known, known_end, alert);
  // Two Prometheus servers of one rule give two links: either is as good, and no reason to write.
  if (!known.generator_url.empty()) alert.generator_url = known.generator_url;
  if (same_but_for_sighting(known, alert)) {
    out.change = ActiveChange::refreshed;
    out.last_seen = alert.last_seen;
    out.ends_at = alert.ends_at;
    return out;
  }
  out.changes_intent = alert.mapping != known.mapping;
  out.change = ActiveChange::held;
  out.alert = std::move(alert);
  return out;
}

// Is a push the active episode, whatever start it says?
bool same_episode(std::optional<Instant> known_end, const Alert& alert) {
  return alert.source == Source::prometheus && (!known_end || alert.starts_at < *known_end);
}

MergeOutcome merge_firing(const Alert* known, std::optional<Instant> known_end, const Resolved* resolved,
                          Incoming incoming) {
  Alert& alert = incoming.alert;
  if (known != nullptr) {
    if (!incoming.starts_at_known || same_episode(known_end, alert)) alert.starts_at = known->starts_at;
    if (alert.starts_at < known->starts_at) {
      MergeOutcome out = stale("an earlier firing, from " + text::format_time(alert.starts_at) +
                               ", of an alert that fires since " + text::format_time(known->starts_at));
      out.change = ActiveChange::refreshed;
      out.last_seen = alert.last_seen;
      out.ends_at = known_end;
      return out;
    }
    if (alert.starts_at == known->starts_at) return refresh(*known, known_end, std::move(alert));
    keep_origin(*known, known_end, alert);
    return accept(std::move(alert));
  }
  const bool late = resolved != nullptr && incoming.starts_at_known && alert.starts_at <= resolved->starts_at &&
                    within_window(*resolved, alert.last_seen);
  if (!late) return accept(std::move(alert));
  return stale("a late delivery: this firing was resolved " + ago(alert.last_seen - resolved->resolved_at) + "; from " +
               text::format_duration(late_firing_window) + " after the resolve it counts as a new one");
}

// Grafana's annotation of an alert that it ended although its rule did not find it over: MissingSeries, NoData, Error.
bool is_unproven(const Alert& alert) {
  return alert.annotations.contains("grafana_state_reason");
}

MergeOutcome merge_resolved(const Alert* known, const Resolved* resolved, const Incoming& incoming) {
  const Alert& alert = incoming.alert;
  if (known == nullptr) {
    MergeOutcome out{.result = MergeResult::duplicate, .reason = "not active"};
    const bool news = incoming.starts_at_known && (resolved == nullptr || alert.starts_at > resolved->starts_at);
    if (news) out.resolved = Resolved{alert.starts_at, alert.last_seen, is_unproven(alert)};
    return out;
  }
  const Instant starts_at = incoming.starts_at_known ? alert.starts_at : known->starts_at;
  const bool ended_before = !alert.ends_at || *alert.ends_at <= known->starts_at;
  if (starts_at < known->starts_at && ended_before) {
    return stale("the end of an earlier firing, from " + text::format_time(starts_at) +
                 "; the alert fires again since " + text::format_time(known->starts_at));
  }
  return {.change = ActiveChange::left,
          .resolved = Resolved{std::max(starts_at, known->starts_at), alert.last_seen, is_unproven(alert)},
          .changes_intent = true};
}

}  // namespace

MergeOutcome merge(const Alert* known, std::optional<Instant> known_end, const Resolved* resolved, Incoming incoming) {
  return incoming.resolved ? merge_resolved(known, resolved, incoming)
                           : merge_firing(known, known_end, resolved, std::move(incoming));
}

}  // namespace alertscaler
