#include "app/backends.h"

#include <utility>

#include "act/advisory.h"
#include "act/command.h"
#include "act/docker/compose.h"
#include "act/simulated.h"

namespace alertscaler::app {

namespace {

bool runs_on_kubernetes(const Target& target) {
  return backend_name(target.backend).starts_with("kubernetes");
}

// Has the cluster itself changed, and not only the way to it?
bool is_another(const KubernetesCluster& next, const KubernetesCluster& now) {
  return next.access && now.access && next.access->server != now.access->server;
}

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
  for (const auto& [name, target] : settings.targets) backends.emplace(name, make(target, settings));
  return backends;
}

control::Backends BackendFactory::make_changed(const Settings& next, const Settings& now) {
  control::Backends backends;
  for (const auto& [name, target] : next.targets) {
    const auto known = now.targets.find(name);
    const bool same = known != now.targets.end() && known->second.backend == target.backend &&
                      !is_elsewhere(target, next, now) && !(runs_on_kubernetes(target) && next.cluster != now.cluster);
    if (!same) backends.emplace(name, make(target, next));
  }
  return backends;
}

bool BackendFactory::is_elsewhere(const Target& target, const Settings& next, const Settings& now) {
  const auto known = now.targets.find(target.name);
  if (known == now.targets.end()) return false;
  const BackendRef& before = known->second.backend;
  if (backend_name(before) != backend_name(target.backend) || describe(before) != describe(target.backend)) return true;
  if (runs_on_kubernetes(target) && is_another(next.cluster, now.cluster)) return true;
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

std::shared_ptr<kubernetes::ApiServer> BackendFactory::api_server(const Settings& settings) {
  if (!api_server_ || settings.cluster != cluster_) {
    cluster_ = settings.cluster;
    const auto observer = [this](int code, Duration duration) {
      metrics_.backend_request("kubernetes", code, duration);
    };
    api_server_ = cluster_.access
                      ? std::make_shared<kubernetes::ApiServer>(*cluster_.access, observer)
                      : std::make_shared<kubernetes::ApiServer>(Error{ErrorKind::refused, cluster_.why_not});
  }
  return api_server_;
}

std::shared_ptr<Backend> BackendFactory::make(const Target& target, const Settings& settings) {
  struct Visitor {
    BackendFactory& factory;
    const Target& target;
    const Settings& settings;
    std::shared_ptr<Backend> operator()(const Simulated& simulated) const {
      return make_simulated(target.name, simulated, factory.keep_, factory.clock_);
    }
    std::shared_ptr<Backend> operator()(const Advisory& advisory) const {
      return make_advisory(target.name, advisory, factory.keep_);
    }
    std::shared_ptr<Backend> operator()(const CommandTarget& command) const {
      return make_command(target.name, command, factory.keep_, factory.ending_.get_token());
    }
    std::shared_ptr<Backend> operator()(const ComposeService& service) const {
      auto both = std::make_shared<OnEngine>();
      both->engine = factory.engine(settings.docker);
      both->backend = docker::make_compose_backend(service, *both->engine, factory.keep_);
      Backend* const backend = both->backend.get();
      return {std::move(both), backend};
    }
  };
  return std::visit(Visitor{*this, target, settings}, target.backend);
}

}  // namespace alertscaler::app
