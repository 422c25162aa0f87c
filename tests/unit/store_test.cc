#include "remember/store.h"

#include <set>
#include <thread>

#include <sys/stat.h>

#include "support/alerts.h"
#include "support/catch.h"
#include "support/scratch_dir.h"
#include "support/store.h"

using namespace alertscaler;
using test::alert;
using test::at;
using test::firing;
using test::open_store;
using test::resolved;

namespace {

constexpr Duration stale_after = std::chrono::hours{5};

std::vector<MergeResult> results(const Result<std::vector<Merged>>& merged) {
  std::vector<MergeResult> out;
  for (const Merged& one : merged.value()) out.push_back(one.result);
  return out;
}

// An alert with something in every field.
Alert full_alert() {
  Alert out = alert("Full", at(10.123), at(12.456));
  out.ends_at = at(300.789);
  out.source = Source::prometheus;
  out.annotations = {{"scale_replicas", "7"}, {"text", "quotes \" and\nlines"}, {"empty", ""}};
  out.mapping = {TargetName{"web"}, AlertAction::to, Step{50, true}, 7};
  return out;
}

HistoryEntry action(const std::string& target, Instant time) {
  return {.time = time,
          .target = TargetName{target},
          .action = Reason::up,
          .from = 2,
          .to = 4,
          .cause = AlertCause{Fingerprint{"116013f56c4e2583"}, at(1), {{"alertname", "A"}}}};
}

TargetState state_of(ActionId id) {
  TargetState state;
  state.in_flight = InFlight{.id = id, .action = Reason::up, .from = 2, .to = 4};
  return state;
}

}  // namespace

TEST_CASE("store: what was merged is there again after a restart, in every field") {
  const test::ScratchDir scratch;
  {
    const auto store = open_store(scratch.path());
    CHECK(store->active_alerts().empty());
    CHECK(results(store->merge({firing(full_alert())})) == std::vector{MergeResult::accepted});
    CHECK(store->active_alerts() == std::vector{full_alert()});
  }
  const auto store = open_store(scratch.path());
  CHECK(store->active_alerts() == std::vector{full_alert()});
  CHECK(store->active_alerts(TargetName{"web"}) == std::vector{full_alert()});
  CHECK(store->active_alerts(TargetName{"other"}).empty());
}

TEST_CASE("store: what a re-delivery refreshes is durable") {
  const test::ScratchDir scratch;
  Alert seen = full_alert();
  seen.last_seen = at(60);
  seen.ends_at = at(600);
  Alert changed = alert("B", at(10), at(70));
  changed.annotations["summary"] = "worse";
  {
    const auto store = open_store(scratch.path());
    REQUIRE(store->merge({firing(full_alert()), firing(alert("B", at(10), at(12)))}));
    CHECK(results(store->merge({firing(seen), firing(changed)})) ==
          std::vector{MergeResult::duplicate, MergeResult::duplicate});
  }
  const auto store = open_store(scratch.path());
  auto expected = std::vector{seen, changed};
  std::sort(expected.begin(), expected.end(), [](auto& a, auto& b) { return a.fingerprint < b.fingerprint; });
  CHECK(store->active_alerts() == expected);
}

TEST_CASE("store: a resolved alert is gone, and its resolve is remembered across a restart") {
  const test::ScratchDir scratch;
  {
    const auto store = open_store(scratch.path());
    REQUIRE(store->merge({firing(alert("A", at(10), at(12)))}));
    REQUIRE(store->merge({resolved(alert("A", at(10), at(50)))}));
    CHECK(store->active_alerts().empty());
  }
  const auto store = open_store(scratch.path());
  CHECK(store->active_alerts().empty());
  CHECK(results(store->merge({firing(alert("A", at(10), at(55)))})) == std::vector{MergeResult::stale});
  CHECK(results(store->merge({firing(alert("A", at(10), at(110)))})) == std::vector{MergeResult::accepted});
}

TEST_CASE("store: the alerts of one notification see each other") {
  const test::ScratchDir scratch;
  const Alert late = alert("A", at(10), at(12));
  const Alert again = alert("A", at(20), at(22));
  {
    const auto store = open_store(scratch.path());
    const auto merged =
        store->merge({firing(late), firing(late), resolved(late), firing(late), firing(again), resolved(late)});
    CHECK(results(merged) == std::vector{MergeResult::accepted, MergeResult::duplicate, MergeResult::accepted,
                                         MergeResult::stale, MergeResult::accepted, MergeResult::stale});
    CHECK(merged.value()[1].changes_intent == false);
    CHECK(merged.value()[2].changes_intent);
    CHECK(results(
              store->merge({resolved(again), firing(alert("B", at(1), at(2))), resolved(alert("B", at(1), at(3)))})) ==
          std::vector{MergeResult::accepted, MergeResult::accepted, MergeResult::accepted});
    CHECK(store->active_alerts().empty());
    REQUIRE(store->merge({firing(alert("A", at(30), at(31)))}));
  }
  CHECK(open_store(scratch.path())->active_alerts() == std::vector{alert("A", at(30), at(31))});
}

TEST_CASE("store: alerts are listed by target and by fingerprint") {
  const test::ScratchDir scratch;
  const auto store = open_store(scratch.path());
  std::vector<Incoming> incoming;
  for (int i = 0; i < 50; ++i) {
    incoming.push_back(firing(alert("A" + std::to_string(i), at(i), at(100), i % 5 == 0 ? "jobs" : "web")));
  }
  REQUIRE(store->merge(incoming));
  const auto all = store->active_alerts();
  const auto jobs = store->active_alerts(TargetName{"jobs"});
  CHECK(all.size() == 50);
  CHECK(jobs.size() == 10);
  const auto by_fingerprint = [](const Alert& a, const Alert& b) { return a.fingerprint < b.fingerprint; };
  CHECK(std::is_sorted(all.begin(), all.end(), by_fingerprint));
  CHECK(std::is_sorted(jobs.begin(), jobs.end(), by_fingerprint));
}

TEST_CASE("store: an alert that moves to another target names the one it left") {
  const test::ScratchDir scratch;
  const auto store = open_store(scratch.path());
  Alert moving = alert("A", at(10), at(12));
  CHECK_FALSE(store->merge({firing(moving)}).value()[0].left.has_value());
  moving.mapping.target = TargetName{"jobs"};
  const auto moved = store->merge({firing(moving)}).value()[0];
  CHECK(moved.changes_intent);
  CHECK(moved.left == TargetName{"web"});
  CHECK(store->active_alerts(TargetName{"web"}).empty());
  CHECK(store->active_alerts(TargetName{"jobs"}) == std::vector{moving});
  CHECK_FALSE(store->merge({firing(moving)}).value()[0].left.has_value());
  moving.mapping.target = TargetName{"web"};
  CHECK(store->merge({resolved(moving)}).value()[0].left == TargetName{"jobs"});
}

TEST_CASE("store: a preview shows what would be, and changes nothing") {
  const test::ScratchDir scratch;
  const auto store = open_store(scratch.path());
  const Alert a = alert("A", at(10), at(12));
  const Alert b = alert("B", at(10), at(12));
  REQUIRE(store->merge({firing(a)}));
  CHECK(store->preview(TargetName{"web"}, {firing(b), resolved(a)}) == std::vector{b});
  CHECK(store->preview(TargetName{"web"}, {}) == std::vector{a});
  CHECK(store->active_alerts() == std::vector{a});
  CHECK(results(store->merge({firing(a)})) == std::vector{MergeResult::duplicate});
}

TEST_CASE("store: alerts end when their time has come") {
  const test::ScratchDir scratch;
  auto store = open_store(scratch.path());
  CHECK_FALSE(store->next_expiry(stale_after).has_value());
  CHECK(store->expire(at(1e6), stale_after).value().empty());

  Alert bounded = alert("Bounded", at(10), at(12), "jobs");
  bounded.ends_at = at(250);
  const Alert open_ended = alert("Open", at(10), at(20), "web");
  REQUIRE(store->merge({firing(bounded), firing(open_ended)}));
  CHECK(store->next_expiry(stale_after) == at(250));
  CHECK(store->next_expiry(std::chrono::seconds{30}) == at(42));

  CHECK(store->expire(at(249.999), stale_after).value().empty());
  CHECK(store->expire(at(250), stale_after).value() == std::vector{TargetName{"jobs"}});
  CHECK(store->active_alerts() == std::vector{open_ended});
  CHECK(store->next_expiry(stale_after) == at(20) + stale_after);

  store.reset();
  store = open_store(scratch.path());
  CHECK(store->active_alerts() == std::vector{open_ended});
  REQUIRE(store->merge({firing(alert("Open", at(10), at(1000)))}));
  CHECK(store->expire(at(20) + stale_after, stale_after).value().empty());  // it was seen since
  CHECK(store->expire(at(1000) + stale_after, stale_after).value() == std::vector{TargetName{"web"}});
  CHECK(store->active_alerts().empty());
  CHECK_FALSE(store->next_expiry(stale_after).has_value());
  // Nobody resolved it, so its sender may go on.
  CHECK(results(store->merge({firing(alert("Open", at(10), at(1001) + stale_after))})) ==
        std::vector{MergeResult::accepted});
}

// A survey in which these fire; everybody answered.
Survey survey_of(const Store& store, std::vector<Alert> alerts, Instant now) {
  Survey survey;
  survey.asked = store.mark();
  survey.now = now;
  survey.complete = true;
  for (Alert& one : alerts) {
    one.source = Source::resync;
    one.group_key.clear();
    one.last_seen = now;
    survey.firing.push_back(firing(std::move(one)));
  }
  return survey;
}

std::vector<std::string> names_of(const std::vector<Alert>& alerts) {
  std::vector<std::string> names;
  for (const Alert& each : alerts) names.emplace_back(each.name());
  std::sort(names.begin(), names.end());
  return names;
}

using Names = std::vector<std::string>;

TEST_CASE("store: a survey adopts what is new, refreshes what is known and ends what is gone") {
  const test::ScratchDir scratch;
  auto store = open_store(scratch.path());
  Alert stays = alert("Stays", at(10), at(12));
  Alert follows = alert("Follows", at(10), at(12), "jobs");
  follows.mapping = {TargetName{"jobs"}, AlertAction::to, {}, 3};
  const Alert goes = alert("Goes", at(10), at(12), "api");
  REQUIRE(store->merge({firing(stays), firing(follows), firing(goes)}));

  follows.annotations["scale_replicas"] = "5";
  follows.mapping.replicas = 5;
  const Alert missed = alert("Missed", at(11), at(11), "api");
  const auto surveyed = store->apply(survey_of(*store, {stays, follows, missed}, at(60))).value();
  CHECK(names_of(surveyed.adopted) == Names{"Missed"});
  CHECK(surveyed.adopted.front().source == Source::resync);
  CHECK(surveyed.ended == std::vector{goes});
  CHECK(surveyed.changed == std::vector{TargetName{"api"}, TargetName{"jobs"}});

  const auto check = [&] {
    CHECK(names_of(store->active_alerts()) == Names{"Follows", "Missed", "Stays"});
    const Alert refreshed = store->active_alerts(TargetName{"jobs"}).front();
    CHECK(refreshed.mapping.replicas == 5);
    CHECK(refreshed.annotations.at("scale_replicas") == "5");
    CHECK(refreshed.last_seen == at(60));
    CHECK(refreshed.source == Source::alertmanager);  // as it was
    CHECK(refreshed.group_key == follows.group_key);
    stays.last_seen = at(60);
    CHECK(store->active_alerts(TargetName{"web"}) == std::vector{stays});
  };
  check();
  store.reset();
  store = open_store(scratch.path());
  check();
  const auto again = store->apply(survey_of(*store, {stays, follows, missed}, at(90))).value();
  CHECK((again.adopted.empty() && again.ended.empty() && again.changed.empty()));
  // It was not resolved, so its sender may go on, with the same episode and at once.
  CHECK(results(store->merge({firing(goes)})) == std::vector{MergeResult::accepted});
}

TEST_CASE("store: a survey ends nothing but Alertmanager's alerts") {
  struct Case {
    std::string name;
    Source source;
    std::string group_key;
    bool ends;
  };
  const auto c = GENERATE(values<Case>({
      {"one that Alertmanager delivered", Source::alertmanager, "g", true},
      {"one that an earlier survey found", Source::resync, "", true},
      {"one that came like Alertmanager's, but without a group", Source::alertmanager, "", false},
      {"one of Grafana's own", Source::grafana, "g", false},
      {"one that Prometheus pushed", Source::prometheus, "", false},
      {"one that Prometheus pushed after Alertmanager delivered it", Source::prometheus, "g", false},
      {"one posted by hand", Source::manual, "", false},
  }));
  CAPTURE(c.name);
  const test::ScratchDir scratch;
  const auto store = open_store(scratch.path());
  Alert one = alert("One", at(10), at(12));
  one.source = c.source;
  one.group_key = c.group_key;
  REQUIRE(store->merge({firing(one)}));
  CHECK(ends_by_survey(one) == c.ends);
  CHECK(store->apply(survey_of(*store, {}, at(60))).value().ended.empty() != c.ends);
  CHECK(store->active_alerts().empty() == c.ends);
}

TEST_CASE("store: a survey in which somebody is missing ends nothing") {
  const test::ScratchDir scratch;
  const auto store = open_store(scratch.path());
  REQUIRE(store->merge({firing(alert("Known", at(10), at(12)))}));
  Survey survey = survey_of(*store, {alert("Missed", at(11), at(11))}, at(60));
  survey.complete = false;
  const auto surveyed = store->apply(survey).value();
  CHECK(names_of(surveyed.adopted) == Names{"Missed"});
  CHECK(surveyed.ended.empty());
  CHECK(names_of(store->active_alerts()) == Names{"Known", "Missed"});
}

TEST_CASE("store: what was delivered after the question is newer than the answer") {
  const test::ScratchDir scratch;
  const auto store = open_store(scratch.path());
  const Alert before = alert("Before", at(10), at(50));
  Alert again = alert("Again", at(10), at(12));
  Alert changes = alert("Changes", at(10), at(12));
  changes.mapping.replicas = 3;
  REQUIRE(store->merge({firing(before), firing(again), firing(changes)}));

  Survey survey = survey_of(*store, {changes}, at(60));  // it is asked; and until it has answered:
  const Alert after = alert("After", at(49), at(50));
  changes.mapping.replicas = 7;
  again.last_seen = at(50);  // all in the same millisecond as `before`: the clock cannot tell them apart
  changes.last_seen = at(50);
  REQUIRE(store->merge({firing(after), firing(again), firing(changes)}));
  const auto surveyed = store->apply(survey).value();
  CHECK(surveyed.ended == std::vector{before});
  CHECK(names_of(store->active_alerts()) == Names{"After", "Again", "Changes"});
  for (const Alert& each : store->active_alerts()) {
    if (each.name() == "Changes") CHECK(each.mapping.replicas == 7);
  }
  // The next question comes after them.
  CHECK(names_of(store->apply(survey_of(*store, {changes}, at(90))).value().ended) == Names{"After", "Again"});
}

TEST_CASE("store: what resolves while a survey is made stays resolved") {
  const test::ScratchDir scratch;
  const auto store = open_store(scratch.path());
  const Alert one = alert("One", at(10), at(12));
  REQUIRE(store->merge({firing(one)}));
  const Survey survey = survey_of(*store, {one}, at(60));
  Alert end = one;
  end.last_seen = at(59);
  REQUIRE(store->merge({resolved(end)}));
  CHECK(store->apply(survey).value().adopted.empty());
  CHECK(store->active_alerts().empty());
  // A minute later it is no late word any more.
  CHECK(names_of(store->apply(survey_of(*store, {one}, at(59) + late_firing_window)).value().adopted) == Names{"One"});
}

TEST_CASE("store: an Alertmanager that has just started does not end what it was not told yet") {
  const test::ScratchDir scratch;
  const auto store = open_store(scratch.path());
  REQUIRE(store->merge({firing(alert("Earlier", at(10), at(39))), firing(alert("Since", at(10), at(40)))}));
  Survey survey = survey_of(*store, {}, at(60));
  survey.forgotten_before = at(40);
  CHECK(names_of(store->apply(survey).value().ended) == Names{"Since"});
  CHECK(names_of(store->active_alerts()) == Names{"Earlier"});
}

TEST_CASE("store: an alert that asks for nothing usable any more goes on asking for what it asked for") {
  const test::ScratchDir scratch;
  const auto store = open_store(scratch.path());
  Alert one = alert("One", at(10), at(12));
  one.mapping = {TargetName{"web"}, AlertAction::to, {}, 3};
  REQUIRE(store->merge({firing(one)}));
  Survey survey = survey_of(*store, {}, at(60));
  survey.unusable = {one.fingerprint, Fingerprint{"0000000000000001"}};
  const auto surveyed = store->apply(survey).value();
  CHECK((surveyed.adopted.empty() && surveyed.ended.empty() && surveyed.changed.empty()));
  one.last_seen = at(60);
  CHECK(store->active_alerts() == std::vector{one});
}

TEST_CASE("store: an alert that Prometheus pushes and Alertmanager has is Alertmanager's to end") {
  const test::ScratchDir scratch;
  const auto store = open_store(scratch.path());
  Alert pushed = alert("Pushed", at(10), at(12));
  pushed.source = Source::prometheus;
  pushed.group_key.clear();
  pushed.ends_at = at(100);
  REQUIRE(store->merge({firing(pushed)}));
  REQUIRE(store->apply(survey_of(*store, {pushed}, at(60))));
  CHECK(store->active_alerts().front().source == Source::resync);
  CHECK(store->apply(survey_of(*store, {}, at(90))).value().ended.size() == 1);
}

TEST_CASE("store: a changed configuration moves and drops alerts") {
  const test::ScratchDir scratch;
  const Alert stays = alert("Stays", at(10), at(12));
  const Alert moves = alert("Moves", at(10), at(12));
  const Alert goes = alert("Goes", at(10), at(12));
  const Mapping elsewhere{TargetName{"jobs"}, AlertAction::to, {}, 3};
  {
    const auto store = open_store(scratch.path());
    REQUIRE(store->merge({firing(stays), firing(moves), firing(goes)}));
    REQUIRE(store->remap([&](const Labels& labels, const Labels& annotations) -> std::optional<Mapping> {
      CHECK(annotations.contains("summary"));
      if (labels.at("alertname") == "Goes") return std::nullopt;
      return labels.at("alertname") == "Moves" ? elsewhere : stays.mapping;
    }));
  }
  const auto store = open_store(scratch.path());
  Alert moved = moves;
  moved.mapping = elsewhere;
  CHECK(store->active_alerts(TargetName{"web"}) == std::vector{stays});
  CHECK(store->active_alerts(TargetName{"jobs"}) == std::vector{moved});
  CHECK(store->active_alerts().size() == 2);
}

TEST_CASE("store: an action's intent and outcome go with the target's state") {
  const test::ScratchDir scratch;
  const TargetName web{"web"};
  ActionId first = 0;
  HistoryEntry entry = action("web", at(100));
  {
    const auto store = open_store(scratch.path());
    CHECK(store->state(web) == TargetState{});
    CHECK_FALSE(store->last_action(web).has_value());
    first = store->begin(entry, state_of).value();
    CHECK(first > 0);
  }
  entry.id = first;
  {
    const auto store = open_store(scratch.path());
    CHECK(store->unfinished() == std::vector{entry});
    CHECK(store->state(web) == state_of(first));
    CHECK(store->history({}).value().empty());
    CHECK_FALSE(store->last_action(web).has_value());
    entry.outcome = ActionOutcome::failed;
    entry.finished = at(130);
    entry.error = "the replica \"shop-web-3\" exited with 1";
    REQUIRE(store->finish(entry, TargetState{}));
    REQUIRE(store->finish(entry, TargetState{}));
    CHECK(store->unfinished().empty());
    CHECK(store->last_action(web) == entry);
    CHECK(store->begin(action("web", at(200)), state_of).value() > first);
  }
  const auto store = open_store(scratch.path());
  CHECK(store->history({}).value() == std::vector{entry});
  CHECK(store->last_action(web) == entry);
  CHECK(store->unfinished().size() == 1);
}

TEST_CASE("store: the history is newest first, of one target, since a time, and no longer than asked") {
  const test::ScratchDir scratch;
  const auto store = open_store(scratch.path());
  std::vector<ActionId> ids;
  for (int i = 0; i < 10; ++i) {
    HistoryEntry entry = action(i % 2 == 0 ? "web" : "jobs", at(i));
    entry.id = store->begin(entry, state_of).value();
    ids.push_back(entry.id);
    entry.outcome = ActionOutcome::done;
    entry.finished = at(i + 0.5);
    REQUIRE(store->finish(entry, TargetState{}));
  }
  CHECK(std::is_sorted(ids.begin(), ids.end()));
  const auto times = [&](const HistoryQuery& query) {
    std::vector<Instant> out;
    const auto entries = store->history(query);
    for (const HistoryEntry& entry : entries.value()) out.push_back(entry.time);
    return out;
  };
  const TargetName jobs{"jobs"};
  CHECK(times({}).size() == 10);
  CHECK(times({.limit = 2}) == std::vector{at(9), at(8)});
  CHECK(times({.limit = 0}).empty());
  CHECK(times({.target = jobs, .limit = 2}) == std::vector{at(9), at(7)});
  CHECK(times({.since = at(8)}) == std::vector{at(9), at(8)});
  CHECK(times({.target = jobs, .since = at(6)}) == std::vector{at(9), at(7)});
  CHECK(times({.target = TargetName{"none"}}).empty());
  CHECK(store->last_action(jobs)->time == at(9));
}

TEST_CASE("store: pruning forgets the old, never the unfinished, and gives the space back") {
  const test::ScratchDir scratch;
  auto store = open_store(scratch.path());
  const HistoryEntry hanging = action("hanging", at(0));
  REQUIRE(store->begin(hanging, state_of));
  constexpr ActionId last = 1600;
  {
    std::atomic<int> next = 0;
    std::atomic<int> failures = 0;
    std::vector<std::jthread> writers;  // together they wait for the disk less often
    for (int t = 0; t < 16; ++t) {
      writers.emplace_back([&] {
        for (int i = ++next; i <= 1500; i = ++next) {
          HistoryEntry entry = action(i <= 1200 ? "old" : "new", at(i));
          entry.id = 100 + i;
          entry.outcome = ActionOutcome::failed;
          entry.error = std::string(400, 'x');
          if (!store->finish(entry, TargetState{})) ++failures;
        }
      });
    }
    writers.clear();
    REQUIRE(failures == 0);
  }
  REQUIRE(store->merge({resolved(alert("Old", at(1), at(1100))), resolved(alert("Recent", at(1), at(1150)))}));
  store.reset();
  const auto bytes_before = std::filesystem::file_size(scratch.path() / "alertscaler.db");

  store = open_store(scratch.path());
  REQUIRE(store->prune(at(1201)));
  CHECK(store->history({.limit = 10000}).value().size() == 300);
  CHECK(store->unfinished().size() == 1);
  CHECK_FALSE(store->last_action(TargetName{"old"}).has_value());
  CHECK(store->last_action(TargetName{"new"})->time == at(1500));
  // Within the window before `before` a resolve still keeps late firings out.
  CHECK(results(store->merge({firing(alert("Recent", at(1), at(1151)))})) == std::vector{MergeResult::stale});
  CHECK(results(store->merge({firing(alert("Old", at(1), at(1101)))})) == std::vector{MergeResult::accepted});
  store.reset();
  CHECK(std::filesystem::file_size(scratch.path() / "alertscaler.db") < bytes_before / 3);

  store = open_store(scratch.path());
  CHECK(store->history({.limit = 10000}).value().size() == 300);
  CHECK_FALSE(store->last_action(TargetName{"old"}).has_value());
  REQUIRE(store->prune(at(1e6)));
  CHECK(store->begin(action("web", at(3000)), state_of).value() > last);  // although none of those before is left
}

TEST_CASE("store: resolves are forgotten by themselves after an hour of others") {
  const test::ScratchDir scratch;
  const auto store = open_store(scratch.path());
  REQUIRE(store->merge({resolved(alert("First", at(10), at(50)))}));
  REQUIRE(store->merge({resolved(alert("Second", at(10), at(3000)))}));
  // Asked with a clock that was set back: what is forgotten cannot make a firing late.
  CHECK(results(store->merge({firing(alert("First", at(10), at(51)))})) == std::vector{MergeResult::stale});
  REQUIRE(store->merge({resolved(alert("Third", at(10), at(3700)))}));
  CHECK(results(store->merge({firing(alert("First", at(10), at(51)))})) == std::vector{MergeResult::accepted});
  CHECK(results(store->merge({firing(alert("Second", at(10), at(3001)))})) == std::vector{MergeResult::stale});
}

TEST_CASE("store: small values are kept") {
  const test::ScratchDir scratch;
  const std::string binary("nul \0 and \xFF", 11);
  {
    const auto store = open_store(scratch.path());
    CHECK_FALSE(store->kept("compose/web").has_value());
    REQUIRE(store->keep("compose/web", "one"));
    REQUIRE(store->keep("compose/web", binary));
    REQUIRE(store->keep("", ""));
  }
  const auto store = open_store(scratch.path());
  CHECK(store->kept("compose/web") == binary);
  CHECK(store->kept("") == "");
}

TEST_CASE("store: what is already so is not written again") {
  const test::ScratchDir scratch;
  const auto store = open_store(scratch.path());
  TargetState state;
  state.failures = 2;
  REQUIRE(store->save(TargetName{"web"}, state));
  REQUIRE(store->keep("key", "value"));
  const auto log = scratch.path() / "alertscaler.db-wal";
  const auto bytes = std::filesystem::file_size(log);
  REQUIRE(store->save(TargetName{"web"}, state));
  REQUIRE(store->save(TargetName{"unknown"}, TargetState{}));
  REQUIRE(store->keep("key", "value"));
  REQUIRE(store->merge({}));
  CHECK(std::filesystem::file_size(log) == bytes);
  state.failures = 3;
  REQUIRE(store->save(TargetName{"web"}, state));
  CHECK(std::filesystem::file_size(log) > bytes);
}

TEST_CASE("store: a clean stop leaves one file, and the log never grows far") {
  const test::ScratchDir scratch;
  const auto log = scratch.path() / "alertscaler.db-wal";
  {
    const auto store = open_store(scratch.path());
    REQUIRE(store->history({}).has_value());  // opens the second connection
    std::uintmax_t largest = 0;
    for (int i = 0; i < 400; ++i) {
      REQUIRE(store->keep("key" + std::to_string(i), std::string(100'000, static_cast<char>('a' + i % 26))));
      largest = std::max(largest, std::filesystem::file_size(log));
    }
    CHECK(largest < 8U << 20U);
  }
  CHECK_FALSE(std::filesystem::exists(log));
  CHECK_FALSE(std::filesystem::exists(scratch.path() / "alertscaler.db-shm"));
  CHECK(open_store(scratch.path())->kept("key399") == std::string(100'000, static_cast<char>('a' + 399 % 26)));
}

TEST_CASE("store: only our user reads what is in it") {
  const test::ScratchDir scratch;
  const auto mode = [](const std::filesystem::path& path) {
    struct stat status {};
    REQUIRE(::stat(path.c_str(), &status) == 0);
    return status.st_mode & 0777U;
  };
  const mode_t before = ::umask(0);
  const auto directory = scratch.path() / "made" / "by us";
  {
    const auto store = open_store(directory);
    REQUIRE(store->keep("key", "value"));
    for (const char* name : {"alertscaler.db", "alertscaler.db-wal", "alertscaler.db-shm", "alertscaler.lock"}) {
      CAPTURE(name);
      CHECK(mode(directory / name) == 0600);
    }
    CHECK(mode(directory) == 0700);
  }
  ::umask(before);
  REQUIRE(::chmod((directory / "alertscaler.db").c_str(), 0644) == 0);
  const auto store = open_store(directory);
  CHECK(mode(directory / "alertscaler.db") == 0600);
}

TEST_CASE("store: many threads at once") {
  const test::ScratchDir scratch;
  constexpr int per_thread = 40;
  {
    const auto store = open_store(scratch.path());
    std::atomic<bool> stop = false;
    std::atomic<int> failures = 0;
    std::vector<std::jthread> writers;
    for (int t = 0; t < 4; ++t) {
      writers.emplace_back([&, t] {
        const TargetName target{"t" + std::to_string(t)};
        for (int i = 0; i < per_thread; ++i) {
          const Alert mine = alert("A" + std::to_string(t) + "-" + std::to_string(i), at(i), at(i), target.text);
          const Alert shared = alert("Shared", at(i), at(i));
          if (!store->merge({firing(mine), firing(shared)})) ++failures;
          if (i % 2 == 1 && !store->merge({resolved(mine)})) ++failures;
          HistoryEntry entry = action(target.text, at(i));
          const auto id = store->begin(entry, state_of);
          if (!id || store->state(target).in_flight->id != *id) ++failures;
          entry.id = id.value_or(0);
          entry.outcome = ActionOutcome::done;
          TargetState state;
          state.failures = i;
          if (!store->finish(entry, state) || store->last_action(target) != entry) ++failures;
        }
      });
    }
    std::jthread reader([&] {
      while (!stop) {
        for (const Alert& one : store->active_alerts()) {
          if (one.fingerprint.empty()) ++failures;
        }
        if (store->active_alerts(TargetName{"t1"}).size() > per_thread + 1) ++failures;
        if (!store->history({.limit = 5})) ++failures;
        if (!store->expire(at(0), stale_after)) ++failures;
        static_cast<void>(store->next_expiry(stale_after));
        static_cast<void>(store->unfinished());
        static_cast<void>(store->preview(TargetName{"t2"}, {firing(alert("P", at(1), at(1)))}));
      }
    });
    std::jthread pruner([&] {
      while (!stop) {
        if (!store->prune(at(-1000))) ++failures;
        if (!store->remap([](const Labels& labels, const Labels&) -> std::optional<Mapping> {
              return Mapping{TargetName{labels.at("scale_target")}, AlertAction::up, {}, {}};
            }))
          ++failures;
      }
    });
    writers.clear();
    stop = true;
    reader.join();
    pruner.join();
    CHECK(failures == 0);
  }
  const auto store = open_store(scratch.path());
  // Half of each thread's alerts, and the one that they all wrote.
  CHECK(store->active_alerts().size() == 4 * per_thread / 2 + 1);
  CHECK(store->unfinished().empty());
  CHECK(store->history({.limit = 10000}).value().size() == 4 * per_thread);
  for (int t = 0; t < 4; ++t) CHECK(store->state(TargetName{"t" + std::to_string(t)}).failures == per_thread - 1);
}

TEST_CASE("store: what changes is told once it can be seen, and being seen again is no change") {
  const test::ScratchDir scratch;
  std::vector<std::string> told;
  StoreOptions options;
  options.changed = [&](const StoreChanges& changes) {
    for (const auto& one : changes.alerts) {
      told.push_back(std::string(one.alert->name()) + (one.active ? " is active, seen " : " has left, seen ") +
                     std::to_string((one.last_seen - at(0)).count() / 1000));
    }
    for (const HistoryEntry& entry : changes.history) told.push_back("action " + std::to_string(entry.id));
  };
  const auto store = open_store(scratch.path(), options);
  REQUIRE(store->merge({firing(alert("A", at(1), at(2))), firing(alert("B", at(1), at(2))),
                        firing(alert("C", at(1), at(2))), resolved(alert("C", at(1), at(2)))}));
  CHECK(told == std::vector<std::string>{"A is active, seen 2", "B is active, seen 2"});
  told.clear();
  REQUIRE(store->merge({firing(alert("A", at(1), at(50)))}));
  CHECK(told.empty());
  Alert changed = alert("A", at(1), at(60));
  changed.annotations["summary"] = "worse";
  REQUIRE(store->merge({firing(changed), resolved(alert("B", at(1), at(61)))}));
  CHECK(told == std::vector<std::string>{"A is active, seen 60", "B has left, seen 2"});
  told.clear();

  HistoryEntry entry = action("web", at(70));
  const auto id = store->begin(entry, state_of);
  REQUIRE(id);
  CHECK(told.empty());
  entry.id = *id;
  entry.outcome = ActionOutcome::done;
  REQUIRE(store->finish(entry, {}));
  CHECK(told == std::vector<std::string>{"action " + std::to_string(*id)});
  told.clear();
  REQUIRE(store->expire(at(60) + stale_after, stale_after));
  CHECK(told == std::vector<std::string>{"A has left, seen 60"});
}
