// The explanation of a decision: every gate with its numbers.
#include "base/text.h"
#include "decide/decide.h"
#include "decide/progress.h"
#include "support/catch.h"
#include "support/policies.h"

using namespace alertscaler;
using namespace alertscaler::test;
using namespace std::chrono_literals;

namespace {

std::string lines(const Explained& explained) {
  std::string out = explained.decision.text + "\n";
  for (const GateNote& gate : explained.gates) {
    out += gate.gate + " " + std::string(to_string(gate.verdict)) + ": " + gate.text + "\n";
  }
  return out;
}

}  // namespace

TEST_CASE("an explanation names each gate, its verdict and its numbers") {
  Policy policy;
  policy.max = 4;
  policy.up_step = Step{3, false};
  policy.down_stabilization = 2min;
  TargetState state;
  state.last_up = state.last_change = noon - 10s;
  Observed observed;
  observed.replicas = observed.ready = 2;
  const std::vector<Alert> alerts{up("Busy")};
  CHECK(lines(decide::explain({noon, policy, alerts, state, observed, {}})) ==
        "scale up 2 -> 4 waits: cooldown until " + text::format_time(noon + 20s) +
            " (30s after the last scale-up); Busy is firing\n"
            "in flight open: nothing is under way\n"
            "by hand open: neither paused nor pinned\n"
            "disabled open: 2 replicas, min is 1\n"
            "allowed open: nothing stands in the way\n"
            "bounds open: 1..4: 2 there, 5 asked for, 4 allowed\n"
            "capacity open: nothing else limits how many there can be\n"
            "hold open: no hold alert fires\n"
            "backoff open: the last action did not fail\n"
            "cooldown closed: up.cooldown 30s until " +
            text::format_time(noon + 20s) + "; down.cooldown 5m until " + text::format_time(noon + 4min + 50s) +
            "\n"
            "readiness open: 2 of 2 are ready\n"
            "stabilization open: down.stabilization 2m; no scale-down is wanted\n");
}

TEST_CASE("what comes after the gate that decides is told, but not reached") {
  Policy policy;
  TargetState state;
  Observed observed;
  observed.replicas = observed.ready = 2;
  Orders orders;
  orders.pause = Pause{noon + 1h, "bob"};
  const std::vector<Alert> alerts{up("Busy")};
  const Explained explained = decide::explain({noon, policy, alerts, state, observed, orders});
  CHECK(explained.decision.reason == Reason::paused);
  REQUIRE(explained.gates.size() > 3);
  CHECK(explained.gates[1].text == "paused by bob until " + text::format_time(noon + 1h));
  CHECK(explained.gates[1].verdict == GateNote::Verdict::closed);
  CHECK(explained.gates[4].verdict == GateNote::Verdict::not_reached);
  CHECK(explained.gates[4].text == "1..10: 2 there, 3 asked for, 3 allowed");
}

TEST_CASE("what stands in the way of any change blocks it, with its own words") {
  const Policy policy;
  Observed observed;
  observed.replicas = observed.ready = 2;
  observed.blocked = Blocked{Reason::hpa_owned, "the HorizontalPodAutoscaler web sets the count"};
  TargetState state;
  struct Case {
    std::string name;
    std::vector<Alert> alerts;
    Outcome outcome;
    std::string text;
  };
  const auto c = GENERATE(values<Case>({
      {"an up",
       {up("Busy")},
       Outcome::blocked,
       "scale up 2 -> 3 is blocked: the HorizontalPodAutoscaler web sets the count; Busy is firing"},
      {"a drain",
       {drain()},
       Outcome::blocked,
       "drain 2 -> 0 is blocked: the HorizontalPodAutoscaler web sets the count; HostDown is firing"},
      {"what is there already", {to(2)}, Outcome::none, "nothing to do: 2 replicas as wanted; Wanted is firing"},
      {"nothing wanted", {}, Outcome::none, "nothing to do: no alert asks for anything"},
  }));
  CAPTURE(c.name);
  const Explained explained = decide::explain({noon, policy, c.alerts, state, observed, {}});
  CHECK(explained.decision.outcome == c.outcome);
  CHECK(explained.decision.text == c.text);
  if (c.outcome == Outcome::blocked) {
    CHECK(explained.decision.reason == Reason::hpa_owned);
    CHECK(explained.gates.at(3).gate == "allowed");
    CHECK(explained.gates.at(3).verdict == GateNote::Verdict::closed);
    CHECK(explained.gates.at(3).text == observed.blocked->text);
  }
}

TEST_CASE("a command that is blocked is answered, and does not wait for a better time") {
  const Policy policy;
  Observed observed;
  observed.replicas = observed.ready = 2;
  observed.blocked = Blocked{Reason::not_scalable, "it belongs to Deployment web"};
  const TargetState state;
  Orders orders;
  orders.command = Command{7, 5, "bob"};
  const decide::Look look = decide::decide({noon, policy, {}, state, observed, orders});
  CHECK(look.decision.reason == Reason::not_scalable);
  CHECK(look.state.orders_taken == 7);
}

TEST_CASE("without a wish there is no gate") {
  CHECK(decide::explain({noon, Policy{}, {}, TargetState{}, Observed{}, {}}).gates.empty());
}

TEST_CASE("a floor that was moved was carried out, whether the autoscaler has followed yet or not") {
  InFlight action;
  action.action = Reason::up;
  action.from = 2;
  action.to = 4;
  action.floor = true;
  Observed observed;
  observed.replicas = observed.ready = 2;
  observed.floor = Floor{4, 2, "the HorizontalPodAutoscaler web", true};
  CHECK(decide::carried_out(action, observed));
  CHECK_FALSE(decide::is_there(action, observed));
  observed.floor->current = 2;
  CHECK_FALSE(decide::carried_out(action, observed));
}
