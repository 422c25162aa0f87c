#include "config/alertmanager.h"

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "config/fields.h"
#include "config/http.h"

namespace alertscaler::config {
namespace {

constexpr int urls_max = 16;
constexpr std::string_view url_words = "a URL such as http://alertmanager:9093";

// Never shown: an address with a password in it.
bool has_user(std::string_view url) {
  const std::size_t start = url.find("://");
  const std::string_view rest = start == std::string_view::npos ? url : url.substr(start + 3);
  return rest.substr(0, rest.find_first_of("/?#")).find('@') != std::string_view::npos;
}

bool is_host(std::string_view host) {
  if (host.starts_with('[')) {
    constexpr std::string_view allowed = "0123456789abcdefABCDEF:.";
    return host.size() > 3 && host.ends_with(']') &&
           host.substr(1, host.size() - 2).find_first_not_of(allowed) == std::string_view::npos;
  }
  return !host.empty() && std::all_of(host.begin(), host.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-' ||
           c == '_';
  });
}

// "http://HOST[:PORT][/PREFIX]"; the prefix is what Alertmanager has as --web.route-prefix, or a proxy in front of it.
bool is_url(std::string_view url) {
  const std::size_t start = url.find("://");
  if (start == std::string_view::npos) return false;
  const std::string_view scheme = url.substr(0, start);
  if (scheme != "http" && scheme != "https") return false;
  const std::string_view rest = url.substr(start + 3);
  const std::size_t host_end = std::min(rest.find('/'), rest.size());
  const std::string_view prefix = rest.substr(host_end);
  if (prefix.find_first_of("?#% ") != std::string_view::npos) return false;
  const std::string_view address = rest.substr(0, host_end);
  const std::size_t bracket = address.rfind(']');
  const std::size_t colon = address.find(':', bracket == std::string_view::npos ? 0 : bracket);
  if (colon == std::string_view::npos) return is_host(address);
  const auto port = text::parse_int(address.substr(colon + 1));
  return is_host(address.substr(0, colon)) && port && *port >= 1 && *port <= 65'535;
}

void read_url(const Value& value, std::vector<std::string>& out) {
  static const Form form("https?://[^/@?#% ]+(/[^?#% ]*)?");
  if (has_user(value.node().text)) {
    value.problem("a user and a password belong into http_config.basic_auth, not into the URL");
    return;
  }
  std::string url;
  if (!value.read_text_like(url, url_words, form)) return;
  if (!is_url(url)) {
    value.expected(url_words);
    return;
  }
  while (url.ends_with('/')) url.pop_back();
  if (std::find(out.begin(), out.end(), url) != out.end()) {
    value.problem("the same Alertmanager is given twice");
    return;
  }
  out.push_back(std::move(url));
}

void read_urls(const Value& value, Alertmanagers& out) {
  const std::string what = "one URL, or a list of 1 to " + std::to_string(urls_max);
  for (const Value& item : value.one_or_items(what, {.least = 1, .most = urls_max})) read_url(item, out.urls);
}

constexpr std::array<Field<Alertmanagers>, 3> alertmanager_fields = {{
    {"url", read_urls, "Where Alertmanager is, with its prefix if it has one; of a cluster the list of all of them"},
    {"resync_interval", [](const Value& v, Alertmanagers& a) { v.read(a.resync_interval, AtLeast::one); },
     "How often they are asked"},
    {"http_config", [](const Value& v, Alertmanagers& a) { read_http_config(v, a.http); },
     "How to reach them, with keys of Alertmanager's own http_config"},
}};

}  // namespace

void read_alertmanager(const Value& value, Alertmanagers& out) {
  if (value.left_empty()) return;
  MapReader map(value, "a map such as {url: \"http://alertmanager:9093\"}");
  map.take(alertmanager_fields, out);
  map.finish({"url"});
  if (map.shape() == nullptr && out.urls.empty()) return;  // why there is none is reported already
  map.need({{"http_config.tls_config.ca_file", "", "url", "https://.*"},
            {"http_config.tls_config.cert_file", "", "url", "https://.*"},
            {"http_config.tls_config.server_name", "", "url", "https://.*"},
            {"http_config.tls_config.insecure_skip_verify", std::string(Dependency::yes), "url", "https://.*"}},
           "http_config.tls_config has no effect, because the url is no https:// one");
}

}  // namespace alertscaler::config
