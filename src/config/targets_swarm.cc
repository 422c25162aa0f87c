#include "config/targets_swarm.h"

#include <array>

#include "config/fields.h"

namespace alertscaler::config {
namespace {

void read_service(const Value& value, SwarmService& swarm) {
  static const Form form("[A-Za-z0-9_.-]{1,63}");  // as the engine has it
  value.read_text(swarm.service, "the name of a Swarm service", form,
                  "the name of a Swarm service as docker service ls shows it (shop_web for web of the stack shop)");
}

}  // namespace

bool read_swarm(const Value& value, SwarmService& out) {
  static constexpr std::array<Field<SwarmService>, 1> fields = {{
      {"service", read_service, "Its name as docker service ls shows it, or its id; of mode replicated"},
  }};
  MapReader map(value, "a map such as {service: shop_web}");
  map.take(fields, out);
  map.finish({"service"});
  return !out.service.empty();
}

bool read_swarm_node(const Value& value, SwarmNodes& out) {
  static constexpr std::array<Field<SwarmNodes>, 1> fields = {{
      {"node_label", [](const Value& v, SwarmNodes&) { v.refuse("stands beside docker_swarm_node, not in it"); }},
  }};
  MapReader map(value, "an empty map, {}");
  map.take(fields, out);
  map.finish();
  return map.is_map();
}

}  // namespace alertscaler::config
