#include "client/server.h"

#include <array>

#include "base/file.h"
#include "base/text.h"

namespace alertscaler::client {
namespace {

constexpr std::size_t shown_bytes_max = 300;

Result<std::string> read_token(const std::string& file) {
  if (file.empty()) return std::string{};
  const auto content = read_file(file);
  if (!content) return fail(content.error().wrap("--token.file"));
  for (const std::string& line : text::split(*content, '\n')) {
    const std::string_view token = text::trim(line);
    if (!token.empty()) return std::string(token);
  }
  return fail(ErrorKind::invalid, "--token.file: " + file + " holds no token");
}

}  // namespace

std::string escape(std::string_view text) {
  constexpr std::array digits{'0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F'};
  constexpr std::string_view plain = "-._~";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool is_alnum = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (is_alnum || plain.find(c) != std::string_view::npos) {
      out += c;
    } else {
      out.append({'%', digits.at(byte >> 4U), digits.at(byte & 15U)});
    }
  }
  return out;
}

std::string dump(const nlohmann::json& json) {
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

Result<Server> Server::at(const Connection& connection) {
  HttpPeer peer;
  peer.base_url = connection.url;
  while (peer.base_url.ends_with('/')) peer.base_url.pop_back();
  if (!peer.base_url.starts_with("http://") && !peer.base_url.starts_with("https://")) {
    return fail(ErrorKind::invalid, "--url: expected http://HOST:PORT or https://HOST:PORT, found \"" +
                                        text::shorten(connection.url, shown_bytes_max) + "\"");
  }
  if (peer.base_url.find('@') != std::string::npos) {
    return fail(ErrorKind::invalid, "--url: a name and password do not belong there; use --token.file");
  }
  peer.ca_file = connection.ca_file;
  auto token = read_token(connection.token_file);
  if (!token) return fail(token.error());
  return Server(std::move(peer), *std::move(token));
}

Result<Told> Server::get(const std::string& path) {
  HttpRequest request;
  request.path = path;
  return ask(std::move(request));
}

Result<Told> Server::send(const std::string& method, const std::string& path, std::string body, Duration timeout) {
  HttpRequest request;
  request.method = method;
  request.path = path;
  request.body = std::move(body);
  request.content_type = "application/json";
  request.timeout = timeout;
  return ask(std::move(request));
}

Result<Told> Server::ask(HttpRequest request) {
  if (!token_.empty()) request.headers.push_back("Authorization: Bearer " + token_);
  const HttpResult answer = http_->send(request, {});
  if (!answer) return fail(no_answer(answer.error()));
  if (answer->code / 100 != 2) return fail(bad_answer(*answer));
  auto document = nlohmann::json::parse(answer->body, nullptr, false);
  if (!document.is_object() || !document.contains("data")) {
    return fail(ErrorKind::invalid, shown_url_ + " is no alertscaler: " + request.path + " answered " +
                                        text::shorten(text::trim(answer->body), shown_bytes_max));
  }
  Told told{std::move(document["data"]), {}};
  if (const auto warnings = document.find("warnings"); warnings != document.end() && warnings->is_array()) {
    for (const auto& each : *warnings) {
      if (each.is_string()) told.warnings.push_back(each.get<std::string>());
    }
  }
  return told;
}

Error Server::no_answer(const HttpError& error) const {
  switch (error.why) {
    case HttpError::Why::refused:
    case HttpError::Why::not_connected:
      return {ErrorKind::unreachable, "no alertscaler answers at " + shown_url_ + ": " + error.message +
                                          "; is it running? (--url or ALERTSCALER_URL say where)"};
    case HttpError::Why::not_trusted:
      return {ErrorKind::refused, "the certificate of " + shown_url_ +
                                      " is not trusted: name its authority by --tls.ca-file: " + error.message};
    case HttpError::Why::timeout:
      return {ErrorKind::unreachable, shown_url_ + " did not answer in time: " + error.message};
    default:
      return {ErrorKind::unreachable, shown_url_ + ": " + error.message};
  }
}

Error Server::bad_answer(const HttpResponse& response) const {
  const auto document = nlohmann::json::parse(response.body, nullptr, false);
  std::string words;
  if (document.is_object()) words = document.value("error", nlohmann::json{}).is_string() ? document["error"] : "";
  if (words.empty()) words = text::shorten(text::trim(response.body), shown_bytes_max);
  if (response.code == 401) {
    return {ErrorKind::refused,
            shown_url_ + (token_.empty() ? " wants to know who asks: name a file with a token by --token.file"
                                         : " does not take this token (--token.file)")};
  }
  if (words.empty()) words = "HTTP " + std::to_string(response.code);
  return {response.code == 503 ? ErrorKind::busy : ErrorKind::refused, words};
}

}  // namespace alertscaler::client
