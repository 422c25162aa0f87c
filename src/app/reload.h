// The configuration file, read again while the program runs: all of it comes into force, or nothing changes.
#pragma once

#include <mutex>
#include <optional>
#include <string>

#include "app/backends.h"
#include "app/file_watch.h"
#include "base/result.h"
#include "control/controller.h"
#include "record/metrics.h"
#include "resync/resync.h"

namespace alertscaler::app {

// What a file said when it was read.
struct FileText {
  std::string path;
  std::string text;
};

// Thread-safe; reloads come one after the other. Everything passed outlives it.
class Reloader {
 public:
  // `watch` is of the configuration file, and has been since before that was read.
  // `web` is the web configuration file as it was read, or absent: there is none.
  Reloader(std::string config_file, FileWatch watch, std::optional<FileText> web, BackendFactory& backends,
           control::Controller& controller, resync::Resync& resync, Metrics& metrics);

  // Logs what became of it, and says so in alertscaler_config_last_reload_successful. The text: what is not in force
  // although it worked, for whoever asked; mostly nothing. invalid: the file, one line a problem; busy, storage: as the
  // store says; cancelled: the program is stopping.
  [[nodiscard]] Result<std::string> reload();
  // The same if the file has changed since the last time, which takes two calls to be sure of. A file that is invalid
  // is tried, and told of, once; what failed for another reason is tried again. That the web configuration has changed
  // is told of likewise.
  void reload_if_changed();

 private:
  [[nodiscard]] Status reload_locked();
  [[nodiscard]] Status load_and_apply();
  [[nodiscard]] std::string web_notice();

  const std::string config_file_;
  FileWatch watch_;  // guarded by mutex_
  const std::optional<FileText> web_;
  std::optional<FileWatch> web_watch_;  // of that; guarded by mutex_
  BackendFactory& backends_;
  control::Controller& controller_;
  resync::Resync& resync_;
  Metrics& metrics_;
  std::mutex mutex_;
};

}  // namespace alertscaler::app
