// What can be scaled, as the configuration describes it.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/names.h"
#include "model/policy.h"

namespace alertscaler {

// One service of a Compose project on one engine.
struct ComposeService {
  std::string project;
  std::string service;
  std::vector<std::string> copy_paths;  // absolute paths of files that live only in the container layer
  bool operator==(const ComposeService&) const = default;
};

// Needs nothing; its count survives a restart. A new replica is ready after startup_delay.
struct Simulated {
  int replicas = 1;
  Duration startup_delay{0};
  bool operator==(const Simulated&) const = default;
};

// Touches nothing; the desired count is for an HPA, KEDA or a person to consume.
struct Advisory {
  int initial = 1;
  bool operator==(const Advisory&) const = default;
};

using BackendRef = std::variant<Simulated, Advisory, ComposeService>;
[[nodiscard]] std::string_view backend_name(const BackendRef& ref);  // "docker_compose": the configuration's own word
// The reference's own keys for people and for the API: {{"project","shop"},{"service","web"}}.
[[nodiscard]] std::vector<std::pair<std::string, std::string>> describe(const BackendRef& ref);

struct Target {
  TargetName name;
  Policy policy;
  BackendRef backend;
  bool operator==(const Target&) const = default;
};

}  // namespace alertscaler
