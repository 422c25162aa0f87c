#include "config/http.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "base/text.h"
#include "config/fields.h"

namespace alertscaler::config {
namespace {

bool has(const Value& value, std::string_view key) {
  const auto& entries = value.node().entries;
  return std::any_of(entries.begin(), entries.end(), [&](const Entry& entry) { return entry.key == key; });
}

void at_most_one(const Value& value, std::string_view one, std::string_view other) {
  if (!has(value, one) || !has(value, other)) return;
  value.problem(std::string(one) + " and " + std::string(other) + " exclude each other");
}

void read_type(const Value& value, HttpConfig& out) {
  std::string type;
  if (!value.read_text(type, "the type of the authorization, such as Bearer")) return;
  const bool token = std::all_of(type.begin(), type.end(), [](char c) { return c > ' ' && c < 0x7F; });
  if (text::to_lower(type) == "basic") {
    value.problem("for Basic use basic_auth instead of authorization");
  } else if (!token) {
    value.expected("the type of the authorization, one word such as Bearer");
  } else {
    out.authorization_type = type;
  }
}

void read_authorization(const Value& value, HttpConfig& out) {
  static constexpr std::array<Field<HttpConfig>, 3> fields = {{
      {"type", read_type},
      {"credentials", [](const Value& v, HttpConfig& h) { v.read_secret(h.credentials); }},
      {"credentials_file", [](const Value& v, HttpConfig& h) { v.read_path(h.credentials_file); }},
  }};
  static constexpr std::array<std::string_view, 1> later = {"credentials_ref"};
  out.authorization_type = "Bearer";
  MapReader map(value, "a map such as {credentials_file: token}");
  map.take(fields, out);
  map.refuse_later(later);
  const std::vector<std::string> misspelt = map.finish();
  at_most_one(value, "credentials", "credentials_file");
  if (map.is_map() && misspelt.empty() && !has(value, "credentials") && !has(value, "credentials_file")) {
    value.problem("credentials_file (or credentials) is missing");
  }
}

void read_basic_auth(const Value& value, HttpConfig& out) {
  static constexpr std::array<Field<HttpConfig>, 3> fields = {{
      {"username",
       [](const Value& v, HttpConfig& h) {
         if (v.read_text(h.username, "the name of the user") && h.username.find(':') != std::string::npos) {
           v.problem("a user's name cannot hold a colon here");
         }
       }},
      {"password", [](const Value& v, HttpConfig& h) { v.read_secret(h.password); }},
      {"password_file", [](const Value& v, HttpConfig& h) { v.read_path(h.password_file); }},
  }};
  static constexpr std::array<std::string_view, 3> later = {"username_file", "username_ref", "password_ref"};
  MapReader map(value, "a map such as {username: alertscaler, password_file: password}");
  map.take(fields, out);
  map.refuse_later(later);
  map.finish({"username"});
  at_most_one(value, "password", "password_file");
}

void read_tls(const Value& value, HttpConfig& out) {
  static constexpr std::array<Field<HttpConfig>, 5> fields = {{
      {"ca_file", [](const Value& v, HttpConfig& h) { v.read_path(h.ca_file); }},
      {"cert_file", [](const Value& v, HttpConfig& h) { v.read_path(h.cert_file); }},
      {"key_file", [](const Value& v, HttpConfig& h) { v.read_path(h.key_file); }},
      {"server_name", [](const Value& v, HttpConfig& h) { v.read_text(h.server_name, "the name of a host"); }},
      {"insecure_skip_verify", [](const Value& v, HttpConfig& h) { v.read(h.insecure_skip_verify); }},
  }};
  static constexpr std::array<std::string_view, 5> later = {"ca", "cert", "key", "min_version", "max_version"};
  MapReader map(value, "a map such as {ca_file: ca.pem}");
  map.take(fields, out);
  map.refuse_later(later);
  map.finish();
  if (has(value, "cert_file") != has(value, "key_file")) {
    value.problem("cert_file and key_file belong together, and only one of them is here");
  }
}

// The older way to say authorization: {credentials_file: …}, which Alertmanager still takes.
void read_bearer_token_file(const Value& value, HttpConfig& out) {
  if (value.read_path(out.credentials_file)) out.authorization_type = "Bearer";
}

}  // namespace

void read_http_config(const Value& value, HttpConfig& out) {
  static constexpr std::array<Field<HttpConfig>, 4> fields = {{
      {"authorization", read_authorization},
      {"basic_auth", read_basic_auth},
      {"tls_config", read_tls},
      {"bearer_token_file", read_bearer_token_file},
  }};
  static constexpr std::array<std::string_view, 9> later = {
      "bearer_token",         "oauth2",           "proxy_url", "proxy_from_environment",
      "proxy_connect_header", "follow_redirects", "no_proxy",  "enable_http2",
      "http_headers"};
  if (value.node().kind == Element::Kind::nothing) return;
  MapReader map(value, "a map such as {authorization: {credentials_file: token}}");
  map.take(fields, out);
  map.refuse_later(later);
  map.finish();
  at_most_one(value, "authorization", "basic_auth");
  at_most_one(value, "authorization", "bearer_token_file");
  at_most_one(value, "basic_auth", "bearer_token_file");
}

}  // namespace alertscaler::config
