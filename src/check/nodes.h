// Targets of nodes that have nodes in common.
#pragma once

#include <string>

#include "check/finding.h"
#include "model/settings.h"

namespace alertscaler::check {

// Only what is sure: selectors that are the same text, and those that select every node.
void check_nodes(const Settings& settings, const std::string& config_file, Findings& findings);

}  // namespace alertscaler::check
