#include "app/check.h"

#include <cstdio>
#include <optional>
#include <string>
#include <vector>

#include "app/address.h"
#include "check/check.h"
#include "config/load.h"
#include "receive/server.h"

namespace alertscaler::app {

namespace {

// `address`: where alertscaler shall listen; absent: it is not known. `nothing`: what does not say who may.
void check_exposure(const std::string& file, const std::string& nothing, const std::optional<Address>& address,
                    std::vector<check::Finding>& findings) {
  if (!address || is_loopback(*address)) return;
  findings.push_back({check::Severity::warning,
                      file,
                      {},
                      nothing + " says who may speak to alertscaler, so serve will not listen on " +
                          to_string(*address) + " unless it gets --web.allow-unauthenticated, too"});
}

void check_web_config(const std::string& file, const std::optional<Address>& address,
                      std::vector<check::Finding>& findings) {
  const auto web = config::load_web_config(file);
  if (!web) {
    for (const config::Problem& problem : web.error()) {
      findings.push_back({check::Severity::error, problem.file, {problem.line, problem.column}, problem.message});
    }
    return;
  }
  if (!web->authenticates()) check_exposure(file, "nothing in it", address, findings);
  const SystemClock clock;
  const receive::WebFiles files = receive::check_web_files(*web, clock);
  for (const std::string& error : files.errors) findings.push_back({check::Severity::error, file, {}, error});
  for (const std::string& warning : files.warnings) findings.push_back({check::Severity::warning, file, {}, warning});
}

}  // namespace

int check(const CheckOptions& options) {
  check::Input input{options.config_file, options.rules, options.alertmanager_file, {}};
  std::optional<Address> address;
  if (!options.listen_address.empty()) {
    const auto parsed = parse_address(options.listen_address);
    if (!parsed) {
      std::fprintf(stderr, "alertscaler: --web.listen-address: %s\n", parsed.error().message.c_str());
      return 2;
    }
    address = *parsed;
    input.port = address->port;
  }
  auto findings = check::check_files(input);
  if (options.web_config_file.empty()) {
    check_exposure("--web.listen-address", "no --web.config.file", address, findings);
  } else {
    check_web_config(options.web_config_file, address, findings);
  }
  const std::string text = options.format == client::Format::json ? check::as_json(findings) : check::as_text(findings);
  std::fputs(text.c_str(), stdout);
  return check::has_errors(findings) ? 1 : 0;
}

}  // namespace alertscaler::app
