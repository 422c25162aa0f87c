// What keeps a service from having more than some number of replicas, in words that say what to change. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "act/docker/json.h"

namespace alertscaler::docker {

struct Limit {
  int replicas_max = 1;
  std::string why;
  bool operator==(const Limit&) const = default;
};

// The narrowest limit that this replica's description shows: a fixed host port, a range of ports, a static address.
[[nodiscard]] std::optional<Limit> limit_of(const Json& inspect, std::string_view service);

// Of a service that sets container_name.
[[nodiscard]] Limit named_limit(std::string_view service, std::string_view name);

// What a person should know before there are more replicas; empty when there is nothing.
[[nodiscard]] std::string scaling_note(const Json& inspect, std::string_view service);

}  // namespace alertscaler::docker
