// An address under which people reach the server: through a proxy, or by a name of its own.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace alertscaler::receive {

struct ExternalUrl {
  std::string origin;  // as a browser says it: "https://alerts.example", with the port unless it is the scheme's own
  std::string host;    // in lower case, an IPv6 address without brackets
  bool operator==(const ExternalUrl&) const = default;
};

// "https://alerts.example/scaler"; its path is of no interest. invalid: it is none.
[[nodiscard]] Result<ExternalUrl> parse_external_url(std::string_view text);

// The host in "alerts.example:9095", "[::1]:9095" or "10.0.0.7": in lower case, without port, brackets and a dot at its
// end.
[[nodiscard]] std::string host_of(std::string_view authority);

}  // namespace alertscaler::receive
