// The configuration file, read again while the program runs: all of it comes into force, or nothing changes.
#pragma once

#include <mutex>
#include <string>

#include "app/backends.h"
#include "base/result.h"
#include "control/controller.h"
#include "record/metrics.h"
#include "resync/resync.h"

namespace alertscaler::app {

// Thread-safe; reloads come one after the other. Everything passed outlives it.
class Reloader {
 public:
  Reloader(std::string config_file, BackendFactory& backends, control::Controller& controller, resync::Resync& resync,
           Metrics& metrics);

  // Logs what became of it, and says so in alertscaler_config_last_reload_successful. invalid: the file, one line a
  // problem; busy, storage: as the store says; cancelled: the program is stopping.
  [[nodiscard]] Status reload();

 private:
  [[nodiscard]] Status load_and_apply();

  const std::string config_file_;
  BackendFactory& backends_;
  control::Controller& controller_;
  resync::Resync& resync_;
  Metrics& metrics_;
  std::mutex mutex_;
};

}  // namespace alertscaler::app
