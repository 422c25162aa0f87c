// Scales whatever a person has two programs for: one that says how many there are, one that sets how many there shall
// be.
#pragma once

#include <memory>
#include <stop_token>

#include "act/backend.h"
#include "act/keep.h"
#include "model/target.h"

namespace alertscaler {

// The program that scales may take as long as the action's timeout: it runs in the background, one at a time, while
// passes look whether it has ended. It is ended when its action is over (timed out, superseded, interrupted), when
// `ending` is requested or the backend goes; what a process of ours that was killed has left running, before anything
// else is done. `keep` outlives the backend and has the key "command/TARGET".
// Errors: unreachable, of observe: the program failed or printed no count; refused, of apply: it failed, with what it
// said; busy: one that is to end still runs.
[[nodiscard]] std::unique_ptr<Backend> make_command(const TargetName& target, CommandTarget settings, Keep& keep,
                                                    std::stop_token ending);

}  // namespace alertscaler
