#include "app/healthcheck.h"

#include <cstdio>
#include <string_view>

#include "act/http_client.h"
#include "app/address.h"

namespace alertscaler::app {
namespace {

constexpr std::string_view plain = "http://";
constexpr std::string_view secure = "https://";

// "127.0.0.1" of "https://127.0.0.1:9095".
std::string host_of(std::string_view url) {
  const std::size_t start = url.find("://");
  std::string_view rest = start == std::string_view::npos ? url : url.substr(start + 3);
  rest = rest.substr(0, rest.find('/'));
  if (rest.starts_with('[')) return std::string(rest.substr(1, rest.find(']') - 1));
  return std::string(rest.substr(0, rest.find(':')));
}

HttpResult ask(HttpPeer peer, const HttpRequest& request) {
  peer.insecure_skip_verify = peer.ca_file.empty() && is_loopback({host_of(peer.base_url), 0});
  return HttpClient(peer).send(request, {});
}

bool wants_tls(const HttpResult& answer) {
  return answer && answer->code == 400 && answer->body.find("HTTPS server") != std::string::npos;
}

// It has answered that it speaks TLS, and then ended the handshake.
bool wants_a_certificate(const HttpPeer& peer, const HttpResult& answer) {
  using Why = HttpError::Why;
  return !answer && peer.cert_file.empty() && (answer.error().why == Why::tls || answer.error().why == Why::broken);
}

}  // namespace

int healthcheck(const HealthcheckOptions& options) {
  HttpRequest request;
  request.path = "/-/healthy";
  request.timeout = std::chrono::seconds{3};
  HttpPeer peer;
  peer.base_url = options.url.ends_with('/') ? options.url.substr(0, options.url.size() - 1) : options.url;
  peer.ca_file = options.ca_file;
  peer.cert_file = options.cert_file;
  peer.key_file = options.key_file;
  HttpResult answer = ask(peer, request);
  if (peer.base_url.starts_with(plain) && wants_tls(answer)) {
    peer.base_url = std::string(secure) + peer.base_url.substr(plain.size());
    answer = ask(peer, request);
    if (wants_a_certificate(peer, answer)) return 0;
  }
  if (answer && answer->code == 200) return 0;
  const std::string why = answer ? "it answered " + std::to_string(answer->code) : answer.error().message;
  std::fprintf(stderr, "alertscaler: GET %s%s: %s\n", peer.base_url.c_str(), request.path.c_str(), why.c_str());
  return 1;
}

}  // namespace alertscaler::app
