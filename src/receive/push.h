// The part of Alertmanager's API that Prometheus, vmalert and rulers need: it takes their alerts as if it were one.
#pragma once

#include <atomic>
#include <string>

#include "base/clock.h"
#include "receive/answer.h"
#include "receive/intake.h"
#include "receive/limits.h"
#include "receive/request.h"

namespace alertscaler::receive {

// Thread-safe.
class Push {
 public:
  Push(Intake& intake, const Clock& clock, const Limits& limits, const std::atomic<bool>& stopping, std::string version)
      : intake_(intake),
        clock_(clock),
        limits_(limits),
        stopping_(stopping),
        version_(std::move(version)),
        started_(clock.now()) {}

  // POST /api/v2/alerts: 200 without a body. Of a batch with alerts that are none the others are taken, and the answer
  // is 400 with the reasons: such senders do not repeat what was refused.
  [[nodiscard]] Answer alerts(const Request& request);
  // GET /api/v2/status, by which some clients look whether somebody is there.
  [[nodiscard]] Answer status(const Request& request) const;

 private:
  Intake& intake_;
  const Clock& clock_;
  const Limits& limits_;
  const std::atomic<bool>& stopping_;
  const std::string version_;
  const Instant started_;
};

}  // namespace alertscaler::receive
