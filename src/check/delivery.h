// Whether and when what the rules ask for reaches alertscaler.
#pragma once

#include <vector>

#include "check/finding.h"
#include "check/routing.h"
#include "check/rules.h"
#include "model/settings.h"

namespace alertscaler::check {

struct DeliveryInput {
  const Routing& routing;
  const Settings& settings;
  std::string config_file;
  std::optional<config::Mark> stale_after_at;  // when the configuration says it
  std::vector<ScalingAlert> alerts;            // empty: no rules were given
};
void check_delivery(const DeliveryInput& in, Findings& findings);

}  // namespace alertscaler::check
