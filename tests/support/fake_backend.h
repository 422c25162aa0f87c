// A fleet that behaves: what is asked for comes to be, takes its time to get ready, and fails only when scripted.
#pragma once

#include <algorithm>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "act/backend.h"
#include "support/clock.h"

namespace alertscaler::test {

// Sets the count of a fleet, never below its floor.
struct FakeAutoscaler {
  int floor = 2;
  std::optional<int> original;  // the note of who moved the floor
  std::optional<int> set;       // and where to
  int wants = 2;                // by its own metrics
  int max = 10;

  [[nodiscard]] Floor seen() const {
    const bool raised = original && set == floor;
    return {floor, raised ? *original : floor, "the autoscaler web", original.has_value()};
  }
  void move(int to) {
    const int before = seen().original;
    floor = to;
    original = to == before ? std::nullopt : std::optional(before);
    set = to == before ? std::nullopt : std::optional(to);
  }
};

// The world outside; it goes on when the program is restarted.
struct FakeFleet {
  explicit FakeFleet(const Clock& c, int count) : clock(c), started(static_cast<std::size_t>(count), Instant{}) {}

  const Clock& clock;
  Duration startup_delay{0};
  Duration stop_delay{0};        // replicas leave one by one, one in each such time
  std::vector<Instant> started;  // one element per replica
  Instant last_stop{};
  std::deque<Error> observe_errors;  // the next observations fail so
  std::deque<Error> apply_errors;    // the next calls fail so
  int make_at_most = 1'000'000;      // replicas that one apply makes
  int breaks_above = 1'000'000;      // replicas past this count are broken from the start
  int applies = 0;
  bool compares = false;               // an apply is refused when the count is another than the one that was observed
  std::function<void()> before_apply;  // what somebody else does in between
  int observed = 0;                    // by the last observation
  bool settled = true;
  std::string waits;
  std::optional<Blocked> blocked;
  std::optional<FakeAutoscaler> autoscaler;

  [[nodiscard]] int replicas() const { return static_cast<int>(started.size()); }
  void set(int count) { started.resize(static_cast<std::size_t>(count), clock.now()); }
  // At 0 the autoscaler is off.
  void sync() {
    if (autoscaler && replicas() != 0) set(std::clamp(autoscaler->wants, autoscaler->floor, autoscaler->max));
  }
};

class FakeBackend final : public Backend {
 public:
  explicit FakeBackend(FakeFleet& fleet) : fleet_(fleet) {}

  Result<Observed> observe(const std::optional<Change>& in_flight, std::stop_token) override {
    if (!fleet_.observe_errors.empty()) {
      Error error = fleet_.observe_errors.front();
      fleet_.observe_errors.pop_front();
      return fail(error);
    }
    fleet_.sync();
    Observed observed;
    observed.replicas = fleet_.observed = fleet_.replicas();
    observed.settled = fleet_.settled;
    observed.waits = fleet_.waits;
    observed.blocked = fleet_.blocked;
    if (fleet_.autoscaler) {
      observed.floor = fleet_.autoscaler->seen();
      observed.replicas_max = fleet_.autoscaler->max;
      observed.replicas_max_why = "the autoscaler web allows no more";
    }
    const Instant now = fleet_.clock.now();
    int index = 0;
    for (const Instant since : fleet_.started) {
      const bool broken = index++ >= fleet_.breaks_above;
      if (!broken && since + fleet_.startup_delay <= now) ++observed.ready;
      if (broken && in_flight) observed.broken = "replica " + std::to_string(index) + " exited with 1";
    }
    return observed;
  }

  Status apply(const Change& change, std::stop_token) override {
    ++fleet_.applies;
    if (!fleet_.apply_errors.empty()) {
      Error error = fleet_.apply_errors.front();
      fleet_.apply_errors.pop_front();
      return fail(error);
    }
    if (fleet_.before_apply) fleet_.before_apply();
    const bool undone = carried_out_ == change.id && fleet_.replicas() != change.to;
    const bool other =
        fleet_.replicas() != fleet_.observed || (fleet_.replicas() != change.from && fleet_.replicas() != change.to);
    if (fleet_.compares && (undone || other)) {
      return fail(ErrorKind::conflict, "somebody else set it to " + std::to_string(fleet_.replicas()));
    }
    carried_out_ = change.id;
    const Instant now = fleet_.clock.now();
    if (change.floor) {
      fleet_.autoscaler->move(change.to);
      if (fleet_.replicas() == 0) fleet_.set(change.to);
      return {};
    }
    if (change.to < fleet_.replicas()) {
      if (fleet_.stop_delay == Duration{0}) {
        fleet_.set(change.to);
      } else if (fleet_.last_stop + fleet_.stop_delay <= now) {
        fleet_.set(fleet_.replicas() - 1);
        fleet_.last_stop = now;
      }
      return {};
    }
    fleet_.set(std::min(change.to, fleet_.replicas() + fleet_.make_at_most));
    return {};
  }

  Status clean_up(const Change&, std::stop_token) override {
    if (fleet_.replicas() > fleet_.breaks_above) fleet_.set(fleet_.breaks_above);
    return {};
  }

 private:
  FakeFleet& fleet_;
  ActionId carried_out_ = 0;
};

}  // namespace alertscaler::test
