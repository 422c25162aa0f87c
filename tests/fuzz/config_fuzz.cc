// Any bytes are a configuration or a list of problems: no crash, no exception, no hang, and no value that breaks a
// promise of the values' headers. Run it on a copy of tests/config_good and tests/config_bad.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <set>
#include <string_view>
#include <utility>

#include "config/load.h"

using namespace alertscaler;

namespace {

void promise(bool kept, const char* what) {
  if (kept) return;
  std::fprintf(stderr, "promise broken: %s\n", what);
  std::abort();
}

template <class T>
void check_problems(const config::Loaded<T>& loaded) {
  promise(!loaded.error().empty(), "a refusal has a reason");
  for (const config::Problem& problem : loaded.error()) {
    promise(!problem.message.empty(), "a problem has a message");
    promise(problem.message.find('\n') == std::string::npos, "a problem is one line");
    promise(problem.line >= 0 && (problem.line == 0) == (problem.column == 0), "a place has both numbers or none");
  }
}

void check_target(const TargetName& name, const Target& target, const Settings& settings) {
  const Policy& policy = target.policy;
  promise(target.name == name && !name.empty() && name.text.size() <= 63, "a target has its name");
  promise(policy.min >= 0 && policy.max >= 1 && policy.min <= policy.max, "min is at most max");
  promise(policy.up_step.amount >= 1 && policy.down_step.amount >= 1, "a step is at least 1");
  promise(policy.up_cooldown >= Duration{0} && policy.down_cooldown >= Duration{0}, "no cooldown is negative");
  promise(policy.down_stabilization >= Duration{0} && policy.timeout > Duration{0}, "a timeout is above 0");
  promise(policy.drain_on_resolve != OnResolve::min, "a drain stays or is restored");
  if (const auto* advisory = std::get_if<Advisory>(&target.backend)) {
    promise(advisory->initial >= policy.min && advisory->initial <= policy.max, "initial is inside the bounds");
  } else if (const auto* compose = std::get_if<ComposeService>(&target.backend)) {
    promise(!compose->project.empty() && !compose->service.empty(), "a Compose service has both names");
    for (const std::string& path : compose->copy_paths) promise(path.starts_with('/'), "a copied path is absolute");
  } else {
    promise(std::get<Simulated>(target.backend).replicas >= 0, "a fleet is not negative");
  }
  promise(settings.targets.contains(name), "a target is found by its name");
}

void check_settings(const Settings& settings) {
  promise(!settings.targets.empty(), "there is a target");
  promise(settings.max_parallel >= 1 && settings.max_parallel <= 256, "max_parallel is inside its bounds");
  promise(settings.stale_after > Duration{0} && settings.history_retention > Duration{0}, "ages are above 0");
  promise(!settings.labels.action.empty() && settings.labels.action != settings.labels.target, "two labels");
  const DockerEndpoint& docker = settings.docker;
  promise(docker.host.starts_with("unix:///") || docker.host.starts_with("tcp://"), "the host has a known form");
  promise(docker.cert_file.empty() == docker.key_file.empty(), "certificate and key belong together");
  promise(docker.ca_file.empty() || docker.host.starts_with("tcp://"), "TLS is for tcp");
  std::set<std::pair<std::string, std::string>> services;
  for (const auto& [name, target] : settings.targets) {
    check_target(name, target, settings);
    if (const auto* compose = std::get_if<ComposeService>(&target.backend)) {
      promise(services.emplace(compose->project, compose->service).second, "each Compose service has one target");
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto settings = config::parse_settings(text, "f");
  if (settings) {
    check_settings(*settings);
  } else {
    check_problems(settings);
  }
  const auto web = config::parse_web_config(text, "f");
  if (!web) check_problems(web);
  return 0;
}
