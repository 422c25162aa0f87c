// shop: the example that gets scaled. A web service, a load generator and a simulated fleet in one small program.
#include <cstdio>
#include <string>

#include <CLI/CLI.hpp>
#include <httplib.h>

#include "base/log.h"
#include "fleet.h"
#include "load.h"
#include "profile.h"
#include "serve.h"

namespace {

using alertscaler::fail;
using alertscaler::Result;
using alertscaler::Status;

struct Flags {
  std::string listen = "127.0.0.1:8080";
  int work_ms = 4;
  std::string url = "http://127.0.0.1:8080/";
  std::string profile{shop::default_profile};
  int concurrency = 32;
  shop::ReplicaSource source{"http://127.0.0.1:9095", "web", ""};
  std::string share_of;
  double capacity = 60;
  std::string probe_url = "http://127.0.0.1:8080/healthz";
};

void add_profile(CLI::App& app, Flags& flags) {
  app.add_option("--profile", flags.profile, "Requests a second over time, repeated: TIME=RATE,TIME=RATE,...")
      ->capture_default_str();
}

void add_source(CLI::App& app, Flags& flags) {
  app.add_option("--target", flags.source.target, "The target's name in alertscaler's configuration")
      ->capture_default_str();
  app.add_option("--token.file", flags.source.token_file, "File with alertscaler's bearer token");
}

Status run_serve(const Flags& flags, const shop::Address& listen) {
  return shop::serve({listen, std::chrono::milliseconds{flags.work_ms}});
}

Status run_load(const Flags& flags, const shop::Address& listen) {
  Result<shop::Profile> profile = shop::Profile::parse(flags.profile);
  if (!profile) return fail(profile.error());
  shop::LoadOptions options{listen, flags.url, *profile, flags.concurrency, std::nullopt};
  if (!flags.share_of.empty()) {
    options.share_of = flags.source;
    options.share_of->url = flags.share_of;
  }
  return shop::run_load(options);
}

Status run_fleet(const Flags& flags, const shop::Address& listen) {
  Result<shop::Profile> profile = shop::Profile::parse(flags.profile);
  if (!profile) return fail(profile.error());
  return shop::run_fleet({listen, flags.source, *profile, flags.capacity});
}

// For the health checks of containers, which have no curl.
Status run_probe(const Flags& flags) {
  const std::size_t path = flags.probe_url.find('/', sizeof("http://"));
  httplib::Client client(flags.probe_url.substr(0, path));
  if (!client.is_valid() || path == std::string::npos)
    return fail(alertscaler::ErrorKind::invalid, "probe '" + flags.probe_url + "': expected http://HOST:PORT/PATH");
  client.set_connection_timeout(std::chrono::seconds{2});
  client.set_read_timeout(std::chrono::seconds{2});
  const httplib::Result response = client.Get(flags.probe_url.substr(path));
  if (!response) {
    return fail(alertscaler::ErrorKind::unreachable,
                "probe " + flags.probe_url + ": " + httplib::to_string(response.error()));
  }
  if (response->status != 200) {
    return fail(alertscaler::ErrorKind::refused,
                "probe " + flags.probe_url + ": answered " + std::to_string(response->status));
  }
  return {};
}

Status run(const CLI::App& mode, const Flags& flags) {
  if (mode.get_name() == "probe") return run_probe(flags);
  shop::hold_signals();
  const Result<shop::Address> listen = shop::parse_address(flags.listen);
  if (!listen) return fail(listen.error());
  if (mode.get_name() == "serve") return run_serve(flags, *listen);
  if (mode.get_name() == "load") return run_load(flags, *listen);
  return run_fleet(flags, *listen);
}

}  // namespace

int main(int argc, char** argv) {
  Flags flags;
  CLI::App app("The example that alertscaler scales: a web service, its load, a simulated fleet.", "shop");
  app.require_subcommand(1);

  CLI::App* serve = app.add_subcommand("serve", "A web service: / does some work, /metrics, /healthz");
  serve->add_option("--work", flags.work_ms, "Milliseconds of CPU time that a request costs")
      ->capture_default_str()
      ->check(CLI::Range(0, 1000));

  CLI::App* load = app.add_subcommand("load", "Sends requests at a rate that rises and falls");
  load->add_option("--url", flags.url, "Where to; all addresses of its name take turns")->capture_default_str();
  add_profile(*load, flags);
  load->add_option("--concurrency", flags.concurrency, "Requests in flight at most")
      ->capture_default_str()
      ->check(CLI::Range(1, 256));
  load->add_option("--share-of", flags.share_of, "alertscaler's URL: send only one replica's share of the load");
  add_source(*load, flags);

  CLI::App* fleet = app.add_subcommand("fleet", "The metrics that as many replicas as alertscaler wants would have");
  fleet->add_option("--alertscaler", flags.source.url, "alertscaler's URL")->capture_default_str();
  add_source(*fleet, flags);
  add_profile(*fleet, flags);
  fleet->add_option("--capacity", flags.capacity, "Requests a second that one replica can do")
      ->capture_default_str()
      ->check(CLI::Range(1.0, 10000.0));

  app.add_subcommand("probe", "Asks /healthz; the exit status says whether it answered 200")
      ->add_option("--url", flags.probe_url, "What to ask")
      ->capture_default_str();

  for (CLI::App* mode : {serve, load, fleet})
    mode->add_option("--listen", flags.listen, "HOST:PORT to listen on")->capture_default_str();

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }

  const Status done = run(*app.get_subcommands().front(), flags);
  if (done) return 0;
  std::fprintf(stderr, "shop: %s\n", done.error().message.c_str());
  return done.error().kind == alertscaler::ErrorKind::invalid ? 2 : 1;
}
