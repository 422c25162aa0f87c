#include "config/load.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <utility>
#include <variant>

#include "base/file.h"
#include "config/alertmanager.h"
#include "config/docker.h"
#include "config/fields.h"
#include "config/kubernetes.h"
#include "config/routes.h"
#include "config/targets.h"
#include "config/targets_kubernetes.h"
#include "config/targets_same.h"
#include "config/web.h"

namespace alertscaler::config {
namespace {

struct SettingsDraft {
  Settings settings;
  PolicyDraft defaults;
  std::vector<PlacedTarget> placed;
  bool has_docker = false;
  bool all_targets_known = false;  // false when one could not be read
};

void read_labels(const Value& value, SettingsDraft& draft) {
  static constexpr std::array<Field<InstructionLabels>, 2> fields = {{
      {"action", [](const Value& v, InstructionLabels& l) { v.read_text(l.action, "the name of a label"); },
       "The label whose value says what to do: up, down, to, drain or hold"},
      {"target", [](const Value& v, InstructionLabels& l) { v.read_text(l.target, "the name of a label"); },
       "The label whose value is the name of a target"},
  }};
  static constexpr std::array<std::string_view, 1> later = {"node"};
  InstructionLabels& labels = draft.settings.labels;
  MapReader map(value, "a map such as {action: scale_action, target: scale_target}");
  map.take(fields, labels);
  map.refuse_later(later);
  map.finish();
  if (labels.action == labels.target) value.problem("action and target need two different labels");
}

void read_defaults(const Value& value, SettingsDraft& draft) {
  static constexpr std::array<Field<PolicyDraft>, 1> fields = {{
      {"hpa", [](const Value& v, PolicyDraft& d) { (void)read_hpa(v, d.hpa); },
       "Of the kubernetes targets, when an HPA or KEDA sets the count: auto, refuse or ignore"},
  }};
  MapReader map(value, "a map such as {min: 1, max: 10}");
  read_policy(map, draft.defaults);
  map.take(fields, draft.defaults);
  map.finish();
  const PolicyDraft& defaults = draft.defaults;
  if (defaults.bounds_known && defaults.min_at && defaults.max_at && defaults.policy.min > defaults.policy.max) {
    value.problem_at(*defaults.max_at, "max (" + std::to_string(defaults.policy.max) + ") is below min (" +
                                           std::to_string(defaults.policy.min) + ")");
  }
}

constexpr std::array<Field<SettingsDraft>, 10> settings_fields = {{
    {"labels", read_labels, "Which labels of an alert carry the instruction"},
    {"docker",
     [](const Value& v, SettingsDraft& d) {
       d.has_docker = v.node().kind != Element::Kind::nothing;
       read_docker(v, d.settings.docker);
     },
     "Where the Docker Engine is; without this key the environment says it (DOCKER_HOST and so on)"},
    {"kubernetes", [](const Value& v, SettingsDraft& d) { read_kubernetes(v, d.settings.kubernetes); },
     "Which Kubernetes cluster; left out: the one that alertscaler runs in, else KUBECONFIG, else ~/.kube/config"},
    {"max_parallel",
     [](const Value& v, SettingsDraft& d) { v.read(d.settings.max_parallel, {.least = 1, .most = 256}); },
     "How many targets are looked at and changed at the same time"},
    {"stale_after", [](const Value& v, SettingsDraft& d) { v.read(d.settings.stale_after, AtLeast::one); },
     "An active alert that nobody has sent again for so long has ended; above Alertmanager's repeat_interval"},
    {"history_retention", [](const Value& v, SettingsDraft& d) { v.read(d.settings.history_retention, AtLeast::one); },
     "How long the history of actions is kept"},
    {"defaults", read_defaults,  // before the targets, which start from them
     "Policy keys that each target starts from"},
    {"targets",
     [](const Value& v, SettingsDraft& d) {
       d.settings.targets = read_targets(v, d.defaults, d.placed);
       d.all_targets_known = d.settings.targets.size() == v.node().items.size();
     },
     "What can be scaled or drained"},
    {"routes",  // after the targets that they name
     [](const Value& v, SettingsDraft& d) {
       d.settings.routes = read_routes(v, d.all_targets_known ? &d.settings.targets : nullptr);
     },
     "What alerts ask for whose rules you cannot edit; the first that matches counts, before the alert's labels"},
    {"alertmanager", [](const Value& v, SettingsDraft& d) { read_alertmanager(v, d.settings.alertmanager); },
     "Which Alertmanager to ask, at the start and in an interval, what fires"},
}};

constexpr std::array<Field<WebConfig>, 7> web_fields = {{
    {"tls_server_config", read_tls_server, "With it only https is spoken"},
    {"http_server_config", read_http_server, "What goes with every answer"},
    {"basic_auth_users", read_basic_auth_users,
     "User names and their passwords as bcrypt hashes (htpasswd -nB alice), of a cost from 4 to 16"},
    {"read_only_users", read_read_only_users,
     "Those of basic_auth_users who may look at everything and change nothing"},
    {"bearer_token_file", [](const Value& v, WebConfig& w) { v.read_path(w.bearer_token_file); },
     "A file with one token a line; a request needs one of them, or a user and password"},
    {"read_only_token_file", [](const Value& v, WebConfig& w) { v.read_path(w.read_only_token_file); },
     "A file with one token a line of those who may look at everything and change nothing"},
    {"grafana_hmac_secret_file", [](const Value& v, WebConfig& w) { v.read_path(w.grafana_hmac_secret_file); },
     "A file with one secret a line; a Grafana notification must be signed with one of them"},
}};

template <class T>
Loaded<T> result(T value, Report& report) {
  if (report.empty()) return value;
  return tl::unexpected(report.take());
}

// The environment is asked only when an engine is needed and the file does not name it.
void read_environment(const Environment& environment, SettingsDraft& draft, Report& report) {
  if (draft.has_docker) return;
  bool needed = false;
  for (const auto& [name, target] : draft.settings.targets) {
    needed = needed || backend_name(target.backend).starts_with("docker");
  }
  if (!needed) return;
  if (auto endpoint = docker_endpoint_from(environment)) {
    draft.settings.docker = *std::move(endpoint);
  } else {
    report.add_elsewhere("environment", endpoint.error().message);
  }
}

// Likewise the cluster. One that cannot be seen from here is told to whoever wants to know: the same file may be right
// elsewhere.
void read_cluster(const Environment& environment, Settings& settings, Report& report) {
  const bool needed = std::any_of(settings.targets.begin(), settings.targets.end(), [](const auto& entry) {
    const BackendRef& backend = entry.second.backend;
    return backend_name(backend).starts_with("kubernetes") || std::holds_alternative<DockerNodes>(backend);
  });
  if (!needed) return;
  auto found = kubernetes_access(settings.kubernetes, environment);
  if (found) {
    settings.cluster.access = *std::move(found);
  } else if (found.error().problems.empty()) {
    settings.cluster.why_not = std::move(found.error().why_not);
  } else {
    report.add_all(std::move(found.error().problems));
  }
}

Loaded<Settings> settings_from(std::string_view yaml, Report& report, const Environment& environment) {
  const auto root = parse_yaml(yaml, report);
  if (!root) return tl::unexpected(report.take());
  SettingsDraft draft;
  const Value value(*root, "", report);
  MapReader map(value, "a map with the key targets");
  if (map.is_map()) {
    map.take(settings_fields, draft);
    const std::vector<std::string> misspelt = map.finish();
    const auto& entries = root->entries;
    const auto is_targets = [](const auto& key) { return key == "targets"; };
    if (std::none_of(entries.begin(), entries.end(), [&](const Entry& e) { return is_targets(e.key); }) &&
        std::none_of(misspelt.begin(), misspelt.end(), is_targets)) {
      const Element none;
      (void)read_targets(Value(none, "", report), draft.defaults, draft.placed);  // says what is missing
    }
    read_environment(environment, draft, report);
    read_cluster(environment, draft.settings, report);
    check_same_objects(draft.placed, draft.settings.targets, draft.settings.cluster);
  }
  return result(std::move(draft.settings), report);
}

Loaded<WebConfig> web_config_from(std::string_view yaml, Report& report) {
  const auto root = parse_yaml(yaml, report);
  if (!root) return tl::unexpected(report.take());
  WebConfig web;
  MapReader map(Value(*root, "", report), "a map such as {bearer_token_file: tokens}");
  map.take(web_fields, web);
  map.finish();
  check_read_only(map, web);
  return result(std::move(web), report);
}

// What the readers of a file would take, from running them without one.
template <class T, std::size_t N, class Check>
Shape shape_of(const std::array<Field<T>, N>& fields, std::string about, Check check) {
  Shape shape;
  shape.about = std::move(about);
  Report ignored("", {});
  MapReader map(Value::describing(shape, ignored), "");
  T draft;
  map.take(fields, draft);
  map.finish();
  check(map, draft);
  return shape;
}

// The file's text, or the one problem that it cannot be read.
Loaded<std::string> text_of(const std::string& file) {
  auto text = read_file(file);
  if (text) return *std::move(text);
  const std::string prefix = "read " + file + ": ";
  std::string reason = text.error().message;
  if (reason.starts_with(prefix)) reason.erase(0, prefix.size());
  return tl::unexpected(std::vector<Problem>{{file, 0, 0, "cannot be read: " + reason}});
}

}  // namespace

std::string to_string(const Problem& problem) {
  std::string out = problem.file;
  if (problem.line > 0) out += ":" + std::to_string(problem.line) + ":" + std::to_string(problem.column);
  return out + ": " + problem.message;
}

Environment process_environment() {
  constexpr std::array<const char*, 7> names = {
      "DOCKER_HOST", "DOCKER_TLS_VERIFY",       "DOCKER_CERT_PATH",       "HOME",
      "KUBECONFIG",  "KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT"};
  Environment environment;
  for (const char* name : names) {
    if (const char* value = std::getenv(name)) environment.emplace(name, value);
  }
  return environment;
}

Shape settings_shape() {
  Shape shape = shape_of(settings_fields, "The configuration of alertscaler: --config.file",
                         [](MapReader&, const SettingsDraft&) {});
  shape.required = {"targets"};  // said by read_targets, with an example
  return shape;
}

Shape web_config_shape() {
  return shape_of(web_fields, "The web configuration of alertscaler: --web.config.file", check_read_only);
}

Loaded<Settings> parse_settings(std::string_view yaml, const std::string& file, const Environment& environment) {
  Report report(file, {});
  return settings_from(yaml, report, environment);
}

Loaded<WebConfig> parse_web_config(std::string_view yaml, const std::string& file) {
  Report report(file, {});
  return web_config_from(yaml, report);
}

Loaded<Settings> load_settings(const std::string& file, const Environment& environment) {
  const auto text = text_of(file);
  if (!text) return tl::unexpected(text.error());
  Report report(file, std::filesystem::path(file).parent_path());
  return settings_from(*text, report, environment);
}

Loaded<WebConfig> load_web_config(const std::string& file) {
  const auto text = text_of(file);
  if (!text) return tl::unexpected(text.error());
  Report report(file, std::filesystem::path(file).parent_path());
  return web_config_from(*text, report);
}

}  // namespace alertscaler::config
