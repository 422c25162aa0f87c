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
  std::string node_label{};  // the label that names the node, in place of the one that the target says; empty: that
  bool operator==(const AlertRoute&) const = default;
};

}  // namespace alertscaler
