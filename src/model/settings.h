// The whole configuration as values. What the file leaves out has its default here.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/clock.h"
#include "model/route.h"
#include "model/target.h"

namespace alertscaler {

// Which alert labels carry the instruction.
struct InstructionLabels {
  std::string action = "scale_action";
  std::string target = "scale_target";
  bool operator==(const InstructionLabels&) const = default;
};

// Where the engine is and how to trust it.
struct DockerEndpoint {
  std::string host = "unix:///var/run/docker.sock";  // unix://PATH, tcp://HOST:PORT (TLS when ca_file is set)
  std::string ca_file;
  std::string cert_file;
  std::string key_file;
  bool operator==(const DockerEndpoint&) const = default;
};

struct Settings {
  InstructionLabels labels;
  DockerEndpoint docker;
  int max_parallel = 8;  // passes at the same time
  Duration stale_after = std::chrono::hours{5};
  Duration history_retention = std::chrono::hours{24 * 30};
  std::map<TargetName, Target> targets;
  std::vector<AlertRoute> routes;  // the first that matches an alert counts, before the alert's own labels
};

// From --web.config.file.
struct WebConfig {
  std::string bearer_token_file;  // one token a line; empty: no authentication
};

}  // namespace alertscaler
