#include "app/serve.h"

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <ctime>
#include <memory>
#include <optional>
#include <utility>

#include <pthread.h>
#include <unistd.h>

#include "app/address.h"
#include "app/backends.h"
#include "app/file_watch.h"
#include "app/installation.h"
#include "app/reload.h"
#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "config/load.h"
#include "control/controller.h"
#include "receive/events.h"
#include "receive/server.h"
#include "record/metrics.h"
#include "remember/store.h"
#include "resync/resync.h"

namespace alertscaler::app {
namespace {

constexpr unsigned stop_seconds_max = 10;
// The first decision had better know what was missed; but a slow Alertmanager must not keep us from serving.
constexpr Duration first_resync_at_most = std::chrono::seconds{3};

void complain(const std::string& text) {
  std::fprintf(stderr, "alertscaler: %s\n", text.c_str());
}

template <class T>
bool complain_about(const config::Loaded<T>& loaded) {
  if (loaded) return false;
  for (const config::Problem& problem : loaded.error()) complain(config::to_string(problem));
  return true;
}

// Absent: there is none, or it cannot be read, and then we do not start.
std::optional<FileText> read_web_file(const std::string& path) {
  if (path.empty()) return std::nullopt;
  auto text = read_file(path);
  return text ? std::optional(FileText{path, *std::move(text)}) : std::nullopt;
}

// Before any thread starts, so that every one of them inherits the mask and only main sees the signals.
sigset_t block_signals() {
  sigset_t signals;
  ::sigemptyset(&signals);
  for (const int number : {SIGTERM, SIGINT, SIGHUP}) ::sigaddset(&signals, number);
  ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  return signals;
}

Status check_exposure(const ServeOptions& options, const Address& address, const WebConfig& web) {
  if (is_loopback(address) || web.authenticates() || options.allow_unauthenticated) return {};
  return fail(ErrorKind::refused,
              "will not listen on " + to_string(address) +
                  " without authentication: whoever reaches the port could scale your targets.\n"
                  "  Either put a token in a file (openssl rand -hex 32 > token), name it in another file\n"
                  "      bearer_token_file: token\n"
                  "  and pass that one as --web.config.file (basic_auth_users, or client certificates, do as well),\n"
                  "  or listen on 127.0.0.1 only, or insist with\n"
                  "  --web.allow-unauthenticated.");
}

// The next signal; 0 when there was none for so long (0s: waits for ever), or for a reason that does not matter.
int next_signal(const sigset_t& signals, Duration at_most) {
  if (at_most <= Duration{0}) {
    int number = 0;
    return ::sigwait(&signals, &number) == 0 ? number : 0;
  }
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(at_most);
  const timespec patience{seconds.count(), std::chrono::nanoseconds(at_most - seconds).count()};
  return std::max(0, ::sigtimedwait(&signals, nullptr, &patience));
}

void wait_for_stop(const sigset_t& signals, Reloader& reloader, Duration look_every) {
  while (true) {
    const int number = next_signal(signals, look_every);
    if (number == 0) {
      if (look_every > Duration{0}) reloader.reload_if_changed();
      continue;
    }
    if (number == SIGHUP) {
      static_cast<void>(reloader.reload());  // the log and the metric say what became of it
      continue;
    }
    log::info("stopping", {{"signal", number == SIGTERM ? "SIGTERM" : "SIGINT"}});
    return;
  }
}

}  // namespace

int serve(const ServeOptions& options) {
  const sigset_t signals = block_signals();
  log::configure(options.log_level, options.log_format);

  FileWatch watch(options.config_file);
  const auto loaded = config::load_settings(options.config_file);
  const auto web_text = read_web_file(options.web_config_file);
  const auto web = options.web_config_file.empty() ? config::Loaded<WebConfig>{WebConfig{}}
                                                   : config::load_web_config(options.web_config_file);
  const auto address = parse_address(options.listen_address);
  bool wrong = complain_about(loaded);
  wrong = complain_about(web) || wrong;
  if (!address) complain("--web.listen-address: " + address.error().message);
  if (wrong || !address) return 1;
  if (const Status allowed = check_exposure(options, *address, *web); !allowed) {
    complain(allowed.error().message);
    return 1;
  }
  auto settings = std::make_shared<const Settings>(*loaded);
  log::info("config.loaded", {{"file", options.config_file}, {"targets", settings->targets.size()}});

  const SystemClock clock;
  Metrics metrics(version_text());
  metrics.reloaded(true);
  receive::Events events;
  StoreOptions store_options;
  store_options.changed = [&events](StoreChanges changes) { events.store_changed(std::move(changes)); };
  auto store = Store::open(options.storage_path, store_options);
  if (!store) {
    complain(store.error().message);
    return 1;
  }
  if (const Status mapped = control::map_known_alerts(**store, *settings); !mapped) {
    complain("read the known alerts: " + mapped.error().message);
    return 1;
  }
  StoreKeep keep(**store);
  const std::string own_name = installation(keep, surroundings(options.storage_path));
  BackendFactory backends(keep, metrics, clock, own_name);
  control::Backends made = backends.make_all(*settings);
  control::Controller controller(std::move(settings), std::move(made), **store, metrics, clock,
                                 {.dry_run = options.dry_run, .target_changed = [&events](const TargetName& name) {
                                    events.target_changed(name);
                                  }});
  resync::Resync resync([&] { return controller.settings(); },
                        [&](const TargetName& target, Instant found) { controller.kick(target, found); }, **store,
                        metrics, clock);
  resync.first(first_resync_at_most);
  Reloader reloader(options.config_file, std::move(watch), web_text, backends, controller, resync, metrics);
  controller.start();

  receive::ServerOptions server_options;
  server_options.host = address->host;
  server_options.port = address->port;
  server_options.web = *web;
  server_options.external_urls = options.external_urls;
  server_options.version = version_text();
  server_options.limits.read_timeout = options.read_timeout;
  server_options.troubles = [&] { return resync.troubles(); };
  server_options.reload = [&reloader] { return reloader.reload(); };
  auto server = receive::Server::start(server_options, **store, controller, metrics, clock, events);
  if (!server) {
    complain(server.error().message);
    return 1;
  }
  resync.start();
  log::info("listening", {{"address", to_string({address->host, (*server)->port()})},
                          {"version", version_text()},
                          {"storage", options.storage_path},
                          {"installation", own_name},
                          {"dry_run", options.dry_run}});
  wait_for_stop(signals, reloader, options.auto_reload_interval);

  // The kernel ends a stop that hangs; everything that matters is on the disk already.
  ::alarm(stop_seconds_max);
  (*server)->stop();
  resync.stop();
  controller.stop();
  backends.stop();
  server->reset();
  log::info("stopped");
  return 0;
}

}  // namespace alertscaler::app
