#include "app/check.h"

#include <cstdio>

#include "app/address.h"
#include "check/check.h"

namespace alertscaler::app {

int check(const CheckOptions& options) {
  check::Input input{options.config_file, options.rules, options.alertmanager_file, {}};
  if (!options.listen_address.empty()) {
    const auto address = parse_address(options.listen_address);
    if (!address) {
      std::fprintf(stderr, "alertscaler: --web.listen-address: %s\n", address.error().message.c_str());
      return 2;
    }
    input.port = address->port;
  }
  const auto findings = check::check_files(input);
  const std::string text = options.format == client::Format::json ? check::as_json(findings) : check::as_text(findings);
  std::fputs(text.c_str(), stdout);
  return check::has_errors(findings) ? 1 : 0;
}

}  // namespace alertscaler::app
