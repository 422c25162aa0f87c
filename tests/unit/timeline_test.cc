// The loop as stories: passes, journal, settling, retries and restarts, on a manual clock.
#include "support/timeline.h"

#include <algorithm>

#include "control/retry.h"

using namespace alertscaler;
using namespace alertscaler::test;
using namespace std::chrono_literals;

namespace {

Policy quick() {
  Policy policy;
  policy.min = 1;
  policy.max = 5;
  policy.up_cooldown = 30s;
  policy.down_cooldown = 60s;
  policy.timeout = 2min;
  return policy;
}

}  // namespace

TEST_CASE("an alert that keeps firing gets a step each cooldown up to max, without being repeated") {
  Timeline story(quick());
  story.fire(0s, up());
  CHECK(story.run(10min) ==
        "0s up 2->3 done after 0s\n"
        "30s up 3->4 done after 0s\n"
        "1m up 4->5 done after 0s\n");
  CHECK(story.view().decision->reason == Reason::at_max);
}

TEST_CASE("duplicates change nothing") {
  Timeline story(quick());
  story.fire(0s, up());
  Alert again = up();
  for (int i = 1; i < 50; ++i) {
    story.at(std::chrono::milliseconds{i * 100}, [&story, again]() mutable {
      again.last_seen = story.store().active_alerts().front().starts_at;
      again.starts_at = again.last_seen;
      REQUIRE(story.store().merge({{again, false, true}})->front().result == MergeResult::duplicate);
    });
  }
  CHECK(story.run(29s) == "0s up 2->3 done after 0s\n");
}

TEST_CASE("cooldowns count from the end of an action") {
  Timeline story(quick());
  story.fleet().startup_delay = 20s;
  story.fire(0s, up());
  const std::string history = story.run(100s);
  CHECK_THAT(history, ContainsSubstring("0s up 2->3 done after 20s\n50s up 3->4 done after 20s"));
}

TEST_CASE("down follows up only after the last change has cooled down") {
  Timeline story(quick());
  story.fire(0s, up());
  story.resolve(10s, up());
  story.fire(10s, down());
  CHECK(story.run(125s) ==
        "0s up 2->3 done after 0s\n"
        "1m down 3->2 done after 0s\n"
        "2m down 2->1 done after 0s\n");
}

TEST_CASE("what waits is looked at exactly when its time has come") {
  Policy policy = quick();
  policy.down_stabilization = 45s;
  Timeline story(policy, 4);
  story.fire(5s, down());
  CHECK(story.run(55s) == "50s down 4->3 done after 0s\n");
}

TEST_CASE("a broken replica fails the action, is removed, and the step is tried again with backoff") {
  Timeline story(quick());
  story.fleet().breaks_above = 2;
  story.fire(0s, up());
  const std::string history = story.run(40s);
  CHECK_THAT(history, ContainsSubstring("0s up 2->3 failed after 0s: replica 3 exited with 1\n"));
  CHECK(std::count(history.begin(), history.end(), '\n') >= 4);
  CHECK(std::count(history.begin(), history.end(), '\n') <= 8);
  // Backoff is random: a try may be under way at this very moment.
  for (auto until = 41s; story.view().status != TargetStatus::failed && until < 45s; ++until) {
    static_cast<void>(story.run(until));
  }
  CHECK(story.fleet().replicas() == 2);
  CHECK(story.view().status == TargetStatus::failed);
  story.at(46s, [&] { story.fleet().breaks_above = 100; });
  CHECK_THAT(story.run(2min), ContainsSubstring("up 2->3 done"));
}

TEST_CASE("a scale-up that does not get ready times out and is not answered with more") {
  Timeline story(quick());
  story.fleet().startup_delay = 5min;
  story.fire(0s, up());
  CHECK(story.run(4min) == "0s up 2->3 timeout after 2m: after 2m: 3 replicas, 2 of them ready\n");
  CHECK(story.view().decision->reason == Reason::not_ready);
  // Ready at last: the next step follows.
  CHECK_THAT(story.run(8min), ContainsSubstring("5m up 3->4 timeout"));
}

TEST_CASE("an engine that vanishes in the middle is waited for, and the count comes out right") {
  Timeline story(quick());
  story.fleet().make_at_most = 1;
  Alert two = up("A");
  two.mapping.step = Step{2, false};
  story.fire(0s, two);
  for (int i = 0; i < 3; ++i) story.fleet().apply_errors.push_back({ErrorKind::unreachable, "no engine"});
  story.at(1s, [&] {
    for (int i = 0; i < 2; ++i) story.fleet().observe_errors.push_back({ErrorKind::unreachable, "no engine"});
  });
  const std::string history = story.run(20s);
  CHECK_THAT(history, ContainsSubstring("0s up 2->4 done"));
  CHECK(story.fleet().replicas() == 4);
}

TEST_CASE("refused by the engine: failed with its words, tried again later") {
  Timeline story(quick());
  story.fleet().apply_errors.push_back({ErrorKind::refused, "permission denied"});
  story.fire(0s, up());
  CHECK(story.run(10s) ==
        "0s up 2->3 failed after 0s: permission denied\n"
        "1s up 2->3 done after 0s\n");
  CHECK(story.state().failures == 0);
}

TEST_CASE("unobservable is not zero") {
  Timeline story(quick());
  for (int i = 0; i < 3; ++i) story.fleet().observe_errors.push_back({ErrorKind::unreachable, "no engine"});
  story.fire(0s, up());
  const std::string history = story.run(20s);
  CHECK(std::count(history.begin(), history.end(), '\n') == 1);
  CHECK_THAT(history, ContainsSubstring("up 2->3 done"));
}

TEST_CASE("a workload drains past min and comes back in one go") {
  Timeline story(quick(), 4);
  story.fire(0s, drain());
  story.resolve(1min, drain());
  CHECK(story.run(3min) ==
        "0s drain 4->0 done after 0s\n"
        "1m restore 0->4 done after 0s\n");
}

TEST_CASE("a drain that ends while it is under way is cancelled") {
  Timeline story(quick(), 4);
  story.fleet().stop_delay = 10s;
  story.fire(1s, drain());
  story.resolve(15s, drain());
  CHECK(story.run(3min) ==
        "1s drain 4->0 interrupted after 14s: superseded by restore\n"
        "15s restore 2->4 done after 0s\n");
}

TEST_CASE("on_resolve restore goes back one step a cooldown") {
  Policy policy = quick();
  policy.on_resolve = OnResolve::restore;
  Timeline story(policy);
  story.fire(0s, up());
  story.resolve(40s, up());
  CHECK(story.run(10min) ==
        "0s up 2->3 done after 0s\n"
        "30s up 3->4 done after 0s\n"
        "1m30s restore 4->3 done after 0s\n"
        "2m30s restore 3->2 done after 0s\n");
}

namespace {

// Resolved by Grafana because nobody knows any more.
Alert unknown(Alert alert) {
  alert.annotations["grafana_state_reason"] = "MissingSeries";
  return alert;
}

}  // namespace

TEST_CASE("an episode that ends for want of data calls for nothing") {
  Policy policy = quick();
  policy.on_resolve = GENERATE(OnResolve::restore, OnResolve::min);
  const std::string stepped_up =
      "0s up 2->3 done after 0s\n"
      "30s up 3->4 done after 0s\n";
  Timeline story(policy);
  story.fire(0s, up());
  SECTION("at once") {
    story.resolve(40s, unknown(up()));
  }
  SECTION("nor after a restart right behind it") {
    story.resolve(40s, unknown(up()));
    story.restart(40s);
    story.restart(41s);
  }
  SECTION("nor when it is said again as an ordinary end") {
    story.resolve(40s, unknown(up()));
    story.resolve(45s, up());
  }
  SECTION("nor when the last of several ends so") {
    story.fire(31s, up("A"));
    story.resolve(35s, up("A"));
    story.resolve(40s, unknown(up()));
  }
  SECTION("nor when one of those that end at the same time does") {
    story.fire(31s, up("A"));
    story.at(40s, [&] {
      Alert first = unknown(up()), second = up("A");
      first.starts_at = second.starts_at = first.last_seen = second.last_seen = story.now();
      REQUIRE(story.store().merge({{first, true, true}, {second, true, true}}));
    });
  }
  CHECK(story.run(20min) == stepped_up);
}

TEST_CASE("an episode whose last alert really ends calls for what it did, whatever became of the others") {
  Policy policy = quick();
  policy.on_resolve = OnResolve::restore;
  Timeline story(policy);
  story.fire(0s, up());
  SECTION("another one ended for want of data before") {
    story.fire(5s, up("A"));
    story.resolve(35s, unknown(up("A")));
    story.resolve(40s, up());
  }
  SECTION("the same one did, and fired again") {
    story.fire(5s, up("A"));
    story.resolve(10s, unknown(up()));
    story.fire(20s, up());
    story.resolve(25s, up("A"));
    story.resolve(40s, up());
  }
  CHECK(story.run(20min) ==
        "0s up 2->3 done after 0s\n"
        "30s up 3->4 done after 0s\n"
        "1m30s restore 4->3 done after 0s\n"
        "2m30s restore 3->2 done after 0s\n");
}

TEST_CASE("what a drain that ended for want of data left undone, the next real end does") {
  Timeline story(quick());
  story.fire(0s, drain());
  story.resolve(40s, unknown(drain()));
  if (GENERATE(true, false)) story.restart(50s);
  story.run(5min);
  CHECK_THAT(story.view().decision->text, ContainsSubstring("is not known to have ended"));
  SECTION("of a drain") {
    story.fire(10min, drain());
    story.resolve(11min, drain());
    CHECK(story.run(20min) ==
          "0s drain 2->0 done after 0s\n"
          "11m restore 0->2 done after 0s\n");
  }
  SECTION("also after an up alert that has woken it meanwhile") {
    story.fire(9min, up());
    story.resolve(9min + 10s, up());
    story.fire(10min, drain());
    story.resolve(11min, drain());
    CHECK(story.run(20min) ==
          "0s drain 2->0 done after 0s\n"
          "9m up 0->1 done after 0s\n"
          "10m drain 1->0 done after 0s\n"
          "11m restore 0->2 done after 0s\n");
  }
  SECTION("unless somebody else has brought it back") {
    story.at(9min, [&] { story.fleet().set(3); });
    story.fire(10min, drain());
    story.resolve(11min, drain());
    CHECK(story.run(20min) ==
          "0s drain 2->0 done after 0s\n"
          "10m drain 3->0 done after 0s\n"
          "11m restore 0->3 done after 0s\n");
  }
}

TEST_CASE("a drain that ends for want of data is not undone") {
  Timeline story(quick());
  story.fire(0s, drain());
  story.resolve(40s, unknown(drain()));
  story.restart(40s);
  story.fire(10min, up());
  story.resolve(10min + 5s, up());
  CHECK(story.run(20min) ==
        "0s drain 2->0 done after 0s\n"
        "10m up 0->1 done after 0s\n");
}

TEST_CASE("repeat once steps once per episode, also across restarts") {
  Policy policy = quick();
  policy.repeat = Repeat::once;
  Timeline story(policy);
  story.fire(0s, up());
  story.restart(20s);
  story.restart(50s);
  story.resolve(2min, up());
  story.fire(4min, up());
  CHECK(story.run(10min) ==
        "0s up 2->3 done after 0s\n"
        "4m up 3->4 done after 0s\n");
}

TEST_CASE("repeat once means one step that was made: one that failed is tried again") {
  Policy policy = quick();
  policy.repeat = Repeat::once;
  Timeline story(policy);
  story.fleet().apply_errors.push_back({ErrorKind::refused, "permission denied"});
  story.fire(0s, up());
  const std::string history = story.run(5min);
  CHECK_THAT(history, ContainsSubstring("0s up 2->3 failed after 0s: permission denied\n"));
  CHECK_THAT(history, ContainsSubstring("up 2->3 done after 0s\n"));
  CHECK(std::count(history.begin(), history.end(), '\n') == 2);
}

TEST_CASE("dry run decides and journals on the count as if, and touches nothing") {
  Policy policy = quick();
  policy.dry_run = true;
  Timeline story(policy);
  story.fire(0s, up());
  CHECK(story.run(70s) ==
        "0s up 2->3 dry_run after 0s\n"
        "30s up 3->4 dry_run after 0s\n"
        "1m up 4->5 dry_run after 0s\n");
  CHECK(story.fleet().replicas() == 2);
  CHECK(story.fleet().applies == 0);
  CHECK(story.view().observed->replicas == 2);
  CHECK(story.view().observed->ready == 2);
  CHECK(story.view().desired == 5);
  CHECK(story.view().target.policy.dry_run);
  CHECK(story.controller().preview(story.view().target.name, {up()})->decision.from == 5);
}

TEST_CASE("what a dry run has pretended is forgotten when it is over") {
  Policy policy = quick();
  policy.dry_run = true;
  Timeline story(policy);
  story.fire(0s, drain());
  story.at(5s, [&] { story.fleet().set(4); });
  story.change(10s, [](Policy& p) { p.dry_run = false; });
  story.resolve(20s, drain());
  CHECK(story.run(30s) ==
        "0s drain 2->0 dry_run after 0s\n"
        "10s drain 4->0 done after 0s\n"
        "20s restore 0->4 done after 0s\n");
}

TEST_CASE("on_resolve restore leads back from a to that has fallen, too") {
  Policy policy = quick();
  policy.on_resolve = OnResolve::restore;
  policy.down_cooldown = 1s;
  Timeline story(policy);
  story.fire(0s, to(3, "To3"));
  story.fire(40s, to(6, "To6"));
  story.resolve(60s, to(6, "To6"));
  story.resolve(120s, to(3, "To3"));
  CHECK(story.run(200s) ==
        "0s to 2->3 done after 0s\n"
        "40s to 3->5 done after 0s\n"
        "1m to 5->3 done after 0s\n"
        "2m restore 3->2 done after 0s\n");
}

TEST_CASE("a dry run in the middle of an episode leaves what there is to come back to") {
  Policy policy = quick();
  policy.on_resolve = OnResolve::restore;
  policy.down_cooldown = 1s;
  Timeline story(policy);
  story.fire(0s, to(3, "To3"));
  story.change(40s, [](Policy& p) { p.dry_run = true; });
  story.fire(50s, to(6, "To6"));
  story.resolve(60s, to(6, "To6"));
  story.change(100s, [](Policy& p) { p.dry_run = false; });
  story.resolve(120s, to(3, "To3"));
  CHECK_THAT(story.run(200s), ContainsSubstring("dry_run"));
  CHECK_THAT(story.history(), ContainsSubstring("2m restore 3->2 done after 0s\n"));
}

TEST_CASE("a to of another value takes the place of an action that only waits") {
  Timeline story(quick());
  story.fleet().startup_delay = 40s;
  story.fire(0s, to(3, "To3"));
  story.fire(10s, to(6, "To6"));
  CHECK(story.run(70s) ==
        "0s to 2->3 interrupted after 10s: superseded by to\n"
        "10s to 3->5 done after 40s\n");
}

TEST_CASE("a to whose value falls while its replicas get ready obeys the cooldown of down") {
  Timeline story(quick());
  story.fleet().startup_delay = 40s;
  story.fire(0s, to(6, "To6"));
  story.fire(10s, to(3, "To3"));
  story.resolve(10s, to(6, "To6"));
  CHECK(story.run(5min) ==
        "0s to 2->5 done after 40s\n"
        "1m40s to 5->3 done after 0s\n");
}

TEST_CASE("restarts settle what was under way") {
  SECTION("reached while nobody looked: done, with its cooldown") {
    Timeline story(quick());
    story.fleet().startup_delay = 10s;
    story.fire(0s, up());
    story.restart(15s);
    CHECK_THAT(story.run(20s), ContainsSubstring("0s up 2->3 done after"));
    CHECK(story.view().decision->reason == Reason::cooldown);
  }
  SECTION("begun but not reached: decided again from where it started, no step twice") {
    Timeline story(quick());
    story.fleet().make_at_most = 1;
    Alert two = up("A");
    two.mapping.step = Step{2, false};
    story.fire(0s, two);
    story.at(0s, [&] {
      // The first apply made one of two; the process dies before the next pass.
    });
    story.restart(Duration{50});
    const std::string history = story.run(20s);
    CHECK(story.fleet().replicas() == 4);
    CHECK_THAT(history, ContainsSubstring("0s up 2->4"));
  }
  SECTION("the alert ended meanwhile: what was not done is not done any more") {
    Timeline story(quick());
    for (int i = 0; i < 3; ++i) story.fleet().apply_errors.push_back({ErrorKind::unreachable, "no engine"});
    story.fire(0s, up());
    story.resolve(Duration{50}, up());
    story.restart(Duration{60});
    CHECK(story.run(20s) == "0s up 2->3 interrupted after 0s: the program was stopped before it was carried out\n");
    CHECK(story.fleet().replicas() == 2);
  }
}

TEST_CASE("backoff doubles from a second to five minutes, with up to a half more at random") {
  CHECK(control::backoff(1, 0.0) == 1s);
  CHECK(control::backoff(1, 1.0) == 1500ms);
  CHECK(control::backoff(4, 0.0) == 8s);
  CHECK(control::backoff(60, 1.0) == 5min);
  CHECK(control::backoff(1000, 0.0) == 5min);
}
