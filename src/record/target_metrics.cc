#include "record/target_metrics.h"

#include <string>
#include <utility>
#include <vector>

namespace alertscaler::record {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;
using Label = ClientMetric::Label;

struct Sample {
  std::vector<Label> labels;  // besides the target
  double value = 0;
};

void add(MetricFamily& family, const TargetName& target, Sample sample) {
  ClientMetric metric;
  metric.label.reserve(sample.labels.size() + 1);
  metric.label.push_back({"target", target.text});
  for (Label& label : sample.labels) metric.label.push_back(std::move(label));
  if (family.type == MetricType::Counter) {
    metric.counter.value = sample.value;
  } else {
    metric.gauge.value = sample.value;
  }
  family.metric.push_back(std::move(metric));
}

double left_of(const std::optional<Instant>& until, Instant now) {
  if (!until || *until <= now) return 0;
  return std::chrono::duration<double>(*until - now).count();
}

using Samples = std::vector<Sample>;
using Gauges = TargetSeries::Gauges;

Samples active_alerts(const TargetSeries& series, Instant) {
  Samples samples;
  for (std::size_t i = 0; i < series.active_alerts.size(); ++i) {
    if (!series.active_alerts[i]) continue;
    samples.push_back({{{"action", std::string(to_string(static_cast<AlertAction>(i)))}},
                       static_cast<double>(*series.active_alerts[i])});
  }
  return samples;
}

Samples decisions(const TargetSeries& series, Instant) {
  Samples samples;
  for (const auto& [key, count] : series.decisions) {
    samples.push_back({{{"outcome", std::string(to_string(key.first))}, {"reason", std::string(to_string(key.second))}},
                       static_cast<double>(count)});
  }
  return samples;
}

Samples actions(const TargetSeries& series, Instant) {
  Samples samples;
  for (const auto& [key, count] : series.actions) {
    samples.push_back({{{"action", std::string(to_string(key.first))}, {"outcome", std::string(to_string(key.second))}},
                       static_cast<double>(count)});
  }
  return samples;
}

Samples cooldowns(const TargetSeries& series, Instant now) {
  if (!series.gauges) return {};
  return {{{{"direction", "up"}}, left_of(series.gauges->up_cooldown_until, now)},
          {{{"direction", "down"}}, left_of(series.gauges->down_cooldown_until, now)}};
}

// One value a target, absent where `read` says so.
template <auto read>
Samples one(const TargetSeries& series, Instant) {
  if (!series.gauges) return {};
  const std::optional<int> value = read(*series.gauges);
  if (!value) return {};
  return {{{}, static_cast<double>(*value)}};
}

struct Family {
  const char* name;
  const char* help;
  MetricType type;
  Samples (*samples)(const TargetSeries&, Instant);
};

constexpr std::array<Family, TargetMetrics::family_count> families = {{
    {"alertscaler_active_alerts", "Alerts that fire now, by what they ask of the target.", MetricType::Gauge,
     active_alerts},
    {"alertscaler_decisions_total", "Looks at the target, by what was decided and why.", MetricType::Counter,
     decisions},
    {"alertscaler_actions_total", "Actions on the target, by how they ended.", MetricType::Counter, actions},
    {"alertscaler_target_replicas", "Replicas that exist; absent while they cannot be observed.", MetricType::Gauge,
     one<[](const Gauges& g) { return g.replicas; }>},
    {"alertscaler_target_ready_replicas", "Replicas that run and are healthy; absent while they cannot be observed.",
     MetricType::Gauge, one<[](const Gauges& g) { return g.ready; }>},
    {"alertscaler_target_desired_replicas", "Replicas that are wanted.", MetricType::Gauge,
     one<[](const Gauges& g) { return std::optional(g.desired); }>},
    {"alertscaler_target_min_replicas", "The lower bound of the policy.", MetricType::Gauge,
     one<[](const Gauges& g) { return g.min; }>},
    {"alertscaler_target_max_replicas", "The upper bound of the policy.", MetricType::Gauge,
     one<[](const Gauges& g) { return g.max; }>},
    {"alertscaler_target_cooldown_seconds", "What is left of the cooldown in this direction; 0: none.",
     MetricType::Gauge, cooldowns},
    {"alertscaler_target_paused", "Whether actions on the target are paused.", MetricType::Gauge,
     one<[](const Gauges& g) { return std::optional(g.paused ? 1 : 0); }>},
    {"alertscaler_target_dry_run", "Whether actions on the target are only rehearsed.", MetricType::Gauge,
     one<[](const Gauges& g) { return std::optional(g.dry_run ? 1 : 0); }>},
}};

}  // namespace

MetricFamily TargetMetrics::family(std::size_t index, Instant now) const {
  const Family& description = families.at(index);
  MetricFamily family;
  family.name = description.name;
  family.help = description.help;
  family.type = description.type;
  for (const auto& [target, series] : series_) {
    for (Sample& sample : description.samples(series, now)) add(family, target, std::move(sample));
  }
  return family;
}

}  // namespace alertscaler::record
