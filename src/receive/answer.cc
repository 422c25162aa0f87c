#include "receive/answer.h"

namespace alertscaler::receive {
namespace {

// After that long it is worth trying again; Alertmanager has a backoff of its own.
constexpr std::string_view retry_after_seconds = "5";

// The names are those of Prometheus' API, with what it lacks in the same spirit.
std::string_view error_type(int status) {
  switch (status) {
    case 401:
    case 403:
      return "unauthorized";
    case 404:
      return "not_found";
    case 409:
      return "conflict";
    case 408:
      return "timeout";
    case 500:
      return "internal";
    case 503:
      return "unavailable";
    default:
      return "bad_data";
  }
}

}  // namespace

Answer failure(int status, std::string_view message) {
  JsonWriter json;
  json.begin_object().field("status", "error").field("errorType", error_type(status)).field("error", message);
  json.end_object();
  Answer answer{.status = status, .body = std::move(json).take()};
  if (status == 503) answer.headers.emplace_back("Retry-After", retry_after_seconds);
  return answer;
}

Answer plain(int status, std::string text) {
  return {.status = status, .content_type = "text/plain; charset=utf-8", .body = std::move(text)};
}

std::string_view phrase_of(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 415:
      return "Unsupported Media Type";
    case 417:
      return "Expectation Failed";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 503:
      return "Service Unavailable";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "Error";
  }
}

namespace {

std::string status_line(const Answer& answer) {
  return "HTTP/1.1 " + std::to_string(answer.status) + " " + std::string(phrase_of(answer.status)) + "\r\n";
}

std::string headers_of(const Answer& answer) {
  std::string out = "Connection: close\r\nContent-Type: " + answer.content_type + "\r\n";
  for (const auto& [name, value] : answer.headers) out.append(name).append(": ").append(value).append("\r\n");
  return out;
}

}  // namespace

std::string render_endless_head(const Answer& answer) {
  return status_line(answer) + headers_of(answer) + "\r\n";
}

std::string render_closing(const Answer& answer, bool with_body) {
  std::string out =
      status_line(answer) + headers_of(answer) + "Content-Length: " + std::to_string(answer.body.size()) + "\r\n\r\n";
  if (with_body) out += answer.body;
  return out;
}

}  // namespace alertscaler::receive
