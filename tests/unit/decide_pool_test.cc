// What the two halves of a target whose replicas are nodes must know of each other.
#include "decide/progress.h"
#include "decide/together.h"
#include "support/catch.h"
#include "support/policies.h"

using namespace alertscaler;
using namespace alertscaler::test;
using namespace std::chrono_literals;

namespace {

Policy pool_policy() {
  Policy policy;
  policy.timeout = 2min;
  policy.removal_timeout = 10min;
  return policy;
}

ObservedNode node(const std::string& name) {
  ObservedNode out;
  out.name = name;
  out.ready = true;
  return out;
}

ObservedNode cordoned(const std::string& name, bool leaving = false) {
  ObservedNode out = node(name);
  out.cordoned = true;
  out.leaving = leaving;
  return out;
}

ObservedNode dead(const std::string& name) {
  ObservedNode out = cordoned(name);
  out.ours = out.dead = true;
  return out;
}

NodeState held(bool drains) {
  NodeState state;
  state.held = true;
  state.drained = !drains;
  if (drains) state.in_flight = InFlight{7, Reason::drain, 3, 2, noon, noon + 10min, {}, {}, 0};
  return state;
}

Decision decision_of(IntentKind intent, Reason reason, int from, int to) {
  Decision decision;
  decision.outcome = Outcome::act;
  decision.reason = reason;
  decision.intent = intent;
  decision.from = from;
  decision.to = to;
  return decision;
}

}  // namespace

TEST_CASE("an action that removes nodes has the time of a drain for each of them") {
  const auto allowed = [](int from, int to) {
    const IntentKind intent = from > to ? IntentKind::down : IntentKind::up;
    const Decision decision = decision_of(intent, from > to ? Reason::down : Reason::up, from, to);
    const TargetState state = decide::started({}, decision, 1, pool_policy(), {}, noon);
    return state.in_flight->deadline - noon;
  };
  CHECK(allowed(3, 4) == Duration{2min});
  CHECK(allowed(3, 2) == Duration{12min});
  CHECK(allowed(5, 2) == Duration{32min});
}

TEST_CASE("a clock that is set back leaves an action its time, a drain's, too") {
  TargetState state;
  state.in_flight = InFlight{1, Reason::down, 3, 2, noon + 1h, noon + 2h, {}, {}, 0};
  Observed observed;
  observed.replicas = observed.ready = 3;
  const decide::Look look = decide::decide({noon, pool_policy(), {}, state, observed});
  CHECK(look.state.in_flight->deadline == noon + 12min);
}

TEST_CASE("what its own replicas are ready for is reached, whatever others are") {
  const InFlight up{1, Reason::up, 3, 4, noon, noon + 2min, {}, {}, 0};
  Observed observed;
  observed.replicas = 4;
  observed.ready = 3;
  CHECK_FALSE(decide::reached(up, observed));
  observed.awaited = 1;
  CHECK_FALSE(decide::reached(up, observed));
  observed.awaited = 0;
  CHECK(decide::reached(up, observed));
  observed.replicas = 3;  // another one has gone meanwhile
  CHECK_FALSE(decide::reached(up, observed));
}

TEST_CASE("an action that never was leaves the nodes' own stories as they are") {
  TargetState before;
  TargetState now = before;
  now.in_flight = InFlight{1, Reason::down, 3, 2, noon, noon + 12min, {}, {}, 0};
  now.nodes["a"] = held(false);
  CHECK(decide::withdrawn(now, before).nodes == now.nodes);
}

TEST_CASE("how many nodes are out of work says whether one more may go") {
  struct Case {
    std::string name;
    std::vector<ObservedNode> observed;
    std::map<std::string, NodeState> states;
    Step max_unavailable;
    std::string text;  // empty: one may
  };
  const auto c = GENERATE(values<Case>({
      {"all work", {node("a"), node("b")}, {}, Step{1}, ""},
      {"one is being drained", {cordoned("a"), node("b")}, {{"a", held(true)}}, Step{2}, "a is being drained"},
      {"one is drained",
       {cordoned("a"), node("b")},
       {{"a", held(false)}},
       Step{1},
       "1 node is out of work (a), and max_unavailable allows 1 at once"},
      {"one is drained of two that may be", {cordoned("a"), node("b")}, {{"a", held(false)}}, Step{2}, ""},
      {"somebody else's maintenance",
       {cordoned("a"), node("b")},
       {},
       Step{1},
       "1 node is out of work (a), and max_unavailable allows 1 at once"},
      {"a half of three is two", {cordoned("a"), node("b"), node("c")}, {}, Step{50, true}, ""},
      {"what the scale-down itself takes away", {cordoned("a", true), node("b")}, {}, Step{1}, ""},
      {"one whose drain has failed before it was cordoned works",
       {node("a"), node("b")},
       {{"a", held(false)}},
       Step{1},
       ""},
      {"a dead one goes first", {dead("a"), node("b")}, {{"a", held(false)}}, Step{1}, ""},
  }));
  CAPTURE(c.name);
  Policy policy = pool_policy();
  policy.drain.max_unavailable = c.max_unavailable;
  TargetState state;
  state.nodes = c.states;
  const auto away = decide::nodes_away({noon, policy, {}, state, c.observed});
  CHECK(away.has_value() == !c.text.empty());
  if (away) {
    CHECK(away->text == c.text);
    CHECK(away->until > noon);
  }
}

TEST_CASE("nodes out of work keep a way down shut, and no way up") {
  Observed observed;
  observed.replicas = observed.ready = 3;
  const decide::NodesAway away{"a is being drained", noon + 5s};
  const Policy policy = pool_policy();
  const TargetState state;
  const auto decided = [&](const Alert& alert, Orders orders = {}) {
    const std::vector<Alert> alerts{alert};
    return decide::decide({noon, policy, alerts, state, observed, orders, {}, away}).decision;
  };
  CHECK(decided(down()).reason == Reason::budget);
  CHECK(decided(down()).outcome == Outcome::postpone);
  CHECK(decided(down()).until == noon + 5s);
  CHECK(decided(down()).text == "scale down 3 -> 2 waits: a is being drained; LowLoad is firing");
  CHECK(decided(to(2)).reason == Reason::budget);
  CHECK(decided(up()).outcome == Outcome::act);
  Orders by_hand;
  by_hand.command = Command{1, 1, "ann"};
  CHECK(decided(up(), by_hand).reason == Reason::budget);
}

TEST_CASE("of two decisions the one that matters more is shown, and both are told") {
  Decision count = decision_of(IntentKind::up, Reason::up, 3, 4);
  count.text = "scale up 3 -> 4: HighLoad is firing";
  decide::NodesLook nodes;
  CHECK(decide::together(count, nodes) == count);

  decide::NodeDecision waits;
  waits.decision.outcome = Outcome::postpone;
  waits.decision.reason = Reason::budget;
  waits.decision.until = noon;
  waits.decision.text = "node a: drain waits";
  nodes.nodes.push_back(waits);
  nodes.decision = decide::all_in_one(nodes.nodes, 3);
  const Decision both = decide::together(count, nodes);
  CHECK(both.reason == Reason::up);
  CHECK(both.until == noon);
  CHECK(both.text == "scale up 3 -> 4: HighLoad is firing; node a: drain waits");
  CHECK(decide::together(Decision{}, nodes) == nodes.decision);
}
