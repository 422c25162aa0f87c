#include "act/docker/clone.h"

#include <algorithm>

#include "act/docker/replica.h"

namespace alertscaler::docker {
namespace {

// Stands for the replica's name; no container's name can hold braces.
constexpr const char* name_token = "{name}";
constexpr std::size_t short_id_length = 12;

bool is_volume_id(std::string_view text) {
  return text.size() == 64 &&
         std::all_of(text.begin(), text.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

bool shares_container_network(std::string_view mode) {
  return mode.starts_with("container:");
}

bool is_built_in(std::string_view mode) {
  return mode == "host" || mode == "none" || mode == "bridge" || mode == "default";
}

// An anonymous volume that Compose handed on from a replaced container is bound by its id ("ID:/path:rw"): a verbatim
// copy would share its data. The path becomes a fresh anonymous volume.
void renew_bound_volumes(Json& config, Json& host_config) {
  const Json& binds = at(host_config, "Binds");
  if (!binds.is_array()) return;
  Json kept = Json::array();
  for (const Json& bind : binds) {
    const std::string text = bind.is_string() ? bind.get<std::string>() : "";
    const std::size_t colon = text.find(':');
    if (colon == std::string::npos || !is_volume_id(std::string_view(text).substr(0, colon))) {
      kept.push_back(bind);
      continue;
    }
    const std::string path = text.substr(colon + 1, text.find(':', colon + 1) - colon - 1);
    if (!at(config, "Volumes").is_object()) config["Volumes"] = Json::object();
    config["Volumes"][path] = Json::object();
  }
  host_config["Binds"] = std::move(kept);
}

void renew_mounted_volumes(Json& host_config) {
  if (!at(host_config, "Mounts").is_array()) return;
  for (Json& mount : host_config["Mounts"]) {
    if (string_at(mount, "Type") == "volume" && is_volume_id(string_at(mount, "Source"))) mount.erase("Source");
  }
}

Json host_config_of(const Json& inspect, std::string_view mode) {
  Json host_config = at(inspect, "HostConfig");
  for (const char* key : {"ContainerIDFile", "KernelMemory", "KernelMemoryTCP"}) host_config.erase(key);
  renew_mounted_volumes(host_config);
  if (shares_container_network(mode)) {
    for (const char* key : {"PortBindings", "Links", "Dns", "ExtraHosts"}) host_config[key] = nullptr;
  }
  return host_config;
}

Json config_of(const Json& inspect, std::string_view mode, std::string_view name) {
  Json config = at(inspect, "Config");
  const std::string short_id = string_at(inspect, "Id").substr(0, short_id_length);
  const std::string hostname = string_at(config, "Hostname");
  const bool network_of_another = shares_container_network(mode) || mode == "host";
  if (hostname == short_id || network_of_another) {
    config.erase("Hostname");
  } else if (hostname == name) {
    config["Hostname"] = name_token;
  }
  if (network_of_another) config.erase("Domainname");
  if (shares_container_network(mode)) config.erase("ExposedPorts");
  for (const char* key : {"MacAddress", "OnBuild", "Image"}) config.erase(key);
  if (!at(config, "Labels").is_object()) config["Labels"] = Json::object();
  for (const char* key : {label::number, label::replaced, label::action}) config["Labels"].erase(key);
  return config;
}

// Of all that an endpoint's description holds, only what was asked for: addresses and ids belong to the old replica.
Json endpoint_of(const Json& inspect, const Json& endpoint, std::string_view name) {
  const std::string short_id = string_at(inspect, "Id").substr(0, short_id_length);
  Json aliases = Json::array();
  const Json& old = at(endpoint, "Aliases");
  for (const Json& alias : old.is_array() ? old : Json::array()) {
    // The hostname stays when engines before API 1.45 list it: it may be the service's own name, and every replica of a
    // service with a hostname has it.
    const Json wanted = alias == Json(name) ? Json(name_token) : alias;
    const bool known = std::find(aliases.begin(), aliases.end(), wanted) != aliases.end();
    if (wanted.is_string() && wanted != Json(short_id) && !known) aliases.push_back(wanted);
  }
  Json settings = {{"Aliases", aliases}, {"Links", at(endpoint, "Links")}, {"DriverOpts", at(endpoint, "DriverOpts")}};
  if (int_at(endpoint, "GwPriority") != 0) settings["GwPriority"] = at(endpoint, "GwPriority");
  return settings;
}

void take_endpoints(Recipe& recipe, const Json& inspect, const std::string& mode, std::string_view name) {
  if (shares_container_network(mode) || mode == "host" || mode == "none") return;
  const Json& networks = at(inspect, "NetworkSettings", "Networks");
  if (!networks.is_object()) return;
  const std::string built_in = mode == "default" ? "bridge" : mode;
  for (const auto& [network, endpoint] : networks.items()) {
    const bool primary = network == built_in || string_at(endpoint, "NetworkID") == mode;
    if (primary && is_built_in(mode)) continue;  // the engine connects it by itself, and takes no aliases there
    Endpoint made{network, endpoint_of(inspect, endpoint, name)};
    if (primary && !recipe.has_primary) {
      recipe.has_primary = true;
      recipe.endpoints.insert(recipe.endpoints.begin(), std::move(made));
    } else {
      recipe.endpoints.push_back(std::move(made));
    }
  }
}

// The settings with the new replica's name in them.
Json named(Json settings, const std::string& name) {
  if (at(settings, "Aliases").is_array()) {
    for (Json& alias : settings["Aliases"]) {
      if (alias == name_token) alias = name;
    }
  }
  return settings;
}

}  // namespace

std::optional<std::string> separator_of(std::string_view name, std::string_view project, std::string_view service,
                                        int number) {
  for (const char* separator : {"-", "_"}) {
    const std::string expected =
        std::string(project) + separator + std::string(service) + separator + std::to_string(number);
    if (name == expected) return separator;
  }
  return std::nullopt;
}

Result<Recipe> recipe_of(const Json& inspect, const std::optional<std::string>& separator) {
  const std::string full_name = string_at(inspect, "Name");
  const std::string name = full_name.starts_with('/') ? full_name.substr(1) : full_name;
  const std::string mode = string_at(inspect, "HostConfig", "NetworkMode");
  if (string_at(inspect, "Id").empty() || name.empty() || !at(inspect, "Config").is_object() ||
      !at(inspect, "HostConfig").is_object()) {
    return fail(ErrorKind::invalid,
                "the engine's description of " + (name.empty() ? "a replica" : name) + " lacks its configuration");
  }
  const Json& labels = at(inspect, "Config", "Labels");
  Recipe recipe;
  const std::string between = separator.value_or("-");
  recipe.name_prefix = string_at(labels, label::project) + between + string_at(labels, label::service) + between;
  if (!separator) recipe.fixed_name = name;
  recipe.image = string_at(inspect, "Config", "Image");
  recipe.image_id = string_at(inspect, "Image");
  recipe.config_hash = string_at(labels, label::config_hash);
  recipe.config = config_of(inspect, mode, name);
  recipe.host_config = host_config_of(inspect, mode);
  renew_bound_volumes(recipe.config, recipe.host_config);
  take_endpoints(recipe, inspect, mode, name);
  return recipe;
}

Json to_json(const Recipe& recipe) {
  Json endpoints = Json::array();
  for (const Endpoint& endpoint : recipe.endpoints) {
    endpoints.push_back({{"network", endpoint.network}, {"settings", endpoint.settings}});
  }
  return {{"name_prefix", recipe.name_prefix},
          {"fixed_name", recipe.fixed_name},
          {"image", recipe.image},
          {"image_id", recipe.image_id},
          {"config_hash", recipe.config_hash},
          {"config", recipe.config},
          {"host_config", recipe.host_config},
          {"endpoints", endpoints},
          {"has_primary", recipe.has_primary}};
}

std::optional<Recipe> recipe_from(const Json& document) {
  Recipe recipe;
  recipe.name_prefix = string_at(document, "name_prefix");
  recipe.fixed_name = string_at(document, "fixed_name");
  recipe.image = string_at(document, "image");
  recipe.image_id = string_at(document, "image_id");
  recipe.config_hash = string_at(document, "config_hash");
  recipe.config = at(document, "config");
  recipe.host_config = at(document, "host_config");
  recipe.has_primary = bool_at(document, "has_primary");
  const Json& endpoints = at(document, "endpoints");
  if (recipe.name_prefix.empty() || !recipe.config.is_object() || !recipe.host_config.is_object() ||
      !endpoints.is_array() || (recipe.has_primary && endpoints.empty())) {
    return std::nullopt;
  }
  for (const Json& endpoint : endpoints) {
    recipe.endpoints.push_back({string_at(endpoint, "network"), at(endpoint, "settings")});
  }
  return recipe;
}

Creation creation_of(const Recipe& recipe, int number, const std::string& image, ActionId action,
                     bool several_endpoints) {
  Creation creation;
  creation.name = recipe.fixed_name.empty() ? recipe.name_prefix + std::to_string(number) : recipe.fixed_name;
  creation.body = recipe.config;
  creation.body["Image"] = image;
  if (string_at(creation.body, "Hostname") == name_token) creation.body["Hostname"] = creation.name;
  creation.body["Labels"][label::number] = std::to_string(number);
  creation.body["Labels"][label::action] = std::to_string(action);
  creation.body["HostConfig"] = recipe.host_config;
  Json in_create = Json::object();
  for (std::size_t i = 0; i < recipe.endpoints.size(); ++i) {
    const Endpoint& endpoint = recipe.endpoints[i];
    Json settings = named(endpoint.settings, creation.name);
    if (recipe.has_primary && (i == 0 || several_endpoints)) {
      in_create[endpoint.network] = std::move(settings);
    } else {
      creation.connects.push_back({endpoint.network, std::move(settings)});
    }
  }
  if (!in_create.empty()) creation.body["NetworkingConfig"] = {{"EndpointsConfig", std::move(in_create)}};
  return creation;
}

}  // namespace alertscaler::docker
