// What is done with delivered alerts, whatever way they came: map, remember, kick. It never acts.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "model/alert.h"
#include "receive/body.h"
#include "receive/notification.h"
#include "receive/once.h"
#include "receive/ports.h"
#include "record/metrics.h"
#include "remember/store.h"

namespace alertscaler::receive {

// What becomes of one alert.
struct Line {
  Fingerprint fingerprint;
  std::string name;
  std::string status;
  std::optional<TargetName> target;
  std::optional<AlertAction> action;
  MergeResult result = MergeResult::ignored;
  std::string reason;
};

// The alerts of a notification that map to a target, and which of the lines each has.
struct Batch {
  std::vector<Line> lines;
  std::vector<Incoming> incoming;
  std::vector<std::size_t> line_of;  // by index of incoming
};

// Does the log hear of alerts that are ignored? Not of those of a dry run, which must leave nothing behind.
enum class Telling { aloud, silent };

// Thread-safe.
class Intake {
 public:
  Intake(Store& store, Controller& controller, Metrics& metrics)
      : store_(store), controller_(controller), metrics_(metrics) {}

  // parse(); what a large body takes meanwhile is several times its size, so large ones take turns.
  template <class Parse>
  [[nodiscard]] auto parse(const Body& body, Parse parse) {
    constexpr std::size_t large_body_bytes = 1U << 20U;
    std::unique_lock<std::mutex> one_at_a_time(large_parse_, std::defer_lock);
    if (body.text().size() > large_body_bytes) one_at_a_time.lock();
    return parse();
  }

  [[nodiscard]] Batch map(Notification notification, Source source, Instant received, Telling telling = Telling::aloud);

  using Tickets = std::map<TargetName, Controller::Ticket>;
  // Remembers the batch durably, says in its lines what became of it, and has the targets looked at that something
  // changed for, or, with `look_at_all`, every one that is named. A refusal: nothing was stored.
  [[nodiscard]] tl::expected<Tickets, Refusal> take(Batch& batch, Instant received, bool look_at_all);

 private:
  void count(const std::vector<Line>& lines);
  void say_ignored(const Line& line, std::optional<Instant> starts_at);

  Store& store_;
  Controller& controller_;
  Metrics& metrics_;
  std::mutex large_parse_;
  Once ignored_{10'000};  // episodes whose mapping error is in the log
};

}  // namespace alertscaler::receive
