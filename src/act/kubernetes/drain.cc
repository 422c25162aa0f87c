#include "act/kubernetes/drain.h"

#include <algorithm>
#include <map>
#include <utility>

#include "act/kubernetes/annotations.h"
#include "act/kubernetes/announce.h"
#include "act/kubernetes/drain_filter.h"
#include "act/kubernetes/drain_waves.h"
#include "act/kubernetes/eviction.h"
#include "act/kubernetes/signature.h"
#include "base/crash_point.h"

namespace alertscaler::kubernetes {
namespace {

constexpr std::size_t evictions_at_once = 10;
constexpr std::size_t evictions_a_move = 50;  // the rest goes with the next one
constexpr Duration refused_again_after = std::chrono::minutes{1};
// A drain that nobody moved for so long has ended; another one of the same node remembers nothing of it.
constexpr Duration memory_lasts = std::chrono::minutes{1};

bool is_cordoned(const Json& node) {
  return bool_at(node, "spec", "unschedulable");
}

bool is_ready(const Json& node) {
  for (const Json& condition : at(node, "status", "conditions")) {
    if (string_at(condition, "type") == "Ready") return string_at(condition, "status") == "True";
  }
  return false;
}

class KubernetesNodeBackend final : public NodeBackend {
 public:
  KubernetesNodeBackend(NodeDrains drains, ApiServer& server, Events* events, const Clock& clock)
      : by_{std::move(drains.target.text), std::move(drains.installation)},
        nodes_(std::move(drains.nodes)),
        own_(drains.own.name.empty() ? "" : drains.own.name_space + "/" + drains.own.name),
        server_(server),
        events_(events),
        clock_(clock) {}

  Result<std::vector<ObservedNode>> observe(std::stop_token stop) override {
    const std::string query = nodes_.selector.empty() ? "" : "?labelSelector=" + escape(nodes_.selector);
    const auto list = server_.list("/api/v1/nodes" + query, stop);
    if (!list) return fail(list.error().error);
    std::vector<ObservedNode> observed;
    for (const Json& item : *list) {
      ObservedNode node;
      node.name = string_at(item, "metadata", "name");
      node.ready = is_ready(item);
      node.cordoned = is_cordoned(item);
      node.ours = is_ours(item);
      for (const Json& address : at(item, "status", "addresses")) {
        const std::string text = string_at(address, "address");
        if (!text.empty() && text != node.name) node.aliases.push_back(text);
      }
      observed.push_back(std::move(node));
    }
    return observed;
  }

  Result<DrainProgress> drain(const std::string& node, const DrainPolicy& policy, std::stop_token stop) override {
    const auto seen = cordon(node, stop);
    if (!seen) return fail(seen.error());
    crash_point("after_cordon");
    DrainWaves& waves = waves_of(node);
    auto filtered = pods_to_go(*seen, policy, waves, stop);
    if (!filtered) return fail(std::move(filtered).error());
    DrainProgress progress;
    progress.left = static_cast<int>(filtered->go.size());
    progress.refused = filtered->refused;
    if (!progress.refused.empty()) return progress;

    const Instant now = clock_.now();
    waves.look(filtered->go, now, policy.timeout);
    std::vector<DrainPod> turn = waves.turn(filtered->go, now);
    if (turn.size() > evictions_a_move) turn.resize(evictions_a_move);
    std::string throttled;
    if (Status evicted = evict(turn, policy, waves, throttled, stop); !evicted) return fail(std::move(evicted).error());
    if (const std::string why = waves.refused(filtered->go); !why.empty()) return fail(ErrorKind::refused, why);
    progress.left = static_cast<int>(filtered->go.size());
    progress.empty = filtered->go.empty();
    progress.waits = waves.why_waiting(filtered->go, server_time());
    if (progress.waits.empty()) progress.waits = throttled;
    progress.note = waves.note();
    return progress;
  }

  Result<DrainProgress> rehearse(const std::string& node, const DrainPolicy& policy, std::stop_token stop) override {
    const auto seen = get_node(node, stop);
    if (!seen) return fail(seen.error().error);
    DrainWaves waves;  // for its words alone
    auto filtered = pods_to_go(*seen, policy, waves, stop);
    if (!filtered) return fail(std::move(filtered).error());
    DrainProgress progress;
    progress.note = waves.note();
    progress.left = static_cast<int>(filtered->go.size());
    progress.empty = filtered->go.empty();
    progress.refused = filtered->refused;
    if (!progress.refused.empty() || progress.empty) return progress;
    const auto version = eviction_api(stop);
    if (!version) return fail(version.error());
    const Instant now = clock_.now();
    std::vector<DrainPod> refused;
    for (const auto& [pod, answer] : ask_to_go(filtered->go, *version, policy, true, stop)) {
      const Evicted evicted = read_eviction(answer);
      if (evicted.kind == Evicted::Kind::failed) return fail(evicted.error);
      if (evicted.kind == Evicted::Kind::waits) waves.waits(pod, evicted.why, now);
      if (evicted.kind != Evicted::Kind::refused) continue;
      waves.refuse(pod, evicted.error.message, now);
      refused.push_back(pod);
    }
    if (!refused.empty()) return fail(ErrorKind::refused, waves.refused(refused));
    progress.waits = waves.why_waiting(filtered->go, server_time());
    return progress;
  }

  Status uncordon(const std::string& node, std::stop_token stop) override {
    memory_.erase(node);
    return take_mark_off(node, {{"spec", {{"unschedulable", nullptr}}}}, stop);
  }

  Status let_go(const std::string& node, std::stop_token stop) override {
    return take_mark_off(node, Json::object(), stop);
  }

  void announce(const std::string& node, const HistoryEntry& entry) override {
    if (events_ == nullptr) return;
    if (auto note = note_of_node(entry)) events_->tell({"v1", "Node", "", node, path_of(node)}, *std::move(note));
  }

 private:
  [[nodiscard]] bool is_ours(const Json& node) const {
    const Signature mark = read_signature(string_at(node, "metadata", "annotations", cordoned_by));
    return mark.target == by_.target && same_installation(mark, by_);
  }

  // By which it is written when a pod should have ended.
  [[nodiscard]] Instant server_time() const { return server_.date().value_or(clock_.now()); }

  [[nodiscard]] static std::string path_of(const std::string& node) { return "/api/v1/nodes/" + escape(node); }

  [[nodiscard]] ApiResult<Json> get_node(const std::string& node, const std::stop_token& stop) {
    auto seen = server_.get(path_of(node), stop);
    if (seen && string_at(*seen, "metadata", "uid").empty()) {
      ApiError error;
      error.code = 200;
      error.error = {ErrorKind::unreachable, "GET " + path_of(node) + ": the answer describes no node"};
      return tl::unexpected<ApiError>(std::move(error));
    }
    return seen;
  }

  // With what else is to change. A node without our mark is left alone.
  Status take_mark_off(const std::string& node, Json patch, const std::stop_token& stop) {
    const auto seen = get_node(node, stop);
    if (!seen && seen.error().code == 404) return {};
    if (!seen) return fail(seen.error().error);
    if (!is_ours(*seen)) return {};
    patch["metadata"] = {{"resourceVersion", string_at(*seen, "metadata", "resourceVersion")},
                         {"annotations", {{std::string(cordoned_by), nullptr}}}};
    const auto patched = server_.merge_patch(path_of(node), patch, stop);
    if (!patched && patched.error().code != 404) return fail(patched.error().error);
    return {};
  }

  // The node, as it was seen before. The resourceVersion makes sure that nobody else cordons it in between, which we
  // would take for our own doing.
  Result<Json> cordon(const std::string& node, const std::stop_token& stop) {
    auto seen = get_node(node, stop);
    if (!seen) return fail(seen.error().error);
    if (is_cordoned(*seen)) return *std::move(seen);
    const auto patched = server_.merge_patch(path_of(node),
                                             {{"metadata",
                                               {{"resourceVersion", string_at(*seen, "metadata", "resourceVersion")},
                                                {"annotations", {{std::string(cordoned_by), by_.text()}}}}},
                                              {"spec", {{"unschedulable", true}}}},
                                             stop);
    if (!patched) return fail(patched.error().error);
    return *std::move(seen);
  }

  Result<Filtered> pods_to_go(const Json& node, const DrainPolicy& policy, DrainWaves& waves,
                              const std::stop_token& stop) {
    const std::string field = "spec.nodeName=" + string_at(node, "metadata", "name");
    const auto list = server_.list("/api/v1/pods?fieldSelector=" + escape(field), stop);
    if (!list) return fail(list.error().error);
    std::vector<DrainPod> pods;
    for (const Json& item : *list) pods.push_back(drain_pod(item));
    if (!is_ready(node)) waves.give_up(pods, server_time());
    auto missing = missing_daemon_sets(pods, stop);
    if (!missing) return fail(std::move(missing).error());
    return filter_pods(pods, policy, *missing);
  }

  Result<MissingDaemonSets> missing_daemon_sets(const std::vector<DrainPod>& pods, const std::stop_token& stop) {
    const std::vector<NamespacedName> names = daemon_sets_of(pods);
    std::vector<ApiRequest> requests;
    requests.reserve(names.size());
    for (const auto& [name_space, name] : names) {
      requests.push_back({.path = "/apis/apps/v1/namespaces/" + escape(name_space) + "/daemonsets/" + escape(name)});
    }
    const auto answers = server_.send_all(requests, stop);
    MissingDaemonSets missing;
    for (std::size_t i = 0; i < answers.size(); ++i) {
      if (answers[i]) continue;
      if (answers[i].error().code != 404) return fail(answers[i].error().error);
      missing.emplace(names[i], answers[i].error().message);
    }
    return missing;
  }

  DrainWaves& waves_of(const std::string& node) {
    const auto found = memory_.find(node);
    if (found != memory_.end() && clock_.now() - found->second.last_look() > memory_lasts) memory_.erase(found);
    return memory_.try_emplace(node, own_).first->second;
  }

  Result<std::string> eviction_api(const std::stop_token& stop) {
    if (!eviction_version_.empty()) return eviction_version_;
    const auto resources = server_.get("/api/v1", stop);
    if (!resources) return fail(resources.error().error);
    eviction_version_ = eviction_version(*resources);
    if (eviction_version_.empty()) {
      return fail(ErrorKind::refused,
                  "the API server knows no evictions (pods/eviction), and pods are not deleted "
                  "past their disruption budgets: drain the node with another tool");
    }
    return eviction_version_;
  }

  Status evict(const std::vector<DrainPod>& turn, const DrainPolicy& policy, DrainWaves& waves, std::string& throttled,
               const std::stop_token& stop) {
    if (turn.empty()) return {};
    const auto version = eviction_api(stop);
    if (!version) return fail(version.error());
    for (std::size_t first = 0; first < turn.size() && throttled.empty(); first += evictions_at_once) {
      const auto begin = turn.begin() + static_cast<std::ptrdiff_t>(first);
      const auto count = std::min(evictions_at_once, turn.size() - first);
      const std::vector<DrainPod> some(begin, begin + static_cast<std::ptrdiff_t>(count));
      auto there = still_there(some, stop);
      if (!there) return fail(std::move(there).error());
      std::optional<Error> failed;
      for (const auto& [pod, answer] : ask_to_go(*there, *version, policy, false, stop)) {
        const Evicted evicted = read_eviction(answer);
        if (evicted.kind == Evicted::Kind::failed && !failed) failed = evicted.error;
        if (evicted.kind == Evicted::Kind::throttled) throttled = evicted.why;
        if (evicted.kind == Evicted::Kind::accepted || evicted.kind == Evicted::Kind::gone) waves.went(pod);
        if (evicted.kind == Evicted::Kind::refused) {
          waves.refuse(pod, evicted.error.message, clock_.now() + refused_again_after);
        }
        if (evicted.kind == Evicted::Kind::waits) {
          waves.waits(pod, evicted.why, clock_.now() + evicted.again_after);
        }
      }
      if (failed) return fail(*failed);
      crash_point("after_eviction");
    }
    return {};
  }

  // An eviction with the uid of a pod that has been replaced is refused, but spends the disruption budget all the same:
  // so it is not sent.
  Result<std::vector<DrainPod>> still_there(const std::vector<DrainPod>& pods, const std::stop_token& stop) {
    std::vector<ApiRequest> requests;
    requests.reserve(pods.size());
    for (const DrainPod& pod : pods) {
      requests.push_back({.path = "/api/v1/namespaces/" + escape(pod.name_space) + "/pods/" + escape(pod.name)});
    }
    const auto answers = server_.send_all(requests, stop);
    std::vector<DrainPod> there;
    for (std::size_t i = 0; i < answers.size(); ++i) {
      if (!answers[i] && answers[i].error().code != 404) return fail(answers[i].error().error);
      if (!answers[i] || string_at(*answers[i], "metadata", "uid") != pods[i].uid) continue;
      if (at(*answers[i], "metadata", "deletionTimestamp").is_null()) there.push_back(pods[i]);
    }
    return there;
  }

  using Asked = std::vector<std::pair<DrainPod, ApiResult<Json>>>;
  Asked ask_to_go(const std::vector<DrainPod>& pods, const std::string& version, const DrainPolicy& policy,
                  bool dry_run, const std::stop_token& stop) {
    Asked asked;
    for (std::size_t first = 0; first < pods.size(); first += evictions_at_once) {
      std::vector<ApiRequest> requests;
      for (std::size_t i = first; i < std::min(first + evictions_at_once, pods.size()); ++i) {
        requests.push_back(eviction_request(pods[i], version, policy, dry_run));
      }
      auto answers = server_.send_all(requests, stop);
      for (std::size_t i = 0; i < answers.size(); ++i) asked.emplace_back(pods[first + i], std::move(answers[i]));
    }
    return asked;
  }

  const Signature by_;
  const KubernetesNodes nodes_;
  const std::string own_;  // "namespace/name"; empty: we are no pod
  ApiServer& server_;
  Events* const events_;  // null: none
  const Clock& clock_;
  std::string eviction_version_;              // empty until it is known
  std::map<std::string, DrainWaves> memory_;  // by node, while it is drained
};

}  // namespace

std::unique_ptr<NodeBackend> make_node_backend(NodeDrains drains, ApiServer& server, Events* events,
                                               const Clock& clock) {
  return std::make_unique<KubernetesNodeBackend>(std::move(drains), server, events, clock);
}

}  // namespace alertscaler::kubernetes
