// Makes the backend of each target from its configuration, with what backends share.
#pragma once

#include <map>
#include <memory>
#include <stop_token>
#include <string_view>

#include "act/docker/engine.h"
#include "act/keep.h"
#include "act/kubernetes/api_server.h"
#include "act/kubernetes/events.h"
#include "base/clock.h"
#include "control/controller.h"
#include "model/settings.h"
#include "record/metrics.h"
#include "remember/store.h"

namespace alertscaler::app {

// The backends' small values in the store.
class StoreKeep final : public Keep {
 public:
  explicit StoreKeep(Store& store) : store_(store) {}
  [[nodiscard]] std::optional<std::string> get(std::string_view key) const override { return store_.kept(key); }
  [[nodiscard]] Status put(std::string_view key, std::string value) override {
    return store_.keep(key, std::move(value));
  }

 private:
  Store& store_;
};

// Not thread-safe. Everything passed outlives it and the backends that it made.
class BackendFactory {
 public:
  // `installation`: see app/installation.h.
  BackendFactory(Keep& keep, Metrics& metrics, const Clock& clock, std::string installation);
  [[nodiscard]] control::Backends make_all(const Settings& settings);
  // Of the targets that are new in `next`, or whose own cannot be used any more.
  [[nodiscard]] control::Backends make_changed(const Settings& next, const Settings& now);
  // What runs in the background ends. To be called when no pass is under way any more.
  void stop() { ending_.request_stop(); }
  // Does a target of that name exist in `now` as something else: another kind, another service, another engine?
  [[nodiscard]] static bool is_elsewhere(const Target& target, const Settings& next, const Settings& now);
  // REQUIRES: is_elsewhere(). Is it the same workload for all that, which from now on has its autoscaler looked after?
  [[nodiscard]] static bool is_same_object(const Target& target, const Settings& next, const Settings& now);

 private:
  [[nodiscard]] control::Hands make(const Target& target, const Settings& settings);
  [[nodiscard]] std::shared_ptr<docker::Engine> engine(std::string_view kind, const DockerEndpoint& endpoint);
  [[nodiscard]] std::shared_ptr<kubernetes::ApiServer> api_server(const Settings& settings);
  [[nodiscard]] std::shared_ptr<kubernetes::Events> events(const Settings& settings);

  Keep& keep_;
  Metrics& metrics_;
  const Clock& clock_;
  const std::string installation_;
  std::stop_source ending_;
  struct SharedEngine {
    DockerEndpoint endpoint;
    std::shared_ptr<docker::Engine> engine;
  };
  std::map<std::string_view, SharedEngine> engines_;  // by kind of target; made when the first one needs it
  KubernetesCluster cluster_;
  std::shared_ptr<kubernetes::ApiServer> api_server_;  // of cluster_; likewise
  std::shared_ptr<kubernetes::ApiServer> events_of_;   // the one that they go to
  std::shared_ptr<kubernetes::Events> events_;         // likewise
};

}  // namespace alertscaler::app
