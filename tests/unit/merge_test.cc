#include "remember/merge.h"

#include <algorithm>
#include <random>
#include <sstream>

#include "base/text.h"
#include "support/alerts.h"
#include "support/catch.h"

using namespace alertscaler;
using test::alert;
using test::at;

namespace {

// What is active and remembered of one fingerprint, driven as the store drives it.
struct World {
  std::optional<Alert> active;
  std::optional<Resolved> resolved;

  MergeOutcome deliver(const Incoming& incoming) {
    MergeOutcome out = merge(active ? &*active : nullptr, resolved ? &*resolved : nullptr, incoming);
    switch (out.change) {
      case ActiveChange::none:
        break;
      case ActiveChange::refreshed:
        active->ends_at = out.ends_at;
        active->last_seen = out.last_seen;
        break;
      case ActiveChange::held:
        active = out.alert;
        break;
      case ActiveChange::left:
        active.reset();
        break;
    }
    if (out.resolved) resolved = out.resolved;
    return out;
  }
};

std::string seconds(Instant time) {
  std::ostringstream out;
  out << static_cast<double>((time - at(0)).count()) / 1000;
  return out.str();
}

// "accepted, active 10, resolved -, look": the whole outcome in one line.
std::string render(const MergeOutcome& out, const World& world) {
  return std::string(to_string(out.result)) + ", active " + (world.active ? seconds(world.active->starts_at) : "-") +
         ", resolved " +
         (world.resolved ? seconds(world.resolved->starts_at) + "@" + seconds(world.resolved->resolved_at) : "-") +
         (out.changes_intent ? ", look" : "");
}

// A delivery: what it says, when it started, when it came.
struct Delivery {
  enum Kind { fire, resolve, fire_without_start, resolve_without_start } kind;
  double starts;
  double comes;
  std::optional<double> ends = {};
};

Incoming incoming(const Delivery& delivery) {
  Incoming out;
  out.starts_at_known = delivery.kind == Delivery::fire || delivery.kind == Delivery::resolve;
  out.resolved = delivery.kind == Delivery::resolve || delivery.kind == Delivery::resolve_without_start;
  out.alert = alert("A", at(out.starts_at_known ? delivery.starts : delivery.comes), at(delivery.comes));
  if (delivery.ends) out.alert.ends_at = at(*delivery.ends);
  return out;
}

}  // namespace

TEST_CASE("merge: what a delivery does after those before it") {
  using enum Delivery::Kind;
  struct Case {
    std::string name;
    std::vector<Delivery> before;
    Delivery last;
    std::string outcome;
    std::string reason;
  };
  const auto c = GENERATE(values<Case>({
      {"a first firing is accepted", {}, {fire, 10, 12}, "accepted, active 10, resolved -, look", ""},
      {"a first firing without startsAt starts at its receipt",
       {},
       {fire_without_start, 0, 12},
       "accepted, active 12, resolved -, look",
       ""},
      {"the same firing again is a duplicate",
       {{fire, 10, 12}},
       {fire, 10, 13},
       "duplicate, active 10, resolved -",
       "already active"},
      {"a repetition without startsAt is the known episode",
       {{fire, 10, 12}},
       {fire_without_start, 0, 400},
       "duplicate, active 10, resolved -",
       "already active"},
      {"a later startsAt is a new episode of the same alert",
       {{fire, 10, 12}},
       {fire, 20, 22},
       "accepted, active 20, resolved -, look",
       ""},
      {"an older startsAt is an earlier episode, late",
       {{fire, 20, 22}},
       {fire, 10, 23},
       "stale, active 20, resolved -",
       "an earlier firing, from 2026-01-01T00:00:10Z, of an alert that fires since 2026-01-01T00:00:20Z"},

      {"a resolve ends the episode",
       {{fire, 10, 12}},
       {resolve, 10, 50},
       "accepted, active -, resolved 10@50, look",
       ""},
      {"a resolve without startsAt ends the known episode",
       {{fire, 10, 12}},
       {resolve_without_start, 0, 50},
       "accepted, active -, resolved 10@50, look",
       ""},
      {"a resolve with a later startsAt ends the alert: it re-fired in between without a notification",
       {{fire, 10, 12}},
       {resolve, 30, 50},
       "accepted, active -, resolved 30@50, look",
       ""},
      {"the late resolve of an earlier episode does not end the present one",
       {{fire, 30, 32}},
       {resolve, 10, 50},
       "stale, active 30, resolved -",
       "the end of an earlier firing, from 2026-01-01T00:00:10Z; the alert fires again since 2026-01-01T00:00:30Z"},
      {"the late resolve of an earlier episode that says when it ended does not, either",
       {{fire, 30, 32}},
       {resolve, 10, 50, 30},
       "stale, active 30, resolved -",
       "the end of an earlier firing"},
      {"a resolve with a startsAt that was moved back, and an end after the known start, ends the alert",
       {{fire, 30, 32}},
       {resolve, 28, 90, 85},
       "accepted, active -, resolved 30@90, look",
       ""},
      {"resolving what is not active changes nothing, but is remembered",
       {},
       {resolve, 10, 50},
       "duplicate, active -, resolved 10@50",
       "not active"},
      {"resolving without startsAt what is not active is forgotten",
       {},
       {resolve_without_start, 0, 50},
       "duplicate, active -, resolved -",
       "not active"},
      {"a repeated resolve does not move the time of the first",
       {{fire, 10, 12}, {resolve, 10, 50}},
       {resolve, 10, 70},
       "duplicate, active -, resolved 10@50",
       "not active"},
      {"the resolve of an earlier episode does not hide that of the later",
       {{resolve, 20, 50}},
       {resolve, 10, 51},
       "duplicate, active -, resolved 20@50",
       "not active"},
      {"the resolve of a later episode replaces that of the earlier",
       {{resolve, 10, 50}},
       {resolve, 20, 51},
       "duplicate, active -, resolved 20@51",
       "not active"},

      {"a firing after its resolve is late",
       {{fire, 10, 12}, {resolve, 10, 50}},
       {fire, 10, 51},
       "stale, active -, resolved 10@50",
       "a late delivery: this firing was resolved 1s ago; from 1m after the resolve it counts as a new one"},
      {"a firing 59.999 s after its resolve is late",
       {{fire, 10, 12}, {resolve, 10, 50}},
       {fire, 10, 109.999},
       "stale, active -, resolved 10@50",
       "resolved 59s ago"},
      {"a firing 60 s after its resolve is a genuine re-fire",
       {{fire, 10, 12}, {resolve, 10, 50}},
       {fire, 10, 110},
       "accepted, active 10, resolved 10@50, look",
       ""},
      {"a re-fired episode can be resolved again",
       {{fire, 10, 12}, {resolve, 10, 50}, {fire, 10, 110}},
       {resolve, 10, 120},
       "accepted, active -, resolved 10@120, look",
       ""},
      {"a firing whose resolve came first is late",
       {{resolve, 10, 50}},
       {fire, 10, 51},
       "stale, active -, resolved 10@50",
       "late delivery"},
      {"a firing of an episode before the one that was resolved is late",
       {{fire, 10, 12}, {fire, 20, 22}, {resolve, 20, 50}},
       {fire, 10, 51},
       "stale, active -, resolved 20@50",
       "late delivery"},
      {"a firing of the re-fire that Alertmanager never sent is late once its resolve was there",
       {{fire, 10, 12}, {resolve, 30, 50}},
       {fire, 30, 51},
       "stale, active -, resolved 30@50",
       "late delivery"},
      {"a new episode right after a resolve is accepted",
       {{fire, 10, 12}, {resolve, 10, 50}},
       {fire, 51, 52},
       "accepted, active 51, resolved 10@50, look",
       ""},
      {"a firing without startsAt right after a resolve is a new episode",
       {{fire, 10, 12}, {resolve, 10, 50}},
       {fire_without_start, 0, 51},
       "accepted, active 51, resolved 10@50, look",
       ""},
      {"a clock that was set back an hour does not make the window an hour long",
       {{fire, 10, 12}, {resolve, 10, 5000}},
       {fire, 10, 1400},
       "accepted, active 10, resolved 10@5000, look",
       ""},
      {"a clock that was set back a second does not open the window",
       {{fire, 10, 12}, {resolve, 10, 50}},
       {fire, 10, 49},
       "stale, active -, resolved 10@50",
       "resolved 0s ago"},
  }));
  CAPTURE(c.name);
  World world;
  for (const Delivery& delivery : c.before) world.deliver(incoming(delivery));
  const MergeOutcome out = world.deliver(incoming(c.last));
  CHECK(render(out, world) == c.outcome);
  CHECK_THAT(out.reason, ContainsSubstring(c.reason));
  CHECK(out.reason.empty() == (out.result == MergeResult::accepted));
}

TEST_CASE("merge: a duplicate refreshes what may change") {
  World world;
  world.deliver(test::firing(alert("A", at(10), at(12))));

  SECTION("last seen") {
    const auto out = world.deliver(test::firing(alert("A", at(10), at(40))));
    CHECK(out.change == ActiveChange::refreshed);
    CHECK(world.active->last_seen == at(40));
  }
  SECTION("the annotations, which no decision sees") {
    Alert changed = alert("A", at(10), at(40));
    changed.annotations["summary"] = "worse";
    const auto out = world.deliver(test::firing(changed));
    CHECK(out.result == MergeResult::duplicate);
    CHECK_FALSE(out.changes_intent);
    CHECK(*world.active == changed);
  }
  SECTION("what the annotations ask for") {
    Alert changed = alert("A", at(10), at(40));
    changed.annotations["scale_replicas"] = "7";
    changed.mapping = {TargetName{"web"}, AlertAction::to, {}, 7};
    const auto out = world.deliver(test::firing(changed));
    CHECK(out.result == MergeResult::duplicate);
    CHECK(out.changes_intent);
    CHECK(*world.active == changed);
  }
  SECTION("the end, both ways") {
    Alert bounded = alert("A", at(10), at(40));
    bounded.ends_at = at(280);
    CHECK_FALSE(world.deliver(test::firing(bounded)).changes_intent);
    CHECK(world.active->ends_at == at(280));
    world.deliver(test::firing(alert("A", at(10), at(50))));
    CHECK_FALSE(world.active->ends_at.has_value());
  }
}

TEST_CASE("merge: a stale firing counts as seen and changes nothing else") {
  World world;
  Alert known = alert("A", at(20), at(22));
  known.ends_at = at(300);
  world.deliver(test::firing(known));
  Alert older = alert("A", at(10), at(40));
  older.annotations["summary"] = "old news";
  older.mapping.step = Step{5, false};
  CHECK(world.deliver(test::firing(older)).change == ActiveChange::refreshed);
  known.last_seen = at(40);
  CHECK(*world.active == known);
}

TEST_CASE("merge: whose alert it is") {
  struct Case {
    std::string name;
    Source known;
    std::string known_group;
    Source comes;
    std::string comes_group;
    Source then;
    std::string then_group;
  };
  const auto c = GENERATE(values<Case>({
      {"one posted by hand becomes Alertmanager's", Source::manual, "", Source::alertmanager, "g", Source::alertmanager,
       "g"},
      {"Alertmanager's stays so when somebody posts it by hand", Source::alertmanager, "g", Source::manual, "",
       Source::alertmanager, "g"},
      {"Alertmanager's stays so when a resync finds it", Source::alertmanager, "g", Source::resync, "",
       Source::alertmanager, "g"},
      {"one posted by hand becomes the resync's", Source::manual, "", Source::resync, "", Source::resync, ""},
      {"a changed routing tree changes the group", Source::alertmanager, "g", Source::alertmanager, "h",
       Source::alertmanager, "h"},
      {"Alertmanager's stays so when Prometheus pushes it, too", Source::alertmanager, "g", Source::prometheus, "",
       Source::alertmanager, "g"},
      {"a resync's stays so when Prometheus pushes it, too", Source::resync, "", Source::prometheus, "", Source::resync,
       ""},
      {"Prometheus' becomes Alertmanager's", Source::prometheus, "", Source::alertmanager, "g", Source::alertmanager,
       "g"},
      {"Prometheus' becomes the resync's, which must be able to end it", Source::prometheus, "", Source::resync, "",
       Source::resync, ""},
      {"one posted by hand becomes Prometheus'", Source::manual, "", Source::prometheus, "", Source::prometheus, ""},
      {"Prometheus' stays so when somebody posts it by hand", Source::prometheus, "", Source::manual, "",
       Source::prometheus, ""},
  }));
  CAPTURE(c.name);
  const bool new_episode = GENERATE(false, true);
  World world;
  Alert first = alert("A", at(10), at(12));
  first.source = c.known;
  first.group_key = c.known_group;
  world.deliver(test::firing(first));
  Alert second = alert("A", at(new_episode ? 20 : 10), at(30));
  second.source = c.comes;
  second.group_key = c.comes_group;
  world.deliver(test::firing(second));
  CHECK(world.active->source == c.then);
  CHECK(world.active->group_key == c.then_group);
}

TEST_CASE("merge: the link to what fires is the episode's first; another server's is no news") {
  World world;
  Alert first = alert("A", at(10), at(12));
  first.generator_url.clear();
  world.deliver(test::firing(first));
  CHECK(world.active->generator_url.empty());
  Alert second = alert("A", at(10), at(20));
  second.generator_url = "http://prometheus-0/graph";
  world.deliver(test::firing(second));
  CHECK(world.active->generator_url == "http://prometheus-0/graph");
  second.generator_url = "http://prometheus-1/graph";
  world.deliver(test::firing(second));
  CHECK(world.active->generator_url == "http://prometheus-0/graph");
  second.starts_at = at(60);
  world.deliver(test::firing(second));
  CHECK(world.active->generator_url == "http://prometheus-1/graph");
}

namespace {

// As Prometheus pushes it: with an end, and without a group.
Alert pushed(double starts, double comes, std::optional<double> ends) {
  Alert out = alert("A", at(starts), at(comes));
  out.source = Source::prometheus;
  out.group_key.clear();
  if (ends) out.ends_at = at(*ends);
  return out;
}

}  // namespace

TEST_CASE("merge: an end for want of data is remembered as such") {
  World world;
  Alert unknown = alert("A", at(10), at(50));
  unknown.annotations["grafana_state_reason"] = "MissingSeries";
  SECTION("of an active alert") {
    world.deliver(test::firing(alert("A", at(10), at(12))));
    CHECK(world.deliver(test::resolved(unknown)).change == ActiveChange::left);
  }
  SECTION("of one that is not") {
    world.deliver(test::resolved(unknown));
  }
  CHECK(world.resolved == Resolved{at(10), at(50), true});
  world.deliver(test::resolved(alert("A", at(10), at(60))));
  CHECK(world.resolved == Resolved{at(10), at(50), true});
  world.deliver(test::firing(alert("A", at(70), at(72))));
  world.deliver(test::resolved(alert("A", at(70), at(80))));
  CHECK(world.resolved == Resolved{at(70), at(80), false});
}

TEST_CASE("merge: until when a pushed alert lasts") {
  struct Case {
    std::string name;
    Source first;
    std::optional<double> first_end;
    Source second;
    std::optional<double> second_end;
    std::optional<double> then;
  };
  using enum Source;
  const auto c = GENERATE(values<Case>({
      {"each post moves the end", prometheus, 50, prometheus, 90, 90},
      {"an earlier end takes nothing away", prometheus, 90, prometheus, 50, 90},
      {"what Alertmanager asserts, too, has no end", prometheus, 50, alertmanager, {}, {}},
      {"what Alertmanager asserts gets no end from Prometheus", alertmanager, {}, prometheus, 50, {}},
      {"what a resync found gets no end from Prometheus", resync, {}, prometheus, 50, {}},
      {"what was posted by hand gets Prometheus' end", manual, {}, prometheus, 50, 50},
      {"a post by hand does not take Prometheus' end away", prometheus, 50, manual, {}, 50},
  }));
  CAPTURE(c.name);
  World world;
  Alert first = pushed(10, 12, c.first_end);
  first.source = c.first;
  world.deliver(test::firing(first));
  Alert second = pushed(10, 30, c.second_end);
  second.source = c.second;
  CHECK(world.deliver(test::firing(second)).result == MergeResult::duplicate);
  CHECK(world.active->ends_at == (c.then ? std::optional(at(*c.then)) : std::nullopt));
  CHECK(world.active->last_seen == at(30));
}

TEST_CASE("merge: pushes of two Prometheus replicas are one episode") {
  World world;
  world.deliver(test::firing(pushed(20, 22, 60)));
  for (const double starts : {10.0, 30.0}) {
    CAPTURE(starts);
    Alert other = pushed(starts, 32, 70);
    other.annotations["scale_replicas"] = "7";
    other.mapping = {TargetName{"web"}, AlertAction::to, {}, 7};
    const auto out = world.deliver(test::firing(other));
    CHECK(out.result == MergeResult::duplicate);
    CHECK(world.active->starts_at == at(20));
    CHECK(world.active->ends_at == at(70));
    CHECK(world.active->mapping.replicas == 7);
  }
  SECTION("one that begins after the end of the known one is another") {
    const auto out = world.deliver(test::firing(pushed(70, 71, 110)));
    CHECK(out.result == MergeResult::accepted);
    CHECK(world.active->starts_at == at(70));
  }
  SECTION("the resolve of either ends it, and repetitions change nothing") {
    CHECK(world.deliver(test::resolved(pushed(30, 40, 40))).change == ActiveChange::left);
    for (double comes = 55; comes < 40 + 15 * 60; comes += 15) {
      CHECK_FALSE(world.deliver(test::resolved(pushed(30, comes, 40))).resolved);
    }
    CHECK_FALSE(world.active);
  }
}

// Episodes 1..n of one alert, each firing delivered and each but perhaps the last resolved: whatever the order in which
// senders deliver them, and however often, within the window the outcome is that of the clean order.
TEST_CASE("merge: within the window neither order nor repetition matters") {
  std::mt19937 random(20260101);
  const auto below = [&](int n) { return std::uniform_int_distribution<int>(0, n - 1)(random); };
  for (int round = 0; round < 20000; ++round) {
    const int episodes = 1 + below(4);
    const bool still_firing = below(2) == 0;
    const bool with_ends = below(2) == 0;
    std::vector<Delivery> deliveries;
    double time = 0;
    for (int i = 0; i < episodes; ++i) {
      const double starts = time += 1 + below(5);
      const double ends = time += 1 + below(5);
      const auto end_given = with_ends ? std::optional{ends} : std::nullopt;
      for (int copies = 1 + below(3); copies > 0; --copies) deliveries.push_back({Delivery::fire, starts, 0});
      if (i + 1 == episodes && still_firing) continue;
      for (int copies = 1 + below(3); copies > 0; --copies) {
        deliveries.push_back({Delivery::resolve, starts, 0, end_given});
      }
    }
    std::shuffle(deliveries.begin(), deliveries.end(), random);

    World world;
    int accepted_firings = 0;
    std::string trace;
    for (std::size_t i = 0; i < deliveries.size(); ++i) {
      // All of them within one window, and repeated ones at the same time now and then.
      deliveries[i].comes = 100 + 59.0 * static_cast<double>(i) / static_cast<double>(deliveries.size());
      const auto out = world.deliver(incoming(deliveries[i]));
      trace += (deliveries[i].kind == Delivery::fire ? " F" : " R") + std::to_string(deliveries[i].starts) + "=" +
               render(out, world) + ";";
      if (deliveries[i].kind == Delivery::fire && out.result == MergeResult::accepted) ++accepted_firings;
    }
    CAPTURE(round, trace);
    const double last_start = std::max_element(deliveries.begin(), deliveries.end(), [](const auto& a, const auto& b) {
                                return a.starts < b.starts;
                              })->starts;
    REQUIRE(world.active.has_value() == still_firing);
    if (still_firing) REQUIRE(world.active->starts_at == at(last_start));
    REQUIRE(accepted_firings <= episodes);  // no episode begins twice
  }
}
