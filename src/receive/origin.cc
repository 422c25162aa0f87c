#include "receive/origin.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include <arpa/inet.h>

#include "base/text.h"

namespace alertscaler::receive {
namespace {

constexpr std::size_t shown_bytes_max = 100;

std::string in_quotes(std::string_view text) {
  return text::json_quote(text::shorten(text, shown_bytes_max));
}

bool is_address(const std::string& host) {
  in_addr v4{};
  in6_addr v6{};
  return ::inet_pton(AF_INET, host.c_str(), &v4) == 1 || ::inet_pton(AF_INET6, host.c_str(), &v6) == 1;
}

// Over plain http, and of the same site, a browser sends neither Origin nor Sec-Fetch-Site with a GET; its language it
// sends always, and a page may change that, but not leave it out.
bool is_of_a_browser(const Head& head) {
  constexpr std::array<std::string_view, 5> marks = {"accept-language", "origin", "sec-fetch-site", "referer",
                                                     "cookie"};
  return std::any_of(marks.begin(), marks.end(), [&](std::string_view mark) { return head.find(mark).has_value(); }) ||
         head.find("user-agent").value_or("").starts_with("Mozilla/");
}

}  // namespace

Names::Names(std::vector<ExternalUrl> external, std::string_view own_host, bool guard)
    : external_(std::move(external)), own_host_(host_of(own_host)), guard_(guard) {}

std::optional<Refusal> Names::check_origin(const Head& head) const {
  if (const auto site = head.find("sec-fetch-site"); site && *site != "same-origin" && *site != "none") {
    return Refusal{403, "a browser sends this on behalf of another site (Sec-Fetch-Site: " +
                            text::shorten(*site, shown_bytes_max) + ")"};
  }
  const auto origin = head.find("origin");
  if (!origin) return std::nullopt;
  const std::string from = text::to_lower(*origin);
  const std::size_t scheme = from.find("://");
  const std::string_view host = head.find("host").value_or("");
  if (scheme != std::string::npos && scheme + 3 < from.size() && from.substr(scheme + 3) == text::to_lower(host)) {
    return std::nullopt;
  }
  // A proxy may ask us by another name than it has been asked.
  if (std::any_of(external_.begin(), external_.end(), [&](const ExternalUrl& url) { return url.origin == from; })) {
    return std::nullopt;
  }
  const auto url = parse_external_url(*origin);
  const std::string hint =
      url ? "; if a proxy in between changes Host, start alertscaler with --web.external-url=" + url->origin : "";
  return Refusal{403, "a browser sends this on behalf of another site: Origin is " + in_quotes(*origin) +
                          " and Host is " + in_quotes(host) + text::shorten(hint, 2 * shown_bytes_max)};
}

bool Names::knows(const std::string& host) const {
  // Nobody can let a name without a dot lead to us for somebody else's browser.
  return is_address(host) || host.find('.') == std::string::npos || host.ends_with(".localhost") || host == own_host_ ||
         std::any_of(external_.begin(), external_.end(), [&](const ExternalUrl& url) { return url.host == host; });
}

std::optional<Refusal> Names::check_host(const Head& head) const {
  if (!guard_ || !is_of_a_browser(head)) return std::nullopt;
  const std::string_view host = head.find("host").value_or("");
  if (knows(host_of(host))) return std::nullopt;
  return Refusal{403, "a browser asks for this at the name " + in_quotes(host) +
                          ", which may be anybody's: without authentication every page that it opens could do so. If "
                          "the name is yours, start alertscaler with --web.external-url=http://" +
                          text::shorten(host, shown_bytes_max) + ", or set up authentication"};
}

std::optional<Refusal> check_is_json(const Head& head) {
  const std::string_view given = head.find("content-type").value_or("");
  const std::string type = text::to_lower(text::trim(given.substr(0, given.find(';'))));
  if (type != "application/json") {
    return Refusal{415, "expected the header \"Content-Type: application/json\"" +
                            (given.empty() ? std::string() : ", found " + in_quotes(given))};
  }
  const std::string_view encoding = head.find("content-encoding").value_or("identity");
  if (encoding == "identity") return std::nullopt;
  return Refusal{415, "expected the body without Content-Encoding, found " + in_quotes(encoding)};
}

}  // namespace alertscaler::receive
