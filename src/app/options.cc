#include "app/options.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <optional>
#include <string_view>
#include <vector>

#include <CLI/CLI.hpp>

#include "base/text.h"

namespace alertscaler::app {
namespace {

constexpr const char* about =
    "alertscaler scales Docker Compose services on Prometheus alerts. Thresholds are alerting rules;\n"
    "Alertmanager posts their alerts to this program, and it carries out what their labels ask for.";

constexpr const char* footer =
    "\nWithout a command, alertscaler serves: `alertscaler --config.file=alertscaler.yml`.\n"
    "An alert asks by its labels: scale_action (up, down, to, drain, hold) and scale_target.\n"
    "Try it: alertscaler serve, then  curl -d @alert.json 'http://127.0.0.1:9095/webhook?wait=10s'";

constexpr std::array<std::string_view, 3> commands = {"serve", "version", "healthcheck"};

// Turns a parser of ours into CLI11's kind of check.
template <class T, class Parse>
CLI::callback_t into(const char* flag, T& value, Parse parse) {
  return [flag, &value, parse](const CLI::results_t& given) {
    const auto parsed = parse(given.back());
    if (!parsed) throw CLI::ValidationError(flag, parsed.error().message);
    value = *parsed;
    return true;
  };
}

void add_serve(CLI::App& app, ServeOptions& options) {
  app.add_option("--config.file", options.config_file, "Targets and their policies")->capture_default_str();
  app.add_option("--web.listen-address", options.listen_address,
                 "Where to listen, HOST:PORT; port 0 takes any free one. Beyond loopback, authentication is required")
      ->capture_default_str();
  app.add_option("--web.config.file", options.web_config_file,
                 "Authentication (bearer_token_file); the file of the Prometheus components");
  app.add_flag("--web.allow-unauthenticated", options.allow_unauthenticated,
               "Listen beyond loopback without authentication: whoever reaches the port can scale your targets");
  app.add_option("--web.read-timeout", into("--web.read-timeout", options.read_timeout, text::parse_duration),
                 "The most that a client may take for one whole request")
      ->type_name("DURATION")
      ->default_str(text::format_duration(options.read_timeout));
  app.add_option("--storage.path", options.storage_path, "Directory of the durable state")->capture_default_str();
  app.add_option("--log.level", into("--log.level", options.log_level, log::parse_level), "debug, info, warn or error")
      ->type_name("LEVEL")
      ->default_str("info");
  app.add_option("--log.format", into("--log.format", options.log_format, log::parse_format), "logfmt or json")
      ->type_name("FORMAT")
      ->default_str("logfmt");
  app.add_flag("--dry-run", options.dry_run, "Decide, journal and publish, but change nothing");
}

// A word that is no command; absent: there is none.
std::optional<std::string> unknown_command(int argc, const char* const* argv) {
  if (argc < 2 || argv[1][0] == '-') return std::nullopt;
  const std::string word = argv[1];
  if (std::find(commands.begin(), commands.end(), word) != commands.end()) return std::nullopt;
  return word;
}

// `alertscaler --some.flag` is `alertscaler serve --some.flag`.
std::vector<std::string> with_command(int argc, const char* const* argv) {
  std::vector<std::string> arguments(argv + 1, argv + argc);
  const std::string first = arguments.empty() ? "" : arguments.front();
  const bool names_one = std::find(commands.begin(), commands.end(), first) != commands.end();
  const bool about_all = first == "--help" || first == "-h" || first == "--version";
  const bool flag_or_none = first.empty() || first.starts_with('-');
  if (!names_one && !about_all && flag_or_none) arguments.insert(arguments.begin(), "serve");
  return arguments;
}

}  // namespace

std::string version_text() {
  return ALERTSCALER_VERSION;
}

Command parse_command_line(int argc, const char* const* argv) {
  constexpr int wrong_usage = 2;
  if (const auto word = unknown_command(argc, argv)) {
    const std::vector<std::string> known(commands.begin(), commands.end());
    const auto meant = text::nearest(*word, known);
    std::fprintf(stderr, "alertscaler: no command is named \"%s\"%s; alertscaler --help lists them\n", word->c_str(),
                 meant ? (", did you mean " + *meant + "?").c_str() : "");
    return Exit{wrong_usage};
  }
  CLI::App app(about, "alertscaler");
  app.footer(footer);
  app.require_subcommand(1);
  app.set_version_flag("--version", "alertscaler " + version_text());

  ServeOptions serve;
  CLI::App* serving = app.add_subcommand("serve", "Receive alerts and scale (the default)");
  serving->footer("");  // that of the whole program speaks of something else
  add_serve(*serving, serve);
  HealthcheckOptions health;
  CLI::App* checking = app.add_subcommand("healthcheck", "Exit 0 when a running server answers /-/healthy");
  checking->add_option("--url", health.url, "The server")->envname("ALERTSCALER_URL")->capture_default_str();
  const CLI::App* versioning = app.add_subcommand("version", "Print the version");

  std::vector<std::string> arguments = with_command(argc, argv);
  std::reverse(arguments.begin(), arguments.end());  // CLI11 takes them last first
  try {
    app.parse(arguments);
  } catch (const CLI::ParseError& error) {
    return Exit{app.exit(error) == 0 ? 0 : wrong_usage};
  }
  if (checking->parsed()) return health;
  if (versioning->parsed()) return VersionOptions{};
  return serve;
}

}  // namespace alertscaler::app
