#include "app/reload.h"

#include <memory>
#include <utility>

#include "base/file.h"
#include "base/log.h"
#include "config/load.h"

namespace alertscaler::app {

Reloader::Reloader(std::string config_file, FileWatch watch, std::optional<FileText> web, BackendFactory& backends,
                   control::Controller& controller, resync::Resync& resync, Metrics& metrics)
    : config_file_(std::move(config_file)),
      watch_(std::move(watch)),
      web_(std::move(web)),
      backends_(backends),
      controller_(controller),
      resync_(resync),
      metrics_(metrics) {
  if (web_) web_watch_.emplace(web_->path);
}

Result<std::string> Reloader::reload() {
  const std::lock_guard one_at_a_time(mutex_);
  if (Status done = reload_locked(); !done) return fail(std::move(done).error());
  return web_notice();
}

// Who may speak to us is not changed while we run; that a new file has no effect must not be a surprise later.
std::string Reloader::web_notice() {
  if (!web_) return "";
  const auto now = read_file(web_->path);
  if (now && *now == web_->text) return "";
  std::string notice = web_->path + (now ? " has changed" : " cannot be read any more") +
                       ": its own keys are read at the start only (the files that it names are read again as they "
                       "change), so restart alertscaler to bring it into force";
  if (const auto next = config::load_web_config(web_->path); !next) {
    notice += "; mend it before, for as it is alertscaler would not start: " + config::to_string(next.error().front());
  }
  log::warn("web_config.changed", {{"file", web_->path}, {"text", notice}});
  return notice;
}

void Reloader::reload_if_changed() {
  const std::lock_guard one_at_a_time(mutex_);
  if (watch_.changed()) static_cast<void>(reload_locked());  // the log and the metric say what became of it
  if (!web_watch_ || !web_watch_->changed()) return;
  web_watch_->take();
  static_cast<void>(web_notice());  // is in the log
}

Status Reloader::reload_locked() {
  watch_.take();
  Status done = load_and_apply();
  if (!done && done.error().kind != ErrorKind::invalid) watch_.forget();
  metrics_.reloaded(done.has_value());
  if (!done) {
    log::error("reload.failed", {{"file", config_file_},
                                 {"error", done.error().message.substr(0, done.error().message.find('\n'))},
                                 {"text", "nothing was changed: the configuration from before stays in force"}});
  }
  return done;
}

Status Reloader::load_and_apply() {
  auto loaded = config::load_settings(config_file_);
  if (!loaded) {
    std::string problems;
    for (const config::Problem& problem : loaded.error()) {
      log::error("config.invalid", {{"problem", config::to_string(problem)}});
      problems += (problems.empty() ? "" : "\n") + config::to_string(problem);
    }
    return fail(ErrorKind::invalid, std::move(problems));
  }
  const auto next = std::make_shared<const Settings>(*std::move(loaded));
  control::Reload reload{next, backends_.make_changed(*next, *controller_.settings()), {}};
  for (const auto& [name, target] : next->targets) {
    if (!backends_.is_elsewhere(target, *next, *controller_.settings())) continue;
    reload.elsewhere.insert(name);
    if (backends_.is_same_object(target, *next, *controller_.settings())) reload.otherwise.insert(name);
  }
  const std::size_t backends = reload.backends.size();
  if (Status applied = controller_.reload(reload); !applied) return applied;
  resync_.wake();  // its Alertmanagers and its interval may be others
  log::info("config.loaded", {{"file", config_file_}, {"targets", next->targets.size()}, {"new_backends", backends}});
  return {};
}

}  // namespace alertscaler::app
