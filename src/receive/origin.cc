#include "receive/origin.h"

#include <string>

#include "base/text.h"

namespace alertscaler::receive {
namespace {

constexpr std::size_t shown_bytes_max = 100;

std::string in_quotes(std::string_view text) {
  return text::json_quote(text::shorten(text, shown_bytes_max));
}

}  // namespace

std::optional<Refusal> check_origin(const Head& head) {
  if (const auto site = head.find("sec-fetch-site"); site && *site != "same-origin" && *site != "none") {
    return Refusal{403, "a browser sends this on behalf of another site (Sec-Fetch-Site: " +
                            text::shorten(*site, shown_bytes_max) + ")"};
  }
  const auto origin = head.find("origin");
  if (!origin) return std::nullopt;
  const std::size_t scheme = origin->find("://");
  const std::string_view from = scheme == std::string_view::npos ? std::string_view{} : origin->substr(scheme + 3);
  if (!from.empty() && text::to_lower(from) == text::to_lower(head.find("host").value_or(""))) return std::nullopt;
  return Refusal{403, "a browser sends this on behalf of another site: Origin is " + in_quotes(*origin) +
                          " and Host is " + in_quotes(head.find("host").value_or(""))};
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
