#include "resync/answer.h"

#include <algorithm>
#include <string>
#include <utility>

#include <nlohmann/json.hpp>

#include "base/text.h"

namespace alertscaler::resync {
namespace {

using Json = nlohmann::json;

tl::unexpected<Error> no_alert(const std::string& what) {
  return fail(ErrorKind::invalid, "an alert of the answer " + what);
}

// Null when it is not there, or no text.
const std::string* text_at(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found == object.end() ? nullptr : found->get_ptr<const std::string*>();
}

// False: they are no object of texts. An empty one is, as everywhere in Prometheus, none.
bool read_labels(const Json& object, const char* key, Labels& labels) {
  const auto found = object.find(key);
  if (found == object.end()) return true;
  if (!found->is_object()) return false;
  for (const auto& [name, value] : found->items()) {
    const auto* text = value.get_ptr<const std::string*>();
    if (text == nullptr || name.empty()) return false;
    if (!text->empty()) labels.emplace(name, *text);
  }
  return true;
}

bool is_fingerprint(std::string_view text) {
  return text.size() == 16 &&
         std::all_of(text.begin(), text.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

// Absent: it does not count.
Result<std::optional<FiringAlert>> alert_from(const Json& object) {
  FiringAlert alert;
  if (!read_labels(object, "labels", alert.labels) || alert.labels.empty()) return no_alert("has no labels");
  if (!read_labels(object, "annotations", alert.annotations)) return no_alert("has annotations that are no texts");
  const std::string* starts_at = text_at(object, "startsAt");
  const auto started = starts_at == nullptr ? std::optional<Result<Instant>>{} : text::parse_time(*starts_at);
  if (!started || !*started || text::is_zero_time(**started)) return no_alert("has no startsAt");
  alert.starts_at = **started;
  alert.updated_at = alert.starts_at;
  if (const std::string* updated_at = text_at(object, "updatedAt")) {
    alert.updated_at = text::parse_time(*updated_at).value_or(alert.starts_at);
  }
  if (const std::string* url = text_at(object, "generatorURL")) alert.generator_url = *url;
  const std::string* fingerprint = text_at(object, "fingerprint");
  alert.fingerprint =
      fingerprint != nullptr && is_fingerprint(*fingerprint) ? Fingerprint{*fingerprint} : fingerprint_of(alert.labels);
  const auto status = object.find("status");
  const std::string* state = status != object.end() && status->is_object() ? text_at(*status, "state") : nullptr;
  if (state != nullptr && *state == "suppressed") return std::nullopt;
  return alert;
}

}  // namespace

Status read_alerts(std::string_view body, const std::function<void(FiringAlert)>& take) {
  Status status;
  // Each alert is read and dropped as soon as it is complete: the whole document would take several times its text.
  const auto drop_each = [&](int depth, Json::parse_event_t event, Json& parsed) {
    if (depth != 1 || event != Json::parse_event_t::object_end) return true;
    if (!status) return false;
    auto alert = alert_from(parsed);
    if (!alert) {
      status = tl::unexpected(alert.error());
    } else if (*alert) {
      take(**std::move(alert));
    }
    return false;
  };
  const Json rest = Json::parse(body.begin(), body.end(), drop_each, false);
  if (!rest.is_array() || (status && !rest.empty())) {
    return fail(ErrorKind::invalid, "expected a list of alerts, found something else; is that an Alertmanager?");
  }
  return status;
}

std::optional<Instant> read_start(std::string_view body) {
  const Json document = Json::parse(body.begin(), body.end(), nullptr, false);
  if (!document.is_object()) return std::nullopt;
  const std::string* uptime = text_at(document, "uptime");  // a time, whatever its name says
  if (uptime == nullptr) return std::nullopt;
  const auto time = text::parse_time(*uptime);
  return time ? std::optional(*time) : std::nullopt;
}

}  // namespace alertscaler::resync
