// A fleet that exists only as a number: for trying things out and for tests. Its count survives a restart, as a real
// fleet would.
#pragma once

#include <memory>

#include "act/backend.h"
#include "act/keep.h"
#include "base/clock.h"
#include "model/target.h"

namespace alertscaler {

// keep and clock outlive the backend.
[[nodiscard]] std::unique_ptr<Backend> make_simulated(const TargetName& target, const Simulated& settings, Keep& keep,
                                                      const Clock& clock);

}  // namespace alertscaler
