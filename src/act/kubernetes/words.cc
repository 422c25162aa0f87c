#include "act/kubernetes/words.h"

#include <algorithm>

#include "act/kubernetes/json.h"
#include "act/kubernetes/rule.h"
#include "base/encoding.h"
#include "base/text.h"

namespace alertscaler::kubernetes {
namespace {

constexpr std::size_t message_bytes_max = 300;
constexpr std::size_t causes_max = 10;
constexpr std::int64_t retry_after_seconds_max = 3600;

std::string server_of(const KubernetesAccess& access) {
  return "the API server at " + access.server;
}

// Who we say we are, for people.
std::string credentials_of(const KubernetesAccess& access) {
  if (access.plugin) return "what " + access.plugin->command.front() + " gave";
  if (!access.token_file.empty()) return "the token in " + access.token_file;
  if (!access.token.empty()) return "the token of " + access.origin;
  if (!access.username.empty()) return "the user " + access.username + " with the password of " + access.origin;
  if (!access.client_certificate_file.empty()) return "the certificate " + access.client_certificate_file;
  if (!access.client_certificate_data.empty()) return "the client certificate of " + access.origin;
  return "";
}

std::string not_accepted(const KubernetesAccess& access) {
  const std::string credentials = credentials_of(access);
  if (credentials.empty()) {
    return "the API server wants to know who we are, and " + access.origin +
           " has no credentials: give its user a token or a client certificate";
  }
  return "the API server does not accept " + credentials +
         ": it has expired, was revoked or is of another cluster; replace it";
}

std::string forbidden(const HttpResponse& response, const ApiRequest& request, const KubernetesAccess& access,
                      const ApiError& error, const std::string& words) {
  const bool terminating = std::any_of(error.causes.begin(), error.causes.end(), [](const ApiError::Cause& cause) {
    return cause.reason == "NamespaceTerminating";
  });
  if (terminating) return words + "; the namespace is being deleted";
  if (error.reason.empty()) {
    return "forbidden, probably by a proxy in front of the API server (" + words + ")";
  }
  if (words.find("system:anonymous") != std::string::npos) return not_accepted(access) + " (" + words + ")";
  const auto right = right_for(request.method, request.path);
  // Those have nothing to do with rights.
  const bool of_admission =
      words.find("admission webhook") != std::string::npos || words.find("exceeded quota") != std::string::npos;
  if (response.code != 403 || !right || of_admission) return words;
  return words + "; " + rules_for({&*right, 1});
}

ErrorKind kind_of(int code) {
  switch (code) {
    case 401:
    case 403:
      return ErrorKind::refused;
    case 404:
      return ErrorKind::not_found;
    case 409:
    case 410:
      return ErrorKind::conflict;
    case 429:
    case 500:
    case 503:
      return ErrorKind::busy;
    default:
      break;
  }
  if (code >= 500) return ErrorKind::unreachable;
  return code / 100 == 3 ? ErrorKind::refused : ErrorKind::invalid;
}

// What the body says, whatever it is.
std::string said(const HttpResponse& response, const std::string& message) {
  if (!message.empty()) return message;
  const bool page = response.body.find('<') != std::string::npos;
  // A page has as much before its text as it likes, but nobody wants to read all of it.
  constexpr std::size_t page_bytes_max = 20'000;
  const std::string body = response.body.substr(0, page_bytes_max);
  const std::string words = page ? text::without_tags(body) : std::string(text::trim(body));
  return text::shorten(words, message_bytes_max);
}

void read_status(const Json& status, ApiError& error) {
  error.reason = string_at(status, "reason");
  error.message = text::shorten(string_at(status, "message"), message_bytes_max);
  const Json& causes = at(status, "details", "causes");
  for (const Json& cause : causes.is_array() ? causes : Json::array()) {
    if (error.causes.size() == causes_max) break;
    error.causes.push_back({string_at(cause, "reason"), text::shorten(string_at(cause, "message"), message_bytes_max),
                            string_at(cause, "field")});
  }
  if (const auto seconds = int_at(status, "details", "retryAfterSeconds"); seconds > 0) {
    error.retry_after = std::chrono::seconds{std::min(seconds, retry_after_seconds_max)};
  }
}

void read_retry_after(const HttpResponse& response, ApiError& error) {
  const auto header = response.headers.find("retry-after");
  if (header == response.headers.end()) return;
  const auto seconds = text::parse_int(header->second);
  if (!seconds || *seconds < 0) return;
  error.retry_after = std::chrono::seconds{std::min<std::int64_t>(*seconds, retry_after_seconds_max)};
}

std::string redirected(const HttpResponse& response) {
  const auto location = response.headers.find("location");
  const std::string to = location == response.headers.end() ? "" : text::split(location->second, '?').front();
  return "it redirects" + (to.empty() ? "" : " to " + text::shorten(to, message_bytes_max)) +
         ", which is not followed: put the right address into the kubeconfig";
}

std::string no_connection(const HttpError& error, const KubernetesAccess& access) {
  using Why = HttpError::Why;
  const std::string server = server_of(access);
  switch (error.why) {
    case Why::refused:
      return "nobody listens at " + access.server + ": the API server is not running, or it is elsewhere";
    case Why::not_trusted:
      return "the certificate of " + server + " is not trusted (" + error.message +
             "): check certificate-authority and tls-server-name of " + access.origin;
    case Why::tls:
      if (error.message.find("wrong version number") != std::string::npos) {
        return server + " does not speak TLS on this port (plain HTTP?): " + error.message;
      }
      return "there is no TLS connection to " + server + ": " + error.message;
    case Why::timeout:
      return server + " did not answer in time: " + error.message;
    case Why::cancelled:
      return "stop was requested";
    case Why::too_large:
      return server + " answered too much: " + error.message;
    case Why::misconfigured:
      return "the certificates, the key or the address of " + access.origin + " cannot be used: " + error.message;
    case Why::broken:
      return "the connection to " + server + " broke: " + error.message;
    case Why::no_socket:
    case Why::not_permitted:
    case Why::not_connected:
      break;
  }
  return "cannot connect to " + server + ": " + error.message;
}

ErrorKind kind_of(HttpError::Why why) {
  using Why = HttpError::Why;
  switch (why) {
    case Why::not_trusted:
    case Why::tls:
    case Why::misconfigured:
    case Why::not_permitted:
      return ErrorKind::refused;
    case Why::cancelled:
      return ErrorKind::cancelled;
    case Why::too_large:
      return ErrorKind::invalid;
    case Why::no_socket:
    case Why::refused:
    case Why::not_connected:
    case Why::timeout:
    case Why::broken:
      break;
  }
  return ErrorKind::unreachable;
}

}  // namespace

std::string told(const ApiRequest& request) {
  return request.method + " " + request.path.substr(0, request.path.find('?'));
}

bool changes(const ApiRequest& request) {
  return request.method != "GET" && request.method != "HEAD";
}

ApiError no_answer(const HttpError& error, const ApiRequest& request, const KubernetesAccess& access) {
  ApiError made;
  made.error = Error{kind_of(error.why), no_connection(error, access)}.wrap(told(request));
  made.maybe_done = changes(request) && error.sent;
  return made;
}

ApiError bad_answer(const HttpResponse& response, const ApiRequest& request, const KubernetesAccess& access) {
  ApiError error;
  error.code = response.code;
  if (const auto body = parse_json(response.body); body && body->is_object()) read_status(*body, error);
  read_retry_after(response, error);
  const std::string words = said(response, error.message);
  std::string sentence = words.empty() ? "it failed" : words;
  if (response.code / 100 == 3) {
    sentence = redirected(response);
  } else if (response.code == 401) {
    sentence = not_accepted(access);
  } else if (response.code == 403) {
    sentence = forbidden(response, request, access, error, words);
  } else if (response.code == 404 && error.reason.empty()) {
    sentence = words + ": this API server does not know that API; is its custom resource definition installed?";
  } else if (response.code == 429 && error.reason.empty()) {
    sentence = "the API server is throttling us: " + words;
  }
  sentence += " (" + std::to_string(response.code) + (error.reason.empty() ? "" : " " + error.reason) + ")";
  error.error = Error{kind_of(response.code), std::move(sentence)}.wrap(told(request));
  error.maybe_done = changes(request) && response.code >= 500;
  return error;
}

ApiError no_json(const HttpResponse& response, const ApiRequest& request) {
  ApiError error;
  error.code = response.code;
  const std::string words = said(response, "");
  error.error = Error{ErrorKind::unreachable, "the answer is no JSON" + (words.empty() ? "" : ": " + words) +
                                                  "; is it an API server, and no proxy in front of it?"}
                    .wrap(told(request));
  error.maybe_done = changes(request);
  return error;
}

}  // namespace alertscaler::kubernetes
