// The command line, as values.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/log.h"
#include "client/options.h"
#include "receive/external_url.h"

namespace alertscaler::app {

struct ServeOptions {
  std::string config_file = "alertscaler.yml";
  Duration auto_reload_interval{0};  // 0: the file is read again only when somebody asks for it
  std::string listen_address = "127.0.0.1:9095";
  std::string web_config_file;
  bool allow_unauthenticated = false;
  std::vector<receive::ExternalUrl> external_urls;
  Duration read_timeout{30'000};
  std::string storage_path = "data/";
  log::Level log_level = log::Level::info;
  log::Format log_format = log::Format::logfmt;
  bool dry_run = false;
};

struct CheckOptions {
  std::string config_file = "alertscaler.yml";
  std::vector<std::string> rules;  // patterns of file names
  std::string alertmanager_file;   // empty: none
  std::string web_config_file;     // empty: none
  std::string listen_address;      // empty: alertscaler's webhook is known by its path alone
  client::Format format = client::Format::text;
};

struct HealthcheckOptions {
  std::string url = "http://127.0.0.1:9095";
  std::string ca_file;  // empty: on loopback any certificate will do, elsewhere the system's authorities count
  std::string cert_file;
  std::string key_file;
};

struct VersionOptions {};

// What a shell needs to complete our command line.
struct CompletionOptions {
  std::string script;
};

// Which of the two configuration files.
struct SchemaOptions {
  bool web = false;
};

// What is left when the command line was only a question (--help) or wrong: the text is printed already.
struct Exit {
  int status = 0;
};

using Command = std::variant<Exit, ServeOptions, CheckOptions, HealthcheckOptions, VersionOptions, CompletionOptions,
                             SchemaOptions, client::SendOptions, client::StatusOptions, client::HistoryOptions,
                             client::ScaleOptions, client::PauseOptions, client::ExplainOptions>;

// Prints help to stdout and errors to stderr.
[[nodiscard]] Command parse_command_line(int argc, const char* const* argv);

[[nodiscard]] std::string version_text();

}  // namespace alertscaler::app
