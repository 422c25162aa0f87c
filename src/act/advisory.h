// Touches nothing: the desired count is kept and published for an HPA, KEDA or a person to consume.
#pragma once

#include <memory>

#include "act/backend.h"
#include "act/keep.h"
#include "model/target.h"

namespace alertscaler {

// keep outlives the backend.
[[nodiscard]] std::unique_ptr<Backend> make_advisory(const TargetName& target, const Advisory& settings, Keep& keep);

}  // namespace alertscaler
