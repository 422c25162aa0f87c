// From the bytes of a sender's body to alerts. Pure: no clock, no configuration, no I/O.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "model/alert.h"
#include "receive/body.h"
#include "receive/http_head.h"
#include "receive/limits.h"

namespace alertscaler::receive {

// One alert as it was delivered.
struct Delivered {
  std::string problem;  // why it cannot be used, for people; empty: it can. The rest is then what could be read
  bool resolved = false;
  std::string status;  // as it came, for the answer
  Fingerprint fingerprint;
  Labels labels;  // none with an empty value
  Labels annotations;
  std::optional<Instant> starts_at;  // absent: not given, or the zero time
  std::optional<Instant> ends_at;    // likewise
  std::string generator_url;
};

enum class Shape { alertmanager, grafana, pushed };

struct Notification {
  Shape shape = Shape::alertmanager;
  // By which Alertmanager tells its groups apart; empty when the sender gave none, and for Grafana, whose groups are of
  // another Alertmanager than ours.
  std::string group_key;
  std::vector<Delivered> alerts;
};

// Alertmanager's payload, version 4, or Grafana's, version 1. Refused as a whole (400, or 413 for too many alerts) only
// when the body is not JSON or not of such a shape; the text says what was expected and found, and where if that is
// known.
[[nodiscard]] tl::expected<Notification, Refusal> parse_notification(const Body& body, const Limits& limits);

// What Prometheus, vmalert and rulers send to an Alertmanager's /api/v2/alerts, an array of alerts; refused as above.
// One whose endsAt is `now` or before is resolved; one without an endsAt ends pushed_alert_lasts later unless it is
// posted again.
[[nodiscard]] tl::expected<Notification, Refusal> parse_pushed(const Body& body, const Limits& limits, Instant now);

// Alertmanager's default resolve_timeout.
inline constexpr Duration pushed_alert_lasts = std::chrono::minutes{5};

}  // namespace alertscaler::receive
