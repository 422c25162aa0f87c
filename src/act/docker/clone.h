// From a replica's description to what makes another one like it, exactly as Compose would. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "act/docker/json.h"
#include "base/result.h"
#include "model/action.h"

namespace alertscaler::docker {

struct Endpoint {
  std::string network;
  Json settings;
  bool operator==(const Endpoint&) const = default;
};

// Everything about a replica but its number, its identity and its data: the same for all replicas of one
// configuration, and good for a new one as long as its image and networks exist.
struct Recipe {
  std::string name_prefix;  // "shop-web-"
  std::string fixed_name;   // container_name of the compose file; such a service has one replica at most
  std::string image;        // as the compose file names it
  std::string image_id;
  std::string config_hash;
  Json config;
  Json host_config;
  std::vector<Endpoint> endpoints;  // of user-defined networks, the primary one first
  bool has_primary = false;         // else all of them are connected besides a built-in network
  bool operator==(const Recipe&) const = default;
};

// "-" or "_" when the name is PROJECT-SERVICE-NUMBER; absent for container_name and renamed containers.
[[nodiscard]] std::optional<std::string> separator_of(std::string_view name, std::string_view project,
                                                      std::string_view service, int number);

// Without a separator the replica's name is its container_name. invalid: the description lacks what a replica must
// have.
[[nodiscard]] Result<Recipe> recipe_of(const Json& inspect, const std::optional<std::string>& separator);

[[nodiscard]] Json to_json(const Recipe& recipe);
[[nodiscard]] std::optional<Recipe> recipe_from(const Json& document);

// A new replica: the name and body of POST /containers/create, and the networks to connect before it starts.
struct Creation {
  std::string name;
  Json body;
  std::vector<Endpoint> connects;
};
// `image` is what to use for it, a name or an id. `several_endpoints`: the engine takes all networks at the creation
// (API 1.44); an older one takes only the primary.
[[nodiscard]] Creation creation_of(const Recipe& recipe, int number, const std::string& image, ActionId action,
                                   bool several_endpoints);

}  // namespace alertscaler::docker
