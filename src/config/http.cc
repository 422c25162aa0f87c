#include "config/http.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "config/fields.h"

namespace alertscaler::config {
namespace {

void read_type(const Value& value, HttpConfig& out) {
  static const Form form("[!-~]+");
  static const Form basic("[Bb][Aa][Ss][Ii][Cc]");
  std::string type = out.authorization_type;
  const bool read = value.read_text(type, "the type of the authorization, such as Bearer", form,
                                    "the type of the authorization, one word such as Bearer");
  if (value.excludes(basic, type, "for Basic use basic_auth instead of authorization")) return;
  if (read) out.authorization_type = type;
}

void read_username(const Value& value, HttpConfig& out) {
  static const Form form("[^:]+");
  if (value.read_text_like(out.username, "the name of the user", form) && !form.fits(out.username)) {
    value.problem("a user's name cannot hold a colon here");
  }
}

void read_authorization(const Value& value, HttpConfig& out) {
  static constexpr std::array<Field<HttpConfig>, 3> fields = {{
      {"type", read_type, "The first word of the header Authorization"},
      {"credentials", [](const Value& v, HttpConfig& h) { v.read_secret(h.credentials); },
       "Its second word; a file is better"},
      {"credentials_file", [](const Value& v, HttpConfig& h) { v.read_path(h.credentials_file); },
       "A file that holds the second word"},
  }};
  static constexpr std::array<std::string_view, 1> later = {"credentials_ref"};
  out.authorization_type = "Bearer";
  MapReader map(value, "a map such as {credentials_file: token}");
  map.take(fields, out);
  map.refuse_later(later);
  const std::vector<std::string> misspelt = map.finish();
  map.exclude("credentials", "credentials_file");
  map.need_one({"credentials", "credentials_file"}, misspelt, "credentials_file (or credentials) is missing");
}

void read_basic_auth(const Value& value, HttpConfig& out) {
  static constexpr std::array<Field<HttpConfig>, 3> fields = {{
      {"username", read_username, "The name of the user"},
      {"password", [](const Value& v, HttpConfig& h) { v.read_secret(h.password); }, "The password; a file is better"},
      {"password_file", [](const Value& v, HttpConfig& h) { v.read_path(h.password_file); },
       "A file that holds the password"},
  }};
  static constexpr std::array<std::string_view, 3> later = {"username_file", "username_ref", "password_ref"};
  MapReader map(value, "a map such as {username: alertscaler, password_file: password}");
  map.take(fields, out);
  map.refuse_later(later);
  map.finish({"username"});
  map.exclude("password", "password_file");
}

void read_tls(const Value& value, HttpConfig& out) {
  static constexpr std::array<Field<HttpConfig>, 5> fields = {{
      {"ca_file", [](const Value& v, HttpConfig& h) { v.read_path(h.ca_file); },
       "The authority that signed their certificates; left out: the system's"},
      {"cert_file", [](const Value& v, HttpConfig& h) { v.read_path(h.cert_file); },
       "The certificate with which alertscaler shows who it is; both or neither"},
      {"key_file", [](const Value& v, HttpConfig& h) { v.read_path(h.key_file); }, "Its key"},
      {"server_name", [](const Value& v, HttpConfig& h) { v.read_text(h.server_name, "the name of a host"); },
       "The name that their certificates must have; left out: the host of the URL"},
      {"insecure_skip_verify", [](const Value& v, HttpConfig& h) { v.read(h.insecure_skip_verify); },
       "Take any certificate"},
  }};
  static constexpr std::array<std::string_view, 5> later = {"ca", "cert", "key", "min_version", "max_version"};
  MapReader map(value, "a map such as {ca_file: ca.pem}");
  map.take(fields, out);
  map.refuse_later(later);
  map.finish();
  map.pair("cert_file", "key_file");
}

// The older way to say authorization: {credentials_file: …}, which Alertmanager still takes.
void read_bearer_token_file(const Value& value, HttpConfig& out) {
  if (value.read_path(out.credentials_file)) out.authorization_type = "Bearer";
}

}  // namespace

void read_http_config(const Value& value, HttpConfig& out) {
  static constexpr std::array<Field<HttpConfig>, 4> fields = {{
      {"authorization", read_authorization,
       "A header Authorization; one of authorization, basic_auth, bearer_token_file"},
      {"basic_auth", read_basic_auth, "A user and a password"},
      {"tls_config", read_tls, "For https://"},
      {"bearer_token_file", read_bearer_token_file, "The same as authorization: {credentials_file: ...}"},
  }};
  static constexpr std::array<std::string_view, 9> later = {
      "bearer_token",         "oauth2",           "proxy_url", "proxy_from_environment",
      "proxy_connect_header", "follow_redirects", "no_proxy",  "enable_http2",
      "http_headers"};
  if (value.left_empty()) return;
  MapReader map(value, "a map such as {authorization: {credentials_file: token}}");
  map.take(fields, out);
  map.refuse_later(later);
  map.finish();
  map.exclude("authorization", "basic_auth");
  map.exclude("authorization", "bearer_token_file");
  map.exclude("basic_auth", "bearer_token_file");
}

}  // namespace alertscaler::config
