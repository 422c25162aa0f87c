#include "config/targets_swarm.h"

#include <algorithm>
#include <array>

#include "config/fields.h"

namespace alertscaler::config {
namespace {

constexpr std::size_t name_bytes_max = 63;  // as the engine has it

bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.';
}

void read_service(const Value& value, SwarmService& swarm) {
  std::string name;
  if (!value.read_text(name, "the name of a Swarm service")) return;
  if (name.size() > name_bytes_max || !std::all_of(name.begin(), name.end(), is_name_character)) {
    value.expected("the name of a Swarm service as docker service ls shows it (shop_web for web of the stack shop)");
    return;
  }
  swarm.service = name;
}

}  // namespace

bool read_swarm(const Value& value, SwarmService& out) {
  static constexpr std::array<Field<SwarmService>, 1> fields = {{{"service", read_service}}};
  MapReader map(value, "a map such as {service: shop_web}");
  map.take(fields, out);
  map.finish({"service"});
  return !out.service.empty();
}

bool read_swarm_node(const Value& value, SwarmNodes& out) {
  static constexpr std::array<Field<SwarmNodes>, 1> fields = {{
      {"node_label", [](const Value& v, SwarmNodes&) { v.problem("stands beside docker_swarm_node, not in it"); }},
  }};
  MapReader map(value, "an empty map, {}");
  map.take(fields, out);
  map.finish();
  return map.is_map();
}

}  // namespace alertscaler::config
