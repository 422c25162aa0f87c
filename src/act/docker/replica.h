// What the engine tells of a service's containers, as values. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "act/docker/inspected.h"
#include "act/docker/json.h"
#include "base/clock.h"

namespace alertscaler::docker {

namespace label {
inline constexpr const char* project = "com.docker.compose.project";
inline constexpr const char* service = "com.docker.compose.service";
inline constexpr const char* number = "com.docker.compose.container-number";
inline constexpr const char* config_hash = "com.docker.compose.config-hash";
inline constexpr const char* replaced = "com.docker.compose.replace";  // only on what compose recreated
inline constexpr const char* action = "alertscaler.action";            // the action that made a replica
}  // namespace label

enum class Life { created, running, paused, restarting, removing, exited, dead };
[[nodiscard]] Life parse_life(std::string_view text);  // of the engine's State: "running"
enum class Health { none, starting, healthy, unhealthy };

// A container of the service, as GET /containers/json shows it.
struct Replica {
  std::string id;
  std::string name;
  int number = 0;  // 0: it has none
  Life life = Life::exited;
  Health health = Health::none;
  Duration up_at_least{0};   // running for this long or longer; the engine tells seconds in the first minute only
  std::int64_t created = 0;  // seconds since the epoch
  std::string config_hash;
  std::string image_id;
  std::string action;  // label::action; empty: not made by us
  bool ready = false;  // filled in by who knows
};

// Sorted by number. What is no container is left out.
[[nodiscard]] std::vector<Replica> read_replicas(const Json& list);

// Of an entry of GET /containers/json, without the slash.
[[nodiscard]] std::string name_in(const Json& entry);
[[nodiscard]] std::vector<std::string> ids_of(const std::vector<Replica>& replicas);
[[nodiscard]] bool is_live(const Replica& replica);  // has a process: running, paused or restarting
// Made by us and never started: what an unfinished action left, no replica.
[[nodiscard]] bool is_leftover(const Replica& replica);

// How one container is, as GET /containers/{id}/json shows it.
struct Condition {
  Life life = Life::exited;
  Health health = Health::none;
  std::int64_t restarts = 0;
  std::int64_t exit_code = 0;
  bool out_of_memory = false;
  std::string error;          // the engine's own
  std::string health_output;  // of the last check
  std::optional<Instant> started;
};
[[nodiscard]] Condition read_condition(const Json& inspect);

// Running, and healthy; or, without a health check, up for `stable_for` by the engine's clock.
[[nodiscard]] bool is_ready(const Condition& condition, Instant engine_time, Duration stable_for);
// Why it will never become ready ("replica shop-web-3 exited with 1, 3 times"); empty while there is hope.
[[nodiscard]] std::string why_broken(std::string_view name, const Condition& condition);

// How long the engine lets it stop before it kills it.
[[nodiscard]] Duration stop_grace(const Json& inspect);

}  // namespace alertscaler::docker
