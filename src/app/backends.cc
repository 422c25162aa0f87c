#include "app/backends.h"

#include "act/advisory.h"
#include "act/docker/compose.h"
#include "act/simulated.h"

namespace alertscaler::app {

BackendFactory::BackendFactory(const Settings& settings, Keep& keep, Metrics& metrics, const Clock& clock)
    : settings_(settings), keep_(keep), metrics_(metrics), clock_(clock) {}

control::Backends BackendFactory::make_all() {
  control::Backends backends;
  for (const auto& [name, target] : settings_.targets) backends.emplace(name, make(target));
  return backends;
}

docker::Engine& BackendFactory::engine() {
  if (!engine_) {
    engine_ = std::make_unique<docker::Engine>(settings_.docker, [this](int code, Duration duration) {
      metrics_.backend_request("docker_compose", code, duration);
    });
  }
  return *engine_;
}

std::unique_ptr<Backend> BackendFactory::make(const Target& target) {
  struct Visitor {
    BackendFactory& factory;
    const Target& target;
    std::unique_ptr<Backend> operator()(const Simulated& settings) const {
      return make_simulated(target.name, settings, factory.keep_, factory.clock_);
    }
    std::unique_ptr<Backend> operator()(const Advisory& settings) const {
      return make_advisory(target.name, settings, factory.keep_);
    }
    std::unique_ptr<Backend> operator()(const ComposeService& service) const {
      return docker::make_compose_backend(service, factory.engine(), factory.keep_);
    }
  };
  return std::visit(Visitor{*this, target}, target.backend);
}

}  // namespace alertscaler::app
