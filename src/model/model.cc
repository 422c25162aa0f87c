#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>

#include "base/text.h"
#include "model/action.h"
#include "model/alert.h"
#include "model/decision.h"
#include "model/policy.h"
#include "model/settings.h"
#include "model/target.h"
#include "model/view.h"

namespace alertscaler {
namespace {

template <class Enum, std::size_t N>
std::optional<Enum> named(const std::array<Enum, N>& values, std::string_view text) {
  for (const Enum value : values) {
    if (to_string(value) == text) return value;
  }
  return std::nullopt;
}

}  // namespace

std::string_view to_string(AlertAction action) {
  switch (action) {
    case AlertAction::up:
      return "up";
    case AlertAction::down:
      return "down";
    case AlertAction::to:
      return "to";
    case AlertAction::drain:
      return "drain";
    case AlertAction::hold:
      return "hold";
  }
  return "";
}

std::optional<AlertAction> parse_alert_action(std::string_view text) {
  using enum AlertAction;
  return named(std::array{up, down, to, drain, hold}, text);
}

std::string_view to_string(Source source) {
  switch (source) {
    case Source::alertmanager:
      return "alertmanager";
    case Source::grafana:
      return "grafana";
    case Source::prometheus:
      return "prometheus";
    case Source::resync:
      return "resync";
    case Source::manual:
      return "manual";
  }
  return "";
}

std::optional<Source> parse_source(std::string_view text) {
  using enum Source;
  return named(std::array{alertmanager, grafana, prometheus, resync, manual}, text);
}

std::string_view Alert::name() const {
  const auto found = labels.find("alertname");
  return found == labels.end() ? std::string_view{} : std::string_view{found->second};
}

Fingerprint fingerprint_of(const Labels& labels) {
  constexpr std::uint64_t prime = 1099511628211ULL;
  std::uint64_t hash = 14695981039346656037ULL;
  const auto add = [&](std::string_view bytes) {
    for (const char c : bytes) hash = (hash ^ static_cast<unsigned char>(c)) * prime;
    hash = (hash ^ 0xFFU) * prime;
  };
  for (const auto& [name, value] : labels) {
    add(name);
    add(value);
  }
  constexpr std::string_view hex = "0123456789abcdef";
  std::string out(16, '0');
  for (std::size_t i = 0; i < out.size(); ++i) out[15 - i] = hex[(hash >> (4 * i)) & 0xFU];
  return Fingerprint{out};
}

std::string_view to_string(MergeResult result) {
  switch (result) {
    case MergeResult::accepted:
      return "accepted";
    case MergeResult::duplicate:
      return "duplicate";
    case MergeResult::stale:
      return "stale";
    case MergeResult::ignored:
      return "ignored";
  }
  return "";
}

std::string namespace_of(const KubernetesWorkload& workload, const KubernetesCluster& cluster) {
  if (!workload.name_space.empty() || !cluster.access) return workload.name_space;
  return cluster.access->default_namespace.empty() ? "default" : cluster.access->default_namespace;
}

int Step::of(int observed) const {
  if (!percent) return amount;
  const std::int64_t share = (static_cast<std::int64_t>(observed) * amount + 99) / 100;
  return static_cast<int>(std::clamp<std::int64_t>(share, 1, std::numeric_limits<int>::max()));
}

Result<Step> parse_step(std::string_view text) {
  const std::string_view whole = text::trim(text);
  const bool percent = whole.ends_with('%');
  const auto amount = text::parse_int(percent ? text::trim(whole.substr(0, whole.size() - 1)) : whole);
  if (!amount || *amount < 1) {
    return fail(ErrorKind::invalid,
                "expected a step of at least 1 or 1%, such as 2 or 50%, found \"" + std::string(text) + "\"");
  }
  return Step{*amount, percent};
}

std::string to_string(const Step& step) {
  return std::to_string(step.amount) + (step.percent ? "%" : "");
}

std::string_view to_string(OnResolve value) {
  switch (value) {
    case OnResolve::stay:
      return "stay";
    case OnResolve::restore:
      return "restore";
    case OnResolve::min:
      return "min";
  }
  return "";
}

std::string_view to_string(Repeat value) {
  return value == Repeat::once ? "once" : "while_firing";
}

std::string_view backend_name(const BackendRef& ref) {
  struct Visitor {
    std::string_view operator()(const Simulated&) const { return "simulated"; }
    std::string_view operator()(const Advisory&) const { return "advisory"; }
    std::string_view operator()(const ComposeService&) const { return "docker_compose"; }
    std::string_view operator()(const SwarmService&) const { return "docker_swarm"; }
    std::string_view operator()(const SwarmNodes&) const { return "docker_swarm_node"; }
    std::string_view operator()(const CommandTarget&) const { return "command"; }
    std::string_view operator()(const DockerNodes&) const { return "docker_nodes"; }
    std::string_view operator()(const KubernetesNodes&) const { return "kubernetes_node"; }
    std::string_view operator()(const KubernetesWorkload&) const { return "kubernetes"; }
  };
  return std::visit(Visitor{}, ref);
}

std::vector<std::pair<std::string, std::string>> describe(const BackendRef& ref) {
  if (const auto* compose = std::get_if<ComposeService>(&ref)) {
    return {{"project", compose->project}, {"service", compose->service}};
  }
  if (const auto* swarm = std::get_if<SwarmService>(&ref)) return {{"service", swarm->service}};
  if (const auto* nodes = std::get_if<SwarmNodes>(&ref)) return {{"node_label", nodes->node_label}};
  if (const auto* command = std::get_if<CommandTarget>(&ref)) {  // arguments may be secret
    return {{"observe", command->observe.front()}, {"scale", command->scale.front()}};
  }
  if (const auto* pool = std::get_if<DockerNodes>(&ref)) {
    std::string networks;
    for (const std::string& network : pool->networks) networks += (networks.empty() ? "" : ", ") + network;
    return {{"image", pool->image},
            {"name_prefix", pool->name_prefix},
            {"network", networks},
            {"node_label", pool->node_label}};
  }
  if (const auto* nodes = std::get_if<KubernetesNodes>(&ref)) {
    return {{"selector", nodes->selector}, {"node_label", nodes->node_label}};
  }
  if (const auto* workload = std::get_if<KubernetesWorkload>(&ref)) {
    std::vector<std::pair<std::string, std::string>> keys = {
        {"apiVersion", workload->api_version}, {"kind", workload->kind}, {"name", workload->name}};
    if (!workload->name_space.empty()) keys.insert(keys.begin(), {"namespace", workload->name_space});
    return keys;
  }
  return {};
}

const std::string* node_label_of(const BackendRef& ref) {
  if (const auto* swarm = std::get_if<SwarmNodes>(&ref)) return &swarm->node_label;
  if (const auto* pool = std::get_if<DockerNodes>(&ref)) return &pool->node_label;
  const auto* nodes = std::get_if<KubernetesNodes>(&ref);
  return nodes == nullptr ? nullptr : &nodes->node_label;
}

std::string object_of(const BackendRef& ref) {
  std::string object(backend_name(ref));
  if (node_label_of(ref) != nullptr) return object;
  for (const auto& [key, value] : describe(ref)) object.append(" ").append(key).append("=").append(value);
  return object;
}

bool has_count(const BackendRef& ref) {
  return !std::holds_alternative<SwarmNodes>(ref) && !std::holds_alternative<KubernetesNodes>(ref);
}

std::string nodes_in_words(const BackendRef& ref) {
  if (const auto* pool = std::get_if<DockerNodes>(&ref)) return "the pool " + pool->name_prefix;
  if (std::holds_alternative<SwarmNodes>(ref)) return "the swarm";
  const auto* nodes = std::get_if<KubernetesNodes>(&ref);
  if (nodes == nullptr || nodes->selector.empty()) return "the cluster";
  return "the selector " + nodes->selector;
}

std::string_view to_string(DrainFailure value) {
  return value == DrainFailure::uncordon ? "uncordon" : "leave";
}

std::string_view to_string(Outcome outcome) {
  switch (outcome) {
    case Outcome::act:
      return "act";
    case Outcome::postpone:
      return "postpone";
    case Outcome::none:
      return "none";
    case Outcome::blocked:
      return "blocked";
  }
  return "";
}

std::string_view to_string(Reason reason) {
  switch (reason) {
    case Reason::up:
      return "up";
    case Reason::down:
      return "down";
    case Reason::to:
      return "to";
    case Reason::drain:
      return "drain";
    case Reason::restore:
      return "restore";
    case Reason::manual:
      return "manual";
    case Reason::cooldown:
      return "cooldown";
    case Reason::stabilization:
      return "stabilization";
    case Reason::in_flight:
      return "in_flight";
    case Reason::not_ready:
      return "not_ready";
    case Reason::backoff:
      return "backoff";
    case Reason::budget:
      return "budget";
    case Reason::no_intent:
      return "no_intent";
    case Reason::at_max:
      return "at_max";
    case Reason::at_min:
      return "at_min";
    case Reason::satisfied:
      return "satisfied";
    case Reason::already_stepped:
      return "already_stepped";
    case Reason::on_hold:
      return "on_hold";
    case Reason::paused:
      return "paused";
    case Reason::pinned:
      return "pinned";
    case Reason::disabled:
      return "disabled";
    case Reason::hpa_owned:
      return "hpa_owned";
    case Reason::not_scalable:
      return "not_scalable";
    case Reason::not_leader:
      return "not_leader";
    case Reason::unobservable:
      return "unobservable";
  }
  return "";
}

std::optional<Reason> parse_action(std::string_view text) {
  using enum Reason;
  return named(std::array{up, down, to, drain, restore, manual}, text);
}

std::string_view to_string(IntentKind kind) {
  switch (kind) {
    case IntentKind::manual:
      return "manual";
    case IntentKind::drain:
      return "drain";
    case IntentKind::up:
      return "up";
    case IntentKind::to:
      return "to";
    case IntentKind::down:
      return "down";
    case IntentKind::restore:
      return "restore";
    case IntentKind::none:
      return "none";
  }
  return "";
}

std::string alert_name(const std::optional<Cause>& cause) {
  const auto* alert = cause ? std::get_if<AlertCause>(&*cause) : nullptr;
  if (alert == nullptr) return "";
  const auto name = alert->labels.find("alertname");
  return name == alert->labels.end() ? alert->fingerprint.text : name->second;
}

std::string user_name(const std::optional<Cause>& cause) {
  const auto* manual = cause ? std::get_if<ManualCause>(&*cause) : nullptr;
  return manual == nullptr ? "" : manual->user;
}

std::string_view to_string(ActionOutcome outcome) {
  switch (outcome) {
    case ActionOutcome::done:
      return "done";
    case ActionOutcome::failed:
      return "failed";
    case ActionOutcome::timeout:
      return "timeout";
    case ActionOutcome::dry_run:
      return "dry_run";
    case ActionOutcome::interrupted:
      return "interrupted";
  }
  return "";
}

std::optional<ActionOutcome> parse_action_outcome(std::string_view text) {
  using enum ActionOutcome;
  return named(std::array{done, failed, timeout, dry_run, interrupted}, text);
}

std::string_view to_string(TargetStatus status) {
  switch (status) {
    case TargetStatus::idle:
      return "idle";
    case TargetStatus::scaling:
      return "scaling";
    case TargetStatus::postponed:
      return "postponed";
    case TargetStatus::draining:
      return "draining";
    case TargetStatus::drained:
      return "drained";
    case TargetStatus::paused:
      return "paused";
    case TargetStatus::pinned:
      return "pinned";
    case TargetStatus::failed:
      return "failed";
    case TargetStatus::unknown:
      return "unknown";
  }
  return "";
}

std::string_view to_string(GateNote::Verdict verdict) {
  switch (verdict) {
    case GateNote::Verdict::open:
      return "open";
    case GateNote::Verdict::closed:
      return "closed";
    case GateNote::Verdict::not_reached:
      break;
  }
  return "not reached";
}

}  // namespace alertscaler
