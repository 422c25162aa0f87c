#include "app/backends.h"

#include <utility>

#include "act/advisory.h"
#include "act/docker/compose.h"
#include "act/simulated.h"

namespace alertscaler::app {

namespace {

bool runs_on_docker(const Target& target) {
  return std::holds_alternative<ComposeService>(target.backend);
}

// A backend and the engine that it shares with others, which lives as long as one of them.
struct OnEngine {
  std::shared_ptr<docker::Engine> engine;
  std::unique_ptr<Backend> backend;
};

}  // namespace

BackendFactory::BackendFactory(Keep& keep, Metrics& metrics, const Clock& clock)
    : keep_(keep), metrics_(metrics), clock_(clock) {}

control::Backends BackendFactory::make_all(const Settings& settings) {
  control::Backends backends;
  for (const auto& [name, target] : settings.targets) backends.emplace(name, make(target, settings.docker));
  return backends;
}

control::Backends BackendFactory::make_changed(const Settings& next, const Settings& now) {
  control::Backends backends;
  for (const auto& [name, target] : next.targets) {
    const auto known = now.targets.find(name);
    const bool same =
        known != now.targets.end() && known->second.backend == target.backend && !is_elsewhere(target, next, now);
    if (!same) backends.emplace(name, make(target, next.docker));
  }
  return backends;
}

bool BackendFactory::is_elsewhere(const Target& target, const Settings& next, const Settings& now) {
  const auto known = now.targets.find(target.name);
  if (known == now.targets.end()) return false;
  const BackendRef& before = known->second.backend;
  if (backend_name(before) != backend_name(target.backend) || describe(before) != describe(target.backend)) return true;
  return runs_on_docker(target) && next.docker != now.docker;
}

std::shared_ptr<docker::Engine> BackendFactory::engine(const DockerEndpoint& endpoint) {
  if (!engine_ || endpoint != endpoint_) {
    endpoint_ = endpoint;
    engine_ = std::make_shared<docker::Engine>(
        endpoint, [this](int code, Duration duration) { metrics_.backend_request("docker_compose", code, duration); });
  }
  return engine_;
}

std::shared_ptr<Backend> BackendFactory::make(const Target& target, const DockerEndpoint& docker) {
  struct Visitor {
    BackendFactory& factory;
    const Target& target;
    const DockerEndpoint& docker;
    std::shared_ptr<Backend> operator()(const Simulated& settings) const {
      return make_simulated(target.name, settings, factory.keep_, factory.clock_);
    }
    std::shared_ptr<Backend> operator()(const Advisory& settings) const {
      return make_advisory(target.name, settings, factory.keep_);
    }
    std::shared_ptr<Backend> operator()(const ComposeService& service) const {
      auto both = std::make_shared<OnEngine>();
      both->engine = factory.engine(docker);
      both->backend = docker::make_compose_backend(service, *both->engine, factory.keep_);
      Backend* const backend = both->backend.get();
      return {std::move(both), backend};
    }
  };
  return std::visit(Visitor{*this, target, docker}, target.backend);
}

}  // namespace alertscaler::app
