// Stories in which somebody else moves the count, too; each with a backend that compares before it writes.
#include "support/catch.h"
#include "support/timeline.h"

using namespace alertscaler;
using namespace alertscaler::test;
using namespace std::chrono_literals;

namespace {

Policy quick() {
  Policy policy;
  policy.up_cooldown = policy.down_cooldown = 10s;
  policy.timeout = 30s;
  return policy;
}

struct Shared : Timeline {
  explicit Shared(Policy policy = quick(), int replicas = 2) : Timeline(policy, replicas) { fleet().compares = true; }

  // Somebody else sets it to `count` between the next observation and its write.
  void first(int count) {
    fleet().before_apply = [this, count] {
      fleet().set(count);
      fleet().before_apply = nullptr;
    };
  }
};

}  // namespace

TEST_CASE("a count that somebody else set first is where the step starts from") {
  Shared story;
  story.first(5);
  story.fire(0s, up());
  CHECK(story.run(5s) ==
        "0s up 2->3 interrupted after 0s: somebody else set it to 5\n"
        "0s up 5->6 done after 0s\n");
  CHECK(story.state().baseline->replicas == 5);
}

TEST_CASE("a step down never takes away more than a step, whoever else scales") {
  Shared story(quick(), 5);
  story.first(9);
  story.fire(0s, down());
  CHECK(story.run(5s) ==
        "0s down 5->4 interrupted after 0s: somebody else set it to 9\n"
        "0s down 9->8 done after 0s\n");
}

TEST_CASE("what somebody else set is clamped as anything else") {
  Policy policy = quick();
  policy.max = 6;
  Shared story(policy);
  story.first(6);
  story.fire(0s, up());
  CHECK(story.run(5s) == "0s up 2->3 interrupted after 0s: somebody else set it to 6\n");
  CHECK(story.view().decision->reason == Reason::at_max);
}

TEST_CASE("one step an episode is not spent on what was overtaken") {
  Policy policy = quick();
  policy.repeat = Repeat::once;
  Shared story(policy);
  story.first(4);
  story.fire(0s, up());
  CHECK(story.run(60s) ==
        "0s up 2->3 interrupted after 0s: somebody else set it to 4\n"
        "0s up 4->5 done after 0s\n");
}

TEST_CASE("... also if it was delayed before") {
  Policy policy = quick();
  policy.repeat = Repeat::once;
  Shared story(policy);
  story.fleet().apply_errors.push_back({ErrorKind::busy, "later"});
  story.first(4);
  story.fire(0s, up());
  CHECK(story.run(60s) ==
        "0s up 2->3 interrupted after 0s: somebody else set it to 4\n"
        "0s up 4->5 done after 0s\n");
}

TEST_CASE("a drain comes back to the count that was there when it was carried out") {
  Shared story;
  story.first(4);
  story.fire(0s, drain());
  story.resolve(20s, drain());
  CHECK(story.run(40s) ==
        "0s drain 2->0 interrupted after 0s: somebody else set it to 4\n"
        "0s drain 4->0 done after 0s\n"
        "20s restore 0->4 done after 0s\n");
}

TEST_CASE("a command that was overtaken is carried out all the same") {
  Shared story;
  story.first(4);
  story.at(0s, [&] {
    Orders orders;
    orders.command = Command{1, 7, "bob"};
    REQUIRE(story.store().put_orders(story.target(), orders).has_value());
  });
  CHECK(story.run(5s) ==
        "0s manual 2->7 interrupted after 0s: somebody else set it to 4\n"
        "0s manual 4->7 done after 0s\n");
}

TEST_CASE("two who pull at one count do not do so without a pause") {
  Shared story;
  story.fleet().startup_delay = 2s;
  story.fire(0s, up());
  story.at(1s, [&] { story.fleet().set(2); });
  const std::string history = story.run(3s);
  CHECK(history.starts_with("0s up 2->3 failed after 1s: somebody else set it to 2\n"));
  CHECK(story.view().decision->reason == Reason::in_flight);
  CHECK(story.state().in_flight->started >= story.now() - 2s);
}

TEST_CASE("after a way down was undone the next one starts from what is there") {
  Shared story(quick(), 6);
  story.fleet().settled = false;
  story.fire(0s, down());
  story.at(1s, [&] {
    story.fleet().set(9);
    story.fleet().settled = true;
  });
  CHECK(story.run(10s) ==
        "0s down 6->5 failed after 1s: somebody else set it to 9\n"
        "2s down 9->8 done after 0s\n");
}

TEST_CASE("what a restart finds undone by somebody else is decided from what is there") {
  Shared story(quick(), 6);
  story.fleet().apply_errors.push_back({ErrorKind::unreachable, "no answer"});
  story.fire(0s, down());
  story.at(50ms, [&] {
    story.fleet().set(9);
    story.fleet().observe_errors.push_back({ErrorKind::unreachable, "no answer"});
  });
  story.restart(50ms);
  CHECK(story.run(5s) ==
        "0s down 6->5 interrupted after 0s: the program was stopped before it was carried out\n"
        "0s down 9->8 done after 0s\n");
}

TEST_CASE("an action has not ended while the engine is still at it") {
  Shared story(quick(), 3);
  story.fleet().settled = false;
  story.fire(0s, down());
  story.at(4s, [&] { story.fleet().settled = true; });
  story.resolve(4s, down());
  CHECK(story.run(9s) == "0s down 3->2 done after 4s\n");
}

TEST_CASE("replicas that get ready by themselves are seen to be so within seconds") {
  Shared story;
  story.at(0s, [&] {
    story.fleet().startup_delay = 8s;
    story.fleet().set(3);
  });
  CHECK(story.run(4s).empty());
  CHECK(story.view().observed->ready == 2);
  CHECK(story.run(13s).empty());
  CHECK(story.view().observed->ready == 3);
}

TEST_CASE("who ran out of time says what it waited for") {
  Shared story;
  story.fleet().startup_delay = 1h;
  story.fleet().waits = "pod web-1: container app: CrashLoopBackOff";
  story.fire(0s, up());
  story.resolve(10s, up());
  CHECK(story.run(31s) ==
        "0s up 2->3 timeout after 30s: after 30s: 3 replicas, 2 of them ready; "
        "pod web-1: container app: CrashLoopBackOff\n");
}

TEST_CASE("what is blocked is left alone, says why, and goes on when it is not") {
  Shared story;
  story.fleet().blocked = Blocked{Reason::not_scalable, "it belongs to Deployment web"};
  story.fire(0s, up());
  CHECK(story.run(5s).empty());
  CHECK(story.view().decision->reason == Reason::not_scalable);
  CHECK(story.view().error == "it belongs to Deployment web");
  const auto ordered = story.controller().set_replicas(story.target(), {5, Duration{0}, "bob"});
  REQUIRE_FALSE(ordered.has_value());
  CHECK(ordered.error().message == "web: it belongs to Deployment web");
  story.at(6s, [&] { story.fleet().blocked.reset(); });
  CHECK(story.run(30s).starts_with("6s up 2->3 done after 0s\n"));
}

TEST_CASE("what gets blocked under way fails, unless it only waits") {
  Shared story;
  story.fleet().apply_errors.push_back({ErrorKind::busy, "later"});
  story.fire(0s, up());
  story.at(50ms, [&] { story.fleet().blocked = Blocked{Reason::not_scalable, "the right to scale it is missing"}; });
  CHECK(story.run(2s) == "0s up 2->3 failed after 0s: the right to scale it is missing\n");

  Shared waits;
  waits.fleet().startup_delay = 2s;
  waits.fire(0s, up());
  waits.at(1s, [&] { waits.fleet().blocked = Blocked{Reason::not_scalable, "the right to scale it is missing"}; });
  CHECK(waits.run(3s).starts_with("0s up 2->3 done after 2s\n"));
}
