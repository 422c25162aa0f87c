#include "app/explain.h"

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <set>

#include <nlohmann/json.hpp>

#include "act/simulated.h"
#include "app/backends.h"
#include "base/log.h"
#include "client/explain.h"
#include "config/load.h"
#include "control/controller.h"
#include "decide/map.h"
#include "receive/intake.h"
#include "receive/webhook.h"

namespace alertscaler::app {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

// Gone with everything in it at the end.
class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string name = (fs::temp_directory_path() / "alertscaler-explain-XXXXXX").string();
    if (::mkdtemp(name.data()) != nullptr) path_ = name;
  }
  ~TemporaryDirectory() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove_all(path_, ignored);
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  [[nodiscard]] const fs::path& path() const { return path_; }  // empty: it could not be made

 private:
  fs::path path_;
};

// What is observed is what was said; what was not said stays unobserved.
class Unobserved final : public Backend {
 public:
  explicit Unobserved(const TargetName& name)
      : why_("say how many replicas there are: --observed " + name.text + "=N") {}
  Result<Observed> observe(const std::optional<Change>&, std::stop_token /*stop*/) override {
    return fail(ErrorKind::unreachable, why_);
  }
  Status apply(const Change&, std::stop_token /*stop*/) override { return {}; }
  Status clean_up(const Change&, std::stop_token /*stop*/) override { return {}; }

 private:
  std::string why_;
};

// Which nodes there are is not a number that somebody could say.
class UnobservedNodes final : public NodeBackend {
 public:
  explicit UnobservedNodes(const TargetName& name)
      : why_(name.text + " is a target of nodes, which only a running server knows: ask one, with --url") {}
  Result<std::vector<ObservedNode>> observe(std::stop_token /*stop*/) override { return unknown(); }
  Result<DrainProgress> drain(const std::string&, const DrainPolicy&, std::stop_token /*stop*/) override {
    return unknown();
  }
  Result<DrainProgress> rehearse(const std::string&, const DrainPolicy&, std::stop_token /*stop*/) override {
    return unknown();
  }
  Status uncordon(const std::string&, std::stop_token /*stop*/) override { return unknown(); }

 private:
  [[nodiscard]] tl::unexpected<Error> unknown() const { return fail(ErrorKind::unreachable, why_); }

  std::string why_;
};

// Of a pool of which only the count was said: the nodes that the alerts name are there and work.
class NamedNodes final : public NodeBackend {
 public:
  explicit NamedNodes(std::set<std::string> names) : names_(std::move(names)) {}
  Result<std::vector<ObservedNode>> observe(std::stop_token /*stop*/) override {
    std::vector<ObservedNode> nodes;
    for (const std::string& name : names_) nodes.push_back({.name = name, .ready = true, .aliases = {}});
    return nodes;
  }
  Result<DrainProgress> drain(const std::string&, const DrainPolicy&, std::stop_token /*stop*/) override { return {}; }
  Result<DrainProgress> rehearse(const std::string&, const DrainPolicy&, std::stop_token /*stop*/) override {
    return {};
  }
  Status uncordon(const std::string&, std::stop_token /*stop*/) override { return {}; }

 private:
  std::set<std::string> names_;
};

using NodesByTarget = std::map<TargetName, std::set<std::string>>;

Labels texts_of(const json& alert, const char* key) {
  Labels texts;
  if (!alert.is_object() || !alert.contains(key) || !alert[key].is_object()) return texts;
  for (const auto& [name, value] : alert[key].items()) {
    if (value.is_string()) texts.emplace(name, value.get<std::string>());
  }
  return texts;
}

NodesByTarget nodes_named_in(const std::string& body, const Settings& settings) {
  const json payload = json::parse(body, nullptr, false);
  const json alerts = payload.is_object() ? payload.value("alerts", json::array()) : payload;
  NodesByTarget nodes;
  for (const json& alert : alerts.is_array() ? alerts : json::array()) {
    const auto mapping = decide::map_alert(settings, texts_of(alert, "labels"), texts_of(alert, "annotations"));
    if (mapping && *mapping && !(*mapping)->node.empty()) nodes[(*mapping)->target].insert((*mapping)->node);
  }
  return nodes;
}

control::Backends backends_of(const Settings& settings, const std::map<std::string, int>& observed,
                              const NodesByTarget& nodes, Keep& keep, const Clock& clock) {
  control::Backends backends;
  for (const auto& [name, target] : settings.targets) {
    const auto count = observed.find(name.text);
    if (!has_count(target.backend)) {
      backends.emplace(name, std::make_unique<UnobservedNodes>(name));
    } else if (count == observed.end()) {
      backends.emplace(name, std::make_unique<Unobserved>(name));
    } else {
      control::Hands hands =
          make_simulated(name, {.replicas = count->second, .startup_delay = Duration{0}}, keep, clock);
      if (node_label_of(target.backend) != nullptr) {
        const auto named = nodes.find(name);
        hands.nodes = std::make_shared<NamedNodes>(named == nodes.end() ? std::set<std::string>{} : named->second);
      }
      backends.emplace(name, std::move(hands));
    }
  }
  return backends;
}

Result<json> answer(const Settings& settings, const std::map<std::string, int>& observed, const std::string& body) {
  const TemporaryDirectory directory;
  if (directory.path().empty()) return fail(ErrorKind::refused, "no temporary directory can be made");
  auto store = Store::open(directory.path());
  if (!store) return fail(store.error());
  const SystemClock clock;
  Metrics metrics("");
  StoreKeep keep(**store);
  control::Controller controller(std::make_shared<const Settings>(settings),
                                 backends_of(settings, observed, nodes_named_in(body, settings), keep, clock), **store,
                                 metrics, clock, {});
  for (const auto& [name, target] : settings.targets) controller.look(name);

  const std::atomic<bool> stopping{false};
  const receive::Limits limits;
  receive::Intake intake(**store, controller, metrics);
  receive::Webhook webhook(intake, nullptr, **store, controller, clock, limits, stopping);
  const receive::Head head;
  receive::Request request{.head = head, .path = "/webhook", .params = {{"dry_run", "true"}, {"explain", "true"}}};
  request.read_body = [&body](receive::Sender) { return receive::Body(body, {}); };
  Source source = Source::manual;
  const receive::Answer answered = webhook.receive(request, source);
  json document = json::parse(answered.body, nullptr, false);
  if (document.contains("data")) return std::move(document["data"]);
  return fail(ErrorKind::invalid, document.value("error", answered.body));
}

}  // namespace

int explain(const client::ExplainOptions& options) {
  if (options.online) return client::explain(options, client::explainer_at(options.common.connection));
  const auto settings = config::load_settings(options.config_file);
  if (!settings) {
    for (const config::Problem& problem : settings.error()) {
      std::fprintf(stderr, "alertscaler: %s\n", config::to_string(problem).c_str());
    }
    return 1;
  }
  for (const auto& [name, count] : options.observed) {
    if (settings->targets.contains(TargetName{name})) continue;
    std::fprintf(stderr, "alertscaler: --observed %s=%d: %s has no such target\n", name.c_str(), count,
                 options.config_file.c_str());
    return 1;
  }
  log::configure(log::Level::error, log::Format::logfmt);
  return client::explain(options, [&](const std::string& body) { return answer(*settings, options.observed, body); });
}

}  // namespace alertscaler::app
