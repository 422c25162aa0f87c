// The keys of a policy, as `defaults` and each target have them.
#pragma once

#include <optional>

#include "config/fields.h"
#include "model/policy.h"
#include "model/target.h"

namespace alertscaler::config {

struct PolicyDraft {
  Policy policy;
  // Where this map itself says so; the other values come from what the draft was made of.
  std::optional<Mark> min_at;
  std::optional<Mark> max_at;
  HpaMode hpa = HpaMode::automatic;  // of `defaults` alone: a target has a key of its own
  bool bounds_known = true;          // false once a bound could not be read: nothing can be said about the two together
};

// The policy keys of `map` over what `draft` has already.
void read_policy(MapReader& map, PolicyDraft& draft);

}  // namespace alertscaler::config
