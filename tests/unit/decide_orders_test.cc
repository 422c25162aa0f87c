// What people ask for by hand against everything else, line by line: semantics.md 3 as named cases.
#include <functional>

#include "decide/decide.h"
#include "support/catch.h"
#include "support/policies.h"

using namespace alertscaler;
using namespace alertscaler::test;
using namespace std::chrono_literals;

namespace {

struct Case {
  std::string name;
  std::string expected;
  Orders orders;
  std::vector<Alert> alerts{};
  int observed = 3;
  std::function<void(TargetState&)> state{};
  std::function<void(Observed&)> seen{};
};

Orders command(int replicas, OrderId id = 1) {
  return {.command = Command{id, replicas, "alice"}, .pin = {}, .pause = {}};
}
// Set and carried out a while ago.
Orders pinned(int replicas) {
  return {.command = Command{1, replicas, "alice"}, .pin = Pin{replicas, noon + 10min, "alice"}, .pause = {}};
}
Orders paused(std::optional<Instant> until = {}) {
  return {.command = {}, .pin = {}, .pause = Pause{until, "bob"}};
}
void taken(TargetState& state) {
  state.orders_taken = 1;
}

InFlight in_flight(Reason action, int from, int to) {
  InFlight made;
  made.id = 7;
  made.action = action;
  made.from = from;
  made.to = to;
  made.started = noon - 5s;
  made.deadline = noon + 2min;
  return made;
}
void cooling_down(TargetState& state) {
  state.last_up = state.last_change = noon - 1s;
}

decide::Look look_at(const Case& c) {
  Policy policy;
  policy.up_cooldown = 30s;
  policy.down_cooldown = 5min;
  TargetState state;
  if (c.state) c.state(state);
  Observed observed;
  observed.replicas = observed.ready = c.observed;
  if (c.seen) c.seen(observed);
  return decide::decide({noon, policy, c.alerts, state, observed, c.orders});
}

void check(const Case& c) {
  CAPTURE(c.name);
  const decide::Look look = look_at(c);
  const Decision& d = look.decision;
  CAPTURE(d.text);
  CHECK(std::string(to_string(d.outcome)) + "/" + std::string(to_string(d.reason)) + " " + std::to_string(d.from) +
            "->" + std::to_string(d.to) + (look.supersedes ? " supersedes" : "") ==
        c.expected);
  CHECK_FALSE(d.text.empty());
}

}  // namespace

TEST_CASE("by hand: one action, whatever alerts and cooldowns say") {
  check(GENERATE(values<Case>({
      {"it is done", "act/manual 3->5", command(5)},
      {"... at once, also inside the cooldowns", "act/manual 3->5", command(5), {}, 3, cooling_down},
      {"... down inside the cooldown", "act/manual 3->2", command(2), {}, 3, cooling_down},
      {"... against an up", "act/manual 3->2", command(2), {up()}},
      {"... against a hold", "act/manual 3->2", command(2), {hold()}},
      {"above max", "act/manual 3->50", command(50)},
      {"below min, to zero", "act/manual 3->0", command(0)},
      {"what is so already is satisfied", "none/satisfied 3->3", command(3), {up()}},
      {"once it was taken alerts decide again", "act/up 3->4", command(5), {up()}, 3, taken},
      {"a target that somebody switched off is switched on", "act/manual 0->2", command(2), {}, 0},
      {"the engine's own limit holds",
       "blocked/not_scalable 1->5",
       command(5),
       {},
       1,
       {},
       [](Observed& o) { o.replicas_max = 1, o.replicas_max_why = "container_name"; }},
      {"the backoff of what failed before does not matter",
       "act/manual 3->5",
       command(5),
       {},
       3,
       [](TargetState& s) {
         s.unfinished = Unfinished{Reason::manual, 3}, s.retry_at = noon + 1min, s.failures = 3;
       }},
  })));
}

TEST_CASE("by hand: against an action under way") {
  check(GENERATE(values<Case>({
      {"what only waits for readiness is superseded",
       "act/manual 5->2 supersedes",
       command(2),
       {},
       5,
       [](TargetState& s) { s.in_flight = in_flight(Reason::up, 3, 5); }},
      {"what still moves is finished first",
       "postpone/in_flight 4->2",
       command(2),
       {},
       4,
       [](TargetState& s) { s.in_flight = in_flight(Reason::up, 3, 5); }},
      {"what gets there anyway is waited for",
       "postpone/in_flight 4->5",
       command(5),
       {},
       4,
       [](TargetState& s) { s.in_flight = in_flight(Reason::up, 3, 5); }},
      {"an earlier slip by hand is put right at once",
       "act/manual 4->5 supersedes",
       command(5, 2),
       {},
       4,
       [](TargetState& s) { s.in_flight = in_flight(Reason::manual, 3, 50), s.orders_taken = 1; }},
      {"a drain is cancelled",
       "act/manual 2->2 supersedes",
       command(2),
       {},
       2,
       [](TargetState& s) { s.in_flight = in_flight(Reason::drain, 3, 0); }},
      {"a step does not supersede it",
       "postpone/in_flight 5->6",
       command(5),
       {up()},
       5,
       [](TargetState& s) { s.in_flight = in_flight(Reason::manual, 3, 5), taken(s); }},
      {"a drain does",
       "act/drain 5->0 supersedes",
       command(5),
       {drain()},
       5,
       [](TargetState& s) { s.in_flight = in_flight(Reason::manual, 3, 5), taken(s); }},
  })));
}

TEST_CASE("pinned: the count wins over alerts until the pin ends") {
  check(GENERATE(values<Case>({
      {"against an up", "blocked/pinned 5->6", pinned(5), {up()}, 5, taken},
      {"against a down", "blocked/pinned 5->4", pinned(5), {down()}, 5, taken},
      {"against a to", "blocked/pinned 5->7", pinned(5), {to(7)}, 5, taken},
      {"against a drain", "blocked/pinned 5->0", pinned(5), {drain()}, 5, taken},
      {"against the way back from a drain",
       "blocked/pinned 5->8",
       pinned(5),
       {},
       5,
       [](TargetState& s) {
         taken(s), s.drain_baseline = Baseline{8, -1, {Fingerprint{"f"}, noon, {}}};
       }},
      {"against a drain that would supersede it",
       "blocked/pinned 5->0",
       pinned(5),
       {drain()},
       5,
       [](TargetState& s) { taken(s), s.in_flight = in_flight(Reason::manual, 3, 5); }},
      {"where nothing is wanted nothing is blocked", "none/no_intent 5->5", pinned(5), {}, 5, taken},
      {"... nor where alerts want nothing else", "none/satisfied 5->5", pinned(5), {to(5)}, 5, taken},
      {"a count that has moved is put back", "act/manual 4->5", pinned(5), {}, 4, taken},
      {"... also from zero", "act/manual 0->5", pinned(5), {}, 0, taken},
      {"... with backoff when it fails",
       "postpone/backoff 4->5",
       pinned(5),
       {},
       4,
       [](TargetState& s) {
         taken(s), s.unfinished = Unfinished{Reason::manual, 4}, s.retry_at = noon + 1min;
       }},
  })));
}

TEST_CASE("paused: no action begins") {
  check(GENERATE(values<Case>({
      {"an up", "blocked/paused 3->4", paused(), {up()}},
      {"a down", "blocked/paused 3->2", paused(), {down()}},
      {"a drain", "blocked/paused 3->0", paused(), {drain()}},
      {"a command that came just before", "blocked/paused 3->5", {Command{1, 5, "alice"}, {}, Pause{{}, "bob"}}},
      {"a pin", "blocked/paused 3->5", {{}, Pin{5, noon + 1min, "alice"}, Pause{{}, "bob"}}},
      {"on_resolve",
       "blocked/paused 3->6",
       paused(),
       {},
       3,
       [](TargetState& s) {
         s.drain_baseline = Baseline{6, -1, {Fingerprint{"f"}, noon, {}}};
       }},
      {"where nothing is wanted nothing is blocked", "none/no_intent 3->3", paused()},
      {"... nor at the bounds", "none/at_max 10->10", paused(), {up()}, 10},
      {"an action under way is finished",
       "postpone/in_flight 4->6",
       paused(),
       {with_step(up(), 2)},
       4,
       [](TargetState& s) { s.in_flight = in_flight(Reason::up, 3, 5); }},
      {"... and not superseded",
       "blocked/paused 5->0",
       paused(),
       {drain()},
       5,
       [](TargetState& s) { s.in_flight = in_flight(Reason::up, 3, 5); }},
  })));
}

TEST_CASE("what is blocked by hand says until when, by whom, and what was wanted") {
  const decide::Look pause = look_at({"", "", paused(noon + 1h), {up()}});
  CHECK(pause.decision.until == noon + 1h);
  CHECK(pause.decision.text ==
        "scale up 3 -> 4 is blocked: paused until 2026-01-01T13:00:00Z by bob; HighLoad is firing");
  CHECK(look_at({"", "", paused(), {up()}}).decision.text ==
        "scale up 3 -> 4 is blocked: paused until resumed by bob; HighLoad is firing");
  const decide::Look pin = look_at({"", "", pinned(3), {up()}, 3, taken});
  CHECK(pin.decision.until == noon + 10min);
  CHECK(pin.decision.text ==
        "scale up 3 -> 4 is blocked: pinned at 3 until 2026-01-01T12:10:00Z by alice; HighLoad is firing");
  const decide::Look manual = look_at({"", "", command(5)});
  CHECK(manual.decision.text == "scale by hand 3 -> 5: asked for by alice");
  CHECK(manual.decision.cause == Cause{ManualCause{"alice"}});
}

TEST_CASE("a command is taken when it begins, is so already, or can never be") {
  CHECK(look_at({"", "", command(5)}).state.orders_taken == 0);
  CHECK(look_at({"", "", command(3)}).state.orders_taken == 1);
  CHECK(look_at({"", "", command(5), {}, 1, {}, [](Observed& o) { o.replicas_max = 1; }}).state.orders_taken == 1);

  const decide::Look look = look_at({"", "", command(5, 4)});
  const TargetState begun = decide::started(look.state, look.decision, 9, Policy{}, {}, noon);
  CHECK(begun.orders_taken == 4);
  CHECK(begun.in_flight->order == 4);
  SECTION("done or failed, it is over") {
    for (const auto outcome : {ActionOutcome::done, ActionOutcome::failed, ActionOutcome::timeout}) {
      CHECK(decide::ended(begun, {outcome, outcome == ActionOutcome::done, 1s}, noon).orders_taken == 4);
    }
  }
  SECTION("interrupted before it was carried out, it is given back") {
    CHECK(decide::ended(begun, {ActionOutcome::interrupted, false, 1s}, noon).orders_taken == 3);
  }
  SECTION("superseded, it is over") {
    CHECK(decide::ended(begun, {ActionOutcome::interrupted, true, 1s}, noon).orders_taken == 4);
  }
}

TEST_CASE("the count that a person chose is what everything starts from") {
  const auto remember = [](TargetState& s) {
    s.baseline = Baseline{2, 1, {Fingerprint{"f"}, noon, {}}};
    s.drain_baseline = Baseline{2, -1, {Fingerprint{"f"}, noon, {}}};
  };
  const decide::Look look = look_at({"", "", command(5), {}, 3, remember});
  const TargetState begun = decide::started(look.state, look.decision, 9, Policy{}, {}, noon);
  CHECK_FALSE(begun.baseline.has_value());
  CHECK_FALSE(begun.drain_baseline.has_value());
  SECTION("it counts for the cooldowns") {
    const TargetState done = decide::ended(begun, {ActionOutcome::done, true, 0s}, noon);
    CHECK(done.last_up == noon);
    CHECK(done.last_change == noon);
  }
}

TEST_CASE("in force: what has ended is dropped, and the longer pause holds") {
  const Orders own{Command{1, 2, "a"}, Pin{3, noon, "a"}, Pause{noon, "a"}};
  CHECK(in_force(own, {}, noon) == Orders{Command{1, 2, "a"}, {}, {}});
  CHECK(in_force(own, {}, noon - 1ms) == own);
  const Orders forever = paused();
  const Orders hour = paused(noon + 1h);
  const Orders day{{}, {}, Pause{noon + 24h, "c"}};
  CHECK(in_force(hour, {}, noon).pause == hour.pause);
  CHECK(in_force({}, hour, noon).pause == hour.pause);
  CHECK(in_force({}, hour, noon + 1h).pause == std::nullopt);
  CHECK(in_force(hour, day, noon).pause == day.pause);
  CHECK(in_force(day, hour, noon).pause == day.pause);
  CHECK(in_force(hour, forever, noon).pause == forever.pause);
  CHECK(in_force(forever, hour, noon).pause == forever.pause);
  CHECK(in_force(hour, day, noon + 2h).pause == day.pause);
  CHECK(next_end(own) == noon);
  CHECK(next_end(Orders{{}, Pin{3, noon + 1h, "a"}, Pause{noon, "a"}}) == noon);
  CHECK(next_end(forever) == std::nullopt);
}
