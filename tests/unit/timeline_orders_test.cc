// Counts by hand, pins and pauses as stories, on a manual clock.
#include "support/timeline.h"

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
  return policy;
}

class Story : public Timeline {
 public:
  using Timeline::Timeline;
  void scale(Duration when, int replicas, Duration pin = 0s) {
    at(when, [this, replicas, pin] { REQUIRE(scale(replicas, pin).has_value()); });
  }
  Result<receive::Ordered> scale(int replicas, Duration pin = 0s) {
    return controller().set_replicas(target(), {replicas, pin, "alice"});
  }
  void pause(Duration when, std::optional<Duration> how_long = {}) {
    at(when, [this, how_long] { REQUIRE(controller().pause(target(), how_long, "bob").has_value()); });
  }
  void resume(Duration when) {
    at(when, [this] { REQUIRE(controller().resume(target(), "bob").has_value()); });
  }
};

}  // namespace

TEST_CASE("a count by hand is one action, counts for the cooldowns, and says who asked") {
  Story story(quick());
  story.scale(0s, 4);
  story.fire(1s, up());
  CHECK(story.run(29s) == "0s manual 2->4 done after 0s\n");
  CHECK(story.view().decision->reason == Reason::cooldown);
  CHECK(story.view().last_action->cause == Cause{ManualCause{"alice"}});
  CHECK(story.run(31s) ==
        "0s manual 2->4 done after 0s\n"
        "30s up 4->5 done after 0s\n");
}

TEST_CASE("a pin holds until it ends, also across restarts, and then alerts have it again") {
  Story story(quick());
  story.fire(0s, up());
  story.scale(10s, 3, 5min);
  story.restart(1min);
  story.at(2min, [&] {
    CHECK(story.view().status == TargetStatus::pinned);
    CHECK(story.view().pin->replicas == 3);
    CHECK(story.view().decision->reason == Reason::pinned);
  });
  story.at(3min, [&] { story.fleet().set(1); });  // somebody else: the pin puts it back
  const std::string history = story.run(5min + 50s);
  CHECK_THAT(history, ContainsSubstring("0s up 2->3 done after 0s\n3m"));
  CHECK_THAT(history, ContainsSubstring(" manual 1->3 done after 0s\n5m10s up 3->4 done after 0s\n"));
  CHECK_FALSE(story.view().pin.has_value());
}

TEST_CASE("setting a pin anew replaces it; a count without one, or resume, ends it") {
  Story story(quick());
  story.fire(0s, drain());
  story.scale(10s, 4, 10min);
  story.scale(20s, 3, 20min);
  story.at(21s, [&] { CHECK(story.view().pin->replicas == 3); });
  story.resume(2min);
  CHECK(story.run(3min) ==
        "0s drain 2->0 done after 0s\n"
        "10s manual 0->4 done after 0s\n"
        "20s manual 4->3 done after 0s\n"
        "2m drain 3->0 done after 0s\n");
  CHECK_FALSE(story.view().pin.has_value());
  story.resolve(4min, drain());
  story.scale(5min, 2, 10min);
  story.scale(6min, 2);
  CHECK_THAT(story.run(7min), ContainsSubstring("4m restore 0->3 done after 0s\n5m manual 3->2 done after 0s\n"));
  CHECK_FALSE(story.view().pin.has_value());
}

TEST_CASE("while it is paused alerts are tracked; what then stands is acted on") {
  Story story(quick());
  story.pause(0s, 10min);
  story.fire(10s, up());
  story.fire(20s, up("A"));
  story.resolve(30s, up());
  story.restart(40s);
  story.at(50s, [&] {
    CHECK(story.view().status == TargetStatus::paused);
    CHECK(story.view().decision->reason == Reason::paused);
  });
  CHECK(story.run(9min).empty());
  story.resolve(9min, up("A"));
  story.fire(9min, down());
  CHECK(story.run(10min + 1s) == "10m down 2->1 done after 0s\n");
  CHECK(story.view().status == TargetStatus::idle);
}

TEST_CASE("an action under way when the pause begins is finished") {
  Story story(quick());
  story.fleet().startup_delay = 20s;
  story.fire(0s, up());
  story.pause(5s);
  CHECK(story.run(2min) == "0s up 2->3 done after 20s\n");
  CHECK(story.view().status == TargetStatus::paused);
  story.resume(3min);
  CHECK_THAT(story.run(4min), ContainsSubstring("3m up 3->4 done after 20s"));
}

TEST_CASE("pause and resume of all leave each target's own alone") {
  Story story(quick());
  control::Controller& all = story.controller();
  story.at(0s, [&] { REQUIRE(all.pause(std::nullopt, std::nullopt, "bob").has_value()); });
  story.fire(0s, up());
  CHECK(story.run(1min).empty());
  CHECK(all.resume(story.target(), "bob")->warnings ==
        std::vector<std::string>{"it stays paused: all targets are, until resumed by bob"});
  REQUIRE(all.pause(story.target(), std::nullopt, "carol").has_value());
  CHECK(all.resume(std::nullopt, "bob")->warnings ==
        std::vector<std::string>{"web stays paused until resumed by carol: it has a pause of its own"});
  CHECK(story.run(2min).empty());
  story.resume(3min);
  CHECK_THAT(story.run(3min + 1s), ContainsSubstring("3m up 2->3 done"));
}

TEST_CASE("a command is neither lost nor doubled by a restart") {
  SECTION("before anybody looked") {
    Story story(quick());
    static_cast<void>(story.run(0s));
    REQUIRE(story.scale(4).has_value());
    story.restart(1s);
    CHECK(story.run(10min) == "1s manual 2->4 done after 0s\n");
  }
  SECTION("between the intent and the act") {
    Story story(quick());
    for (int i = 0; i < 3; ++i) story.fleet().apply_errors.push_back({ErrorKind::unreachable, "no engine"});
    story.scale(0s, 4);
    story.restart(Duration{60});
    CHECK(story.run(10min) ==
          "0s manual 2->4 interrupted after 0s: the program was stopped before it was carried out\n"
          "0s manual 2->4 done after 0s\n");
  }
  SECTION("while it waits for readiness") {
    Story story(quick());
    story.fleet().startup_delay = 20s;
    story.scale(0s, 4);
    story.restart(10s);
    CHECK(story.run(10min) == "0s manual 2->4 done after 20s\n");
  }
  SECTION("after it") {
    Story story(quick());
    story.scale(0s, 4);
    story.at(1min, [&] { story.fleet().set(3); });
    story.restart(2min);
    CHECK(story.run(10min) == "0s manual 2->4 done after 0s\n");
  }
}

TEST_CASE("a slip is put right at once, even by the count that is still there") {
  Story story(quick());
  for (int i = 0; i < 2; ++i) story.fleet().apply_errors.push_back({ErrorKind::busy, "later"});
  story.scale(0s, 5);
  story.scale(Duration{50}, 2);
  CHECK(story.run(10min) ==
        "0s manual 2->5 interrupted after 0s: superseded by manual\n"
        "0s manual 2->2 done after 0s\n");
  CHECK(story.fleet().replicas() == 2);
}

TEST_CASE("a command waits for what passes by itself") {
  Story story(quick());
  story.at(1s, [&] {
    story.fleet().blocked = Blocked{Reason::not_scalable, "a rolling update of web is under way", true};
    REQUIRE(story.scale(4).has_value());
  });
  story.at(10s, [&] {  // it can be replaced meanwhile
    const auto ordered = story.scale(3);
    REQUIRE(ordered.has_value());
    CHECK(ordered->warnings == std::vector<std::string>{"a rolling update of web is under way"});
  });
  story.at(20s, [&] { story.fleet().blocked.reset(); });
  CHECK(story.run(10min) == "20s manual 2->3 done after 0s\n");
}

TEST_CASE("a command that fails is over, and a pin is tried again") {
  Story story(quick());
  story.fleet().apply_errors.push_back({ErrorKind::refused, "permission denied"});
  story.scale(0s, 4);
  CHECK(story.run(10min) == "0s manual 2->4 failed after 0s: permission denied\n");
  story.fleet().apply_errors.push_back({ErrorKind::refused, "permission denied"});
  story.scale(11min, 4, 10min);
  CHECK_THAT(story.run(12min), ContainsSubstring("11m manual 2->4 failed after 0s: permission denied\n"
                                                 "11m1s manual 2->4 done after 0s\n"));
}

TEST_CASE("what a target's state does not allow is refused with the reason") {
  Story story(quick());
  static_cast<void>(story.run(0s));
  CHECK(story.controller().set_replicas(TargetName{"none"}, {1, 0s, "alice"}).error().kind == ErrorKind::not_found);
  CHECK(story.controller().pause(TargetName{"none"}, {}, "alice").error().kind == ErrorKind::not_found);
  CHECK(story.controller().resume(TargetName{"none"}, "alice").error().kind == ErrorKind::not_found);

  story.fire(1s, drain());
  static_cast<void>(story.run(2s));
  const auto drained = story.scale(3);
  REQUIRE_FALSE(drained.has_value());
  CHECK(drained.error().kind == ErrorKind::conflict);
  CHECK_THAT(drained.error().message, ContainsSubstring("HostDown is firing"));
  CHECK(story.scale(3, 1min).has_value());

  REQUIRE(story.controller().pause(story.target(), {}, "bob").has_value());
  const auto paused = story.scale(3, 1min);
  REQUIRE_FALSE(paused.has_value());
  CHECK(paused.error().kind == ErrorKind::conflict);
  CHECK(paused.error().message == "web is paused until resumed by bob: resume it first");
}

TEST_CASE("what a person should know is a warning") {
  Story story(quick());
  for (int i = 0; i < 2; ++i) story.fleet().observe_errors.push_back({ErrorKind::unreachable, "no engine"});
  static_cast<void>(story.run(0s));
  const auto unseen = story.scale(3);
  CHECK_THAT(unseen->warnings.at(0), ContainsSubstring("cannot be observed now"));
  CHECK_THAT(story.run(10s), ContainsSubstring("manual 2->3 done"));
  CHECK_THAT(story.scale(9)->warnings.at(0), ContainsSubstring("9 is above max (5)"));
  CHECK_THAT(story.scale(0)->warnings.at(0), ContainsSubstring("0 is below min (1)"));
  CHECK(story.scale(3, 1min)->warnings.empty());
  CHECK_THAT(story.scale(4)->warnings.at(0), ContainsSubstring("this ends the pin at 3 by alice"));
}

TEST_CASE("by hand in a dry run is recorded, and nothing is touched") {
  Policy policy = quick();
  policy.dry_run = true;
  Story story(policy);
  story.scale(0s, 4);
  CHECK(story.run(1min) == "0s manual 2->4 dry_run after 0s\n");
  CHECK(story.fleet().applies == 0);
}
