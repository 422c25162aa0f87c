#include "receive/external_url.h"

#include <algorithm>

#include "base/text.h"

namespace alertscaler::receive {
namespace {

constexpr std::size_t shown_bytes_max = 80;

bool is_name(std::string_view host) {
  return !host.empty() && std::all_of(host.begin(), host.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_';
  });
}

bool is_ip6(std::string_view host) {
  return host.find(':') != std::string_view::npos && host.find_first_not_of("0123456789abcdef:.") == std::string::npos;
}

}  // namespace

std::string host_of(std::string_view authority) {
  std::string host = text::to_lower(authority);
  if (host.starts_with('[')) {
    const std::size_t end = host.find(']');
    return end == std::string::npos ? host : host.substr(1, end - 1);
  }
  host.erase(std::min(host.find(':'), host.size()));
  if (host.ends_with('.')) host.pop_back();
  return host;
}

Result<ExternalUrl> parse_external_url(std::string_view text) {
  const auto wrong = [&] {
    return fail(ErrorKind::invalid,
                "expected a URL such as https://alerts.example or http://alerts.example:9095/scaler, found " +
                    text::json_quote(text::shorten(text, shown_bytes_max)));
  };
  const std::string lower = text::to_lower(text);
  const std::size_t scheme_end = lower.find("://");
  if (scheme_end == std::string::npos) return wrong();
  const std::string scheme = lower.substr(0, scheme_end);
  if (scheme != "http" && scheme != "https") return wrong();
  const std::size_t start = scheme_end + 3;
  std::string authority = lower.substr(start, lower.find_first_of("/?#", start) - start);
  const std::string host = host_of(authority);
  const bool in_brackets = authority.starts_with('[');
  if (in_brackets ? !is_ip6(host) : !is_name(host)) return wrong();
  const std::size_t port_at = authority.find(':', in_brackets ? authority.find(']') : 0);
  if (port_at != std::string::npos) {
    const auto port = text::parse_int(std::string_view(authority).substr(port_at + 1));
    if (!port || *port < 1 || *port > 65'535) return wrong();
    if (*port == (scheme == "http" ? 80 : 443)) authority.erase(port_at);  // browsers leave it out
  } else if (in_brackets && !authority.ends_with(']')) {
    return wrong();
  }
  return ExternalUrl{scheme + "://" + authority, host};
}

}  // namespace alertscaler::receive
