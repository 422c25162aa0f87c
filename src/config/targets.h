// The list of targets: each one's name, kind and policy, and what they must not have in common.
#pragma once

#include <map>

#include "config/policy.h"
#include "config/targets_same.h"
#include "model/target.h"

namespace alertscaler::config {

// Every target of the list that could be read, by its name; `defaults` is what each one's policy starts from. `placed`
// gets those of which it is known what they are.
[[nodiscard]] std::map<TargetName, Target> read_targets(const Value& value, const PolicyDraft& defaults,
                                                        std::vector<PlacedTarget>& placed);

}  // namespace alertscaler::config
