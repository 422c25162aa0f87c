#include "app/options.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <optional>
#include <string_view>
#include <vector>

#include <CLI/CLI.hpp>

#include "app/completion.h"
#include "base/text.h"

namespace alertscaler::app {
namespace {

constexpr const char* about =
    "alertscaler scales on Prometheus alerts: Docker Compose and Swarm services, Kubernetes workloads, nodes.\n"
    "Thresholds are alerting rules; Alertmanager posts their alerts to this program, and it carries out what\n"
    "their labels ask for.";

constexpr const char* footer =
    "\nWithout a command, alertscaler serves: `alertscaler --config.file=alertscaler.yml`.\n"
    "`alertscaler serve --help` lists its flags.\n"
    "An alert asks by its labels: scale_action (up, down, to, drain, hold) and scale_target.\n"
    "Try it: alertscaler serve, then  alertscaler send --target=web --action=up  and  alertscaler status";

constexpr std::array<std::string_view, 13> commands = {"serve",      "check",  "explain", "send",   "status",
                                                       "history",    "scale",  "pause",   "resume", "healthcheck",
                                                       "completion", "schema", "version"};

Result<Duration> parse_timeout(std::string_view given) {
  auto duration = text::parse_duration(given);
  if (duration && *duration <= Duration{0}) return fail(ErrorKind::invalid, "expected a duration above 0");
  return duration;
}

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

CLI::callback_t into_urls(std::vector<receive::ExternalUrl>& urls) {
  return [&urls](const CLI::results_t& given) {
    for (const std::string& each : given) {
      const auto url = receive::parse_external_url(each);
      if (!url) throw CLI::ValidationError("--web.external-url", url.error().message);
      urls.push_back(*url);
    }
    return true;
  };
}

constexpr int repeats_max = 100;

void add_serve(CLI::App& app, ServeOptions& options) {
  app.add_option("--config.file", options.config_file, "Targets and their policies")->capture_default_str();
  app.add_option("--config.auto-reload-interval",
                 into("--config.auto-reload-interval", options.auto_reload_interval, text::parse_duration),
                 "How often to look whether the configuration file has changed, to reload it; 0: never")
      ->type_name("DURATION")
      ->default_str("0s");
  app.add_option("--web.listen-address", options.listen_address,
                 "Where to listen, HOST:PORT; port 0 takes any free one. Beyond loopback, authentication is required")
      ->capture_default_str();
  app.add_option("--web.config.file", options.web_config_file,
                 "TLS and authentication; the file of the Prometheus components, and bearer_token_file");
  app.add_flag("--web.allow-unauthenticated", options.allow_unauthenticated,
               "Listen beyond loopback without authentication: whoever reaches the port can scale your targets");
  app.add_option("--web.external-url", into_urls(options.external_urls),
                 "The address of the page in a browser, where it is not one of this host's own: of a proxy, say; can "
                 "be repeated")
      ->type_name("URL")
      ->expected(1, repeats_max)
      ->allow_extra_args(false);
  app.add_option("--web.read-timeout", into("--web.read-timeout", options.read_timeout, parse_timeout),
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

Result<client::Format> parse_format(std::string_view text) {
  if (text == "text") return client::Format::text;
  if (text == "json") return client::Format::json;
  return fail(ErrorKind::invalid, "expected text or json, found \"" + std::string(text) + "\"");
}

Result<int> parse_replicas(std::string_view given) {
  const auto count = text::parse_int(given);
  if (count && *count >= 0) return *count;
  return fail(ErrorKind::invalid, "expected a whole number, 0 or more, found \"" + std::string(given) + "\"");
}

// A duration as the server will read it.
CLI::Validator duration() {
  return CLI::Validator(
      [](std::string& given) {
        const auto parsed = text::parse_duration(given);
        return parsed ? std::string() : parsed.error().message;
      },
      "DURATION");
}

// NAME=VALUE, any number of times.
CLI::callback_t into_labels(const char* flag, Labels& labels) {
  return [flag, &labels](const CLI::results_t& given) {
    for (const std::string& each : given) {
      const auto at = each.find('=');
      if (at == std::string::npos || at == 0) {
        throw CLI::ValidationError(flag, "expected NAME=VALUE, found \"" + each + "\"");
      }
      labels[each.substr(0, at)] = each.substr(at + 1);
    }
    return true;
  };
}

// What the commands have in common, but for --url.
void add_server(CLI::App& app, client::Common& common) {
  app.add_option("--token.file", common.connection.token_file, "File with the bearer token");
  app.add_option("--tls.ca-file", common.connection.ca_file, "Authority of the server's certificate, PEM");
  app.add_option("--format", into("--format", common.format, parse_format), "text or json")
      ->type_name("FORMAT")
      ->default_str("text");
}

// TARGET=N, any number of times.
CLI::callback_t into_counts(const char* flag, std::map<std::string, int>& counts) {
  return [flag, &counts](const CLI::results_t& given) {
    for (const std::string& each : given) {
      const auto at = each.find('=');
      const auto count = at == std::string::npos ? std::nullopt : text::parse_int(each.substr(at + 1));
      if (!count || *count < 0 || at == 0) {
        throw CLI::ValidationError(flag, "expected TARGET=N, found \"" + each + "\"");
      }
      counts[each.substr(0, at)] = *count;
    }
    return true;
  };
}

void add_common(CLI::App& app, client::Common& common) {
  app.add_option("--url", common.connection.url, "The server")->envname("ALERTSCALER_URL")->capture_default_str();
  add_server(app, common);
}

// The commands that ask a running server, and where their options go.
struct ClientCommands {
  client::SendOptions send;
  client::StatusOptions status;
  client::HistoryOptions history;
  client::ScaleOptions scale;
  client::PauseOptions pause;
  client::PauseOptions resume;
  client::ExplainOptions explain;

  void add(CLI::App& app) {
    add_send(*app.add_subcommand("send", "Post an alert by hand, and print what became of it"));
    CLI::App* state = app.add_subcommand("status", "Print the targets, or one of them with everything known");
    state->add_option("TARGET", status.target, "All, if none is named");
    add_common(*state, status.common);
    add_history(*app.add_subcommand("history", "Print what was done, and why"));
    CLI::App* scaling = app.add_subcommand("scale", "Set a count by hand");
    scaling->add_option("TARGET", scale.target, "The target")->required();
    scaling->add_option("REPLICAS", into("REPLICAS", scale.replicas, parse_replicas), "How many")
        ->type_name("INT")
        ->required();
    scaling->add_option("--pin", scale.pin, "Let no alert change it for so long")->check(duration());
    add_common(*scaling, scale.common);
    CLI::App* pausing = app.add_subcommand("pause", "Let alerts change nothing, on one target or on all");
    pausing->add_option("--for", pause.how_long, "End by itself after so long")->check(duration());
    add_pause(*pausing, pause);
    add_pause(*app.add_subcommand("resume", "End a pause, and act on what then stands"), resume);
    resume.resume = true;
    add_explain(*app.add_subcommand("explain", "Say what a notification would come to, and why, without acting"));
  }

  // Absent: it was none of these.
  [[nodiscard]] std::optional<Command> given(const CLI::App& app) const {
    if (app.got_subcommand("send")) return send;
    if (app.got_subcommand("status")) return status;
    if (app.got_subcommand("history")) return history;
    if (app.got_subcommand("scale")) return scale;
    if (app.got_subcommand("pause")) return pause;
    if (app.got_subcommand("resume")) return resume;
    if (app.got_subcommand("explain")) {
      client::ExplainOptions given = explain;
      given.online = app.get_subcommand("explain")->count("--url") > 0;
      return given;
    }
    return std::nullopt;
  }

 private:
  void add_send(CLI::App& app) {
    app.add_option("--target", send.target, "The target that the alert is for")->required();
    app.add_option("--action",
                   into("--action", send.action,
                        [](std::string_view given) -> Result<AlertAction> {
                          if (const auto action = parse_alert_action(given)) return *action;
                          return fail(ErrorKind::invalid,
                                      "expected up, down, to, drain or hold, found \"" + std::string(given) + "\"");
                        }),
                   "up, down, to, drain or hold")
        ->type_name("ACTION")
        ->default_str("up");
    app.add_flag("--resolved", send.resolved, "The alert has ended");
    app.add_option("--replicas", send.replicas, "scale_replicas: the count that `to` asks for");
    app.add_option("--node", send.node, "The node that `drain` is for");
    app.add_option("--label", into_labels("--label", send.labels), "A further label, NAME=VALUE; repeatable")
        ->type_name("NAME=VALUE")
        ->expected(1, repeats_max)
        ->allow_extra_args(false);
    app.add_option("--annotation", into_labels("--annotation", send.annotations),
                   "An annotation, NAME=VALUE (scale_step=2); repeatable")
        ->type_name("NAME=VALUE")
        ->expected(1, repeats_max)
        ->allow_extra_args(false);
    add_common(app, send.common);
  }
  void add_history(CLI::App& app) {
    constexpr int limit_max = 1000;
    app.add_option("TARGET", history.target, "All, if none is named");
    app.add_option("--since", history.since, "Not older than this: a duration (1h) or a time (RFC 3339)");
    app.add_option("--limit", history.limit, "So many, the newest")
        ->check(CLI::Range(1, limit_max))
        ->capture_default_str();
    app.add_flag("--follow,-f", history.follow, "Go on with what is done from now on");
    add_common(app, history.common);
  }
  void add_explain(CLI::App& app) {
    app.add_option("PAYLOAD", explain.payload, "A notification as it is posted: a file, or - for standard input")
        ->required();
    app.add_option("--config.file", explain.config_file, "Targets and their policies")->capture_default_str();
    app.add_option("--observed", into_counts("--observed", explain.observed),
                   "How many replicas a target is taken to have; repeatable")
        ->type_name("TARGET=N")
        ->expected(1, repeats_max)
        ->allow_extra_args(false);
    // Not from the environment: without the flag it works by the files alone.
    app.add_option("--url", explain.common.connection.url,
                   "Ask this running server, whose state counts, instead of --config.file");
    add_server(app, explain.common);
    app.callback([&app] {
      if (app.count("--url") == 0 || app.count("--observed") == 0) return;
      throw CLI::ValidationError("--observed",
                                 "with --url the running server says how many replicas there are; "
                                 "--observed is for explaining without one: leave out one of the two");
    });
  }
  static void add_pause(CLI::App& app, client::PauseOptions& options) {
    app.add_option("TARGET", options.target, "All, if none is named");
    add_common(app, options.common);
  }
};

void add_check(CLI::App& app, CheckOptions& options) {
  app.add_option("--config.file", options.config_file, "Targets and their policies")->capture_default_str();
  app.add_option("--rules", options.rules, "Files of alerting rules: names, or a pattern in quotes; can be repeated")
      ->type_name("GLOB");
  app.add_option("--alertmanager", options.alertmanager_file, "Alertmanager's configuration")->type_name("FILE");
  app.add_option("--web.config.file", options.web_config_file, "The web configuration: TLS and authentication")
      ->type_name("FILE");
  app.add_option("--web.listen-address", options.listen_address,
                 "Where alertscaler listens: then a webhook is alertscaler's only with the same port");
  app.add_option("--format", into("--format", options.format, parse_format), "text or json")
      ->type_name("FORMAT")
      ->default_str("text");
  app.footer("\nExit status: 0 nothing worse than warnings, 1 errors, 2 wrong usage.");
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

// CLI11 would take the next argument for the value: `--storage.path=$UNSET --dry-run` must not lose its --dry-run.
std::optional<std::string> flag_without_value(const std::vector<std::string>& arguments) {
  for (const std::string& argument : arguments) {
    const std::size_t name_size = argument.size() - 1;
    if (argument.starts_with("--") && argument.find('=') == name_size) return argument.substr(0, name_size);
  }
  return std::nullopt;
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
  app.require_subcommand(1);
  app.set_version_flag("--version", "alertscaler " + version_text());

  ServeOptions serve;
  CLI::App* serving = app.add_subcommand("serve", "Receive alerts and scale (the default)");
  add_serve(*serving, serve);
  CheckOptions check;
  CLI::App* examining =
      app.add_subcommand("check", "Find mistakes in configuration, rules and alertmanager.yml together");
  add_check(*examining, check);
  HealthcheckOptions health;
  CLI::App* checking = app.add_subcommand("healthcheck", "Exit 0 when a running server answers /-/healthy");
  checking->add_option("--url", health.url, "The server")->envname("ALERTSCALER_URL")->capture_default_str();
  checking->add_option("--tls.ca-file", health.ca_file, "Authority of the server's certificate, PEM");
  checking->add_option("--tls.cert-file", health.cert_file, "Certificate to show to the server, PEM");
  checking->add_option("--tls.key-file", health.key_file, "Its key, PEM");
  ClientCommands clients;
  clients.add(app);
  CLI::App* completing = app.add_subcommand("completion", "Print what a shell needs to complete commands and flags");
  std::string shell;
  completing->add_option("SHELL", shell, "bash")->required()->check(CLI::IsMember({"bash"}));
  SchemaOptions schema;
  CLI::App* describing = app.add_subcommand("schema", "Print the JSON Schema of the configuration, for editors");
  describing->add_flag("--web", schema.web, "Of the file of --web.config.file instead");
  const CLI::App* versioning = app.add_subcommand("version", "Print the version");
  app.footer(footer);  // last: commands take over what is there when they are added

  std::vector<std::string> arguments = with_command(argc, argv);
  if (const auto flag = flag_without_value(arguments)) {
    std::fprintf(stderr, "alertscaler: %s= has no value\n", flag->c_str());
    return Exit{wrong_usage};
  }
  std::reverse(arguments.begin(), arguments.end());  // CLI11 takes them last first
  try {
    app.parse(arguments);
  } catch (const CLI::ParseError& error) {
    return Exit{app.exit(error) == 0 ? 0 : wrong_usage};
  }
  if (examining->parsed()) return check;
  if (checking->parsed()) return health;
  if (completing->parsed()) return CompletionOptions{bash_completion(app)};
  if (auto command = clients.given(app)) return *std::move(command);
  if (describing->parsed()) return schema;
  if (versioning->parsed()) return VersionOptions{};
  return serve;
}

}  // namespace alertscaler::app
