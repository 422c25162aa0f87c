#include "act/docker/words.h"

#include "act/docker/json.h"
#include "base/encoding.h"
#include "base/text.h"

namespace alertscaler::docker {
namespace {

constexpr std::string_view unix_scheme = "unix://";
constexpr std::string_view tcp_scheme = "tcp://";
constexpr std::size_t words_max = 500;

bool is_unix(const DockerEndpoint& endpoint) {
  return endpoint.host.starts_with(unix_scheme);
}

std::string socket_of(const DockerEndpoint& endpoint) {
  return is_unix(endpoint) ? endpoint.host.substr(unix_scheme.size()) : endpoint.host;
}

std::string permission(const DockerEndpoint& endpoint, std::string_view group) {
  std::string text = "no permission to use the engine's socket " + socket_of(endpoint) + ": ";
  if (group.empty()) return text + "add the user that runs alertscaler to the socket's group (in compose: group_add)";
  return text + "add the user that runs alertscaler to its group " + std::string(group) +
         " (in compose: group_add: [\"" + std::string(group) + "\"], which compose/init-env finds)";
}

constexpr const char* certificate_advice =
    "wants a client certificate that it trusts: set docker.tls_config.cert_file and key_file, or DOCKER_CERT_PATH";

Error tls_failure(const std::string& message, const std::string& engine) {
  if (message.find("wrong version number") != std::string::npos) {
    return {ErrorKind::refused, engine + " does not speak TLS on this port (plain HTTP?): " + message};
  }
  if (message.find("alert") != std::string::npos) {
    return {ErrorKind::refused, engine + " " + certificate_advice + ": " + message};
  }
  return {ErrorKind::refused, "TLS with " + engine + " failed: " + message};
}

ErrorKind kind_of(int code, bool changes) {
  switch (code) {
    case 404:
      return ErrorKind::not_found;
    case 409:
      return ErrorKind::conflict;
    case 429:
      return ErrorKind::busy;
    case 401:
    case 403:
      return ErrorKind::refused;
    case 502:
    case 503:
    case 504:
      return ErrorKind::unreachable;
    default:
      break;
  }
  if (code >= 500) return changes ? ErrorKind::refused : ErrorKind::busy;
  return ErrorKind::invalid;
}

}  // namespace

Result<HttpPeer> peer_of(const DockerEndpoint& endpoint) {
  HttpPeer peer;
  if (is_unix(endpoint)) {
    peer.unix_socket = socket_of(endpoint);
    peer.base_url = "http://localhost";
    if (!peer.unix_socket.starts_with('/')) {
      return fail(ErrorKind::invalid, "docker host \"" + endpoint.host + "\": expected unix:///absolute/path");
    }
    return peer;
  }
  if (!endpoint.host.starts_with(tcp_scheme) || endpoint.host.size() == tcp_scheme.size()) {
    return fail(ErrorKind::invalid,
                "docker host \"" + endpoint.host + "\": expected unix:///path/to/docker.sock or tcp://host:port");
  }
  const bool tls = !endpoint.ca_file.empty();
  peer.base_url = (tls ? "https://" : "http://") + endpoint.host.substr(tcp_scheme.size());
  if (peer.base_url.ends_with('/')) peer.base_url.pop_back();
  if (tls) {
    peer.ca_file = endpoint.ca_file;
    peer.cert_file = endpoint.cert_file;
    peer.key_file = endpoint.key_file;
  }
  return peer;
}

Error no_answer(const HttpError& error, const DockerEndpoint& endpoint, std::string_view socket_group) {
  const std::string engine = "the engine at " + endpoint.host;
  switch (error.why) {
    case HttpError::Why::no_socket:
      return {ErrorKind::unreachable,
              "there is no socket " + socket_of(endpoint) + ": is the engine running, and is its socket mounted here?"};
    case HttpError::Why::not_permitted:
      return {ErrorKind::refused, permission(endpoint, socket_group)};
    case HttpError::Why::refused:
      return {ErrorKind::unreachable, "nobody listens at " + endpoint.host + ": the engine is not running"};
    case HttpError::Why::not_connected:
      return {ErrorKind::unreachable, "cannot connect to " + engine + ": " + error.message};
    case HttpError::Why::not_trusted:
      return {ErrorKind::refused, "the certificate of " + engine +
                                      " is not trusted: check docker.tls_config.ca_file, "
                                      "or ca.pem in DOCKER_CERT_PATH: " +
                                      error.message};
    case HttpError::Why::tls:
      return tls_failure(error.message, engine);
    case HttpError::Why::timeout:
      return {ErrorKind::unreachable, engine + " did not answer in time: " + error.message};
    case HttpError::Why::cancelled:
      return {ErrorKind::cancelled, "stop was requested"};
    case HttpError::Why::too_large:
      return {ErrorKind::invalid, engine + " answered too much: " + error.message};
    case HttpError::Why::broken:
      // TLS 1.3 refuses a certificate after the handshake: the connection may have ended before its alert is read.
      return {ErrorKind::unreachable,
              "the connection to " + engine + " broke: " + error.message +
                  (endpoint.ca_file.empty() ? "" : std::string("; if it does so again, it ") + certificate_advice)};
    case HttpError::Why::misconfigured:
      return {ErrorKind::refused,
              "cannot use the settings for " + engine + " (docker.tls_config, DOCKER_CERT_PATH): " + error.message};
  }
  return {ErrorKind::unreachable, engine + ": " + error.message};
}

std::string said(const HttpResponse& response) {
  if (const auto document = parse_json(response.body)) {
    const std::string message = string_at(*document, "message");
    if (!message.empty()) return text::shorten(message, words_max);
  }
  const std::string words = response.body.find('<') == std::string::npos ? std::string(text::trim(response.body))
                                                                         : text::without_tags(response.body);
  return words.empty() ? "HTTP " + std::to_string(response.code) : text::shorten(words, words_max);
}

Error bad_answer(const HttpResponse& response, std::string_view request, bool changes) {
  const std::string words = said(response);
  Error error{kind_of(response.code, changes), words};
  if (words.find("HTTP request to an HTTPS server") != std::string::npos) {
    error = {ErrorKind::refused,
             "the engine speaks TLS there: set docker.tls_config, or DOCKER_TLS_VERIFY and "
             "DOCKER_CERT_PATH (" +
                 words + ")"};
  } else if (words.find("client version") != std::string::npos && response.code == 400) {
    error.kind = ErrorKind::unreachable;  // the engine was replaced by another: the version is negotiated anew
  } else if (response.code == 403) {
    const bool swarm = request.find(" /services") != std::string_view::npos ||
                       request.find(" /tasks") != std::string_view::npos ||
                       request.find(" /nodes") != std::string_view::npos;
    error.message = "forbidden, probably by a proxy in front of the engine's socket; it must allow " +
                    std::string(swarm ? "SERVICES, TASKS, NODES" : "CONTAINERS, NETWORKS, IMAGES") + " and POST (" +
                    words + ")";
  }
  return std::move(error).wrap(request);
}

}  // namespace alertscaler::docker
