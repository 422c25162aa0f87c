// The outcome of one look at a target: names are the contract of the API and the metrics.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/names.h"
#include "model/alert.h"
#include "model/orders.h"

namespace alertscaler {

enum class Outcome { act, postpone, none, blocked };

enum class Reason {
  // act
  up,
  down,
  to,
  drain,
  restore,
  manual,
  // postpone
  cooldown,
  stabilization,
  in_flight,
  not_ready,
  backoff,
  budget,
  // none
  no_intent,
  at_max,
  at_min,
  satisfied,
  already_stepped,
  on_hold,
  // blocked
  paused,
  pinned,
  disabled,
  hpa_owned,
  not_scalable,
  not_leader,
  unobservable,
};
[[nodiscard]] std::string_view to_string(Outcome outcome);
[[nodiscard]] std::string_view to_string(Reason reason);
// One of the reasons of `act`, as the history names actions.
[[nodiscard]] std::optional<Reason> parse_action(std::string_view text);

// What people and the active alerts ask of a target, strongest first.
enum class IntentKind { manual, drain, up, to, down, restore, none };
[[nodiscard]] std::string_view to_string(IntentKind kind);

// Which alert asked: enough to explain an action long after the alert is gone.
struct AlertCause {
  Fingerprint fingerprint;
  Instant starts_at{};
  Labels labels;
  bool operator==(const AlertCause&) const = default;
};
// Who asked by hand: the authenticated user, or else the client's address.
struct ManualCause {
  std::string user;
  bool operator==(const ManualCause&) const = default;
};
using Cause = std::variant<AlertCause, ManualCause>;
// The alert's name, or its fingerprint when it has none; empty: no alert asked.
[[nodiscard]] std::string alert_name(const std::optional<Cause>& cause);
// Empty: nobody asked by hand.
[[nodiscard]] std::string user_name(const std::optional<Cause>& cause);

struct Decision {
  Outcome outcome = Outcome::none;
  Reason reason = Reason::no_intent;
  IntentKind intent = IntentKind::none;
  int from = 0;                  // observed
  int to = 0;                    // wanted after the bounds; equals from when nothing is wanted
  std::optional<Instant> until;  // when it will be looked at again, for what waits
  std::optional<Cause> cause;    // absent when nothing is wanted
  OrderId order = 0;             // the command that this carries out
  std::string text;              // the one form for people: "scale up 2 -> 4: HighLoad is firing"
  bool floor = false;            // from and to are the floor of the autoscaler that sets the count
  bool operator==(const Decision&) const = default;
};

// What one gate said on the way from an intent to its action: for people who ask why.
struct GateNote {
  enum class Verdict { open, closed, not_reached };
  std::string gate;
  Verdict verdict = Verdict::open;
  std::string text;  // its numbers: "1..10: 4 there, 6 asked for, 6 allowed"
};
[[nodiscard]] std::string_view to_string(GateNote::Verdict verdict);

struct Explained {
  Decision decision;
  std::vector<GateNote> gates;  // in the order in which they are asked
};

}  // namespace alertscaler
