#include "config/web.h"

#include <algorithm>
#include <array>
#include <set>

#include "base/text.h"
#include "config/fields.h"

namespace alertscaler::config {
namespace {

constexpr std::array<Choice<ClientAuth>, 5> client_auths = {
    {{"NoClientCert", ClientAuth::none},
     {"RequestClientCert", ClientAuth::request},
     {"RequireAnyClientCert", ClientAuth::require_any},
     {"VerifyClientCertIfGiven", ClientAuth::verify_if_given},
     {"RequireAndVerifyClientCert", ClientAuth::require_and_verify}}};
constexpr std::array<Choice<TlsVersion>, 4> versions = {{{"TLS10", TlsVersion::tls10},
                                                         {"TLS11", TlsVersion::tls11},
                                                         {"TLS12", TlsVersion::tls12},
                                                         {"TLS13", TlsVersion::tls13}}};
constexpr std::array<Choice<std::string_view>, 4> curves = {
    {{"X25519", "X25519"}, {"CurveP256", "P-256"}, {"CurveP384", "P-384"}, {"CurveP521", "P-521"}}};
// Those that Go calls secure.
constexpr std::array<std::string_view, 13> suites = {"TLS_AES_128_GCM_SHA256",
                                                     "TLS_AES_256_GCM_SHA384",
                                                     "TLS_CHACHA20_POLY1305_SHA256",
                                                     "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
                                                     "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
                                                     "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
                                                     "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA",
                                                     "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA",
                                                     "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
                                                     "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
                                                     "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
                                                     "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA",
                                                     "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA"};

std::vector<Value> items_of(const Value& value, std::string_view what) {
  return value.left_empty() ? std::vector<Value>{} : value.items(what);
}

void read_suites(const Value& value, TlsServerConfig& tls) {
  static const auto choices = [] {
    std::array<Choice<std::string_view>, suites.size()> all;
    std::transform(suites.begin(), suites.end(), all.begin(), [](std::string_view s) {
      return Choice<std::string_view>{s, s};
    });
    return all;
  }();
  for (const Value& item : items_of(value, "a list such as [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256]")) {
    std::string_view suite;
    if (item.read_choice<std::string_view>(suite, choices)) tls.cipher_suites.emplace_back(suite);
  }
}

void read_curves(const Value& value, TlsServerConfig& tls) {
  for (const Value& item : items_of(value, "a list such as [X25519, CurveP256]")) {
    std::string_view curve;
    if (item.read_choice<std::string_view>(curve, curves)) tls.curves.emplace_back(curve);
  }
}

void read_sans(const Value& value, TlsServerConfig& tls) {
  for (const Value& item : items_of(value, "a list of names, such as [alertmanager.example]")) {
    std::string name;
    if (item.read_text(name, "a name of a certificate")) tls.client_allowed_sans.push_back(name);
  }
}

void check_tls(MapReader& map, const TlsServerConfig& tls) {
  const std::string verifying = "VerifyClientCertIfGiven|RequireAndVerifyClientCert";
  const bool describes = map.shape() != nullptr;
  if (tls.min_version > tls.max_version) map.value().problem("min_version is above max_version");
  map.need({{"client_auth_type", verifying, "client_ca_file", ""}},
           "client_auth_type verifies clients' certificates, and client_ca_file does not name who signs them");
  // What could not be read has its problem already.
  if (describes || !tls.client_ca_file.empty()) {
    map.need({{"client_ca_file", "", "client_auth_type", verifying}},
             "client_ca_file is here, but client_auth_type verifies nothing; did you mean RequireAndVerifyClientCert?");
  }
  if (describes || !tls.client_allowed_sans.empty()) {
    map.need(
        {{"client_allowed_sans", "", "client_auth_type", verifying}},
        "client_allowed_sans is here, but client_auth_type verifies nothing; did you mean RequireAndVerifyClientCert?");
  }
}

bool is_header_of_ours(std::string_view name) {
  // What a page may be told; the names that the Prometheus components take.
  constexpr std::array<std::string_view, 5> names = {"content-security-policy", "x-frame-options",
                                                     "x-content-type-options", "x-xss-protection",
                                                     "strict-transport-security"};
  return std::find(names.begin(), names.end(), text::to_lower(name)) != names.end();
}

bool is_header_value(const Value& value, std::string_view name, std::string_view text) {
  if (text::to_lower(name) == "x-frame-options" && text::to_lower(text) != "deny" &&
      text::to_lower(text) != "sameorigin") {
    return value.expected("deny or sameorigin");
  }
  if (text::to_lower(name) == "x-content-type-options" && text::to_lower(text) != "nosniff") {
    return value.expected("nosniff");
  }
  const bool printable = std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c < 0x7F; });
  return printable || value.expected("ASCII characters");
}

void read_headers(const Value& value, WebConfig& web) {
  if (value.left_empty()) return;
  for (const auto& [name, at, content] : value.members("a map such as {Strict-Transport-Security: max-age=31536000}")) {
    if (value.shape() == nullptr && !is_header_of_ours(name)) {
      value.problem_at(at, "unknown header " + text::json_quote(text::shorten(name, 60)) +
                               "; expected Content-Security-Policy, X-Frame-Options, X-Content-Type-Options, "
                               "X-XSS-Protection or Strict-Transport-Security");
      continue;
    }
    std::string text;
    if (content.read_text(text, "the value of a header") && is_header_value(content, name, text)) {
      web.headers.emplace_back(name, text);
    }
  }
}

const Entry* entry_of(const MapReader& map, std::string_view key) {
  const auto& entries = map.value().node().entries;
  const auto found = std::find_if(entries.begin(), entries.end(), [&](const Entry& entry) { return entry.key == key; });
  return found == entries.end() ? nullptr : &*found;
}

}  // namespace

void read_tls_server(const Value& value, WebConfig& web) {
  static constexpr std::array<Field<TlsServerConfig>, 10> fields = {{
      {"cert_file", [](const Value& v, TlsServerConfig& t) { v.read_path(t.cert_file); },
       "The certificate with the chain below it, PEM"},
      {"key_file", [](const Value& v, TlsServerConfig& t) { v.read_path(t.key_file); },
       "Its key without a passphrase, PEM"},
      {"client_auth_type",
       [](const Value& v, TlsServerConfig& t) { v.read_choice<ClientAuth>(t.client_auth, client_auths); },
       "Which certificates clients need; RequireAndVerifyClientCert counts as authentication"},
      {"client_ca_file", [](const Value& v, TlsServerConfig& t) { v.read_path(t.client_ca_file); },
       "Who signs the clients' certificates; needed where they are verified"},
      {"client_allowed_sans", read_sans,
       "One of these must be a name (DNS, e-mail, IP or URI) of the client's certificate; left out: any"},
      {"min_version", [](const Value& v, TlsServerConfig& t) { v.read_choice<TlsVersion>(t.min_version, versions); },
       "The oldest version of TLS that is spoken"},
      {"max_version", [](const Value& v, TlsServerConfig& t) { v.read_choice<TlsVersion>(t.max_version, versions); },
       "The newest version of TLS that is spoken"},
      {"cipher_suites", read_suites,
       "Those that may be used, by Go's names; those of TLS 1.3 are not chosen from; left out: OpenSSL's choice"},
      {"prefer_server_cipher_suites", [](const Value& v, TlsServerConfig& t) { v.read(t.prefer_server_cipher_suites); },
       "The server's order counts"},
      {"curve_preferences", read_curves, "Curves, best first; left out: OpenSSL's choice"},
  }};
  static constexpr std::array<std::string_view, 3> later = {"cert", "key", "client_ca"};
  if (value.left_empty()) return;
  TlsServerConfig tls;
  MapReader map(value, "a map such as {cert_file: server.crt, key_file: server.key}");
  map.take(fields, tls);
  map.refuse_later(later);
  map.finish({"cert_file", "key_file"});
  if (map.is_map()) check_tls(map, tls);
  web.tls = std::move(tls);
}

void read_http_server(const Value& value, WebConfig& web) {
  static constexpr std::array<Field<WebConfig>, 2> fields = {{
      {"http2",
       [](const Value& v, WebConfig&) {
         std::optional<bool> ignored;  // clients agree with the server on what both speak: HTTP/1.1
         v.read(ignored);
       },
       "Taken and without effect: HTTP/1.1 is spoken, which every client agrees to"},
      {"headers", read_headers,
       "Headers of every answer: Strict-Transport-Security, Content-Security-Policy, X-Frame-Options, "
       "X-Content-Type-Options, X-XSS-Protection"},
  }};
  static constexpr std::array<std::string_view, 1> later = {"rate_limit"};
  MapReader map(value, "a map such as {headers: {X-Frame-Options: deny}}");
  map.take(fields, web);
  map.refuse_later(later);
  map.finish();
}

void read_read_only_users(const Value& value, WebConfig& web) {
  for (const Value& item : items_of(value, "a list of user names, such as [carol]")) {
    std::string user;
    if (item.read_text(user, "the name of a user")) web.read_only_users.insert(user);
  }
}

void check_read_only(MapReader& map, const WebConfig& web) {
  const bool any_users = map.need({{"read_only_users", "", "basic_auth_users", ""}},
                                  "read_only_users are some of basic_auth_users, and there are none");
  if (web.read_only_users.empty() && web.read_only_token_file.empty()) return;
  std::vector<std::string> users;
  if (const Entry* known = entry_of(map, "basic_auth_users")) {
    for (const Entry& user : known->value.entries) users.push_back(user.key);
  }
  if (const Entry* named = any_users ? entry_of(map, "read_only_users") : nullptr) {
    const Value list = map.value().entry(*named);
    for (std::size_t i = 0; i < list.node().items.size(); ++i) {
      const std::string& user = list.node().items[i].text;
      if (user.empty() || std::find(users.begin(), users.end(), user) != users.end()) continue;
      list.item(i).problem(text::json_quote(text::shorten(user, 60)) + " is none of basic_auth_users" +
                           did_you_mean(meant_by(user, users)));
    }
  }
  const bool a_user_may_write = std::any_of(
      users.begin(), users.end(), [&](const std::string& user) { return !web.read_only_users.contains(user); });
  if (!a_user_may_write && !map.has("bearer_token_file") && !map.has("grafana_hmac_secret_file")) {
    map.value().problem("everybody may only look, so nobody could send alerts: add a bearer_token_file, or a user");
  }
}

// No message shows a value: it may be a password that somebody forgot to hash.
void read_basic_auth_users(const Value& value, WebConfig& web) {
  constexpr int cost_max = 16;  // seconds for each login
  static const Form name(R"([^:\x00-\x1f\x7f]+)");
  static const Form bcrypt(R"(\$2[yab]\$[0-9]{2}\$[A-Za-z0-9./]{53})");  // as crypt(3) has it
  if (value.left_empty()) return;
  if (value.node().kind != Element::Kind::map) {
    value.problem("expected a map of user names and bcrypt hashes");
    return;
  }
  for (const auto& [user, at, content] : value.members("a map")) {
    const Element& node = content.node();
    std::string described;
    if (content.shape() != nullptr) {
      content.read_text_like(described, "a bcrypt hash", bcrypt);
      continue;
    }
    if (!name.fits(user)) {
      value.problem_at(at, "expected a user name without colons and control characters");
      continue;
    }
    if (node.kind != Element::Kind::scalar || !bcrypt.fits(node.text)) {
      content.problem("expected a bcrypt hash, 60 characters that begin with $2y$ (htpasswd -nB " +
                      text::shorten(user, 60) + ")");
      continue;
    }
    const int cost = (node.text[4] - '0') * 10 + (node.text[5] - '0');
    if (cost < 4 || cost > cost_max) {
      content.problem("the cost of the hash is " + std::to_string(cost) + "; expected one from 4 to " +
                      std::to_string(cost_max) + " (htpasswd -nB -C 10)");
      continue;
    }
    web.basic_auth_users.emplace(user, Secret(node.text));
  }
}

}  // namespace alertscaler::config
