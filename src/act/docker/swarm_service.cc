#include "act/docker/swarm_service.h"

#include <algorithm>
#include <array>
#include <limits>
#include <map>
#include <string_view>

#include "base/text.h"

namespace alertscaler::docker {
namespace {

constexpr std::size_t words_max = 300;

int replicas_in(const Json& replicated) {
  const Json& replicas = at(replicated, "Replicas");
  if (!replicas.is_number_integer()) return 1;  // as the engine takes it
  const auto count = replicas.get<std::int64_t>();
  return static_cast<int>(std::clamp<std::int64_t>(count, 0, std::numeric_limits<int>::max()));
}

std::string why_fixed(const std::string& name, const Json& mode) {
  if (at(mode, "Replicated").is_object()) return "";
  const std::string service = "the service " + name + " ";
  if (at(mode, "Global").is_object()) {
    return service + "runs one task on each node (mode global) and has no count: deploy it with mode replicated";
  }
  if (at(mode, "ReplicatedJob").is_object() || at(mode, "GlobalJob").is_object()) {
    return service + "is a job, which runs to its end: only services of mode replicated are scaled";
  }
  return service + "is of no mode that has a count: only services of mode replicated are scaled";
}

// Scaling now would become a part of the update, and the specification to go back to would be the half-made one.
std::string why_updating(const std::string& name, const Json& status) {
  const std::string state = string_at(status, "State");
  const std::string message = text::shorten(string_at(status, "Message"), words_max);
  const std::string said = message.empty() ? "" : " (" + message + ")";
  if (state == "updating") return "a rolling update of " + name + " is under way; it is scaled when that has ended";
  if (state == "rollback_started") return "a rollback of " + name + " is under way; it is scaled when that has ended";
  if (state == "paused") {
    return "the rolling update of " + name + " is paused" + said + ": go on with it (docker service update " + name +
           ") or undo it (docker service rollback " + name + "), then it is scaled";
  }
  if (state == "rollback_paused") {
    return "the rollback of " + name + " is paused" + said + ": correct the service (docker service update " + name +
           " …), then it is scaled";
  }
  return "";
}

bool has_ended(std::string_view state) {
  constexpr std::array<std::string_view, 6> ends = {"complete", "shutdown", "failed", "rejected", "orphaned", "remove"};
  return std::find(ends.begin(), ends.end(), state) != ends.end();
}

struct Task {
  std::int64_t slot = 0;
  std::string wanted;
  std::string state;
  std::string error;
  std::string since;  // RFC 3339, so that the later one sorts last
};

Task read_task(const Json& task) {
  return {int_at(task, "Slot"), string_at(task, "DesiredState"), string_at(task, "Status", "State"),
          string_at(task, "Status", "Err"), string_at(task, "Status", "Timestamp")};
}

// A slot whose task is not ready: what it says itself, or why the last one there ended.
std::string why_not_ready(const Task& task, const std::vector<Task>& all, const std::string& service) {
  const std::string name = service + "." + std::to_string(task.slot);
  if (!task.error.empty()) return name + " is " + task.state + ": " + text::shorten(task.error, words_max);
  const Task* last = nullptr;
  for (const Task& other : all) {
    if (other.slot != task.slot || other.error.empty() || !has_ended(other.state)) continue;
    if (last == nullptr || last->since < other.since) last = &other;
  }
  if (last != nullptr) return name + " " + last->state + ": " + text::shorten(last->error, words_max);
  return name + " is " + task.state;
}

}  // namespace

ServiceState read_service(const Json& service) {
  ServiceState state;
  state.id = string_at(service, "ID");
  state.spec = at(service, "Spec");
  state.name = string_at(state.spec, "Name");
  const Json& version = at(service, "Version", "Index");
  if (version.is_number_integer()) state.version = version.get<std::uint64_t>();
  const Json& mode = at(state.spec, "Mode");
  state.fixed = why_fixed(state.name, mode);
  if (state.fixed.empty()) state.replicas = replicas_in(at(mode, "Replicated"));
  state.updating = why_updating(state.name, at(service, "UpdateStatus"));
  state.paused = string_at(at(service, "UpdateStatus"), "State").ends_with("paused");
  return state;
}

Json with_replicas(Json spec, int replicas) {
  spec["Mode"]["Replicated"]["Replicas"] = replicas;
  return spec;
}

TaskCount count_tasks(const Json& tasks, const std::string& service, const std::set<std::string>& gone) {
  TaskCount count;
  std::vector<Task> all;
  for (const Json& each : tasks.is_array() ? tasks : Json::array()) {
    Task task = read_task(each);
    const bool ended = has_ended(task.state);
    const bool stays = task.wanted == "running" || task.wanted == "ready";
    if (stays && task.wanted == "running" && task.state == "running") ++count.ready;
    if (!stays && !ended && !gone.contains(string_at(each, "NodeID"))) ++count.leaving;
    all.push_back(std::move(task));
  }
  for (const Task& task : all) {
    const bool waits = (task.wanted == "running" || task.wanted == "ready") && task.state != "running";
    if (!waits) continue;
    std::string why = why_not_ready(task, all, service);
    const bool tells_more = count.waits.find(": ") == std::string::npos && why.find(": ") != std::string::npos;
    if (count.waits.empty() || tells_more) count.waits = std::move(why);
  }
  return count;
}

int count_unended(const Json& tasks) {
  return static_cast<int>(std::count_if(tasks.begin(), tasks.end(), [](const Json& task) {
    return task.is_object() && !has_ended(string_at(task, "Status", "State"));
  }));
}

std::set<std::string> nodes_down(const Json& nodes) {
  std::set<std::string> down;
  for (const Json& node : nodes.is_array() ? nodes : Json::array()) {
    if (string_at(node, "Status", "State") == "down") down.insert(string_at(node, "ID"));
  }
  return down;
}

}  // namespace alertscaler::docker
