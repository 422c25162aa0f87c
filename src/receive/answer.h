// What a request is answered with.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "receive/channel.h"
#include "receive/http_head.h"
#include "receive/json_writer.h"

namespace alertscaler::receive {

struct Answer {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;  // besides Content-Type and those about the connection
  // Present: the answer never ends. The connection leaves its thread and goes on here, with the head to be sent first.
  std::function<void(Channel, std::string)> goes_on{};
};

// {"status":"success","data":…}; `write` writes the data.
template <class Write>
[[nodiscard]] Answer success(Write&& write) {
  JsonWriter json;
  json.begin_object().field("status", "success").key("data");
  write(json);
  json.end_object();
  return {.body = std::move(json).take()};
}
// As success(), with "warnings" when there are any, as Prometheus' envelope has them.
template <class Write>
[[nodiscard]] Answer success(const std::vector<std::string>& warnings, Write&& write) {
  JsonWriter json;
  json.begin_object().field("status", "success").key("data");
  write(json);
  if (!warnings.empty()) {
    json.key("warnings").begin_array();
    for (const std::string& warning : warnings) json.value(warning);
    json.end_array();
  }
  json.end_object();
  return {.body = std::move(json).take()};
}
// {"status":"error","errorType":…,"error":…}; the type follows from the status. With 503 goes a Retry-After.
[[nodiscard]] Answer failure(int status, std::string_view message);
[[nodiscard]] inline Answer failure(const Refusal& refusal) {
  return failure(refusal.status, refusal.message);
}
[[nodiscard]] Answer plain(int status, std::string text);

[[nodiscard]] std::string_view phrase_of(int status);  // "Not Found"
// The head of an answer whose body ends with the connection.
[[nodiscard]] std::string render_endless_head(const Answer& answer);
// The whole of an HTTP/1.1 answer, for requests that do not get as far as the HTTP library. The connection closes.
[[nodiscard]] std::string render_closing(const Answer& answer, bool with_body);

}  // namespace alertscaler::receive
