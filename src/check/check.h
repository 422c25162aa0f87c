// `alertscaler check`: the configuration, the rules and alertmanager.yml together.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "check/finding.h"

namespace alertscaler::check {

struct Input {
  std::string config_file;
  std::vector<std::string> rules;  // patterns of file names, as the shell knows them
  std::string alertmanager_file;   // empty: none
  std::optional<int> port;         // where alertscaler listens, to know its webhook by it
};

// Everything that can be said about these files. What depends on a file that is missing or broken is left out.
[[nodiscard]] std::vector<Finding> check_files(const Input& input);

}  // namespace alertscaler::check
