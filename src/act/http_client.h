// A small synchronous HTTP/1.1 client over libcurl, for engines and API servers. It knows nothing of what it carries.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/secret.h"

namespace alertscaler {

// Whom to talk to and how to trust it.
struct HttpPeer {
  std::string unix_socket;  // a path; empty: TCP to base_url
  std::string base_url;     // "http://localhost" with a socket, else "http://host:port" or "https://host:port"
  std::string ca_file;      // https only; empty: the system's authorities
  std::string cert_file;    // client certificate, PEM; empty: none
  std::string key_file;
  std::string server_name;            // https: whose certificate to expect; empty: the host of base_url
  bool insecure_skip_verify = false;  // https: take any certificate
  bool direct = false;                // never through a proxy, whatever the environment says
  std::string proxy;                  // through this one, whatever the environment says; empty: the environment's
  std::string ca_pem;                 // in place of ca_file
  std::string cert_pem;               // in place of cert_file
  Secret key_pem;                     // in place of key_file
};

struct BasicAuth {
  std::string username;
  Secret password;
};

struct HttpRequest {
  std::string method = "GET";
  std::string path;  // with its query; begins with '/'
  std::string body;
  std::string content_type;          // of the body
  std::vector<std::string> headers;  // further ones, "Name: value"
  std::optional<BasicAuth> basic_auth;
  Duration timeout = std::chrono::seconds{10};
  std::size_t response_bytes_max = 32U << 20U;
};

struct HttpResponse {
  int code = 0;
  std::string body;
  std::map<std::string, std::string> headers;  // names in lower case
  std::optional<Instant> date;                 // the server's own clock, whole seconds
};

// Why there is no response.
struct HttpError {
  enum class Why {
    no_socket,      // the unix socket does not exist
    not_permitted,  // to open the unix socket
    refused,        // nobody listens
    not_connected,  // any other failure before there was a connection
    not_trusted,    // the server's certificate
    tls,            // any other failure of TLS
    timeout,        // the request's own
    cancelled,      // stop was requested
    too_large,      // the response
    broken,         // the connection ended, or what came is no HTTP
    misconfigured,  // a certificate file that cannot be used, a URL that is none
  };
  Why why = Why::broken;
  bool sent = false;    // the request, or a part of it, has left: the server may carry it out
  std::string message;  // libcurl's words
};

using HttpResult = tl::expected<HttpResponse, HttpError>;
// Called once per request, from the thread that sends it; code 0: no answer.
using HttpObserver = std::function<void(int code, Duration duration)>;

// Thread-safe: calls from several threads run side by side, each on a connection of its own, which is kept and used
// again, unless it writes. Never retries, never follows a redirect, ignores the proxy variables for unix sockets.
class HttpClient {
 public:
  explicit HttpClient(HttpPeer peer, HttpObserver observer = {});
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  [[nodiscard]] HttpResult send(const HttpRequest& request, const std::stop_token& stop);
  // All at the same time; returns when each has its answer, in their order.
  [[nodiscard]] std::vector<HttpResult> send_all(std::span<const HttpRequest> requests, const std::stop_token& stop);

 private:
  struct Lane;
  class Borrowed;
  const HttpPeer peer_;
  const HttpObserver observer_;
  struct Idle;
  const std::unique_ptr<Idle> idle_;
};

}  // namespace alertscaler
