// `shop fleet`: what N replicas would export under a changing load, where N is what alertscaler has scaled to. The loop
// of rules, Alertmanager and alertscaler can so be watched without a container.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "alertscaler_metrics.h"
#include "exposition.h"
#include "profile.h"
#include "web.h"

namespace shop {

// A number of equal replicas behind a fair balancer. Not thread-safe.
class FleetModel {
 public:
  // `capacity`: requests a second that one replica can answer; beyond that they are lost.
  FleetModel(std::string name, double capacity) : name_(std::move(name)), capacity_(capacity) {}

  // Lets `seconds` pass. A replica that is new begins at zero; one that is no longer wanted is forgotten.
  void pass(double seconds, double offered_rate, int replicas);

  // Requests a second that did not fit in the last pass.
  [[nodiscard]] double lost_rate() const { return lost_rate_; }
  // "web-1", "web-2", …, each with what it has done.
  [[nodiscard]] std::vector<std::pair<std::string, ReplicaTotals>> replicas() const;

 private:
  const std::string name_;
  const double capacity_;
  std::vector<ReplicaTotals> totals_;
  double lost_rate_ = 0;
};

struct FleetOptions {
  Address listen;
  ReplicaSource source;
  Profile profile;
  double capacity = 0;
};

// Returns after SIGINT or SIGTERM. REQUIRES: hold_signals() was called.
[[nodiscard]] alertscaler::Status run_fleet(const FleetOptions& options);

}  // namespace shop
