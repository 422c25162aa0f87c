// The configuration files, from YAML to values, or the whole list of what is wrong with them.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "base/result.h"
#include "model/settings.h"

namespace alertscaler::config {

struct Problem {
  std::string file;
  int line = 0;    // from 1; 0: the file as a whole
  int column = 0;  // from 1, in characters
  std::string message;
  bool operator==(const Problem&) const = default;
};
[[nodiscard]] std::string to_string(const Problem& problem);  // "alertscaler.yml:12:7: targets[0].up.step: expected …"

template <class T>
using Loaded = tl::expected<T, std::vector<Problem>>;

// Environment variables by name.
using Environment = std::map<std::string, std::string>;
// The variables that the configuration may depend on, as this process has them.
[[nodiscard]] Environment process_environment();
// Where the environment says the engine is, in the meaning that the docker command line gives to DOCKER_HOST,
// DOCKER_TLS_VERIFY and DOCKER_CERT_PATH; the local socket when it says nothing. invalid: a host that cannot be used.
[[nodiscard]] Result<DockerEndpoint> docker_endpoint_from(const Environment& environment);

// Pure; `file` only names the source in problems, which come in the order of the file. Cross-references are checked:
// what comes back can be relied on. The environment says where the engine is when the file has no `docker`.
[[nodiscard]] Loaded<Settings> parse_settings(std::string_view yaml, const std::string& file,
                                              const Environment& environment = {});
[[nodiscard]] Loaded<WebConfig> parse_web_config(std::string_view yaml, const std::string& file);

// Relative paths in the file are taken from the file's folder, as the Prometheus components do.
[[nodiscard]] Loaded<Settings> load_settings(const std::string& file,
                                             const Environment& environment = process_environment());
[[nodiscard]] Loaded<WebConfig> load_web_config(const std::string& file);

}  // namespace alertscaler::config
