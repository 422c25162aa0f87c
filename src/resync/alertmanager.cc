#include "resync/alertmanager.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/file.h"
#include "base/text.h"

namespace alertscaler::resync {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view alerts_path = "/api/v2/alerts?active=true&silenced=false&inhibited=false";
constexpr std::string_view status_path = "/api/v2/status";
constexpr std::size_t alerts_bytes_max = 64U << 20U;  // some 80 000 alerts
constexpr std::size_t status_bytes_max = 4U << 20U;   // it holds the whole alertmanager.yml
constexpr Duration least_time = 100ms;

HttpPeer peer_of(const std::string& url, const HttpConfig& http) {
  HttpPeer peer;
  peer.base_url = url;
  peer.ca_file = http.ca_file;
  peer.cert_file = http.cert_file;
  peer.key_file = http.key_file;
  peer.server_name = http.server_name;
  peer.insecure_skip_verify = http.insecure_skip_verify;
  peer.direct = true;  // as Alertmanager's own http_config does
  return peer;
}

// What a header is to carry, from the configuration or from a file.
Result<Secret> secret_of(const Secret& given, const std::string& file) {
  if (file.empty()) return given;
  auto content = read_file(file);
  if (!content) return fail(std::move(content).error());
  const std::string_view text = text::trim(*content);
  const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; };
  if (text.empty()) return fail(ErrorKind::invalid, file + " is empty");
  if (std::any_of(text.begin(), text.end(), is_control)) {
    return fail(ErrorKind::invalid, file + ": expected one line without control characters");
  }
  return Secret(std::string(text));
}

Status check_code(const HttpResponse& response) {
  const std::string code = std::to_string(response.code);
  switch (response.code) {
    case 200:
      return {};
    case 401:
    case 403:
      return fail(ErrorKind::refused, "it refuses us (" + code + "): check authorization or basic_auth in http_config");
    case 404:
      return fail(ErrorKind::not_found,
                  "there is no API of Alertmanager below this URL (404): does it lack the prefix?");
    default:
      break;
  }
  if (const auto location = response.headers.find("location"); response.code / 100 == 3) {
    return fail(ErrorKind::refused,
                "it redirects (" + code + ")" +
                    (location == response.headers.end()
                         ? std::string()
                         : " to " + text::shorten(text::split(location->second, '?').front(), 200)) +
                    ", which is not followed: put the right URL into alertmanager.url");
  }
  return fail(ErrorKind::unreachable, "it answered with status " + code);
}

}  // namespace

Instant by_our_clock(Instant started, std::optional<Instant> date, Instant now) {
  if (!date || std::chrono::abs(now - *date) <= 2s) return started;
  return now - (*date - started);
}

Alertmanager::Alertmanager(std::string url, HttpConfig http, const Clock& clock)
    : url_(std::move(url)), http_(std::move(http)), clock_(clock), client_(peer_of(url_, http_)) {}

Result<std::optional<Instant>> Alertmanager::ask(const std::function<void(FiringAlert)>& take, Duration at_most,
                                                 const std::stop_token& stop) {
  const auto asked = std::chrono::steady_clock::now();
  const auto send = [&](std::string_view path, std::size_t bytes_max) -> Result<HttpResponse> {
    auto request = this->request(std::string(path));
    if (!request) return fail(std::move(request).error());
    const auto spent = std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now() - asked);
    request->timeout = std::max(at_most - spent, least_time);
    request->response_bytes_max = bytes_max;
    auto response = client_.send(*request, stop);
    if (!response) return fail(why_no_answer(response.error()));
    return *std::move(response);
  };
  const auto alerts = send(alerts_path, alerts_bytes_max);
  if (!alerts) return fail(alerts.error());
  if (const Status fine = check_code(*alerts); !fine) return fail(fine.error());
  if (const Status read = read_alerts(alerts->body, take); !read) return fail(read.error());
  // Asked second: if it was started again in between, it says so, and the list is that of the one before.
  const auto status = send(status_path, status_bytes_max);
  if (!status) return fail(status.error());
  const auto started = status->code == 200 ? read_start(status->body) : std::nullopt;
  if (!started) return std::nullopt;
  return by_our_clock(*started, status->date, clock_.now());
}

Result<HttpRequest> Alertmanager::request(std::string path) const {
  HttpRequest request;
  request.path = std::move(path);
  request.headers.emplace_back("Accept: application/json");
  if (!http_.username.empty()) {
    auto password = secret_of(http_.password, http_.password_file);
    if (!password) return fail(std::move(password).error().wrap("basic_auth.password_file"));
    request.basic_auth = BasicAuth{http_.username, *std::move(password)};
  } else if (!http_.authorization_type.empty()) {
    const auto credentials = secret_of(http_.credentials, http_.credentials_file);
    if (!credentials) return fail(Error(credentials.error()).wrap("authorization.credentials_file"));
    request.headers.push_back("Authorization: " + http_.authorization_type + " " + credentials->reveal());
  }
  return request;
}

Error Alertmanager::why_no_answer(const HttpError& error) const {
  using Why = HttpError::Why;
  switch (error.why) {
    case Why::refused:
      return {ErrorKind::unreachable, "nobody listens there: " + error.message};
    case Why::not_trusted:
      return {ErrorKind::refused, "its certificate is not trusted (" + error.message +
                                      "): put its authority into http_config.tls_config.ca_file, or the name that it "
                                      "is for into server_name"};
    case Why::tls:
      return {ErrorKind::refused, "there is no TLS connection: " + error.message};
    case Why::misconfigured:
      return {ErrorKind::refused, "http_config.tls_config or the URL cannot be used: " + error.message};
    case Why::timeout:
      return {ErrorKind::unreachable, "it did not answer in time"};
    case Why::too_large:
      return {ErrorKind::refused, error.message};
    case Why::cancelled:
      return {ErrorKind::cancelled, "the program is stopping"};
    case Why::no_socket:
    case Why::not_permitted:
    case Why::not_connected:
    case Why::broken:
      break;
  }
  return {ErrorKind::unreachable, "no answer: " + error.message};
}

}  // namespace alertscaler::resync
