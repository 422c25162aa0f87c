// A running alertscaler, asked over HTTP: Prometheus' envelope in, data or an error for people out.
#pragma once

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "act/http_client.h"
#include "base/result.h"
#include "client/options.h"

namespace alertscaler::client {

struct Told {
  nlohmann::json data;
  std::vector<std::string> warnings;
};

class Server {
 public:
  // invalid: the URL is none; not_found, refused or invalid: the token file cannot be used.
  [[nodiscard]] static Result<Server> at(const Connection& connection);

  // The text of an error names the server and says what to do.
  [[nodiscard]] Result<Told> get(const std::string& path);
  [[nodiscard]] Result<Told> send(const std::string& method, const std::string& path, std::string body,
                                  Duration timeout = std::chrono::seconds{10});

 private:
  Server(HttpPeer peer, std::string token)
      : shown_url_(peer.base_url), token_(std::move(token)), http_(std::make_unique<HttpClient>(std::move(peer))) {}
  [[nodiscard]] Result<Told> ask(HttpRequest request);
  [[nodiscard]] Error no_answer(const HttpError& error) const;
  [[nodiscard]] Error bad_answer(const HttpResponse& response) const;

  std::string shown_url_;
  std::string token_;
  std::unique_ptr<HttpClient> http_;
};

// As a body. Invalid UTF-8 becomes U+FFFD.
[[nodiscard]] std::string dump(const nlohmann::json& json);
// One part of a path or query: everything but letters, digits and -._~ is escaped (RFC 3986).
[[nodiscard]] std::string escape(std::string_view text);

}  // namespace alertscaler::client
