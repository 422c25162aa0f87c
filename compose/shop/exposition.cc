#include "exposition.h"

#include <limits>
#include <sstream>

#include <prometheus/text_serializer.h>

namespace shop {

namespace {

prometheus::ClientMetric histogram_of(const LatencyHistogram& latency) {
  // Rounded down together, so that a bucket never holds more than the next one.
  const auto whole = [](double value) { return static_cast<std::uint64_t>(value); };
  prometheus::ClientMetric metric;
  for (std::size_t i = 0; i < latency_bounds.size(); ++i)
    metric.histogram.bucket.push_back({whole(latency.below[i]), latency_bounds[i]});
  metric.histogram.bucket.push_back({whole(latency.count), std::numeric_limits<double>::infinity()});
  metric.histogram.sample_count = whole(latency.count);
  metric.histogram.sample_sum = latency.sum_seconds;
  return metric;
}

}  // namespace

std::vector<prometheus::MetricFamily> replica_families(
    const std::vector<std::pair<std::string, ReplicaTotals>>& replicas) {
  using prometheus::MetricType;
  prometheus::MetricFamily requests{"http_requests_total", "Requests that were answered.", MetricType::Counter, {}};
  prometheus::MetricFamily latency{
      "http_request_duration_seconds", "How long requests took.", MetricType::Histogram, {}};
  prometheus::MetricFamily cpu{"process_cpu_seconds_total", "CPU time used, in seconds.", MetricType::Counter, {}};
  for (const auto& [name, totals] : replicas) {
    std::vector<prometheus::ClientMetric::Label> labels;
    if (!name.empty()) labels.push_back({"instance", name});

    prometheus::ClientMetric metric;
    metric.label = labels;
    metric.counter.value = totals.cpu_seconds;
    cpu.metric.push_back(metric);

    metric = histogram_of(totals.latency);
    metric.label = labels;
    latency.metric.push_back(metric);

    labels.push_back({"code", "200"});
    metric = {};
    metric.label = labels;
    metric.counter.value = totals.requests;
    requests.metric.push_back(metric);
  }
  return {std::move(requests), std::move(latency), std::move(cpu)};
}

prometheus::MetricFamily gauge_family(const std::string& name, const std::string& help, double value) {
  prometheus::ClientMetric metric;
  metric.gauge.value = value;
  return {name, help, prometheus::MetricType::Gauge, {metric}};
}

std::string render(const std::vector<prometheus::MetricFamily>& families) {
  std::ostringstream out;
  prometheus::TextSerializer{}.Serialize(out, families);
  return out.str();
}

}  // namespace shop
