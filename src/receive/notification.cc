#include "receive/notification.h"

#include <utility>

#include "base/text.h"
#include "receive/alert_json.h"

namespace alertscaler::receive {
namespace {

using json::bad;
using json::in_quotes;
using json::type_of;
using json::wrong_type;
namespace dom = json::dom;

constexpr std::string_view shape =
    R"(expected Alertmanager's webhook payload, {"version": "4", "alerts": [...]}, or Grafana's (version "1"))";
// Every alert of the notification keeps a copy, and a body holds many alerts; Alertmanager's own are far shorter.
constexpr std::size_t group_key_bytes_max = 1024;

// The fields of the notification itself that matter; all else is passed over.
struct Envelope {
  std::optional<dom::element> version;
  std::optional<dom::element> alerts;
  std::optional<dom::element> group_key;
  bool grafana = false;
};

std::optional<Refusal> read_envelope(const dom::element& root, Envelope& envelope) {
  if (root.is_array()) {
    return bad(std::string(shape) +
               ", found an array; if this is what Prometheus or vmalert sends to an Alertmanager, its path is "
               "/api/v2/alerts");
  }
  dom::object object;
  if (root.get(object) != simdjson::SUCCESS) return bad(std::string(shape) + ", found " + std::string(type_of(root)));
  for (const dom::key_value_pair pair : object) {
    if (pair.key == "orgId") envelope.grafana = true;
    std::optional<dom::element>* place = pair.key == "version"    ? &envelope.version
                                         : pair.key == "alerts"   ? &envelope.alerts
                                         : pair.key == "groupKey" ? &envelope.group_key
                                                                  : nullptr;
    if (place == nullptr) continue;
    if (place->has_value()) return bad(in_quotes(pair.key) + " is given twice");
    *place = pair.value;
  }
  return std::nullopt;
}

std::optional<Refusal> read_version(Envelope& envelope) {
  std::string_view text;
  const bool is_text = envelope.version && envelope.version->get(text) == simdjson::SUCCESS;
  if (is_text && text == "1") envelope.grafana = true;
  if (is_text && (text == "4" || text == "1")) return std::nullopt;
  std::string found = "none";
  if (is_text) found = in_quotes(text);
  if (envelope.version && !is_text) found = type_of(*envelope.version);
  return bad(std::string(shape) + "; found " + (found == "none" ? "no version" : "version " + found));
}

tl::expected<std::vector<Delivered>, Refusal> read_alerts(const dom::array& array, json::Form form,
                                                          const Limits& limits) {
  if (auto refused = json::check_count(array, limits)) return tl::unexpected(std::move(*refused));
  std::vector<Delivered> alerts;
  alerts.reserve(array.size());
  for (const dom::element alert : array) alerts.push_back(json::read_alert(alert, form, limits));
  return alerts;
}

// What Alertmanager makes of the times of an alert that is posted to it.
void settle_times(Delivered& alert, Instant now) {
  if (!alert.ends_at) alert.ends_at = now + pushed_alert_lasts;
  alert.resolved = *alert.ends_at <= now;
  alert.status = alert.resolved ? "resolved" : "firing";
  if (alert.problem.empty() && alert.starts_at && *alert.starts_at > *alert.ends_at) {
    alert.problem = "startsAt (" + text::format_time(*alert.starts_at) + ") is after endsAt (" +
                    text::format_time(*alert.ends_at) + ")";
  }
}

}  // namespace

tl::expected<Notification, Refusal> parse_notification(const Body& body, const Limits& limits) {
  dom::parser parser;
  const auto root = json::parse(body, shape, parser);
  if (!root) return tl::unexpected(root.error());
  Envelope envelope;
  if (auto refused = read_envelope(*root, envelope)) return tl::unexpected(std::move(*refused));
  if (auto refused = read_version(envelope)) return tl::unexpected(std::move(*refused));
  if (!envelope.alerts) return tl::unexpected(bad(std::string(shape) + "; found no \"alerts\""));
  dom::array array;
  if (envelope.alerts->get(array) != simdjson::SUCCESS) {
    return tl::unexpected(bad(wrong_type("alerts", "an array", *envelope.alerts)));
  }
  Notification notification;
  notification.shape = envelope.grafana ? Shape::grafana : Shape::alertmanager;
  std::string_view group_key;
  if (envelope.group_key && !envelope.group_key->is_null()) {
    if (envelope.group_key->get(group_key) != simdjson::SUCCESS) {
      return tl::unexpected(bad(wrong_type("groupKey", "a string", *envelope.group_key)));
    }
    if (!envelope.grafana) notification.group_key = text::shorten(group_key, group_key_bytes_max);
  }
  auto alerts = read_alerts(array, envelope.grafana ? json::Form::grafana : json::Form::alertmanager, limits);
  if (!alerts) return tl::unexpected(std::move(alerts).error());
  notification.alerts = *std::move(alerts);
  return notification;
}

tl::expected<Notification, Refusal> parse_pushed(const Body& body, const Limits& limits, Instant now) {
  constexpr std::string_view pushed_shape =
      R"(expected the array of alerts that Prometheus sends to an Alertmanager, [{"labels": {...}}])";
  dom::parser parser;
  const auto root = json::parse(body, pushed_shape, parser);
  if (!root) return tl::unexpected(root.error());
  dom::array array;
  if (root->get(array) != simdjson::SUCCESS) {
    const std::string hint = root->is_object() ? "; a webhook's notification goes to /webhook" : "";
    return tl::unexpected(bad(std::string(pushed_shape) + ", found " + std::string(type_of(*root)) + hint));
  }
  auto alerts = read_alerts(array, json::Form::pushed, limits);
  if (!alerts) return tl::unexpected(std::move(alerts).error());
  for (Delivered& alert : *alerts) settle_times(alert, now);
  return Notification{.shape = Shape::pushed, .group_key = {}, .alerts = *std::move(alerts)};
}

}  // namespace alertscaler::receive
