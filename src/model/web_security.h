// How the server proves who it is and asks its clients who they are: the values of --web.config.file.
#pragma once

#include <string>
#include <vector>

namespace alertscaler {

// The names are those of Go's crypto/tls, which the Prometheus components use.
enum class ClientAuth {
  none,                // NoClientCert
  request,             // RequestClientCert: ask, and take whatever comes
  require_any,         // RequireAnyClientCert: it must have one, whoever signed it
  verify_if_given,     // VerifyClientCertIfGiven
  require_and_verify,  // RequireAndVerifyClientCert
};
[[nodiscard]] constexpr bool verifies(ClientAuth auth) {
  return auth == ClientAuth::verify_if_given || auth == ClientAuth::require_and_verify;
}

enum class TlsVersion { tls10, tls11, tls12, tls13 };

struct TlsServerConfig {
  std::string cert_file;
  std::string key_file;
  ClientAuth client_auth = ClientAuth::none;
  std::string client_ca_file;                    // set when client_auth verifies
  std::vector<std::string> client_allowed_sans;  // empty: any name; only when client_auth verifies
  TlsVersion min_version = TlsVersion::tls12;
  TlsVersion max_version = TlsVersion::tls13;
  std::vector<std::string> cipher_suites;  // IANA's names; empty: the library's choice. TLS 1.3's are not chosen from
  bool prefer_server_cipher_suites = true;
  std::vector<std::string> curves;  // OpenSSL's names, best first; empty: the library's choice
};

}  // namespace alertscaler
