// alertscaler explain without a server: the same webhook, store, mapping and decision, over a store that begins empty
// and replicas that the command line names.
#pragma once

#include "client/options.h"

namespace alertscaler::app {

[[nodiscard]] int explain(const client::ExplainOptions& options);

}  // namespace alertscaler::app
