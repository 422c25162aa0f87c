// alertscaler explain: what a notification would come to, and why. Nothing is changed.
#pragma once

#include <functional>
#include <string>

#include <nlohmann/json.hpp>

#include "base/result.h"
#include "client/options.h"

namespace alertscaler::client {

// What POST /webhook?dry_run=true&explain=true answers to a body; the `data` of its envelope.
using Explainer = std::function<Result<nlohmann::json>(const std::string& body)>;

// Asks the running server, whose state counts.
[[nodiscard]] Explainer explainer_at(const Connection& connection);

// Reads options.payload ("-": standard input), lets `explainer` say what it comes to, and prints that. 0 done, 1 the
// payload cannot be read or is malformed.
[[nodiscard]] int explain(const ExplainOptions& options, const Explainer& explainer);

}  // namespace alertscaler::client
