// What the configuration makes of alerts whose rules cannot be edited.
#pragma once

#include <string>
#include <vector>

#include "base/names.h"
#include "model/alert.h"
#include "model/matcher.h"

namespace alertscaler {

struct AlertRoute {
  std::vector<Matcher> matchers;  // at least one; all must match
  AlertAction action = AlertAction::up;
  TargetName target;         // a configured target; or, when empty,
  std::string target_label;  // the label of the alert whose value names one
  bool operator==(const AlertRoute&) const = default;
};

}  // namespace alertscaler
