#include "fleet.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <thread>

#include "base/guarded.h"
#include "pause.h"

namespace shop {

using alertscaler::Guarded;

namespace {

constexpr double idle_latency_seconds = 0.02;
constexpr double utilization_max = 0.98;  // beyond, the waiting time of a queue has no end
constexpr std::chrono::milliseconds tick{200};

// Requests of one replica: how long they take grows with 1/(1 - utilization), as in any queue.
void answer(ReplicaTotals& totals, double requests, double utilization, double seconds) {
  const double mean = idle_latency_seconds / (1 - std::min(utilization, utilization_max));
  totals.requests += requests;
  totals.cpu_seconds += utilization * seconds;
  totals.latency.count += requests;
  totals.latency.sum_seconds += requests * mean;
  for (std::size_t i = 0; i < latency_bounds.size(); ++i)
    totals.latency.below[i] += requests * (1 - std::exp(-latency_bounds[i] / mean));
}

struct FleetState {
  FleetModel model;
  double offered_rate = 0;
  int replicas = 0;
};

}  // namespace

void FleetModel::pass(double seconds, double offered_rate, int replicas) {
  totals_.resize(static_cast<std::size_t>(std::max(replicas, 0)));
  const double served_rate = std::min(offered_rate, capacity_ * static_cast<double>(totals_.size()));
  lost_rate_ = offered_rate - served_rate;
  if (totals_.empty()) return;
  const double share = served_rate / static_cast<double>(totals_.size());
  for (ReplicaTotals& totals : totals_) answer(totals, share * seconds, share / capacity_, seconds);
}

std::vector<std::pair<std::string, ReplicaTotals>> FleetModel::replicas() const {
  std::vector<std::pair<std::string, ReplicaTotals>> named;
  for (const ReplicaTotals& totals : totals_)
    named.emplace_back(name_ + "-" + std::to_string(named.size() + 1), totals);
  return named;
}

alertscaler::Status run_fleet(const FleetOptions& options) {
  Guarded<FleetState> state{FleetState{FleetModel(options.source.target, options.capacity)}};
  const ReplicaWatch watch(options.source);
  const std::jthread passing([&](const std::stop_token& stop) {
    const auto start = std::chrono::steady_clock::now();
    auto last = start;
    do {
      const auto now = std::chrono::steady_clock::now();
      const double rate = options.profile.rate_at(std::chrono::duration_cast<Duration>(now - start));
      const double seconds = std::chrono::duration<double>(now - last).count();
      const int replicas = watch.ready();
      state.with([&](FleetState& s) {
        s.model.pass(seconds, rate, replicas);
        s.offered_rate = rate;
        s.replicas = replicas;
      });
      last = now;
    } while (pause_for(tick, stop));
  });

  httplib::Server server;
  return serve_until_signal(server, options.listen, [&state] {
    return state.with([](const FleetState& s) {
      std::vector<prometheus::MetricFamily> families = replica_families(s.model.replicas());
      families.push_back(
          gauge_family("shop_offered_requests_per_second", "Load that the whole fleet gets.", s.offered_rate));
      families.push_back(
          gauge_family("shop_lost_requests_per_second", "Load beyond what the fleet can do.", s.model.lost_rate()));
      families.push_back(gauge_family("shop_fleet_replicas", "Replicas that are simulated.", s.replicas));
      return render(families);
    });
  });
}

}  // namespace shop
