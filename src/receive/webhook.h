// POST /webhook: parse, map, remember, kick, answer. It never acts.
#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "model/alert.h"
#include "receive/answer.h"
#include "receive/limits.h"
#include "receive/notification.h"
#include "receive/once.h"
#include "receive/ports.h"
#include "receive/request.h"
#include "record/metrics.h"
#include "remember/store.h"

namespace alertscaler::receive {

// Thread-safe.
class Webhook {
 public:
  Webhook(Store& store, Controller& controller, Metrics& metrics, const Clock& clock, const Limits& limits,
          const std::atomic<bool>& stopping);

  // Who sends, as far as it can be told before the body is read.
  [[nodiscard]] static Source sender(const Head& head);
  // `source` becomes who sent it, once the body says so.
  [[nodiscard]] Answer receive(const Request& request, Source& source);

 private:
  // What the sender asked for beyond the alerts.
  struct Wish {
    std::optional<Duration> wait;
    bool dry_run = false;
  };
  // One alert of the answer.
  struct Line {
    Fingerprint fingerprint;
    std::string name;
    std::string status;
    std::optional<TargetName> target;
    std::optional<AlertAction> action;
    MergeResult result = MergeResult::ignored;
    std::string reason;
  };
  // The alerts that map to a target, and which line of the answer each has.
  struct Batch {
    std::vector<Line> lines;
    std::vector<Incoming> incoming;
    std::vector<std::size_t> line_of;  // by index of incoming
  };
  using Decisions = std::map<TargetName, std::optional<Decision>>;

  [[nodiscard]] static tl::expected<Wish, Refusal> read_wish(const Params& params);
  [[nodiscard]] tl::expected<Notification, Refusal> parse(const Body& body);
  [[nodiscard]] Batch map(Notification notification, Source source, Instant received);
  [[nodiscard]] Answer merge(Batch batch, const Wish& wish, Instant received);
  [[nodiscard]] Answer preview(Batch batch);
  [[nodiscard]] std::vector<Merged> results_of(const TargetName& target, const std::vector<Incoming>& incoming,
                                               const std::vector<Alert>& afterwards) const;
  [[nodiscard]] Decisions wait_for(const std::map<TargetName, Controller::Ticket>& tickets, Duration wait);
  void count(const std::vector<Line>& lines);
  void say_ignored(const Line& line, std::optional<Instant> starts_at);
  [[nodiscard]] static Answer render(const std::vector<Line>& lines, const Decisions* decisions);

  Store& store_;
  Controller& controller_;
  Metrics& metrics_;
  const Clock& clock_;
  const Limits& limits_;
  const std::atomic<bool>& stopping_;
  const int waiting_max_;

  std::atomic<int> waiting_{0};  // requests with ?wait=
  std::mutex large_parse_;       // what a large body takes while it is parsed is several times its size: one at a time
  Once ignored_{10'000};         // episodes whose mapping error is in the log
};

}  // namespace alertscaler::receive
