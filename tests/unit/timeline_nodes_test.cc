// Targets of nodes as stories: drains, budgets, failures, cancels and restarts, on a manual clock.
#include <algorithm>

#include "decide/nodes.h"
#include "support/node_timeline.h"

using namespace alertscaler;
using namespace alertscaler::test;
using namespace std::chrono_literals;

namespace {

Policy drain_policy() {
  Policy policy;
  policy.drain.timeout = 10min;
  return policy;
}

int lines(const std::string& text) {
  return static_cast<int>(std::count(text.begin(), text.end(), '\n'));
}

}  // namespace

TEST_CASE("a node whose alert fires is drained, and works again when it ends") {
  NodeTimeline story(drain_policy());
  story.fire(0s, drain_node("b"));
  CHECK(story.run(1min) == "0s drain b 3->2 done after 5s\n");
  CHECK(story.cluster().nodes["b"].cordoned);
  CHECK(story.cluster().nodes["b"].pods == 0);
  CHECK(story.view().status == TargetStatus::drained);
  CHECK(story.node("b").state == "drained");
  CHECK(story.node("b").alert == "DiskPressure");
  CHECK(story.view().observed->replicas == 3);
  CHECK(story.view().observed->ready == 2);
  CHECK(story.view().desired == 2);
  story.resolve(2min, drain_node("b"));
  CHECK(story.run(3min) ==
        "0s drain b 3->2 done after 5s\n"
        "2m restore b 2->3 done after 0s\n");
  CHECK_FALSE(story.cluster().nodes["b"].cordoned);
  CHECK(story.view().status == TargetStatus::idle);
  CHECK(story.view().nodes.empty());
  CHECK(story.state().nodes.empty());
}

TEST_CASE("a drain goes on pass by pass until the last pod has gone") {
  NodeTimeline story(drain_policy());
  story.cluster().leave_at_a_time = 1;
  story.cluster().nodes["a"].pods = 5;
  story.fire(0s, drain_node("a"));
  story.run(1s);
  CHECK(story.view().status == TargetStatus::draining);
  CHECK(story.node("a").state == "draining");
  CHECK(story.node("a").left.value_or(0) > 0);
  CHECK_THAT(story.run(1min), ContainsSubstring("0s drain a 3->2 done after 5s\n"));
}

TEST_CASE("a drain that cannot go on shows why, and fails by its timeout") {
  NodeTimeline story(drain_policy());
  story.cluster().stuck = "the disruption budget web needs 2 healthy pods and has 2 currently";
  story.fire(0s, drain_node("a"));
  story.run(9min);
  CHECK(story.view().status == TargetStatus::draining);
  CHECK_THAT(story.node("a").text, ContainsSubstring("needs 2 healthy pods"));
  CHECK(story.node("a").left == 2);
  const std::string history = story.run(10min + 500ms);
  CHECK(history ==
        "0s drain a 3->2 timeout after 10m: after 10m: 2 pods are still there: the disruption budget web needs 2 "
        "healthy pods and has 2 currently\n");
  // leave: it stays cordoned, as kubectl does.
  CHECK(story.cluster().nodes["a"].cordoned);
  CHECK(story.node("a").state == "failed");
  CHECK(story.view().status == TargetStatus::failed);
  CHECK_THAT(story.view().error, ContainsSubstring("still there"));

  SECTION("then it is tried again, and gets there once the pods may go") {
    story.at(12min, [&] { story.cluster().stuck.clear(); });
    CHECK_THAT(story.run(13min), ContainsSubstring(" drain a 2->2 done after"));
    CHECK(story.node("a").state == "drained");
  }
  SECTION("and the end of the alert lets it work at once, whatever the backoff") {
    story.resolve(10min + 600ms, drain_node("a"));
    CHECK_THAT(story.run(10min + 700ms), ContainsSubstring("10m restore a 2->3 done after 0s\n"));
    CHECK(story.state().nodes.empty());
  }
}

TEST_CASE("on_failure: uncordon lets the node work again before the next try") {
  Policy policy = drain_policy();
  policy.drain.on_failure = DrainFailure::uncordon;
  NodeTimeline story(policy);
  story.cluster().stuck = "a budget";
  story.fire(0s, drain_node("a"));
  story.run(10min + 100ms);
  CHECK(story.cluster().order == std::vector<std::string>{"+a", "-a"});
  CHECK_THAT(story.history(), ContainsSubstring("10m restore a 2->3 done after 0s\n"));
  CHECK(story.node("a").state == "failed");
  // Not for ever in turns: the next try comes after its backoff.
  story.run(15min);
  CHECK(story.cluster().order == std::vector<std::string>{"+a", "-a", "+a"});
  story.resolve(15min, drain_node("a"));
  story.run(16min);
  CHECK_FALSE(story.cluster().nodes["a"].cordoned);
  CHECK(story.state().nodes.empty());
}

TEST_CASE("a drain that is refused fails with kubectl's words and is tried again with backoff") {
  NodeTimeline story(drain_policy());
  story.cluster().refused = "cannot delete Pods that declare no controller (use --force to override): demo/bare";
  story.fire(0s, drain_node("a"));
  const std::string history = story.run(30s);
  CHECK_THAT(history,
             ContainsSubstring("0s drain a 3->2 failed after 0s: cannot delete Pods that declare no controller "
                               "(use --force to override): demo/bare\n"));
  CHECK(lines(history) >= 4);
  CHECK(lines(history) <= 6);
  CHECK(story.cluster().nodes["a"].pods == 2);
  CHECK(story.cluster().nodes["a"].cordoned);
  story.at(31s, [&] { story.cluster().refused.clear(); });
  CHECK_THAT(story.run(2min), ContainsSubstring(" done after"));
}

TEST_CASE("never more than max_unavailable nodes at once; the oldest alert first") {
  NodeTimeline story(drain_policy(), {"a", "b", "c", "d"});
  story.fire(0s, drain_node("c"));
  story.fire(1s, drain_node("a"));
  story.fire(2s, drain_node("b"));
  CHECK(story.run(1min) == "0s drain c 4->3 done after 5s\n");
  CHECK(story.node("a").state == "waiting");
  CHECK_THAT(story.node("a").text, ContainsSubstring("max_unavailable allows 1") && ContainsSubstring("(c)"));
  CHECK(story.view().decision->reason == Reason::budget);
  CHECK(story.view().status == TargetStatus::postponed);
  story.resolve(2min, drain_node("c"));
  CHECK_THAT(story.run(3min), ContainsSubstring("2m restore c 3->4 done after 0s\n2m drain a 4->3 done after 5s\n"));
  story.resolve(4min, drain_node("a"));
  story.resolve(5min, drain_node("b"));
  story.run(6min);
  CHECK(story.cluster().order == std::vector<std::string>{"+c", "-c", "+a", "-a", "+b", "-b"});
  CHECK(story.cluster().most_at_once == 1);
}

TEST_CASE("max_unavailable as a percentage of the target's nodes, rounded up") {
  Policy policy = drain_policy();
  policy.drain.max_unavailable = {40, true};
  NodeTimeline story(policy, {"a", "b", "c"});
  for (const char* node : {"a", "b", "c"}) story.fire(0s, drain_node(node));
  story.run(1min);
  CHECK(story.cluster().most_at_once == 2);
}

TEST_CASE("a node that others have cordoned counts, unless it is the one to drain") {
  NodeTimeline story(drain_policy());
  story.cluster().nodes["a"].cordoned = true;
  SECTION("another node waits") {
    story.fire(0s, drain_node("b"));
    CHECK(story.run(1min).empty());
    CHECK(story.view().decision->reason == Reason::budget);
    story.at(61s, [&] { story.cluster().nodes["a"].cordoned = false; });
    CHECK_THAT(story.run(2min), ContainsSubstring("drain b 3->2 done"));
  }
  SECTION("it is drained itself, and stays cordoned in the end") {
    story.fire(0s, drain_node("a"));
    CHECK(story.run(1min) == "0s drain a 2->2 done after 5s\n");
    story.resolve(2min, drain_node("a"));
    CHECK(lines(story.run(3min)) == 1);
    CHECK(story.cluster().nodes["a"].cordoned);
    CHECK(story.state().nodes.empty());
  }
}

TEST_CASE("nodes that are not ready hold nobody up: two dead ones do not wait for each other") {
  NodeTimeline story(drain_policy());
  story.cluster().nodes["a"].ready = story.cluster().nodes["b"].ready = false;
  story.fire(0s, drain_node("a"));
  story.fire(0s, drain_node("b"));
  CHECK(lines(story.run(1min)) == 1);
}

TEST_CASE("an alert that ends in the middle cancels the drain, and the node works again") {
  NodeTimeline story(drain_policy());
  story.cluster().stuck = "a budget";
  story.fire(0s, drain_node("a"));
  story.resolve(90s, drain_node("a"));
  CHECK(story.run(2min) ==
        "0s drain a 3->2 interrupted after 1m30s: DiskPressure has ended\n"
        "1m30s restore a 2->3 done after 0s\n");
  CHECK(story.cluster().nodes["a"].pods == 2);
  CHECK(story.state().nodes.empty());
}

TEST_CASE("on_resolve: stay leaves what was drained") {
  Policy policy = drain_policy();
  policy.drain_on_resolve = OnResolve::stay;
  NodeTimeline story(policy);
  story.fire(0s, drain_node("a"));
  story.resolve(1min, drain_node("a"));
  CHECK(lines(story.run(2min)) == 1);
  CHECK(story.cluster().nodes["a"].cordoned);
  CHECK(story.state().nodes.empty());
  CHECK(story.node("a").state == "cordoned");
  // It is still out of work because of us.
  story.fire(3min, drain_node("b"));
  story.run(4min);
  CHECK(story.view().decision->reason == Reason::budget);
}

TEST_CASE("an end for want of data lets no node work again") {
  NodeTimeline story(drain_policy());
  story.fire(0s, drain_node("a"));
  story.resolve(1min, drain_node("a"), false);
  CHECK(lines(story.run(2min)) == 1);
  CHECK(story.cluster().nodes["a"].cordoned);
  CHECK(story.cluster().nodes["a"].ours);
  CHECK_THAT(story.view().decision->text, ContainsSubstring("its alert is not known to have ended"));
  SECTION("the next real end does") {
    if (GENERATE(true, false)) story.restart(3min);
    story.fire(5min, drain_node("a"));
    story.resolve(6min, drain_node("a"));
    CHECK(story.run(10min) ==
          "0s drain a 3->2 done after 5s\n"
          "6m restore a 2->3 done after 0s\n");
  }
  SECTION("or somebody does, and it is forgotten, with our mark on it") {
    story.at(5min, [&] { story.cluster().nodes["a"].cordoned = false; });
    CHECK(lines(story.run(10min)) == 1);
    CHECK(story.state().nodes.empty());
    CHECK_FALSE(story.cluster().nodes["a"].ours);
  }
}

TEST_CASE("a mark that cannot be taken off is tried again, in peace, and nobody is given back meanwhile") {
  const ErrorKind kind = GENERATE(ErrorKind::refused, ErrorKind::busy);
  Policy policy = drain_policy();
  policy.drain_on_resolve = OnResolve::stay;
  NodeTimeline story(policy);
  story.cluster().let_go_errors = {3, {kind, "nodes is forbidden"}};
  story.fire(0s, drain_node("a"));
  story.resolve(1min, drain_node("a"));
  story.run(1min + 15s);
  CHECK(story.cluster().nodes["a"].ours);
  CHECK(story.state().nodes.size() == 1);
  const int looks = story.looks();
  story.run(5min);
  CHECK(story.looks() - looks < 30);
  CHECK_FALSE(story.cluster().nodes["a"].ours);
  CHECK(story.cluster().nodes["a"].cordoned);
  CHECK(story.state().nodes.empty());
}

TEST_CASE("a node is given back with what rights are left") {
  NodeTimeline story(drain_policy());
  story.fire(0s, drain_node("a"));
  story.at(30s, [&] { story.cluster().blocked = Blocked{Reason::not_scalable, "add to a ClusterRole: evict"}; });
  story.resolve(1min, drain_node("a"));
  CHECK(story.run(5min) ==
        "0s drain a 3->2 done after 5s\n"
        "1m restore a 2->3 done after 0s\n");
}

TEST_CASE("a hold alert keeps drained nodes as they are") {
  NodeTimeline story(drain_policy());
  Alert holding = hold();
  holding.mapping.target = TargetName{"node"};
  story.fire(0s, drain_node("a"));
  story.fire(30s, holding);
  story.resolve(1min, drain_node("a"));
  CHECK(lines(story.run(2min)) == 1);
  CHECK(story.view().decision->reason == Reason::on_hold);
  story.resolve(3min, holding);
  CHECK_THAT(story.run(4min), ContainsSubstring("3m restore a 2->3 done"));
}

TEST_CASE("a pause stops what has not begun, and says so") {
  NodeTimeline story(drain_policy());
  REQUIRE(story.controller().pause(TargetName{"node"}, {}, "eve"));
  story.fire(0s, drain_node("a"));
  CHECK(story.run(1min).empty());
  CHECK(story.view().status == TargetStatus::paused);
  CHECK(story.view().decision->reason == Reason::paused);
  CHECK_THAT(story.node("a").text, ContainsSubstring("by eve"));
  story.at(61s, [&] { REQUIRE(story.controller().resume(TargetName{"node"}, "eve")); });
  CHECK_THAT(story.run(2min), ContainsSubstring("drain a 3->2 done"));
}

TEST_CASE("a dry run rehearses, tells what would happen, and touches nothing") {
  Policy policy = drain_policy();
  policy.dry_run = true;
  NodeTimeline story(policy);
  story.cluster().stuck = "a budget";
  story.fire(0s, drain_node("a"));
  CHECK(story.run(1min) == "0s drain a 3->2 dry_run after 0s: it would wait: a budget\n");
  CHECK(story.cluster().moves == 0);
  CHECK(story.node("a").state == "drained");
  story.fire(1min, drain_node("b"));
  story.run(2min);
  CHECK(story.view().decision->reason == Reason::budget);
  story.resolve(3min, drain_node("a"));
  story.resolve(3min, drain_node("b"));
  CHECK_THAT(story.run(4min), ContainsSubstring("3m restore a 2->3 dry_run after 0s\n"));
  CHECK(story.state().nodes.empty());
  CHECK(story.cluster().order.empty());
}

TEST_CASE("what was a dry run is done for real once it is one no more") {
  Policy policy = drain_policy();
  policy.dry_run = true;
  NodeTimeline story(policy);
  story.fire(0s, drain_node("a"));
  story.run(1min);
  story.policy().dry_run = false;
  story.restart(61s);
  CHECK_THAT(story.run(2min), ContainsSubstring("1m1s drain a 3->2 done"));
  story.policy().dry_run = true;
  story.restart(3min);
  story.resolve(4min, drain_node("a"));
  story.run(5min);
  CHECK(story.cluster().nodes["a"].cordoned);  // as it was before the dry run
  story.policy().dry_run = false;
  story.restart(6min);
  CHECK_THAT(story.run(7min), ContainsSubstring("6m restore a 2->3 done"));
}

TEST_CASE("an alert that names none of the target's nodes changes nothing, and that shows") {
  NodeTimeline story(drain_policy());
  story.fire(0s, drain_node("control-plane"));
  CHECK(story.run(1min).empty());
  CHECK(story.node("control-plane").state == "refused");
  CHECK_THAT(story.view().error, ContainsSubstring("none of the selector role=worker"));
  CHECK(story.view().decision->outcome == Outcome::blocked);
  CHECK(story.view().decision->reason == Reason::not_scalable);
  CHECK(story.cluster().moves == 0);
  CHECK(story.state().nodes.empty());
  // And holds nobody else up.
  story.fire(61s, drain_node("a"));
  CHECK_THAT(story.run(2min), ContainsSubstring("drain a 3->2 done"));
}

TEST_CASE("a node may be named by its address, if that is one node's alone") {
  NodeTimeline story(drain_policy());
  story.cluster().nodes["b"].address = "10.0.0.7";
  story.fire(0s, drain_node("10.0.0.7"));
  CHECK(story.run(1min) == "0s drain b 3->2 done after 5s\n");
  story.cluster().nodes["c"].address = "10.0.0.8";
  story.cluster().nodes["a"].address = "10.0.0.8";
  story.fire(61s, drain_node("10.0.0.8"));
  CHECK(lines(story.run(2min)) == 1);
  CHECK_THAT(story.node("10.0.0.8").text, ContainsSubstring("2 nodes of the target are known by that name"));
}

TEST_CASE("two alerts for one node are one drain, which ends with the last of them") {
  NodeTimeline story(drain_policy());
  story.fire(0s, drain_node("a"));
  story.fire(10s, drain_node("a", "KernelDeadlock"));
  story.resolve(1min, drain_node("a"));
  CHECK(lines(story.run(2min)) == 1);
  story.resolve(3min, drain_node("a", "KernelDeadlock"));
  CHECK_THAT(story.run(4min), ContainsSubstring("3m restore a 2->3 done"));
}

TEST_CASE("a node that vanishes in the middle of its drain ends it, and is drained again if it comes back") {
  NodeTimeline story(drain_policy());
  story.cluster().stuck = "a budget";
  story.fire(0s, drain_node("a"));
  story.at(1min, [&] { story.cluster().nodes.erase("a"); });
  const std::string history = story.run(2min);
  CHECK_THAT(history, ContainsSubstring("interrupted after 1m: the node is gone"));
  CHECK_THAT(history, ContainsSubstring("restore a 2->2 done"));  // it may only have left the selector
  CHECK(lines(history) == 2);
  CHECK(story.state().nodes.empty());
  story.at(3min, [&] {
    story.cluster().stuck.clear();
    story.cluster().nodes["a"] = {};
  });
  CHECK_THAT(story.run(4min), ContainsSubstring("drain a 3->2 done"));
}

TEST_CASE("somebody who uncordons a node while its alert fires is answered with another drain") {
  NodeTimeline story(drain_policy());
  story.fire(0s, drain_node("a"));
  story.at(1min, [&] { story.cluster().nodes["a"] = {}; });
  CHECK(lines(story.run(2min)) == 2);
  CHECK(story.cluster().nodes["a"].cordoned);
}

TEST_CASE("an engine that does not answer is waited for") {
  NodeTimeline story(drain_policy());
  story.cluster().leave_at_a_time = 1;
  for (int i = 0; i < 3; ++i) story.cluster().drain_errors.push_back({ErrorKind::unreachable, "no engine"});
  story.fire(0s, drain_node("a"));
  story.at(1s, [&] {
    for (int i = 0; i < 2; ++i) story.cluster().observe_errors.push_back({ErrorKind::unreachable, "no engine"});
  });
  const std::string history = story.run(1min);
  CHECK(lines(history) == 1);
  CHECK_THAT(history, ContainsSubstring("0s drain a 3->2 done"));
  story.cluster().uncordon_errors.push_back({ErrorKind::busy, "throttled"});
  story.resolve(61s, drain_node("a"));
  CHECK_THAT(story.run(2min), ContainsSubstring("1m1s restore a 2->3 done"));
}

TEST_CASE("what is not permitted fails with its words and is tried again later") {
  NodeTimeline story(drain_policy());
  story.cluster().drain_errors.push_back({ErrorKind::refused, "may not patch nodes"});
  story.fire(0s, drain_node("a"));
  const std::string history = story.run(1min);
  CHECK_THAT(history, ContainsSubstring("0s drain a 3->2 failed after 0s: may not patch nodes\n"));
  CHECK_THAT(history, ContainsSubstring(" done after"));
}

TEST_CASE("a restart in the middle of a drain goes on with it") {
  NodeTimeline story(drain_policy());
  story.cluster().stuck = "a budget";
  story.fire(0s, drain_node("a"));
  story.fire(1s, drain_node("b"));
  for (auto when = 5s; when < 60s; when += 7s) story.restart(when);
  story.at(1min, [&] { story.cluster().stuck.clear(); });
  story.restart(90s);
  CHECK(lines(story.run(2min)) == 1);
  CHECK(story.cluster().most_at_once == 1);
  story.resolve(3min, drain_node("a"));
  story.restart(3min);
  CHECK_THAT(story.run(4min), ContainsSubstring("drain b 3->2 done"));
  CHECK(story.cluster().most_at_once == 1);
}

TEST_CASE("a clock that is set back does not make a drain last longer") {
  Policy policy = drain_policy();
  TargetState state;
  NodeState& node = state.nodes["a"];
  const Instant now{Duration{1'000'000}};
  node.in_flight = InFlight{1, Reason::drain, 3, 2, now + 24h, now + 24h + 10min, {}, {}, 0};
  node.held = true;
  const std::vector<Alert> alerts = {drain_node("a")};
  const std::vector<ObservedNode> observed = {{"a", true, true, true, {}}};
  const auto look = decide::decide_nodes({now, policy, alerts, state, observed});
  CHECK(look.state.nodes.at("a").in_flight->deadline == now + 10min);
}

TEST_CASE("a target of nodes has no count that could be set by hand") {
  NodeTimeline story(drain_policy());
  story.run(1s);
  const auto answer = story.controller().set_replicas(TargetName{"node"}, {.replicas = 3, .pin = {}, .user = "eve"});
  REQUIRE_FALSE(answer.has_value());
  CHECK(answer.error().kind == ErrorKind::conflict);
}

TEST_CASE("a preview tells node by node what would be done") {
  NodeTimeline story(drain_policy());
  story.run(1s);
  const auto explained =
      story.controller().preview(TargetName{"node"}, {drain_node("a"), drain_node("b"), drain_node("x")});
  REQUIRE(explained.has_value());
  CHECK(explained->decision.outcome == Outcome::act);
  CHECK(explained->gates.size() == 3);
  CHECK(story.cluster().moves == 0);
}

TEST_CASE("a target of nodes with nothing to do is looked at rarely") {
  NodeTimeline story(drain_policy());
  story.fire(0s, drain_node("a"));
  story.run(10min);
  CHECK(story.looks() < 60);
}

TEST_CASE("a node that somebody else gave back is theirs: who cordons it next is not undone") {
  NodeTimeline story(drain_policy());
  story.cluster().nodes["a"].ours = true;  // our mark, of a drain that is over
  story.run(1min);
  CHECK_FALSE(story.cluster().nodes["a"].ours);
  story.cluster().nodes["a"].cordoned = true;  // by hand
  story.fire(2min, drain_node("a"));
  story.resolve(3min, drain_node("a"));
  story.run(5min);
  CHECK(story.cluster().nodes["a"].cordoned);
}

TEST_CASE("a node that we cordoned is given back although our storage was lost") {
  NodeTimeline story(drain_policy());
  story.cluster().nodes["a"].cordoned = story.cluster().nodes["a"].ours = true;
  story.run(1min);
  CHECK_FALSE(story.cluster().nodes["a"].cordoned);
}

TEST_CASE("a pause stops a drain that is under way") {
  NodeTimeline story(drain_policy());
  story.cluster().nodes["a"].pods = 1'000;
  story.cluster().leave_at_a_time = 1;
  story.fire(0s, drain_node("a"));
  story.run(10s);
  REQUIRE(story.controller().pause(TargetName{"node"}, {}, "eve"));
  CHECK_THAT(story.run(1min), ContainsSubstring("interrupted"));
  const int left = story.cluster().nodes["a"].pods;
  story.run(5min);
  CHECK(story.cluster().nodes["a"].pods == left);
}

TEST_CASE("a target of nodes that may not be touched is blocked, says why, and goes on when it may") {
  NodeTimeline story(drain_policy());
  story.cluster().blocked = Blocked{Reason::not_scalable, "add to a ClusterRole: a rule"};
  story.fire(1s, drain_node("a"));
  CHECK(story.run(10s).empty());
  CHECK(story.view().decision->outcome == Outcome::blocked);
  CHECK(story.view().decision->reason == Reason::not_scalable);
  CHECK_THAT(story.view().decision->text, ContainsSubstring("drain is blocked: add to a ClusterRole: a rule"));
  CHECK(story.view().error == "add to a ClusterRole: a rule");
  const auto explained = story.controller().preview(TargetName{"node"}, {drain_node("b")});
  REQUIRE(explained.has_value());
  CHECK(explained->decision.reason == Reason::not_scalable);
  CHECK(story.cluster().moves == 0);
  story.cluster().blocked.reset();
  CHECK_THAT(story.run(3min), ContainsSubstring("drain a 3->2 done"));
}
