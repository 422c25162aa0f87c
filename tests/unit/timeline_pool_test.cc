// Targets that are both a number of replicas and nodes, as stories: what one half does, the other knows of.
#include <algorithm>

#include "support/pool_timeline.h"

using namespace alertscaler;
using namespace alertscaler::test;
using namespace std::chrono_literals;

namespace {

Alert of_pool(Alert alert) {
  alert.mapping.target = TargetName{"node"};
  return alert;
}

Alert more() {
  return of_pool(up("PendingPods"));
}

Alert less() {
  return of_pool(down("Idle"));
}

Policy replacing() {
  Policy policy = PoolTimeline::pool_policy();
  policy.drain.replace = true;
  return policy;
}

// One step in an episode, so that a story ends.
Policy once() {
  Policy policy = PoolTimeline::pool_policy();
  policy.repeat = Repeat::once;
  return policy;
}

}  // namespace

TEST_CASE("pool: an up makes a node, and has come to its end when that one is ready") {
  PoolTimeline story(once());
  story.pool().joins_after = 20s;
  story.node_of("p-2").dead = true;  // which is not its affair
  story.fire(0s, more());
  story.run(10s);
  CHECK(story.view().status == TargetStatus::scaling);
  CHECK(story.view().desired == 4);
  CHECK(story.run(1min) == "0s up 3->4 done after 20s\n");
  CHECK(story.pool().history() == "made p-4\n");
  CHECK(story.view().observed->replicas == 4);
  CHECK(story.view().observed->ready == 3);
}

TEST_CASE("pool: what never joins is removed, and the action has failed and is tried again") {
  PoolTimeline story(once());
  story.pool().never_joins = true;
  story.fire(0s, more());
  const std::string history = story.run(2min + 500ms);
  CHECK(history ==
        "0s up 3->4 timeout after 2m: after 2m: 4 replicas, 3 of them ready; p-4 has not joined; its log ends: no "
        "route to the server\n");
  CHECK(story.pool().history() == "made p-4\nremoved p-4\n");
  CHECK(story.view().status == TargetStatus::failed);
  CHECK(story.view().decision->reason == Reason::backoff);
  story.at(3min, [&] { story.pool().never_joins = false; });
  CHECK_THAT(story.run(10min), ContainsSubstring(" up 3->4 done after 0s\n"));
  CHECK(story.pool().nodes.contains("p-6"));  // a name is not used again
  CHECK(story.pool().count() == 4);
}

TEST_CASE("pool: a scale-down drains what it removes, and has the time of a drain for it") {
  PoolTimeline story(once());
  story.pool().leave_at_a_time = 0;
  story.node_of("p-2").pods = 1;
  story.fire(0s, less());
  story.run(9min);
  CHECK(story.view().status == TargetStatus::scaling);
  CHECK(story.view().observed->replicas == 3);
  CHECK(story.node("p-2").state == "leaving");
  CHECK(story.pool().tidied == 0);  // an action is under way

  SECTION("it goes when it is empty") {
    story.at(10min, [&] { story.pool().leave_at_a_time = 1; });
    CHECK(story.run(11min) == "0s down 3->2 done after 10m5s\n");
    CHECK(story.pool().history() == "cordoned p-2\nremoved p-2\n");
    CHECK(story.view().observed->replicas == 2);
    CHECK(story.view().nodes.empty());
    CHECK(story.pool().tidied > 0);
  }
  SECTION("what does not get empty in time takes work again, and is kept") {
    story.pool().stuck = "the disruption budget web needs 2 healthy pods";
    const std::string history = story.run(13min + 200ms);
    CHECK(history ==
          "0s down 3->2 timeout after 13m: after 13m: 3 replicas, 3 of them ready; the disruption budget web needs 2 "
          "healthy pods\n");
    CHECK(story.pool().history() == "cordoned p-2\nuncordoned p-2\n");
    CHECK(story.view().status == TargetStatus::failed);
    CHECK(story.view().decision->reason == Reason::backoff);
  }
}

TEST_CASE("pool: what has begun and cannot be taken back yet is under way until it can") {
  PoolTimeline story(once());
  story.pool().leave_at_a_time = 0;
  story.fire(0s, less());
  story.resolve(12min, less());
  story.at(12min, [&] { story.pool().clean_up_errors.assign(3, {ErrorKind::unreachable, "no API server"}); });
  story.at(13min + 2s, [&] {
    CHECK_THAT(story.view().error, ContainsSubstring("what was begun cannot be taken back yet: no API server"));
    CHECK(story.pool().clean_up_errors.size() >= 1);  // it is not asked all the time
  });
  const std::string history = story.run(13min + 20s);
  CHECK_THAT(history, ContainsSubstring("down 3->2 timeout after 13m"));
  CHECK(story.pool().clean_up_errors.empty());
  CHECK_FALSE(story.node_of("p-1").cordoned);
  const auto uncordoned = std::count(story.pool().order.begin(), story.pool().order.end(), "uncordoned p-1");
  CHECK(uncordoned == 1);
}

TEST_CASE("pool: a drain takes the one node out of work that its alert names, and never means zero") {
  PoolTimeline story;
  story.fire(0s, drain_node("p-2"));
  CHECK(story.run(1min) == "0s drain p-2 3->2 done after 5s\n");
  CHECK(story.view().status == TargetStatus::drained);
  CHECK(story.view().observed->replicas == 3);
  CHECK(story.view().desired == 3);
  CHECK(story.node("p-2").state == "drained");
  CHECK_THAT(story.view().decision->text, ContainsSubstring("node p-2: drained; DiskPressure is firing"));
  story.resolve(2min, drain_node("p-2"));
  CHECK(story.run(3min) ==
        "0s drain p-2 3->2 done after 5s\n"
        "2m restore p-2 2->3 done after 0s\n");
  CHECK(story.pool().count() == 3);
  CHECK(story.state().nodes.empty());
}

TEST_CASE("pool: an up and a drain go on side by side") {
  PoolTimeline story(once());
  story.pool().joins_after = 30s;
  story.pool().leave_at_a_time = 0;
  story.fire(0s, drain_node("p-1"));
  story.fire(1s, more());
  story.run(20s);
  CHECK(story.view().status == TargetStatus::draining);
  CHECK(story.view().desired == 4);
  CHECK(story.state().in_flight.has_value());
  CHECK(story.state().nodes.at("p-1").in_flight.has_value());

  SECTION("both end") {
    story.at(40s, [&] { story.pool().leave_at_a_time = 1; });
    CHECK(story.run(1min) ==
          "0s drain p-1 3->2 done after 44s\n"
          "1s up 3->4 done after 30s\n");
  }
  SECTION("both go on after a restart") {
    story.restart(25s);
    story.at(40s, [&] { story.pool().leave_at_a_time = 2; });
    CHECK(story.run(1min) ==
          "0s drain p-1 3->2 done after 40s\n"
          "1s up 3->4 done after 30s\n");
    CHECK(story.pool().history() == "cordoned p-1\nmade p-4\n");
  }
}

TEST_CASE("pool: a drain waits for the scale-down that drains, and goes on after it") {
  PoolTimeline story(once());
  story.pool().leave_at_a_time = 0;
  story.node_of("p-3").pods = 1;
  story.fire(0s, less());
  story.fire(5s, drain_node("p-1"));
  story.run(1min);
  CHECK(story.node("p-1").state == "waiting");
  CHECK_THAT(story.node("p-1").text, ContainsSubstring("drain waits: p-3 is being removed"));
  CHECK(story.view().status == TargetStatus::scaling);
  story.at(2min, [&] { story.pool().leave_at_a_time = 5; });
  const std::string history = story.run(4min);
  CHECK_THAT(history, ContainsSubstring("0s down 3->2 done after 2m5s\n"));
  CHECK_THAT(history, ContainsSubstring("drain p-1 2->1 done after 5s\n"));
  CHECK(story.pool().most_at_once == 1);
}

TEST_CASE("pool: a drain of the node that a scale-down removes has nothing to do") {
  PoolTimeline story(once());
  story.pool().leave_at_a_time = 0;
  story.node_of("p-3").pods = 1;
  story.fire(0s, less());
  story.fire(5s, drain_node("p-3"));
  story.run(1min);
  CHECK_THAT(story.node("p-3").text, ContainsSubstring("it is being removed"));
  CHECK(story.state().nodes.empty());
  story.at(2min, [&] { story.pool().leave_at_a_time = 1; });
  CHECK(story.run(3min) == "0s down 3->2 done after 2m5s\n");
  CHECK(story.node("p-3").state == "refused");
}

TEST_CASE("pool: a scale-down does not begin while a node is being drained, nor when too many are out of work") {
  Policy policy = once();
  SECTION("max_unavailable 1: it waits until the drained one works again") {
    PoolTimeline story(policy);
    story.pool().leave_at_a_time = 0;
    story.fire(0s, drain_node("p-1"));
    story.fire(10s, less());
    story.run(1min);
    CHECK(story.view().status == TargetStatus::draining);
    CHECK_THAT(story.view().decision->text,
               ContainsSubstring("scale down 3 -> 2 waits: p-1 is being drained; Idle is firing"));
    CHECK_FALSE(story.state().in_flight.has_value());
    story.at(2min, [&] { story.pool().leave_at_a_time = 2; });
    story.run(3min);
    CHECK(story.view().decision->reason == Reason::budget);
    CHECK_THAT(story.view().decision->text,
               ContainsSubstring("1 node is out of work (p-1), and max_unavailable allows 1 at once"));
    CHECK(story.view().status == TargetStatus::postponed);
    story.resolve(4min, drain_node("p-1"));
    CHECK_THAT(story.run(5min), ContainsSubstring("4m restore p-1 2->3 done after 0s\n4m down 3->2 done after 0s\n"));
    CHECK(story.pool().most_at_once == 1);
  }
  SECTION("max_unavailable 2: one after the other") {
    policy.drain.max_unavailable = Step{2};
    PoolTimeline story(policy);
    story.pool().leave_at_a_time = 0;
    story.fire(0s, drain_node("p-1"));
    story.fire(10s, less());
    story.at(2min, [&] { story.pool().leave_at_a_time = 2; });
    const std::string history = story.run(3min);
    CHECK_THAT(history, ContainsSubstring("0s drain p-1 3->2 done after 2m"));
    CHECK_THAT(history, ContainsSubstring("down 3->2 done after 0s\n"));
    CHECK(story.node_of("p-1").cordoned);
    CHECK(story.pool().count() == 2);
  }
  SECTION("an up may") {
    PoolTimeline story(policy);
    story.pool().leave_at_a_time = 0;
    story.fire(0s, drain_node("p-1"));
    story.fire(10s, more());
    CHECK(story.run(1min) == "10s up 3->4 done after 0s\n");
  }
}

TEST_CASE("pool: a scale-down that has not found a node to drain lets an alert's drain go first") {
  PoolTimeline story(once());
  story.pool().apply_errors.assign(20, {ErrorKind::busy, "no node can be removed now"});
  story.pool().leave_at_a_time = 0;
  story.fire(0s, less());
  story.fire(1s, drain_node("p-1"));
  story.at(1min, [&] { story.pool().leave_at_a_time = 2; });
  story.run(30s);
  CHECK(story.node("p-1").state == "draining");
  CHECK(story.state().in_flight.has_value());
  CHECK(story.pool().apply_errors.size() > 5);
  story.at(90s, [&] { story.pool().apply_errors.clear(); });
  story.run(2min);  // drained, and still out of work
  CHECK(story.pool().history() == "cordoned p-1\n");
  story.resolve(3min, drain_node("p-1"));
  CHECK_THAT(story.run(4min), ContainsSubstring("0s down 3->2 done after 3m"));
  CHECK(story.pool().most_at_once == 1);
}

TEST_CASE("pool: who wants more takes back the removal that still drains") {
  PoolTimeline story(once());
  story.pool().leave_at_a_time = 0;
  story.fire(0s, less());
  SECTION("an up makes one on top") {
    story.fire(1min, more());
    CHECK(story.run(2min) ==
          "0s down 3->2 interrupted after 1m: superseded by up\n"
          "1m up 3->4 done after 0s\n");
  }
  SECTION("a to that wants what there is") {
    story.fire(1min, of_pool(to(3)));
    CHECK(story.run(2min) ==
          "0s down 3->2 interrupted after 1m: superseded by to\n"
          "1m to 3->3 done after 0s\n");
  }
  SECTION("by hand") {
    story.at(1min, [&] { CHECK(story.controller().set_replicas(TargetName{"node"}, {3, Duration{0}, "ann"})); });
    CHECK_THAT(story.run(2min), ContainsSubstring("0s down 3->2 interrupted after 1m: superseded by manual\n"));
  }
  SECTION("not a to that wants the same") {
    story.fire(1min, of_pool(to(2)));
    CHECK(story.run(2min).empty());
    return;
  }
  CHECK(story.pool().order.at(0) == "cordoned p-1");
  CHECK(story.pool().order.at(1) == "uncordoned p-1");
  CHECK_FALSE(story.node_of("p-1").leaving);
}

TEST_CASE("pool: no alert takes back what was asked for by hand") {
  PoolTimeline story(once());
  story.pool().leave_at_a_time = 0;
  story.at(0s, [&] { CHECK(story.controller().set_replicas(TargetName{"node"}, {2, Duration{0}, "ann"})); });
  story.fire(1min, more());
  CHECK(story.run(2min).empty());
  CHECK(story.node_of("p-1").leaving);
  CHECK(story.view().decision->reason == Reason::in_flight);
}

TEST_CASE("pool: what is certain to go is not taken back") {
  PoolTimeline story(once());
  story.pool().stops_in = 1'000'000;
  story.fire(0s, less());
  story.fire(1min, more());
  story.run(2min);
  CHECK(story.node_of("p-1").going);
  CHECK(story.view().observed->replicas == 2);
  CHECK(story.view().decision->reason == Reason::in_flight);
  // It is not there any more, so the scale-down has happened, however long the rest takes.
  CHECK_THAT(story.run(14min), ContainsSubstring("0s down 3->2 timeout after 13m"));
  CHECK_THAT(story.history(), ContainsSubstring("13m up 2->3 done after 0s\n"));
}

TEST_CASE("pool: a pause stops both, and both go on after it") {
  PoolTimeline story(once());
  const auto pause = [&] { CHECK(story.controller().pause(TargetName{"node"}, 5min, "ann")); };
  story.pool().leave_at_a_time = 0;
  SECTION("a scale-down that drains") {
    story.fire(0s, less());
    story.at(1min, pause);
    CHECK(story.run(2min) == "0s down 3->2 interrupted after 1m: paused by ann\n");
    CHECK(story.pool().history() == "cordoned p-1\nuncordoned p-1\n");
    CHECK(story.view().status == TargetStatus::paused);
    const int tidied = story.pool().tidied;
    story.run(4min);
    CHECK(story.pool().tidied == tidied);
    story.at(7min, [&] { story.pool().leave_at_a_time = 2; });
    CHECK_THAT(story.run(8min), ContainsSubstring("6m down 3->2 done after 1m5s\n"));
  }
  SECTION("a drain of a node, and not an up") {
    story.pool().joins_after = 2min - 1s;
    story.fire(0s, drain_node("p-1"));
    story.fire(1s, more());
    story.at(1min, pause);
    const std::string history = story.run(3min);
    CHECK_THAT(history, ContainsSubstring("0s drain p-1 3->2 interrupted after 1m: paused until"));
    CHECK_THAT(history, ContainsSubstring("1s up 3->4 done after 1m59s\n"));
  }
}

TEST_CASE("pool: drain with replace: another one comes first, and the drained one goes") {
  PoolTimeline story(replacing());
  story.pool().joins_after = 1min;
  story.fire(0s, drain_node("p-2"));
  story.run(30s);
  CHECK(story.node("p-2").state == "draining");
  CHECK_THAT(story.node("p-2").text, ContainsSubstring("what takes its place must be ready first"));
  CHECK(story.view().observed->replicas == 3);
  CHECK_FALSE(story.node_of("p-2").cordoned);

  SECTION("done, and nothing of it is left to give back") {
    story.run(2min);
    const std::string history = story.history();
    CHECK_THAT(history, ContainsSubstring("0s drain p-2 3->2 done after 1m"));
    CHECK(story.pool().history() == "made p-4\ncordoned p-2\nremoved p-2\n");
    CHECK(story.pool().count() == 3);
    CHECK(story.node("p-2").state == "removed");
    CHECK_THAT(story.node("p-2").text, ContainsSubstring("node p-2: it is gone; DiskPressure is firing"));
    CHECK(story.view().status == TargetStatus::idle);
    CHECK(story.view().error.empty());
    story.resolve(3min, drain_node("p-2"));
    CHECK(story.run(4min) == history);
    CHECK(story.state().nodes.empty());
    CHECK(story.view().nodes.empty());
  }
  SECTION("the alert ends before: what was to take its place is taken back") {
    story.resolve(40s, drain_node("p-2"));
    const std::string history = story.run(2min);
    CHECK_THAT(history, ContainsSubstring("0s drain p-2 3->2 interrupted after 40s: DiskPressure has ended\n"));
    CHECK(story.pool().history() == "made p-4\nremoved p-4\n");
    CHECK(story.state().nodes.empty());
  }
  SECTION("killed in between") {
    story.restart(50s);
    CHECK_THAT(story.run(2min), ContainsSubstring("0s drain p-2 3->2 done after 1m"));
    CHECK(story.pool().history() == "made p-4\ncordoned p-2\nremoved p-2\n");
  }
  SECTION("killed after the removal, before it was written down") {
    story.at(50s, [&] {
      story.node_of("p-4").replaces.clear();
      story.pool().remove("p-2");
      story.NodeTimeline::restart();
    });
    CHECK_THAT(story.run(1min), ContainsSubstring("0s drain p-2 3->2 done after 50s\n"));
    CHECK(story.node("p-2").state == "removed");
  }
}

TEST_CASE("pool: a replacement is taken back also by who has lost his storage") {
  PoolTimeline story(replacing());
  story.node_of("p-1").replaced = true;
  story.at(0s, [&] { story.pool().make(SystemClock(), 0, "p-1"); });
  story.run(1min);
  CHECK_FALSE(story.node_of("p-1").replaced);
  CHECK(story.pool().history() == "made p-4\nremoved p-4\n");
}

TEST_CASE("pool: a node that was drained and that somebody removes is nobody's concern any more") {
  PoolTimeline story;
  story.fire(0s, drain_node("p-2"));
  story.at(1min, [&] { story.pool().remove("p-2"); });
  CHECK(story.run(2min) == "0s drain p-2 3->2 done after 5s\n");
  CHECK(story.node("p-2").state == "removed");
  CHECK(story.view().error.empty());
  story.resolve(3min, drain_node("p-2"));
  CHECK(story.run(4min) == "0s drain p-2 3->2 done after 5s\n");
  CHECK(story.state().nodes.empty());
}

TEST_CASE("pool: a killed scale-down goes on where it was, as the same action") {
  PoolTimeline story(once());
  story.pool().leave_at_a_time = 0;
  story.fire(0s, less());
  story.restart(1min);
  SECTION("with its alert") {}
  SECTION("without it") {
    story.resolve(50s, less());
  }
  story.at(2min, [&] { story.pool().leave_at_a_time = 2; });
  CHECK(story.run(3min) == "0s down 3->2 done after 2m5s\n");
  CHECK(story.pool().history() == "cordoned p-1\nremoved p-1\n");
}

TEST_CASE("pool: a count by hand is taken while a drain alert fires") {
  PoolTimeline story;
  story.fire(0s, drain_node("p-2"));
  story.at(1min, [&] { CHECK(story.controller().set_replicas(TargetName{"node"}, {5, Duration{0}, "ann"})); });
  CHECK(story.run(2min) ==
        "0s drain p-2 3->2 done after 5s\n"
        "1m manual 3->5 done after 0s\n");
}

TEST_CASE("pool: a hold forbids scale-downs; one that names a node keeps that one drained") {
  PoolTimeline story(once());
  Alert hold_node = of_pool(hold());
  hold_node.mapping.node = "p-1";
  story.fire(0s, drain_node("p-1"));
  story.fire(10s, hold_node);
  story.fire(20s, less());
  story.resolve(30s, drain_node("p-1"));
  CHECK(story.run(1min) == "0s drain p-1 3->2 done after 5s\n");
  CHECK_THAT(story.view().decision->text, ContainsSubstring("on hold"));
}

TEST_CASE("pool: a dry run writes down both and does nothing") {
  Policy policy = once();
  policy.dry_run = true;
  PoolTimeline story(policy);
  story.fire(0s, drain_node("p-2"));
  story.fire(1s, more());
  CHECK(story.run(1min) ==
        "0s drain p-2 3->2 dry_run after 0s\n"
        "1s up 3->4 dry_run after 0s\n");
  CHECK(story.pool().order.empty());
  CHECK(story.pool().tidied == 0);
  // As if it had happened: the next scale-down waits for what would be out of work.
  story.resolve(2min, more());
  story.fire(3min, less());
  story.run(4min);
  CHECK_THAT(story.view().decision->text, ContainsSubstring("1 node is out of work (p-2)"));
}

TEST_CASE("pool: who explains tells of the count and of each node") {
  PoolTimeline story;
  story.run(1s);
  const auto explained = story.controller().preview(TargetName{"node"}, {drain_node("p-2"), more()});
  REQUIRE(explained.has_value());
  CHECK(explained->decision.outcome == Outcome::act);
  CHECK(explained->decision.text == "scale up 3 -> 4: PendingPods is firing; node p-2: drain: DiskPressure is firing");
  const auto has_gate = [&](const std::string& name) {
    return std::any_of(explained->gates.begin(), explained->gates.end(),
                       [&](const GateNote& gate) { return gate.gate == name; });
  };
  CHECK(has_gate("cooldown"));
  CHECK(has_gate("node p-2"));
}

TEST_CASE("pool: what is under way is given up when the target leaves, and no node stays cordoned for its removal") {
  PoolTimeline story(once());
  story.pool().leave_at_a_time = 0;
  story.node_of("p-3").pods = 1;
  story.fire(0s, less());
  story.at(1min, [&] {
    auto settings = std::make_shared<Settings>();
    CHECK(story.controller().reload({settings, {}, {}}).has_value());
  });
  CHECK(story.run(2min) == "0s down 3->2 interrupted after 1m: the target was removed from the configuration\n");
  CHECK(story.pool().history() == "cordoned p-3\nuncordoned p-3\n");
}

TEST_CASE("pool: what is certain to go does not stay behind when the target leaves, unless it is a dry run") {
  const bool dry_run = GENERATE(false, true);
  Policy policy = once();
  policy.dry_run = dry_run;
  PoolTimeline story(policy);
  story.pool().stops_in = 1000;
  story.node_of("p-3").going = true;
  story.at(1min, [&] { CHECK(story.controller().reload({std::make_shared<Settings>(), {}, {}}).has_value()); });
  (void)story.run(2min);
  CHECK(story.pool().left == (dry_run ? 0 : 1));
  CHECK(story.pool().history() == (dry_run ? "" : "removed p-3\n"));
}
