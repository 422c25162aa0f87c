// Targets whose count an autoscaler sets: what is done with its floor, as named cases.
#include <functional>

#include "decide/decide.h"
#include "decide/progress.h"
#include "support/catch.h"
#include "support/policies.h"

using namespace alertscaler;
using namespace alertscaler::test;
using namespace std::chrono_literals;

namespace {

// The autoscaler's floor is 2 of its own; it has made three.
struct Case {
  std::string name;
  std::string expected;
  std::vector<Alert> alerts{};
  std::function<void(Observed&)> seen{};
  std::function<void(TargetState&)> state{};
  Orders orders{};
};

Policy policy_of_cases() {
  Policy policy;
  policy.min = 1;
  policy.max = 8;
  policy.up_step = {2, false};
  policy.down_cooldown = 5min;
  return policy;
}

decide::Look look_at(const Case& c) {
  static const Policy policy = policy_of_cases();
  Observed observed;
  observed.replicas = observed.ready = 3;
  observed.floor = Floor{2, 2, "the HorizontalPodAutoscaler web", false};
  if (c.seen) c.seen(observed);
  TargetState state;
  state.asked = 4;
  if (c.state) c.state(state);
  return decide::decide({noon, policy, c.alerts, state, observed, c.orders});
}

std::string line(const decide::Look& look) {
  const Decision& d = look.decision;
  return std::string(to_string(d.outcome)) + "/" + std::string(to_string(d.reason)) + " " + std::to_string(d.from) +
         "->" + std::to_string(d.to) + (d.floor ? " floor" : "") + (look.supersedes ? " supersedes" : "");
}

void check(const Case& c) {
  CAPTURE(c.name);
  const decide::Look look = look_at(c);
  CAPTURE(look.decision.text);
  CHECK(line(look) == c.expected);
  CHECK_FALSE(look.decision.text.empty());
}

void raised(Observed& o) {
  o.floor->current = 5;
  o.floor->ours = true;
  o.replicas = o.ready = 5;
}
void episode(TargetState& s) {
  s.baseline = Baseline{2, 1, {Fingerprint{"f"}, noon, {{"alertname", "HighLoad"}}}, {}, true};
  s.floor_set = 5;
}
void by_hand(TargetState& s) {
  s.floor_set = 5;
}
void cooling_down(TargetState& s) {
  episode(s);
  s.last_up = s.last_change = noon - 1min;
}
Orders command(int replicas) {
  return {.command = Command{1, replicas, "alice"}, .pin = {}, .pause = {}};
}
Orders pinned(int replicas) {
  return {.command = Command{1, replicas, "alice"}, .pin = Pin{replicas, noon + 10min, "alice"}, .pause = {}};
}
void taken(TargetState& s) {
  s.orders_taken = 1;
}
const auto off = [](Observed& o) { o.replicas = o.ready = 0; };
// As GitOps does it: the value is back, our note is still there.
const auto put_back = [](Observed& o) { o.floor->ours = true; };

}  // namespace

TEST_CASE("floor: an up starts from what the autoscaler has made") {
  check(GENERATE(values<Case>({
      {"the floor goes above the count", "act/up 3->5 floor", {up()}},
      {"never past max", "act/up 7->8 floor", {up()}, [](Observed& o) { o.replicas = o.ready = 7; }},
      {"at max there is nothing to do", "none/at_max 8->8 floor", {up()}, [](Observed& o) { o.replicas = 8; }},
      {"nor above it", "none/at_max 9->9 floor", {up()}, [](Observed& o) { o.replicas = 9; }},
      {"never past the autoscaler's own max", "act/up 3->4 floor", {up()}, [](Observed& o) { o.replicas_max = 4; }},
      {"... and there it is blocked",
       "blocked/not_scalable 3->5 floor",
       {up()},
       [](Observed& o) { o.replicas_max = 3; }},
      {"a floor that is not met yet is counted from",
       "act/up 5->7 floor",
       {up()},
       [](Observed& o) { raised(o), o.replicas = 4; },
       episode},
      {"switched off by somebody: left alone", "blocked/disabled 0->2 floor", {up()}, off},
      {"an autoscaler that goes to 0 by itself is not switched off",
       "act/up 0->2 floor",
       {up()},
       [](Observed& o) { off(o), o.floor->current = o.floor->original = 0; }},
  })));
}

TEST_CASE("floor: to sets it, never below the autoscaler's own") {
  check(GENERATE(values<Case>({
      {"above the count", "act/to 2->6 floor", {to(6)}},
      {"below the count, above the floor", "act/to 2->3 floor", {to(3)}},
      {"below the floor that is its own", "none/at_min 2->2 floor", {to(1)}},
      {"lowers what was raised", "act/to 5->4 floor", {to(4)}, raised, episode},
      {"... not below what it was", "act/to 5->2 floor", {to(1)}, raised, episode},
      {"... inside the cooldown of down", "postpone/cooldown 5->4 floor", {to(4)}, raised, cooling_down},
      {"... not while a hold alert fires", "none/on_hold 5->4 floor", {to(4), hold()}, raised, episode},
      {"0 wakes nothing", "blocked/disabled 0->0 floor", {to(0)}, off},
  })));
}

TEST_CASE("floor: one that is its own above our max is not touched") {
  const auto above = [](Observed& o) { o.floor->current = o.floor->original = 12, o.replicas = o.ready = 14; };
  check(GENERATE_COPY(values<Case>({
      {"by a down", "none/at_min 12->12 floor", {down()}, above},
      {"by a to", "none/at_min 12->12 floor", {to(9)}, above},
      {"by an up", "none/at_max 14->14 floor", {up()}, above},
  })));
}

TEST_CASE("floor: it goes back when nothing asks for it any more") {
  check(GENERATE(values<Case>({
      {"in one go, whatever on_resolve says", "act/restore 5->2 floor", {}, raised, episode},
      {"also while a down alert fires", "act/restore 5->2 floor", {down()}, raised, episode},
      {"not while a hold alert fires",
       "none/on_hold 3->3",
       {hold()},
       [](Observed& o) { raised(o), o.replicas = o.ready = 3; },
       episode},
      {"after the cooldown", "postpone/cooldown 5->2 floor", {}, raised, cooling_down},
      {"not during a pin", "none/no_intent 5->5", {}, raised, [](TargetState& s) { episode(s), taken(s); }, pinned(5)},
      {"when it is there all is over", "none/no_intent 3->3", {}, {}, episode},
      {"what was raised before our storage was lost",
       "act/restore 5->2 floor",
       {},
       raised,
       [](TargetState& s) { s = {}; }},
      {"what was set by hand stays", "none/no_intent 5->5", {}, raised, by_hand},
      {"... until an alert says down", "act/down 5->4 floor", {down()}, raised, by_hand},
      {"... to where it was", "none/at_min 2->2 floor", {down()}},
      {"also while the autoscaler is off",
       "act/restore 5->2 floor",
       {},
       [](Observed& o) { raised(o), off(o); },
       episode},
  })));
}

TEST_CASE("floor: moved by somebody else") {
  check(GENERATE(values<Case>({
      {"it is not fought", "blocked/hpa_owned 3->5 floor", {up()}, put_back, episode},
      {"also when our note is gone", "blocked/hpa_owned 3->5 floor", {up()}, {}, episode},
      {"also when it is another value",
       "blocked/hpa_owned 6->8 floor",
       {up()},
       [](Observed& o) { o.replicas = o.floor->current = o.floor->original = 6; },
       episode},
      {"nor for a pin",
       "blocked/hpa_owned 2->5 floor",
       {},
       {},
       [](TargetState& s) { episode(s), taken(s); },
       pinned(5)},
      {"who asks by hand is obeyed", "act/manual 2->5 floor", {up()}, put_back, episode, command(5)},
      {"a drain is about the count", "act/drain 3->0", {drain()}, put_back, episode},
      {"when the episode is over, our note is taken off", "act/restore 2->2 floor", {}, put_back, episode},
      {"... and without a note nothing is left", "none/no_intent 3->3", {}, {}, episode},
      {"... whatever they have set it to",
       "none/no_intent 6->6",
       {},
       [](Observed& o) { o.replicas = o.ready = o.floor->current = o.floor->original = 6; },
       episode},
      {"where we had put it: it is theirs now",
       "act/up 5->7 floor",
       {up()},
       [](Observed& o) { raised(o), o.floor->ours = false, o.floor->original = 5; },
       episode},
  })));
}

TEST_CASE("floor: by hand") {
  check(GENERATE(values<Case>({
      {"the count is the floor", "act/manual 2->5 floor", {}, {}, {}, command(5)},
      {"also below the autoscaler's own", "act/manual 2->1 floor", {}, {}, {}, command(1)},
      {"0 is about the count", "act/manual 3->0", {}, {}, {}, command(0)},
      {"and back", "act/manual 0->2 floor", {}, off, {}, command(2)},
      {"a pin compares the floor",
       "none/no_intent 7->7",
       {},
       [](Observed& o) { raised(o), o.replicas = o.ready = 7; },
       taken,
       pinned(5)},
      {"a pin at 0 compares the count", "none/no_intent 0->0", {}, off, taken, pinned(0)},
      {"a pin puts it back", "act/manual 2->5 floor", {}, {}, taken, pinned(5)},
  })));
}

TEST_CASE("floor: a drain is about the count, and the way back wakes the autoscaler") {
  const auto drained = [](TargetState& s) {
    s.asked = 0;
    s.drain_baseline = Baseline{3, -1, {Fingerprint{"f"}, noon, {}}};
  };
  check(GENERATE_COPY(values<Case>({
      {"all go", "act/drain 3->0", {drain()}},
      {"all come back", "act/restore 0->3", {}, off, drained},
      {"once it runs, the autoscaler decides how many",
       "none/no_intent 1->1",
       {},
       [](Observed& o) { o.replicas = 1; },
       drained},
  })));
  InFlight back;
  back.action = Reason::restore;
  back.to = 3;
  Observed observed;
  observed.floor = Floor{};
  CHECK_FALSE(decide::reached(back, observed));
  observed.replicas = 1;
  CHECK_FALSE(decide::reached(back, observed));
  observed.ready = 1;
  CHECK(decide::reached(back, observed));
  observed.floor.reset();
  CHECK_FALSE(decide::reached(back, observed));
}

TEST_CASE("floor: an up is done when the floor and as many ready replicas are there") {
  InFlight action;
  action.action = Reason::up;
  action.from = 2;
  action.to = 5;
  action.floor = true;
  Observed observed;
  observed.replicas = observed.ready = 5;
  observed.floor = Floor{2, 2, "x", false};
  CHECK_FALSE(decide::reached(action, observed));
  observed.floor = Floor{5, 2, "x", true};
  CHECK(decide::reached(action, observed));
  observed.ready = 4;
  CHECK_FALSE(decide::reached(action, observed));
  CHECK(decide::is_there(action, observed));

  action.action = Reason::restore;
  action.from = 5;
  action.to = 2;
  CHECK_FALSE(decide::reached(action, observed));
  observed.floor = Floor{2, 2, "x", true};
  CHECK_FALSE(decide::reached(action, observed));  // our note is still on it
  observed.floor = Floor{2, 2, "x", false};
  CHECK(decide::reached(action, observed));  // with 5 replicas: they are the autoscaler's
}

TEST_CASE("floor: an autoscaler that comes or goes ends what was begun for the other") {
  InFlight action;
  action.action = Reason::up;
  Observed observed;
  CHECK_FALSE(decide::changed_hands(action, observed));
  action.floor = true;
  CHECK(decide::changed_hands(action, observed));
  observed.blocked = Blocked{Reason::hpa_owned, "two of them"};
  CHECK_FALSE(decide::changed_hands(action, observed));
  observed.blocked.reset();
  observed.floor = Floor{};
  CHECK_FALSE(decide::changed_hands(action, observed));
  action.floor = false;
  CHECK(decide::changed_hands(action, observed));
  action.action = Reason::drain;
  CHECK_FALSE(decide::changed_hands(action, observed));
}

TEST_CASE("floor: an autoscaler that rests below its floor is not pushed at") {
  const auto resting = [](Observed& o) {
    o.replicas = o.ready = 0;
    o.floor->rests = "the ScaledObject web (KEDA) keeps it at 0";
  };
  const auto resting_raised = [&](Observed& o) {
    raised(o);
    resting(o);
  };
  check({"up", "blocked/hpa_owned 0->2 floor", {up()}, resting});
  check({"to", "blocked/hpa_owned 0->6 floor", {to(6)}, resting});
  check({"up, with a floor that was raised before", "blocked/hpa_owned 0->2 floor", {up()}, resting_raised, episode});
  check({"by hand", "blocked/hpa_owned 0->6 floor", {}, resting, {}, command(6)});
  check({"its floor goes back all the same", "act/restore 5->2 floor", {}, resting_raised, episode});
  check({"a drain of what is at 0", "none/satisfied 0->0", {drain()}, resting});
  const decide::Look look = look_at({"", "", {up()}, resting});
  CHECK(look.decision.text.find("the ScaledObject web (KEDA) keeps it at 0") != std::string::npos);
}

TEST_CASE("floor: its texts name the autoscaler") {
  CHECK(look_at({"", "", {up()}}).decision.text ==
        "scale up 3 -> 5 (the floor of the HorizontalPodAutoscaler web): HighLoad is firing");
  CHECK(look_at({"", "", {down()}}).decision.text ==
        "nothing to do: the floor of the HorizontalPodAutoscaler web is 2, its own; above that the autoscaler decides; "
        "LowLoad is firing");
  CHECK(look_at({"", "", {}, raised, episode}).decision.text ==
        "restore 5 -> 2 (the floor of the HorizontalPodAutoscaler web): HighLoad has ended");
  CHECK(look_at({"", "", {up()}, put_back, episode}).decision.text ==
        "scale up 3 -> 5 (the floor of the HorizontalPodAutoscaler web) is blocked: somebody else has set it to 2 "
        "after it had been set to 5, and it is left there while this lasts; if a GitOps tool did it, let it ignore "
        "that field, or set hpa: refuse; HighLoad is firing");
}
