// Whether a request was meant by whoever sent it: a web page elsewhere must neither make a browser send it nor read
// what comes back.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "receive/external_url.h"
#include "receive/http_head.h"

namespace alertscaler::receive {

// The names of this server, as browsers may have them in their address bar. Immutable.
class Names {
 public:
  // `guard`: browsers at other names are refused. That is for a server that lets in everybody: a page may let its own
  // name lead to us, and is then of "the same site" (DNS rebinding).
  Names(std::vector<ExternalUrl> external, std::string_view own_host, bool guard);

  // 403 for what a browser sends on behalf of another site. Programs send neither Origin nor Sec-Fetch-Site, and pass.
  [[nodiscard]] std::optional<Refusal> check_origin(const Head& head) const;
  // 403 for what a browser asks at a name that may be anybody's: one with a dot that is neither our host's nor that of
  // an external URL. Programs pass whatever name they know us by: what makes the difference is sent by every browser
  // with every request, and a page cannot take it away.
  [[nodiscard]] std::optional<Refusal> check_host(const Head& head) const;

 private:
  [[nodiscard]] bool knows(const std::string& host) const;

  const std::vector<ExternalUrl> external_;
  const std::string own_host_;
  const bool guard_;
};

// 415 unless the body is said to be plain JSON, which a form of another site cannot say.
[[nodiscard]] std::optional<Refusal> check_is_json(const Head& head);

}  // namespace alertscaler::receive
