// What a sender told us: an alert, and which target it asks something of.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/names.h"
#include "model/policy.h"

namespace alertscaler {

using Labels = std::map<std::string, std::string>;  // sorted by name, as Prometheus sorts them

// What an alert may ask for.
enum class AlertAction { up, down, to, drain, hold };
[[nodiscard]] std::string_view to_string(AlertAction action);
[[nodiscard]] std::optional<AlertAction> parse_alert_action(std::string_view text);

enum class Source { alertmanager, grafana, prometheus, resync, manual };
[[nodiscard]] std::string_view to_string(Source source);
[[nodiscard]] std::optional<Source> parse_source(std::string_view text);

// What the configuration makes of an alert's labels and annotations.
struct Mapping {
  TargetName target;
  AlertAction action = AlertAction::up;
  std::optional<Step> step;     // scale_step: in place of the policy's
  std::optional<int> replicas;  // scale_replicas: present whenever action is `to`, rounded up, not yet clamped
  std::string node{};           // of a target of nodes: which one, by a name or an address of it; empty: none is named

  bool operator==(const Mapping&) const = default;
};

// An alert of the active set. (fingerprint, starts_at) is its episode.
struct Alert {
  Fingerprint fingerprint;
  Labels labels;
  Labels annotations;
  Instant starts_at;
  Instant last_seen;
  std::optional<Instant> ends_at;  // only from senders that bound an alert's life: it leaves the set at this time
  Source source = Source::manual;
  std::string group_key;      // Alertmanager's; empty when the sender gave none
  std::string generator_url;  // where a person sees what fires, as the sender says; empty when it gave none
  Mapping mapping;

  [[nodiscard]] std::string_view name() const;  // the label alertname, or empty
  bool operator==(const Alert&) const = default;
};

// The identity that Prometheus gives a label set: FNV-1a 64 over name, 0xFF, value, 0xFF in name order, 16 hex digits
// (https://pkg.go.dev/github.com/prometheus/common/model#LabelSet.Fingerprint).
[[nodiscard]] Fingerprint fingerprint_of(const Labels& labels);

// What became of one alert of a notification; the names are the contract of POST /webhook.
enum class MergeResult { accepted, duplicate, stale, ignored };
[[nodiscard]] std::string_view to_string(MergeResult result);

}  // namespace alertscaler
