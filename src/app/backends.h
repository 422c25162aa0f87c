// Makes the backend of each target from its configuration, with what backends share.
#pragma once

#include <memory>

#include "act/docker/engine.h"
#include "act/keep.h"
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

// Outlives the backends that it made. Everything passed outlives it.
class BackendFactory {
 public:
  BackendFactory(const Settings& settings, Keep& keep, Metrics& metrics, const Clock& clock);
  [[nodiscard]] control::Backends make_all();

 private:
  [[nodiscard]] std::unique_ptr<Backend> make(const Target& target);
  [[nodiscard]] docker::Engine& engine();

  const Settings& settings_;
  Keep& keep_;
  Metrics& metrics_;
  const Clock& clock_;
  std::unique_ptr<docker::Engine> engine_;  // made when the first target needs it
};

}  // namespace alertscaler::app
