// An autoscaler sets the count: stories of its floor, on a manual clock.
#include "support/timeline.h"

using namespace alertscaler;
using namespace alertscaler::test;
using namespace std::chrono_literals;

namespace {

Policy quick() {
  Policy policy;
  policy.min = 1;
  policy.max = 8;
  policy.up_step = {2, false};
  policy.up_cooldown = 30s;
  policy.down_cooldown = 60s;
  return policy;
}

class Story : public Timeline {
 public:
  explicit Story(Policy policy = quick()) : Timeline(policy) { fleet().autoscaler.emplace(); }
  FakeAutoscaler& autoscaler() { return *fleet().autoscaler; }
};

}  // namespace

TEST_CASE("floor story: up with the alert, back when it ends, and the autoscaler decides above") {
  Story story;
  story.fire(0s, up());
  story.at(10s, [&] { story.autoscaler().wants = 7; });
  story.at(20s, [&] { CHECK(story.autoscaler().original == 2); });
  story.resolve(25s, up());
  CHECK(story.run(3min) ==
        "0s up 2->4 done after 0s\n"
        "1m restore 4->2 done after 0s\n");
  CHECK(story.autoscaler().floor == 2);
  CHECK_FALSE(story.autoscaler().original);
  CHECK(story.view().observed->replicas == 7);
  CHECK(story.view().desired == 7);
  CHECK(story.view().decision->reason == Reason::no_intent);
  CHECK_FALSE(story.state().baseline);
}

TEST_CASE("floor story: a restart in between loses nothing") {
  Story story;
  story.fire(0s, up());
  story.restart(10s);
  story.resolve(25s, up());
  story.restart(30s);
  CHECK(story.run(3min) ==
        "0s up 2->4 done after 0s\n"
        "1m restore 4->2 done after 0s\n");
}

TEST_CASE("floor story: an end for want of data leaves it, the next real end puts it back where it was") {
  Story story;
  Alert unknown = up();
  unknown.annotations["grafana_state_reason"] = "MissingSeries";
  story.fire(0s, up());
  story.resolve(25s, unknown);
  CHECK(story.run(3min) == "0s up 2->4 done after 0s\n");
  CHECK(story.autoscaler().original == 2);
  SECTION("of an alert") {
    story.fire(5min, up());
    story.resolve(5min + 10s, up());
    CHECK(story.run(10min) ==
          "0s up 2->4 done after 0s\n"
          "5m up 4->6 done after 0s\n"
          "6m restore 6->2 done after 0s\n");
  }
  SECTION("a down alert does at once") {
    story.fire(5min, down());
    CHECK(story.run(6min) ==
          "0s up 2->4 done after 0s\n"
          "5m restore 4->2 done after 0s\n");
  }
  SECTION("of a pin that it ended in") {
    story.fire(5min, up());
    story.at(5min + 1s, [&] { REQUIRE(story.controller().set_replicas(TargetName{"web"}, {6, 2min, "alice"})); });
    story.resolve(6min, unknown);
    CHECK_THAT(story.run(10min), ContainsSubstring(" restore 6->2 done after 0s\n"));
  }
  SECTION("of a pin") {
    story.at(5min, [&] { REQUIRE(story.controller().set_replicas(TargetName{"web"}, {4, 1min, "alice"})); });
    CHECK(story.run(10min) ==
          "0s up 2->4 done after 0s\n"
          "6m restore 4->2 done after 0s\n");
  }
  CHECK_FALSE(story.autoscaler().original);
}

TEST_CASE("floor story: while the alert fires it goes on, up to the autoscaler's own max") {
  Story story;
  story.autoscaler().max = 5;
  story.fire(0s, up());
  CHECK(story.run(2min) ==
        "0s up 2->4 done after 0s\n"
        "30s up 4->5 done after 0s\n");
  CHECK(story.view().decision->text.find("the autoscaler web allows no more") != std::string::npos);
}

TEST_CASE("floor story: what GitOps undoes is not done again in this episode, but in the next one") {
  Story story;
  story.fire(0s, up());
  story.at(10s, [&] { story.autoscaler().floor = 2; });
  story.restart(40s);
  story.at(2min, [&] {
    CHECK(story.view().decision->reason == Reason::hpa_owned);
    CHECK(story.autoscaler().floor == 2);
  });
  story.resolve(3min, up());
  story.at(4min, [&] { CHECK_FALSE(story.autoscaler().original); });
  story.fire(5min, up("A"));
  CHECK(story.run(5min + 10s) ==
        "0s up 2->4 done after 0s\n"
        "3m restore 2->2 done after 0s\n"
        "5m up 2->4 done after 0s\n");
}

TEST_CASE("floor story: undone together with our note, and by a value of their own") {
  Story story;
  story.fire(0s, up());
  story.at(10s, [&] {
    story.autoscaler() = FakeAutoscaler{};
    story.autoscaler().floor = 3;
  });
  story.resolve(2min, up());
  CHECK(story.run(4min) == "0s up 2->4 done after 0s\n");
  CHECK(story.autoscaler().floor == 3);
  CHECK_FALSE(story.state().floor_set);
}

TEST_CASE("floor story: a drain switches it off, and on again") {
  Story story;
  story.autoscaler().wants = 5;
  story.fire(10s, drain());
  story.at(15s, [&] { CHECK(story.view().status == TargetStatus::drained); });
  story.resolve(20s, drain());
  CHECK(story.run(1min) ==
        "10s drain 5->0 done after 0s\n"
        "20s restore 0->5 done after 0s\n");
  CHECK(story.autoscaler().floor == 2);
}

TEST_CASE("floor story: a pin holds the floor, and when it ends it goes back") {
  Story story;
  story.at(0s, [&] {
    const auto ordered = story.controller().set_replicas(story.target(), {6, 2min, "alice"});
    REQUIRE(ordered.has_value());
  });
  story.at(1min, [&] { CHECK(story.autoscaler().floor == 6); });
  CHECK(story.run(4min) ==
        "0s manual 2->6 done after 0s\n"
        "2m restore 6->2 done after 0s\n");
}

TEST_CASE("floor story: a count by hand stays, and says what it is") {
  Story story;
  story.at(10s, [&] {
    const auto ordered = story.controller().set_replicas(story.target(), {6, 0s, "alice"});
    REQUIRE(ordered.has_value());
    REQUIRE(ordered->warnings.size() == 1);
    CHECK(ordered->warnings[0] == "the autoscaler web sets the count: 6 becomes its floor, and above that it decides");
  });
  story.fire(5min, down());
  CHECK(story.run(6min) ==
        "10s manual 2->6 done after 0s\n"
        "5m down 6->5 done after 0s\n");
}

TEST_CASE("floor story: an autoscaler that appears ends the step that was meant for the count") {
  Story story;
  story.fleet().autoscaler.reset();
  story.fleet().startup_delay = 20s;
  story.fire(0s, up());
  story.at(5s, [&] { story.fleet().autoscaler.emplace(); });
  CHECK(story.run(10s) == "0s up 2->4 interrupted after 5s: the autoscaler web sets the count now\n");
  CHECK(story.autoscaler().floor == 4);  // decided again, for the floor
}

TEST_CASE("floor story: a dry run moves nothing, and tells what it would have done") {
  Policy policy = quick();
  policy.dry_run = true;
  Story story(policy);
  story.fire(0s, up());
  story.at(10s, [&] {
    CHECK(story.view().observed->floor->current == 2);
    CHECK(story.view().decision->from == 4);
  });
  story.resolve(25s, up());
  CHECK(story.run(3min) ==
        "0s up 2->4 dry_run after 0s\n"
        "1m restore 4->2 dry_run after 0s\n");
  CHECK(story.autoscaler().floor == 2);
  CHECK(story.fleet().applies == 0);
}

TEST_CASE("floor story: what we had raised before a dry run goes back once, as if") {
  Policy policy = quick();
  policy.dry_run = true;
  Story story(policy);
  story.autoscaler().move(4);
  CHECK(story.run(10min) == "0s restore 4->2 dry_run after 0s\n");
  CHECK(story.autoscaler().floor == 4);
}

TEST_CASE("floor story: undone before it was ever seen there is undone, and not tried again in this episode") {
  Story story;
  story.fleet().startup_delay = 20s;
  story.fire(0s, up());
  story.at(5s, [&] {
    story.autoscaler() = FakeAutoscaler{};
    story.fleet().apply_errors.push_back({ErrorKind::refused, "it was set to 4, and then to 2 by somebody else"});
  });
  CHECK(story.run(5min) == "0s up 2->4 failed after 5s: it was set to 4, and then to 2 by somebody else\n");
  CHECK(story.view().decision->reason == Reason::hpa_owned);
  CHECK(story.autoscaler().floor == 2);
}
