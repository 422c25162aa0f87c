// The configuration files, from YAML to values, or the whole list of what is wrong with them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "model/settings.h"

namespace alertscaler::config {

struct Problem {
  std::string file;
  int line = 0;    // from 1; 0: the file as a whole
  int column = 0;  // from 1
  std::string message;
  bool operator==(const Problem&) const = default;
};
[[nodiscard]] std::string to_string(const Problem& problem);  // "alertscaler.yml:12:7: targets[0].up.step: expected …"

template <class T>
using Loaded = tl::expected<T, std::vector<Problem>>;

// `file` only names the source in problems. Cross-references are checked: what comes back can be relied on.
[[nodiscard]] Loaded<Settings> parse_settings(std::string_view yaml, const std::string& file);
[[nodiscard]] Loaded<WebConfig> parse_web_config(std::string_view yaml, const std::string& file);
[[nodiscard]] Loaded<Settings> load_settings(const std::string& file);
// Relative paths in the file are taken from the file's folder, as the Prometheus components do.
[[nodiscard]] Loaded<WebConfig> load_web_config(const std::string& file);

}  // namespace alertscaler::config
