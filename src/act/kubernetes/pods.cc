#include "act/kubernetes/pods.h"

#include <algorithm>
#include <array>

#include "base/text.h"

namespace alertscaler::kubernetes {
namespace {

constexpr std::size_t shown_bytes_max = 300;  // of what the server's components say

// Worst first; what is not listed will do so by itself.
enum class Rank { crashing, image, container, failed, unschedulable, waiting, starting };

struct Trouble {
  Rank rank = Rank::starting;
  std::string text;
};

const Json& items(const Json& value) {
  static const Json none = Json::array();
  return value.is_array() ? value : none;
}

const Json& condition(const Json& object, std::string_view type) {
  static const Json none;
  for (const Json& each : items(at(object, "status", "conditions"))) {
    if (string_at(each, "type") == type) return each;
  }
  return none;
}

std::string said(const Json& of) {
  const std::string reason = string_at(of, "reason");
  const std::string message = text::shorten(string_at(of, "message"), shown_bytes_max);
  if (reason.empty() || message.empty()) return reason + message;
  return reason + ": " + message;
}

std::optional<Rank> rank_of(const std::string& reason) {
  struct Known {
    std::string_view reason;
    Rank rank;
  };
  static constexpr std::array known = {Known{"CrashLoopBackOff", Rank::crashing},
                                       Known{"ImagePullBackOff", Rank::image},
                                       Known{"ErrImagePull", Rank::image},
                                       Known{"ErrImageNeverPull", Rank::image},
                                       Known{"InvalidImageName", Rank::image},
                                       Known{"CreateContainerConfigError", Rank::container},
                                       Known{"CreateContainerError", Rank::container},
                                       Known{"RunContainerError", Rank::container}};
  const auto* found = std::find_if(known.begin(), known.end(), [&](const Known& k) { return k.reason == reason; });
  return found == known.end() ? std::nullopt : std::optional(found->rank);
}

// How it ended the last time, and how often it has been started again.
std::string last_end(const Json& status) {
  const Json& ended = at(status, "lastState", "terminated");
  const std::int64_t restarts = int_at(status, "restartCount");
  std::string out;
  if (ended.is_object()) {
    out = string_at(ended, "reason") == "OOMKilled" ? "out of memory"
                                                    : "exit code " + std::to_string(int_at(ended, "exitCode"));
  }
  if (restarts > 0) {
    out += (out.empty() ? "" : ", ") + std::string("restarted ") + std::to_string(restarts) +
           (restarts == 1 ? " time" : " times");
  }
  return out.empty() ? "" : " (" + out + ")";
}

Trouble trouble_of_container(const Json& status, const std::string& pod) {
  const std::string name = pod + ": container " + string_at(status, "name") + ": ";
  const Json& waiting = at(status, "state", "waiting");
  if (const auto rank = rank_of(string_at(waiting, "reason"))) return {*rank, name + said(waiting) + last_end(status)};
  const Json& ended = at(status, "state", "terminated");
  if (ended.is_object() && int_at(ended, "exitCode") != 0) {
    const std::string reason = string_at(ended, "reason");
    return {Rank::crashing, name + "ended with exit code " + std::to_string(int_at(ended, "exitCode")) +
                                (reason.empty() || reason == "Error" ? "" : ", " + reason)};
  }
  if (waiting.is_object()) return {Rank::starting, name + said(waiting)};
  if (ended.is_object()) return {Rank::starting, ""};
  return {Rank::waiting, name + "runs and is not ready" + last_end(status)};
}

Trouble trouble_of(const Json& pod) {
  const std::string name = "pod " + string_at(pod, "metadata", "name");
  if (string_at(pod, "status", "phase") == "Failed") {
    return {Rank::failed, name + ": failed: " + said(at(pod, "status"))};
  }
  const Json& scheduled = condition(pod, "PodScheduled");
  if (string_at(scheduled, "status") == "False") return {Rank::unschedulable, name + ": " + said(scheduled)};
  Trouble worst{Rank::starting, ""};
  for (const char* list : {"initContainerStatuses", "containerStatuses"}) {
    for (const Json& status : items(at(pod, "status", list))) {
      if (bool_at(status, "ready")) continue;
      Trouble trouble = trouble_of_container(status, name);
      if (trouble.rank < worst.rank || worst.text.empty()) worst = std::move(trouble);
    }
  }
  if (!worst.text.empty()) return worst;
  const std::string phase = string_at(pod, "status", "phase");
  return {Rank::starting, name + ": " +
                              (phase == "Running" ? "not ready"
                               : phase.empty()    ? "pending"
                                                  : text::to_lower(phase))};
}

}  // namespace

bool is_ready(const Json& pod) {
  return !at(pod, "metadata", "deletionTimestamp").is_string() &&
         string_at(condition(pod, "Ready"), "status") == "True";
}

std::string why_not_ready(const Json& pods) {
  Trouble worst;
  int count = 0;
  for (const Json& pod : items(pods)) {
    const bool over = string_at(pod, "status", "phase") == "Succeeded";
    if (over || at(pod, "metadata", "deletionTimestamp").is_string() || is_ready(pod)) continue;
    Trouble trouble = trouble_of(pod);
    if (count++ == 0 || trouble.rank < worst.rank) worst = std::move(trouble);
  }
  if (count <= 1) return worst.text;
  return worst.text + "; " + std::to_string(count - 1) + (count == 2 ? " more is not ready" : " more are not ready");
}

std::string why_not_made(const Json& workload) {
  const Json& failure = condition(workload, "ReplicaFailure");
  return string_at(failure, "status") == "True" ? "no pods are made: " + said(failure) : "";
}

}  // namespace alertscaler::kubernetes
