#include "app/backends.h"

#include <utility>

#include "act/advisory.h"
#include "act/command.h"
#include "act/docker/compose.h"
#include "act/docker/swarm.h"
#include "act/docker/swarm_nodes.h"
#include "act/kubernetes/attended.h"
#include "act/kubernetes/autoscaler.h"
#include "act/kubernetes/drain.h"
#include "act/kubernetes/workload.h"
#include "act/node_pool/pool.h"
#include "act/simulated.h"
#include "app/installation.h"

namespace alertscaler::app {

namespace {

bool runs_on_kubernetes(const Target& target) {
  return backend_name(target.backend).starts_with("kubernetes") || std::holds_alternative<DockerNodes>(target.backend);
}

// Has the cluster itself changed, and not only the way to it?
bool is_another(const KubernetesCluster& next, const KubernetesCluster& now) {
  return next.access && now.access && next.access->server != now.access->server;
}

bool runs_on_docker(const Target& target) {
  return backend_name(target.backend).starts_with("docker");
}

// A backend and the engine that it shares with others, which lives as long as one of them.
struct OnEngine {
  std::shared_ptr<docker::Engine> engine;
  std::unique_ptr<Backend> backend;
};

struct NodesOnEngine {
  std::shared_ptr<docker::Engine> engine;
  std::unique_ptr<NodeBackend> nodes;
};

// The same for what is in a cluster: nodes, or a workload.
struct OnCluster {
  std::shared_ptr<kubernetes::ApiServer> server;
  std::shared_ptr<kubernetes::Events> events;
  std::unique_ptr<NodeBackend> nodes{};
  std::unique_ptr<Backend> backend{};
};

// A pool, whose containers are on an engine and whose nodes are in a cluster.
struct OnBoth {
  std::shared_ptr<docker::Engine> engine;
  std::shared_ptr<kubernetes::ApiServer> server;
  std::shared_ptr<kubernetes::Events> events;
  node_pool::Faces faces{};
};

kubernetes::OwnPod own_pod() {
  const Surroundings around = surroundings("");
  return {around.pod_namespace, around.pod};
}

}  // namespace

BackendFactory::BackendFactory(Keep& keep, Metrics& metrics, const Clock& clock, std::string installation)
    : keep_(keep), metrics_(metrics), clock_(clock), installation_(std::move(installation)) {}

control::Backends BackendFactory::make_all(const Settings& settings) {
  control::Backends backends;
  for (const auto& [name, target] : settings.targets) backends.emplace(name, make(target, settings));
  return backends;
}

control::Backends BackendFactory::make_changed(const Settings& next, const Settings& now) {
  control::Backends backends;
  for (const auto& [name, target] : next.targets) {
    const auto known = now.targets.find(name);
    const bool is_pool = std::holds_alternative<DockerNodes>(target.backend);  // it removes by its policy
    const bool same_policy = !is_pool || (known != now.targets.end() && known->second.policy == target.policy);
    const bool same = same_policy && known != now.targets.end() && known->second.backend == target.backend &&
                      !is_elsewhere(target, next, now) && !(runs_on_kubernetes(target) && next.cluster != now.cluster);
    if (!same) backends.emplace(name, make(target, next));
  }
  return backends;
}

bool BackendFactory::is_elsewhere(const Target& target, const Settings& next, const Settings& now) {
  const auto known = now.targets.find(target.name);
  if (known == now.targets.end()) return false;
  const BackendRef& before = known->second.backend;
  if (object_of(before) != object_of(target.backend)) return true;
  // Another way with its autoscaler: what was done in the old way is taken back first.
  const auto* was = std::get_if<KubernetesWorkload>(&before);
  const auto* is = std::get_if<KubernetesWorkload>(&target.backend);
  if (was != nullptr && is != nullptr && was->hpa != is->hpa) return true;
  if (runs_on_kubernetes(target) && is_another(next.cluster, now.cluster)) return true;
  return runs_on_docker(target) && next.docker != now.docker;
}

bool BackendFactory::is_same_object(const Target& target, const Settings& next, const Settings& now) {
  const BackendRef& before = now.targets.at(target.name).backend;
  const auto* is = std::get_if<KubernetesWorkload>(&target.backend);
  if (is == nullptr || !std::holds_alternative<KubernetesWorkload>(before)) return false;
  // Only so it is sure that an autoscaler will let it come back.
  if (is->hpa != HpaMode::automatic) return false;
  return describe(before) == describe(target.backend) && !is_another(next.cluster, now.cluster);
}

std::shared_ptr<docker::Engine> BackendFactory::engine(std::string_view kind, const DockerEndpoint& endpoint) {
  SharedEngine& shared = engines_[kind];
  if (!shared.engine || endpoint != shared.endpoint) {
    shared.endpoint = endpoint;
    shared.engine = std::make_shared<docker::Engine>(
        endpoint, [this, kind](int code, Duration duration) { metrics_.backend_request(kind, code, duration); });
  }
  return shared.engine;
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

std::shared_ptr<kubernetes::Events> BackendFactory::events(const Settings& settings) {
  auto server = api_server(settings);
  if (!events_ || server != events_of_) {
    events_of_ = server;
    const Surroundings around = surroundings("");
    events_ =
        std::make_shared<kubernetes::Events>(std::move(server), around.pod.empty() ? around.host : around.pod, clock_);
  }
  return events_;
}

control::Hands BackendFactory::make(const Target& target, const Settings& settings) {
  struct Visitor {
    BackendFactory& factory;
    const Target& target;
    const Settings& settings;
    control::Hands operator()(const Simulated& simulated) const {
      return make_simulated(target.name, simulated, factory.keep_, factory.clock_);
    }
    control::Hands operator()(const Advisory& advisory) const {
      return make_advisory(target.name, advisory, factory.keep_);
    }
    control::Hands operator()(const CommandTarget& command) const {
      return make_command(target.name, command, factory.keep_, factory.ending_.get_token());
    }
    control::Hands operator()(const SwarmService& service) const {
      auto both = std::make_shared<OnEngine>();
      both->engine = factory.engine(backend_name(service), settings.docker);
      both->backend = docker::make_swarm_backend(service, *both->engine);
      Backend* const backend = both->backend.get();
      return std::shared_ptr<Backend>(std::move(both), backend);
    }
    control::Hands operator()(const SwarmNodes& nodes) const {
      auto both = std::make_shared<NodesOnEngine>();
      both->engine = factory.engine(backend_name(nodes), settings.docker);
      both->nodes = docker::make_swarm_node_backend(*both->engine);
      NodeBackend* const backend = both->nodes.get();
      return std::shared_ptr<NodeBackend>(std::move(both), backend);
    }
    control::Hands operator()(const ComposeService& service) const {
      auto both = std::make_shared<OnEngine>();
      both->engine = factory.engine(backend_name(service), settings.docker);
      both->backend = docker::make_compose_backend(service, *both->engine, factory.keep_);
      Backend* const backend = both->backend.get();
      return std::shared_ptr<Backend>(std::move(both), backend);
    }
    control::Hands operator()(const KubernetesNodes& nodes) const {
      auto both = std::make_shared<OnCluster>();
      both->server = factory.api_server(settings);
      both->events = factory.events(settings);
      const kubernetes::OwnPod own = own_pod();
      both->nodes =
          kubernetes::attended(kubernetes::make_node_backend({target.name, nodes, own, factory.installation_},
                                                             *both->server, both->events.get(), factory.clock_),
                               {*both->server, *both->events, factory.clock_});
      NodeBackend* const backend = both->nodes.get();
      return std::shared_ptr<NodeBackend>(std::move(both), backend);
    }
    control::Hands operator()(const DockerNodes& nodes) const {
      auto all = std::make_shared<OnBoth>();
      all->engine = factory.engine(backend_name(nodes), settings.docker);
      all->server = factory.api_server(settings);
      all->events = factory.events(settings);
      const kubernetes::OwnPod own = own_pod();
      node_pool::Settings pool{target.name, nodes, target.policy.drain, target.policy.timeout};
      pool.installation = factory.installation_;
      if (!own.name.empty()) pool.own_pod = own.name_space + "/" + own.name;
      auto drains = kubernetes::make_node_backend({target.name, {"", nodes.node_label}, own, factory.installation_},
                                                  *all->server, all->events.get(), factory.clock_);
      all->faces = node_pool::make_pool(std::move(pool), {*all->engine, *all->server, factory.keep_, all->events.get(),
                                                          factory.clock_, std::move(drains)});
      Backend* const replicas = all->faces.replicas.get();
      NodeBackend* const each = all->faces.nodes.get();
      return {std::shared_ptr<Backend>(all, replicas), std::shared_ptr<NodeBackend>(all, each)};
    }
    control::Hands operator()(KubernetesWorkload workload) const {
      workload.name_space = namespace_of(workload, settings.cluster);
      if (workload.name_space.empty()) workload.name_space = "default";  // there is no cluster, as each call will say
      auto all = std::make_shared<OnCluster>();
      all->server = factory.api_server(settings);
      all->events = factory.events(settings);
      auto owner = kubernetes::make_autoscaler(workload.hpa, {target.name.text, factory.installation_}, *all->server);
      const kubernetes::CountOwner* const seen = owner.get();
      all->backend = kubernetes::attended(kubernetes::make_workload_backend(workload, *all->server, std::move(owner)),
                                          workload, {*all->server, *all->events, factory.clock_}, seen);
      Backend* const backend = all->backend.get();
      return std::shared_ptr<Backend>(std::move(all), backend);
    }
  };
  return std::visit(Visitor{*this, target, settings}, target.backend);
}

}  // namespace alertscaler::app
