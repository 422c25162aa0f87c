#include "act/docker/replica.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/text.h"

namespace alertscaler::docker {
namespace {

constexpr std::size_t output_bytes_max = 200;
constexpr int restarts_are_a_loop = 2;
constexpr Duration a_minute = std::chrono::minutes{1};

Health parse_health(std::string_view text) {
  if (text == "starting") return Health::starting;
  if (text == "healthy") return Health::healthy;
  if (text == "unhealthy") return Health::unhealthy;
  return Health::none;
}

// "Up 3 seconds (healthy)", "Up 2 minutes (health: starting)".
Health health_in(std::string_view status) {
  const std::size_t open = status.rfind('(');
  if (!status.starts_with("Up") || open == std::string_view::npos || !status.ends_with(')')) return Health::none;
  std::string_view inside = status.substr(open + 1, status.size() - open - 2);
  if (inside.starts_with("health: ")) inside.remove_prefix(8);
  return parse_health(inside);
}

// "Up Less than a second", "Up 1 second", "Up 9 seconds"; everything else is a minute at least.
Duration up_in(std::string_view status) {
  if (!status.starts_with("Up ")) return Duration{0};
  status.remove_prefix(3);
  if (status.starts_with("Less than a second")) return Duration{0};
  const std::size_t space = status.find(' ');
  if (space != std::string_view::npos && status.substr(space + 1).starts_with("second")) {
    return std::chrono::seconds{text::parse_int(status.substr(0, space)).value_or(0)};
  }
  return a_minute;
}

std::string last_output(const Json& health) {
  const Json& log = at(health, "Log");
  if (!log.is_array() || log.empty()) return "";
  const std::string output = string_at(log.back(), "Output");
  return text::shorten(text::trim(output), output_bytes_max);
}

}  // namespace

Life parse_life(std::string_view text) {
  constexpr std::array<std::pair<std::string_view, Life>, 7> names = {{{"created", Life::created},
                                                                       {"running", Life::running},
                                                                       {"paused", Life::paused},
                                                                       {"restarting", Life::restarting},
                                                                       {"removing", Life::removing},
                                                                       {"exited", Life::exited},
                                                                       {"dead", Life::dead}}};
  const auto found = std::find_if(names.begin(), names.end(), [&](const auto& name) { return name.first == text; });
  return found == names.end() ? Life::exited : found->second;
}

std::string name_in(const Json& entry) {
  const Json& names = at(entry, "Names");
  std::string shortest;  // an old link shows as a further name with a path: "/db/web_1"
  for (const Json& name : names.is_array() ? names : Json::array()) {
    if (!name.is_string()) continue;
    const std::string text = name.get<std::string>();
    if (std::count(text.begin(), text.end(), '/') == 1) shortest = text.substr(1);
  }
  return shortest;
}

std::vector<Replica> read_replicas(const Json& list) {
  std::vector<Replica> replicas;
  for (const Json& entry : list.is_array() ? list : Json::array()) {
    Replica replica;
    replica.id = string_at(entry, "Id");
    if (replica.id.empty()) continue;
    replica.name = name_in(entry);
    replica.number = text::parse_int(string_at(entry, "Labels", label::number)).value_or(0);
    const std::string status = string_at(entry, "Status");
    replica.life = parse_life(string_at(entry, "State"));
    if (replica.life == Life::running) {
      replica.health = health_in(status);
      replica.up_at_least = up_in(status);
    }
    replica.created = int_at(entry, "Created");
    replica.config_hash = string_at(entry, "Labels", label::config_hash);
    replica.image_id = string_at(entry, "ImageID");
    replica.action = string_at(entry, "Labels", label::action);
    replicas.push_back(std::move(replica));
  }
  std::sort(replicas.begin(), replicas.end(), [](const Replica& a, const Replica& b) {
    return std::tie(a.number, a.created, a.id) < std::tie(b.number, b.created, b.id);
  });
  return replicas;
}

std::vector<std::string> ids_of(const std::vector<Replica>& replicas) {
  std::vector<std::string> ids;
  ids.reserve(replicas.size());
  for (const Replica& replica : replicas) ids.push_back(replica.id);
  return ids;
}

bool is_live(const Replica& replica) {
  return replica.life == Life::running || replica.life == Life::paused || replica.life == Life::restarting;
}

bool is_leftover(const Replica& replica) {
  return replica.life == Life::created && !replica.action.empty();
}

Condition read_condition(const Json& inspect) {
  const Json& state = at(inspect, "State");
  Condition condition;
  condition.life = parse_life(string_at(state, "Status"));
  condition.health = parse_health(string_at(state, "Health", "Status"));
  condition.health_output = last_output(at(state, "Health"));
  condition.restarts = int_at(inspect, "RestartCount");
  condition.exit_code = int_at(state, "ExitCode");
  condition.out_of_memory = bool_at(state, "OOMKilled");
  condition.error = string_at(state, "Error");
  if (const auto started = text::parse_time(string_at(state, "StartedAt")); started && !text::is_zero_time(*started)) {
    condition.started = *started;
  }
  return condition;
}

bool is_ready(const Condition& condition, Instant engine_time, Duration stable_for) {
  if (condition.life != Life::running) return false;
  if (condition.health != Health::none) return condition.health == Health::healthy;
  return condition.started && engine_time - *condition.started >= stable_for;
}

std::string why_broken(std::string_view name, const Condition& condition) {
  const std::string replica = "replica " + std::string(name);
  const bool ended = condition.life == Life::exited || condition.life == Life::dead;
  const bool loops = condition.restarts >= restarts_are_a_loop;
  if (condition.out_of_memory) return replica + " was killed because it ran out of memory";
  if (ended || loops) {
    // While it runs between two ends, the engine tells no exit code.
    const bool between = condition.life == Life::running;
    std::string text = replica + (between ? " keeps exiting" : " exited with " + std::to_string(condition.exit_code));
    if (condition.restarts > 0) text += ", " + std::to_string(condition.restarts + (ended ? 1 : 0)) + " times";
    if (!condition.error.empty()) text += ": " + text::shorten(condition.error, output_bytes_max);
    if (!condition.health_output.empty()) text += "; its last health check said: " + condition.health_output;
    return text;
  }
  // The engine calls every container unhealthy that is not running: between two runs it means nothing.
  if (condition.health == Health::unhealthy && condition.life == Life::running) {
    return replica + " is unhealthy" +
           (condition.health_output.empty() ? "" : "; its last health check said: " + condition.health_output);
  }
  if (!condition.error.empty() && condition.life != Life::created) {
    return replica + ": " + text::shorten(condition.error, output_bytes_max);
  }
  return "";
}

Duration stop_grace(const Json& inspect) {
  constexpr Duration by_default = std::chrono::seconds{10};
  constexpr Duration for_ever = std::chrono::hours{24};
  const Json& timeout = at(inspect, "Config", "StopTimeout");
  if (!timeout.is_number_integer()) return by_default;
  const auto seconds = timeout.get<std::int64_t>();
  return seconds < 0 ? for_ever : std::min<Duration>(std::chrono::seconds{seconds}, for_ever);
}

}  // namespace alertscaler::docker
