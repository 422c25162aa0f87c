// POST /webhook: the notifications of Alertmanager and Grafana, and the answer that says what became of each alert.
#pragma once

#include <atomic>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "model/alert.h"
#include "receive/answer.h"
#include "receive/grafana_signature.h"
#include "receive/intake.h"
#include "receive/limits.h"
#include "receive/ports.h"
#include "receive/request.h"
#include "remember/store.h"

namespace alertscaler::receive {

// Thread-safe.
class Webhook {
 public:
  // `signature` may be null: those of Grafana are not looked at then.
  Webhook(Intake& intake, GrafanaSignature* signature, Store& store, Controller& controller, const Clock& clock,
          const Limits& limits, const std::atomic<bool>& stopping);

  // Is it a question that leads to nothing?
  [[nodiscard]] static bool is_dry_run(const Params& params);
  // Who sends, as far as it can be told before the body is read.
  [[nodiscard]] static Source sender(const Head& head);
  // May the request be read although nothing else says who sends it? It is signed, and receive() looks at that.
  [[nodiscard]] bool will_verify(const Head& head) const;
  // `source` becomes who sent it, once the body says so. 401: a signature is wrong, or Grafana's is not there although
  // there is a secret. Others need none, for they have been admitted before.
  [[nodiscard]] Answer receive(const Request& request, Source& source);

 private:
  // What the sender asked for beyond the alerts.
  struct Wish {
    std::optional<Duration> wait;
    bool dry_run = false;
    bool explain = false;  // of a dry run: with what each gate says
  };
  using Decisions = std::map<TargetName, std::optional<Decision>>;
  struct Explanation {
    std::map<TargetName, std::vector<GateNote>> gates;
    std::vector<std::string> mapped_by;  // by line
  };

  [[nodiscard]] static tl::expected<Wish, Refusal> read_wish(const Params& params);
  [[nodiscard]] Answer merge(Batch batch, const Wish& wish, Instant received);
  [[nodiscard]] Answer preview(Batch batch, bool explain);
  [[nodiscard]] std::vector<Merged> results_of(const TargetName& target, const std::vector<Incoming>& incoming,
                                               const std::vector<Alert>& afterwards) const;
  [[nodiscard]] Decisions wait_for(const Intake::Tickets& tickets, Duration wait);
  [[nodiscard]] static Answer render(const std::vector<Line>& lines, const Decisions* decisions,
                                     const Explanation* explanation = nullptr);

  Intake& intake_;
  GrafanaSignature* const signature_;
  Store& store_;
  Controller& controller_;
  const Clock& clock_;
  const Limits& limits_;
  const std::atomic<bool>& stopping_;
  const int waiting_max_;

  std::atomic<int> waiting_{0};  // requests with ?wait=
};

}  // namespace alertscaler::receive
