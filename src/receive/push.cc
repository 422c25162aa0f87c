#include "receive/push.h"

#include <utility>

#include "receive/json_writer.h"

namespace alertscaler::receive {
namespace {

// "2 of 5 alerts are refused, the others are taken: alerts[1]: it has no labels; …"; empty: all are alerts.
std::string refused_ones(const Notification& notification) {
  constexpr std::size_t named_max = 5;
  std::size_t refused = 0;
  std::string reasons;
  for (std::size_t i = 0; i < notification.alerts.size(); ++i) {
    const std::string& problem = notification.alerts[i].problem;
    if (problem.empty()) continue;
    if (++refused <= named_max)
      reasons += (refused == 1 ? "alerts[" : "; alerts[") + std::to_string(i) + "]: " + problem;
  }
  if (refused == 0) return "";
  if (refused > named_max) reasons += "; …";
  return std::to_string(refused) + " of " + std::to_string(notification.alerts.size()) +
         " alerts are refused, the others are taken: " + reasons;
}

}  // namespace

Answer Push::alerts(const Request& request) {
  if (const auto refused = check_params(request.params, {})) return failure(*refused);
  if (const auto refused = check_encoding(request.head)) return failure(*refused);
  const auto body = request.read_body(Sender::admitted);
  if (!body) return failure(body.error());
  const Instant received = clock_.now();
  auto notification = intake_.parse(*body, [&] { return parse_pushed(*body, limits_, received); });
  if (!notification) return failure(notification.error());
  const std::string refused = refused_ones(*notification);
  Batch batch = intake_.map(std::move(*notification), Source::prometheus, received);
  if (stopping_.load()) return failure(503, "the server is stopping");
  const auto taken = intake_.take(batch, received, false);
  if (!taken) return failure(taken.error());
  return refused.empty() ? Answer{} : failure(400, refused);
}

// As Alertmanager's, with what there is to say of it here.
Answer Push::status(const Request& request) const {
  if (const auto refused = check_params(request.params, {})) return failure(*refused);
  JsonWriter json;
  json.begin_object().key("cluster").begin_object().field("status", "disabled").end_object();
  json.key("config").begin_object().field("original", "").end_object();
  json.field("uptime", started_).key("versionInfo").begin_object().field("version", version_);
  for (const char* name : {"revision", "branch", "buildUser", "buildDate", "goVersion"}) json.field(name, "");
  json.end_object().end_object();
  return {.body = std::move(json).take()};
}

}  // namespace alertscaler::receive
