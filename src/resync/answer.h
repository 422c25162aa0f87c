// What an Alertmanager's API answers, read without trusting it.
#pragma once

#include <functional>
#include <optional>
#include <string_view>

#include "base/result.h"
#include "model/alert.h"

namespace alertscaler::resync {

struct FiringAlert {
  Fingerprint fingerprint;
  Labels labels;
  Labels annotations;
  Instant starts_at;
  Instant updated_at;  // the later one of two is the newer
  std::string generator_url{};
};

// GET /api/v2/alerts: hands over one alert after the other, so that those that are none of ours need not be kept;
// suppressed ones are left out. invalid: this is no list of alerts; what was handed over until then is worth nothing.
[[nodiscard]] Status read_alerts(std::string_view body, const std::function<void(FiringAlert)>& take);

// GET /api/v2/status: since when it runs, by its own clock; absent when it does not say so.
[[nodiscard]] std::optional<Instant> read_start(std::string_view body);

}  // namespace alertscaler::resync
