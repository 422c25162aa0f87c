// semantics.md 2 and 3, line by line, as named cases: what is given, and the outcome, reason and counts that must
// follow.
#include "decide/decide.h"

#include <functional>

#include "support/catch.h"
#include "support/policies.h"

using namespace alertscaler;
using namespace alertscaler::test;
using namespace std::chrono_literals;

namespace {

struct Case {
  std::string name;
  std::string expected;
  std::vector<Alert> alerts;
  int observed = 3;
  std::function<void(Policy&)> policy;
  std::function<void(TargetState&)> state;
  std::function<void(Observed&)> seen;
};

std::string in_short(const Decision& d) {
  return std::string(to_string(d.outcome)) + "/" + std::string(to_string(d.reason)) + " " + std::to_string(d.from) +
         "->" + std::to_string(d.to);
}

decide::Look look_at(const Case& c) {
  Policy policy;
  policy.up_cooldown = 30s;
  policy.down_cooldown = 5min;
  if (c.policy) c.policy(policy);
  TargetState state;
  if (c.state) c.state(state);
  Observed observed;
  observed.replicas = observed.ready = c.observed;
  if (c.seen) c.seen(observed);
  return decide::decide({noon, policy, c.alerts, state, observed});
}

void check(const Case& c) {
  CAPTURE(c.name);
  const decide::Look look = look_at(c);
  CAPTURE(look.decision.text);
  CHECK(in_short(look.decision) == c.expected);
  CHECK_FALSE(look.decision.text.empty());
  if (look.decision.outcome == Outcome::postpone) CHECK(look.decision.until.has_value());
}

InFlight in_flight(Reason action, int from, int to) {
  return {7, action, from, to, noon - 5s, noon + 2min, {}};
}
Baseline baseline(int replicas, int moved) {
  return {replicas, moved, {Fingerprint{"f"}, noon, {{"alertname", "HighLoad"}}}};
}

}  // namespace

TEST_CASE("intent: strongest first") {
  check(GENERATE(values<Case>({
      {"no alert, no intent", "none/no_intent 3->3", {}},
      {"any drain beats everything", "act/drain 3->0", {up(), to(9), hold(), down(), drain()}},
      {"up adds the policy's step",
       "act/up 3->5",
       {up()},
       3,
       [](Policy& p) {
         p.up_step = {2, false};
       }},
      {"the largest step among the active ups, never their sum",
       "act/up 3->7",
       {with_step(up("A"), 2), with_step(up("B"), 4), with_step(up("C"), 3)}},
      {"up beats down", "act/up 3->4", {down(), up()}},
      {"the largest to", "act/to 3->8", {to(5, "A"), to(8, "B"), to(6, "C")}},
      {"an up above a to wins", "act/up 3->5", {to(4), with_step(up(), 2)}},
      {"a to above an up wins", "act/to 3->7", {to(7), up()}},
      {"a to below the observed count is a scale-down", "act/to 3->2", {to(2)}},
      {"... and obeys the down cooldown",
       "postpone/cooldown 3->2",
       {to(2)},
       3,
       {},
       [](TargetState& s) { s.last_change = noon - 1min; }},
      {"... unless an up is active too", "act/up 3->4", {to(1), up()}},
      {"a to equal to the observed count is satisfied", "none/satisfied 3->3", {to(3)}},
      {"hold forbids going down by down", "none/on_hold 3->3", {hold(), down()}},
      {"hold forbids going down by to", "none/on_hold 3->1", {hold(), to(1)}},
      {"hold forbids going down by on_resolve",
       "none/on_hold 3->3",
       {hold()},
       3,
       [](Policy& p) { p.on_resolve = OnResolve::min; },
       [](TargetState& s) { s.baseline = baseline(1, 1); }},
      {"ups are not held", "act/up 3->4", {hold(), up()}},
      {"a to upward is not held", "act/to 3->4", {hold(), to(4)}},
      {"down takes the policy's step", "act/down 3->2", {down()}},
      {"the smallest step among the active downs",
       "act/down 9->7",
       {with_step(down("A"), 4), with_step(down("B"), 2)},
       9},
  })));
}

TEST_CASE("intent: after the episode") {
  check(GENERATE(values<Case>({
      {"stay is the default: resolved never scales down",
       "none/no_intent 8->8",
       {},
       8,
       {},
       [](TargetState& s) { s.baseline = baseline(2, 1); }},
      {"restore goes back one step a cooldown",
       "act/restore 8->7",
       {},
       8,
       [](Policy& p) { p.on_resolve = OnResolve::restore; },
       [](TargetState& s) { s.baseline = baseline(2, 1); }},
      {"... never below the count from before",
       "act/restore 3->2",
       {},
       3,
       [](Policy& p) {
         p.on_resolve = OnResolve::restore, p.down_step = {5, false};
       },
       [](TargetState& s) { s.baseline = baseline(2, 1); }},
      {"... and waits for the down cooldown",
       "postpone/cooldown 8->7",
       {},
       8,
       [](Policy& p) { p.on_resolve = OnResolve::restore; },
       [](TargetState& s) { s.baseline = baseline(2, 1), s.last_change = noon - 1s; }},
      {"... and ends when it is there",
       "none/no_intent 2->2",
       {},
       2,
       [](Policy& p) { p.on_resolve = OnResolve::restore; },
       [](TargetState& s) { s.baseline = baseline(2, 1); }},
      {"... and does nothing when the episode did nothing",
       "none/no_intent 8->8",
       {},
       8,
       [](Policy& p) { p.on_resolve = OnResolve::restore; },
       [](TargetState& s) { s.baseline = baseline(2, 0); }},
      {"... upward after a to that went down",
       "act/restore 2->3",
       {},
       2,
       [](Policy& p) { p.on_resolve = OnResolve::restore; },
       [](TargetState& s) { s.baseline = baseline(5, -1); }},
      {"min goes down to min",
       "act/restore 8->7",
       {},
       8,
       [](Policy& p) { p.on_resolve = OnResolve::min; },
       [](TargetState& s) { s.baseline = baseline(5, 1); }},
      {"a firing up keeps the count where it is going",
       "act/up 8->9",
       {up()},
       8,
       [](Policy& p) { p.on_resolve = OnResolve::min; },
       [](TargetState& s) { s.baseline = baseline(5, 1); }},
      {"a firing down beats on_resolve",
       "act/down 8->5",
       {with_step(down(), 3)},
       8,
       [](Policy& p) { p.on_resolve = OnResolve::min; },
       [](TargetState& s) { s.baseline = baseline(5, 1); }},
  })));
}

TEST_CASE("steps and overrides") {
  check(GENERATE(values<Case>({
      {"a percentage of observed, rounded up",
       "act/up 3->5",
       {up()},
       3,
       [](Policy& p) {
         p.up_step = {50, true};
       }},
      {"... at least one",
       "act/up 1->2",
       {up()},
       1,
       [](Policy& p) {
         p.up_step = {1, true};
       }},
      {"scale_step overrides the policy",
       "act/up 3->8",
       {with_step(up(), 5)},
       3,
       [](Policy& p) {
         p.up_step = {2, false};
       }},
      {"scale_step in percent", "act/up 4->8", {with_step(up(), 100, true)}, 4},
      {"a huge step cannot overflow", "act/up 3->10", {with_step(up(), 2147483647)}},
      {"a huge down step cannot overflow", "act/down 3->1", {with_step(down(), 2147483647)}},
  })));
}

TEST_CASE("bounds") {
  check(GENERATE(values<Case>({
      {"never above max", "act/up 9->10", {with_step(up(), 4)}, 9},
      {"at max", "none/at_max 10->10", {up()}, 10},
      {"never below min", "act/down 3->1", {with_step(down(), 9)}},
      {"at min", "none/at_min 1->1", {down()}, 1},
      {"a to past max is max", "act/to 3->10", {to(500)}},
      {"a to of 0 with min 1 is 1", "act/to 3->1", {to(0)}},
      {"min 0 is the opt-in to zero", "act/down 1->0", {down()}, 1, [](Policy& p) { p.min = 0; }},
      {"... and back", "act/up 0->1", {up()}, 0, [](Policy& p) { p.min = 0; }},
      {"a count that somebody put above max is not fought", "none/at_max 15->15", {up()}, 15},
      {"... nor by a to above it", "none/at_max 15->15", {to(20)}, 15},
      {"... but a down takes it inside the bounds", "act/down 15->10", {down()}, 15},
      {"a count below min is not fought by a down", "none/at_min 2->2", {down()}, 2, [](Policy& p) { p.min = 4; }},
      {"any up goes at least to min", "act/up 2->6", {up()}, 2, [](Policy& p) { p.min = 6; }},
      {"the engine's own limit bounds a step",
       "act/up 3->4",
       {with_step(up(), 5)},
       3,
       {},
       {},
       [](Observed& o) { o.replicas_max = 4, o.replicas_max_why = "port range 1-4 allows at most 4 replicas"; }},
      {"... and blocks the next",
       "blocked/not_scalable 4->5",
       {up()},
       4,
       {},
       {},
       [](Observed& o) { o.replicas_max = 4, o.replicas_max_why = "port range 1-4 allows at most 4 replicas"; }},
      {"... but not a scale-down", "act/down 4->3", {down()}, 4, {}, {}, [](Observed& o) { o.replicas_max = 1; }},
  })));
}

TEST_CASE("gates") {
  const auto fresh_up = [](TargetState& s) { s.last_up = s.last_change = noon - 10s; };
  check(GENERATE_COPY(values<Case>({
      {"inside the up cooldown nothing moves up", "postpone/cooldown 3->4", {up()}, 3, {}, fresh_up},
      {"at its end it does", "act/up 3->4", {up()}, 3, {}, [](TargetState& s) { s.last_up = noon - 30s; }},
      {"a scale-down does not start the up cooldown",
       "act/up 3->4",
       {up()},
       3,
       {},
       [](TargetState& s) { s.last_change = noon - 1s; }},
      {"the down cooldown counts from a scale-up too", "postpone/cooldown 3->2", {down()}, 3, {}, fresh_up},
      {"a down intent must have held",
       "postpone/stabilization 3->2",
       {down()},
       3,
       [](Policy& p) { p.down_stabilization = 2min; },
       [](TargetState& s) { s.down_since = noon - 1min; }},
      {"... without a break from its first sight",
       "postpone/stabilization 3->2",
       {down()},
       3,
       [](Policy& p) { p.down_stabilization = 2min; }},
      {"... and then may act",
       "act/down 3->2",
       {down()},
       3,
       [](Policy& p) { p.down_stabilization = 2min; },
       [](TargetState& s) { s.down_since = noon - 2min; }},
      {"stabilization does not hold an up", "act/up 3->4", {up()}, 3, [](Policy& p) { p.down_stabilization = 2min; }},
      {"of stabilization and cooldown the later one is named",
       "postpone/stabilization 3->2",
       {down()},
       3,
       [](Policy& p) { p.down_stabilization = 1h; },
       fresh_up},
      {"repeat once: one step per episode",
       "none/already_stepped 3->3",
       {up()},
       3,
       [](Policy& p) { p.repeat = Repeat::once; },
       [](TargetState& s) {
         s.stepped = {{up().fingerprint, up().starts_at}};
       }},
      {"... a new episode may step",
       "act/up 3->4",
       {up()},
       3,
       [](Policy& p) { p.repeat = Repeat::once; },
       [](TargetState& s) {
         s.stepped = {{up().fingerprint, up().starts_at - 1h}};
       }},
      {"... another alert may step",
       "act/up 3->4",
       {up("A"), up("B")},
       3,
       [](Policy& p) { p.repeat = Repeat::once; },
       [](TargetState& s) {
         s.stepped = {{up("A").fingerprint, up("A").starts_at}};
       }},
      {"... and a stepped up still beats down",
       "none/already_stepped 3->3",
       {up(), down()},
       3,
       [](Policy& p) { p.repeat = Repeat::once; },
       [](TargetState& s) {
         s.stepped = {{up().fingerprint, up().starts_at}};
       }},
      {"... and still forbids a to downward",
       "none/satisfied 3->3",
       {up(), to(1)},
       3,
       [](Policy& p) { p.repeat = Repeat::once; },
       [](TargetState& s) {
         s.stepped = {{up().fingerprint, up().starts_at}};
       }},
      {"repeat while_firing ignores stepped",
       "act/up 3->4",
       {up()},
       3,
       {},
       [](TargetState& s) {
         s.stepped = {{up().fingerprint, up().starts_at}};
       }},
      {"one action in flight",
       "postpone/in_flight 3->4",
       {up()},
       3,
       {},
       [](TargetState& s) { s.in_flight = in_flight(Reason::up, 2, 4); }},
      {"a failed action waits for its backoff",
       "postpone/backoff 3->4",
       {up()},
       3,
       {},
       [](TargetState& s) {
         s.unfinished = {Reason::up, 3}, s.failures = 2, s.retry_at = noon + 3s;
       }},
      {"... and goes on afterwards",
       "act/up 3->4",
       {up()},
       3,
       {},
       [](TargetState& s) {
         s.unfinished = {Reason::up, 3}, s.failures = 2, s.retry_at = noon;
       }},
      {"... and does not hold back what is of another kind",
       "act/drain 3->0",
       {up(), drain()},
       3,
       {},
       [](TargetState& s) {
         s.unfinished = {Reason::up, 3}, s.failures = 2, s.retry_at = noon + 3min;
       }},
      {"what an unfinished step achieved is not a step of its own",
       "act/up 3->4",
       {with_step(up(), 2)},
       3,
       {},
       [](TargetState& s) {
         s.unfinished = {Reason::up, 2};
       }},
      {"... downward too",
       "act/down 4->3",
       {with_step(down(), 2)},
       4,
       {},
       [](TargetState& s) {
         s.unfinished = {Reason::down, 5};
       }},
      {"... unless somebody went past it meanwhile",
       "act/up 6->8",
       {with_step(up(), 2)},
       6,
       {},
       [](TargetState& s) {
         s.unfinished = {Reason::up, 2};
       }},
      {"no step on top of one that is not ready",
       "postpone/not_ready 5->6",
       {up()},
       5,
       {},
       [](TargetState& s) { s.last_up_not_ready = true; },
       [](Observed& o) { o.ready = 3; }},
      {"... until its replicas are", "act/up 5->6", {up()}, 5, {}, [](TargetState& s) { s.last_up_not_ready = true; }},
      {"unready replicas alone hold nothing", "act/up 5->6", {up()}, 5, {}, {}, [](Observed& o) { o.ready = 3; }},
      {"somebody switched it off", "blocked/disabled 0->1", {up()}, 0},
      {"... which a drain does not mind", "none/satisfied 0->0", {drain()}, 0},
      {"zero that we asked for is not switched off", "act/up 0->1", {up()}, 0, {}, [](TargetState& s) { s.asked = 0; }},
  })));
}

TEST_CASE("what supersedes an action that only waits for readiness") {
  const auto waiting = [](Reason action, int from, int to) {
    return [=](TargetState& s) { s.in_flight = in_flight(action, from, to); };
  };
  check(GENERATE_COPY(values<Case>({
      {"a drain", "act/drain 4->0", {drain()}, 4, {}, waiting(Reason::up, 2, 4)},
      {"a drain not while replicas are still being made",
       "postpone/in_flight 3->0",
       {drain()},
       3,
       {},
       waiting(Reason::up, 2, 4)},
      {"a to of another value", "act/to 4->6", {to(6)}, 4, {}, waiting(Reason::to, 2, 4)},
      {"a to of the same value does not", "postpone/in_flight 4->4", {to(4)}, 4, {}, waiting(Reason::to, 2, 4)},
      {"a step does not", "postpone/in_flight 4->5", {up()}, 4, {}, waiting(Reason::up, 2, 4)},
      {"a down does not", "postpone/in_flight 4->3", {down()}, 4, {}, waiting(Reason::up, 2, 4)},
      {"the way back supersedes the drain itself",
       "act/restore 3->5",
       {},
       3,
       {},
       [](TargetState& s) { s.in_flight = in_flight(Reason::drain, 5, 0), s.drain_baseline = baseline(5, -1); }},
      {"... even before the drain took anything",
       "act/restore 5->5",
       {},
       5,
       {},
       [](TargetState& s) { s.in_flight = in_flight(Reason::drain, 5, 0), s.drain_baseline = baseline(5, -1); }},
  })));
}

TEST_CASE("drain of a workload") {
  check(GENERATE(values<Case>({
      {"to zero past min, without cooldown",
       "act/drain 3->0",
       {drain()},
       3,
       {},
       [](TargetState& s) { s.last_up = s.last_change = noon; }},
      {"done when it is empty", "none/satisfied 0->0", {drain()}, 0, {}, [](TargetState& s) { s.asked = 0; }},
      {"back in one go when it ends, without cooldown",
       "act/restore 0->7",
       {},
       0,
       {},
       [](TargetState& s) { s.asked = 0, s.drain_baseline = baseline(7, -1), s.last_change = noon - 1s; }},
      {"... also past max: it was so before",
       "act/restore 0->12",
       {},
       0,
       {},
       [](TargetState& s) { s.asked = 0, s.drain_baseline = baseline(12, -1); }},
      {"... before anything else is asked",
       "act/restore 0->7",
       {up()},
       0,
       {},
       [](TargetState& s) { s.asked = 0, s.drain_baseline = baseline(7, -1); }},
      {"stay leaves it at zero",
       "none/no_intent 0->0",
       {},
       0,
       [](Policy& p) { p.drain_on_resolve = OnResolve::stay; },
       [](TargetState& s) { s.asked = 0, s.drain_baseline = baseline(7, -1); }},
      {"... from where an up still may start it",
       "act/up 0->1",
       {up()},
       0,
       [](Policy& p) { p.drain_on_resolve = OnResolve::stay; },
       [](TargetState& s) { s.asked = 0, s.drain_baseline = baseline(7, -1); }},
      {"nothing to restore when somebody was faster",
       "none/no_intent 7->7",
       {},
       7,
       {},
       [](TargetState& s) { s.asked = 0, s.drain_baseline = baseline(7, -1); }},
  })));
}

TEST_CASE("what a look remembers") {
  SECTION("an up episode's baseline follows the count until its first action") {
    CHECK(look_at({"", "", {up()}, 3, {}, [](TargetState& s) { s.baseline = baseline(2, 0); }})
              .state.baseline->replicas == 3);
    CHECK(look_at({"", "", {up()}, 5, {}, [](TargetState& s) { s.baseline = baseline(2, 1); }})
              .state.baseline->replicas == 2);
  }
  SECTION("a down intent is remembered since its first sight and forgotten at a break") {
    CHECK(look_at({"", "", {down()}}).state.down_since == noon);
    CHECK_FALSE(
        look_at({"", "", {up(), down()}, 3, {}, [](TargetState& s) { s.down_since = noon - 1h; }}).state.down_since);
    CHECK_FALSE(
        look_at({"", "", {hold(), down()}, 3, {}, [](TargetState& s) { s.down_since = noon - 1h; }}).state.down_since);
    CHECK(look_at({"", "", {down()}, 3, {}, [](TargetState& s) { s.down_since = noon - 1h; }}).state.down_since ==
          noon - 1h);
  }
  SECTION("an episode that ended may step again") {
    CHECK(look_at({"",
                   "",
                   {},
                   3,
                   {},
                   [](TargetState& s) {
                     s.stepped = {{up().fingerprint, noon}};
                   }})
              .state.stepped.empty());
  }
  SECTION("a failure of an intent that is gone is forgotten") {
    const TargetState after = look_at({"",
                                       "",
                                       {},
                                       3,
                                       {},
                                       [](TargetState& s) {
                                         s.unfinished = {Reason::up, 2}, s.failures = 4, s.retry_at = noon + 1min;
                                       }})
                                  .state;
    CHECK(after.failures == 0);
    CHECK_FALSE(after.unfinished.has_value());
  }
}

TEST_CASE("what starting and ending an action remembers") {
  Policy policy;
  policy.repeat = Repeat::once;
  policy.timeout = 2min;
  const std::vector<Alert> alerts{up("A"), up("B"), down()};
  const decide::Look look = look_at({"", "", alerts});
  const TargetState begun = decide::started(look.state, look.decision, 42, policy, alerts, noon);
  REQUIRE(begun.in_flight.has_value());
  CHECK(begun.in_flight->id == 42);
  CHECK(begun.in_flight->deadline == noon + 2min);
  CHECK(begun.stepped.size() == 2);
  CHECK(begun.baseline->moved == 1);

  SECTION("cooldowns count from the end") {
    const TargetState done = decide::ended(begun, {ActionOutcome::done, true, {}}, noon + 90s);
    CHECK(done.last_up == noon + 90s);
    CHECK(done.last_change == noon + 90s);
    CHECK_FALSE(done.in_flight.has_value());
    CHECK_FALSE(done.last_up_not_ready);
  }
  SECTION("a scale-up that ran out of time is remembered as not ready") {
    CHECK(decide::ended(begun, {ActionOutcome::timeout, true, {}}, noon).last_up_not_ready);
  }
  SECTION("a failure starts no cooldown but a backoff, and keeps where it started from") {
    const TargetState failed = decide::ended(begun, {ActionOutcome::failed, false, 4s}, noon);
    CHECK_FALSE(failed.last_up.has_value());
    CHECK(failed.retry_at == noon + 4s);
    CHECK(failed.unfinished == Unfinished{Reason::up, 3});
  }
  SECTION("an episode whose one step failed, or was cut short, has it still to come; others have had theirs") {
    TargetState earlier = look.state;
    earlier.stepped = {{up("A").fingerprint, up("A").starts_at}};
    const TargetState second = decide::started(earlier, look.decision, 43, policy, alerts, noon);
    CHECK(second.stepped.size() == 2);
    for (const ActionOutcome outcome : {ActionOutcome::failed, ActionOutcome::timeout, ActionOutcome::interrupted}) {
      CHECK(decide::ended(second, {outcome, false, {}}, noon).stepped == earlier.stepped);
    }
    CHECK(decide::ended(second, {ActionOutcome::done, true, {}}, noon).stepped.size() == 2);
  }
  SECTION("what was superseded leaves no trace") {
    const TargetState gone = decide::ended(begun, {ActionOutcome::interrupted, true, {}}, noon);
    CHECK_FALSE(gone.last_up.has_value());
    CHECK_FALSE(gone.unfinished.has_value());
  }
}

TEST_CASE("the text of a decision") {
  struct Text {
    Case given;
    std::string text;
  };
  const auto t = GENERATE(values<Text>({
      {{"", "", {up()}}, "scale up 3 -> 4: HighLoad is firing"},
      {{"", "", {up()}, 10}, "nothing to do: 10 replicas, max is 10; HighLoad is firing"},
      {{"", "", {up()}, 3, {}, [](TargetState& s) { s.last_up = noon - 10s; }},
       "scale up 3 -> 4 waits: cooldown until 2026-01-01T12:00:20Z (30s after the last scale-up); HighLoad is firing"},
      {{"", "", {down()}, 3, [](Policy& p) { p.down_stabilization = 2min; }},
       "scale down 3 -> 2 waits: stabilization until 2026-01-01T12:02:00Z (wanted without a break for 2m); LowLoad is "
       "firing"},
      {{"", "", {up()}, 0},
       "blocked: somebody set it to 0 while min is 1; it is left alone until it is above 0 again; HighLoad is firing"},
      {{"",
        "",
        {},
        8,
        [](Policy& p) { p.on_resolve = OnResolve::restore; },
        [](TargetState& s) { s.baseline = baseline(2, 1); }},
       "restore 8 -> 7: HighLoad has ended"},
      {{"",
        "",
        {up()},
        1,
        {},
        {},
        [](Observed& o) { o.replicas_max = 1, o.replicas_max_why = "remove container_name"; }},
       "scale up 1 -> 2 is blocked: remove container_name"},
  }));
  CHECK(look_at(t.given).decision.text == t.text);
}

TEST_CASE("a clock that was set back freezes nothing for longer than the policy says") {
  Policy policy;
  policy.up_cooldown = 30s;
  policy.down_cooldown = 5min;
  policy.down_stabilization = 1min;
  policy.timeout = 2min;
  Observed observed;
  observed.replicas = observed.ready = 3;
  TargetState state;
  const auto until = [&](const Alert& alert) {
    const std::vector<Alert> alerts{alert};
    return decide::decide({noon, policy, alerts, state, observed}).decision.until;
  };
  SECTION("cooldowns") {
    state.last_up = state.last_change = noon + 2h;
    CHECK(until(up()) == noon + 30s);
    CHECK(until(down()) == noon + 5min);
  }
  SECTION("stabilization") {
    state.down_since = noon + 2h;
    CHECK(until(down()) == noon + 1min);
  }
  SECTION("backoff") {
    state.unfinished = Unfinished{Reason::up, 3};
    state.retry_at = noon + 2h;
    CHECK(until(up()) == noon + decide::retry_after_max);
  }
  SECTION("an action under way") {
    state.in_flight = in_flight(Reason::up, 3, 4);
    state.in_flight->started += 2h;
    state.in_flight->deadline += 2h;
    CHECK(until(up()) == noon + 2min);
  }
}
