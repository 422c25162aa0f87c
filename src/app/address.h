// HOST:PORT, as --web.listen-address takes it.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace alertscaler::app {

struct Address {
  std::string host;  // without brackets; "" means every interface
  int port = 0;
  bool operator==(const Address&) const = default;
};

// "127.0.0.1:9095", "[::1]:9095", "localhost:0", ":9095".
[[nodiscard]] Result<Address> parse_address(std::string_view text);
// Can only this machine reach it? A name other than localhost counts as reachable by others.
[[nodiscard]] bool is_loopback(const Address& address);
[[nodiscard]] std::string to_string(const Address& address);

}  // namespace alertscaler::app
