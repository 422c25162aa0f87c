// Grafana's HMAC signature of a notification: who can sign knows the secret.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "model/settings.h"
#include "receive/http_head.h"

namespace alertscaler::receive {

// Thread-safe.
class GrafanaSignature {
 public:
  virtual ~GrafanaSignature() = default;

  // Null: no secret is configured. invalid, not_found, refused: its file cannot be used, with its path and what to do.
  [[nodiscard]] static Result<std::unique_ptr<GrafanaSignature>> open(const WebConfig& config, const Clock& clock);

  // Does the request claim to be signed?
  [[nodiscard]] static bool given(const Head& head);
  // 401 for a signature that is not accepted, 503 when that cannot be told at the moment; absent: it is right. A
  // signature with a time is accepted for signature_lasts before and after it, one without always.
  [[nodiscard]] virtual std::optional<Refusal> wrong(const Head& head, std::string_view body) = 0;
  // As of Authenticator.
  [[nodiscard]] virtual std::vector<std::string> troubles() = 0;
};

// Long enough for clocks that differ, short enough to make a recorded notification useless.
inline constexpr Duration signature_lasts = std::chrono::minutes{5};

inline constexpr std::string_view signature_header = "X-Grafana-Alerting-Signature";
inline constexpr std::string_view signature_time_header = "X-Grafana-Alerting-Signature-Timestamp";

}  // namespace alertscaler::receive
