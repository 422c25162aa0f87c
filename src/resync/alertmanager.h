// One Alertmanager: asking it which alerts fire.
#pragma once

#include <functional>
#include <optional>
#include <stop_token>
#include <string>

#include "act/http_client.h"
#include "base/clock.h"
#include "model/settings.h"
#include "resync/answer.h"

namespace alertscaler::resync {

// Of one thread at a time.
class Alertmanager {
 public:
  // `clock` lives longer.
  Alertmanager(std::string url, HttpConfig http, const Clock& clock);

  [[nodiscard]] const std::string& url() const { return url_; }
  // Hands over what is active and neither silenced nor inhibited; takes `at_most`. The answer is since when it runs,
  // by our clock; absent when that is unknown. Any error, in words for people: what was handed over is not all.
  [[nodiscard]] Result<std::optional<Instant>> ask(const std::function<void(FiringAlert)>& take, Duration at_most,
                                                   const std::stop_token& stop);

 private:
  [[nodiscard]] Result<HttpRequest> request(std::string path) const;
  [[nodiscard]] Error why_no_answer(const HttpError& error) const;

  const std::string url_;
  const HttpConfig http_;
  const Clock& clock_;
  HttpClient client_;
};

// `started` and `date` are what a server says that its clock was and is; `now` is ours at the same time. A clock that
// differs by two seconds at most, the rounding of a date and the way here, is taken to be the same.
[[nodiscard]] Instant by_our_clock(Instant started, std::optional<Instant> date, Instant now);

}  // namespace alertscaler::resync
