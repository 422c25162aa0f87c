// Metrics as values and their text form, under the names that rules/web.yml expects.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <prometheus/metric_family.h>

namespace shop {

// Upper bounds of the latency histogram, in seconds: those that most client libraries use.
inline constexpr std::array<double, 11> latency_bounds = {0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10};

// Requests by how long they took. Fractional, because a simulated second may hold half a request.
struct LatencyHistogram {
  std::array<double, latency_bounds.size()> below{};  // cumulative: requests that took at most latency_bounds[i]
  double count = 0;
  double sum_seconds = 0;
};

// What one replica has done since it started.
struct ReplicaTotals {
  double requests = 0;
  double cpu_seconds = 0;
  LatencyHistogram latency;
};

// http_requests_total, http_request_duration_seconds and process_cpu_seconds_total; one series a replica, with an
// `instance` label when a name is given.
[[nodiscard]] std::vector<prometheus::MetricFamily> replica_families(
    const std::vector<std::pair<std::string, ReplicaTotals>>& replicas);

[[nodiscard]] prometheus::MetricFamily gauge_family(const std::string& name, const std::string& help, double value);

// The text format that Prometheus scrapes.
[[nodiscard]] std::string render(const std::vector<prometheus::MetricFamily>& families);
inline constexpr const char* exposition_content_type = "text/plain; version=0.0.4; charset=utf-8";

}  // namespace shop
