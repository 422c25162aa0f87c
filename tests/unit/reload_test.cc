// Another configuration in place of the one in force, with real threads.
#include <atomic>
#include <functional>
#include <set>
#include <thread>

#include "control/controller.h"
#include "support/catch.h"
#include "support/fake_backend.h"
#include "support/memory_store.h"
#include "support/policies.h"
#include "support/scratch_dir.h"
#include "support/store.h"

using namespace alertscaler;
using namespace alertscaler::test;
using namespace std::chrono_literals;

namespace {

const TargetName web{"web"};
const TargetName db{"db"};

std::shared_ptr<Settings> settings_of(std::initializer_list<TargetName> names, int max = 10) {
  auto settings = std::make_shared<Settings>();
  for (const TargetName& name : names) {
    settings->targets[name] = Target{name, Policy{.min = 1, .max = max, .up_cooldown = 0s}, Simulated{}};
  }
  return settings;
}

Alert asking(const TargetName& target, const std::string& action, const std::string& name) {
  const SystemClock clock;
  Alert alert;
  alert.labels = {{"alertname", name}, {"scale_target", target.text}, {"scale_action", action}};
  alert.fingerprint = fingerprint_of(alert.labels);
  alert.starts_at = alert.last_seen = clock.now();
  alert.mapping = {target, *parse_alert_action(action), {}, {}};
  return alert;
}

bool eventually(const std::function<bool()>& holds) {
  const auto deadline = std::chrono::steady_clock::now() + 20s;
  while (!holds()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(2ms);
  }
  return true;
}

// The fleets outlive the controller, as the world does.
struct World {
  SystemClock clock;
  FakeFleet web_fleet{clock, 2};
  FakeFleet db_fleet{clock, 2};
  Metrics metrics{"test"};

  [[nodiscard]] std::shared_ptr<Backend> backend(const TargetName& name) {
    return std::make_shared<FakeBackend>(name == web ? web_fleet : db_fleet);
  }
  [[nodiscard]] control::Backends backends(std::initializer_list<TargetName> names) {
    control::Backends made;
    for (const TargetName& name : names) made[name] = backend(name);
    return made;
  }
};

}  // namespace

TEST_CASE("reload: what the store cannot take changes nothing") {
  World world;
  MemoryStore store;
  control::Controller controller(settings_of({web}), world.backends({web}), store, world.metrics, world.clock, {});
  controller.start();
  REQUIRE(eventually([&] { return controller.target(web)->observed.has_value(); }));
  store.fail_next_remap({ErrorKind::busy, "the disk is full"});
  const auto before = controller.settings();
  const Status failed = controller.reload({settings_of({db}), world.backends({db}), {}});
  REQUIRE_FALSE(failed.has_value());
  CHECK(failed.error().kind == ErrorKind::busy);
  CHECK_THAT(failed.error().message, ContainsSubstring("the disk is full"));
  CHECK(controller.settings() == before);
  CHECK_FALSE(controller.target(db).has_value());
  const auto ticket = controller.kick(web, world.clock.now());  // its passes go on
  CHECK(ticket != 0);
  CHECK(controller.decided(web, ticket, 20s).has_value());

  CHECK(controller.reload({settings_of({db}), world.backends({db}), {}}).has_value());
  CHECK(controller.kick(web, world.clock.now()) == 0);
  CHECK_FALSE(controller.target(web).has_value());
  CHECK(eventually([&] { return controller.target(db)->observed.has_value(); }));
  controller.stop();
  CHECK(controller.reload({settings_of({web}), world.backends({web}), {}}).error().kind == ErrorKind::cancelled);
}

TEST_CASE("who waits for a decision gets that of the pass that looked for him, whatever was decided since") {
  World world;
  MemoryStore store;
  auto settings = settings_of({web});
  settings->targets[web].policy.up_cooldown = 1h;
  settings->targets[web].policy.dry_run = true;  // an action ends at once, and the next pass decides anew
  control::Controller controller(settings, world.backends({web}), store, world.metrics, world.clock, {});
  controller.start();
  REQUIRE(eventually([&] { return controller.target(web)->observed.has_value(); }));
  REQUIRE(store.merge({{asking(web, "up", "Load"), false, true}}).has_value());
  const auto first = controller.kick(web, world.clock.now());
  REQUIRE(eventually([&] { return controller.target(web)->decision->reason == Reason::cooldown; }));
  const auto second = controller.kick(web, world.clock.now());
  CHECK(controller.decided(web, second, 20s)->reason == Reason::cooldown);
  const auto answer = controller.decided(web, first, 20s);
  REQUIRE(answer.has_value());
  CHECK(answer->outcome == Outcome::act);
  CHECK(answer->to == 3);
}

TEST_CASE("reload: the floor of a target that leaves, or is something else now, goes back first") {
  const bool stays = GENERATE(true, false);
  const bool dry_run = GENERATE(true, false);
  CAPTURE(stays, dry_run);
  World world;
  world.web_fleet.autoscaler.emplace();
  world.web_fleet.autoscaler->move(5);
  const ScratchDir scratch;
  const auto store = open_store(scratch.path());
  auto first = settings_of({web, db});
  first->targets[web].policy.dry_run = dry_run;
  control::Controller controller(first, world.backends({web, db}), *store, world.metrics, world.clock, {});
  control::Backends fresh;
  if (stays) fresh[web] = std::make_shared<FakeBackend>(world.db_fleet);
  const auto next = stays ? settings_of({web, db}) : settings_of({db});
  REQUIRE(controller.reload({next, fresh, stays ? std::set<TargetName>{web} : std::set<TargetName>{}}).has_value());
  CHECK(world.web_fleet.autoscaler->floor == (dry_run ? 5 : 2));
  CHECK(world.web_fleet.autoscaler->original.has_value() == dry_run);
}

TEST_CASE("reload: a floor that cannot be put back holds nothing up, and what nobody raised is left alone") {
  const bool raised = GENERATE(true, false);
  World world;
  world.web_fleet.autoscaler.emplace();
  if (raised) world.web_fleet.autoscaler->move(5);
  world.web_fleet.apply_errors = {{ErrorKind::unreachable, "nobody listens"}};
  const ScratchDir scratch;
  const auto store = open_store(scratch.path());
  control::Controller controller(settings_of({web, db}), world.backends({web, db}), *store, world.metrics, world.clock,
                                 {});
  REQUIRE(controller.reload({settings_of({db}), {}, {}}).has_value());
  CHECK_FALSE(controller.target(web).has_value());
  CHECK(world.web_fleet.applies == (raised ? 1 : 0));
}

TEST_CASE("a floor that was raised when its target was removed, while the program was away, is told of once") {
  const bool is_known = GENERATE(true, false);
  World world;
  const ScratchDir scratch;
  const auto store = open_store(scratch.path());
  TargetState state;
  state.last_up = noon;
  state.floor_set = 5;
  state.baseline = Baseline{2, 1, {}, {}, true};
  REQUIRE(store->save(web, state).has_value());
  auto settings = settings_of({db});
  if (is_known) settings->targets[web] = Target{web, {}, KubernetesWorkload{}};
  control::Controller controller(settings, is_known ? world.backends({web, db}) : world.backends({db}), *store,
                                 world.metrics, world.clock, {});
  controller.start();
  controller.stop();
  CHECK(store->state(web).floor_set.has_value() == is_known);
  CHECK(store->state(web).last_up == noon);
}

TEST_CASE("reload: an alert that was mapped before it and stored after it gets its mapping again") {
  World world;
  const ScratchDir scratch;
  const auto store = open_store(scratch.path());
  auto first = settings_of({web, db});
  control::Controller controller(first, world.backends({web, db}), *store, world.metrics, world.clock, {});
  controller.start();
  std::shared_ptr<const Settings> of_a_request = controller.settings();
  first.reset();
  REQUIRE(controller.reload({settings_of({web}), {}, {}}).has_value());
  REQUIRE(store->merge({{asking(db, "hold", "Late"), false, true}, {asking(web, "hold", "Fine"), false, true}}));
  CHECK(store->active_alerts().size() == 2);
  of_a_request.reset();
  CHECK(eventually([&] { return store->active_alerts(db).empty(); }));
  CHECK(store->active_alerts(web).size() == 1);
}

TEST_CASE("reload: while alerts arrive and orders are given") {
  World world;
  const ScratchDir scratch;
  const auto store = open_store(scratch.path());
  control::Controller controller(settings_of({web, db}), world.backends({web, db}), *store, world.metrics, world.clock,
                                 {});
  controller.start();
  std::atomic<bool> over{false}, failed{false};
  std::vector<std::thread> others;
  others.emplace_back([&] {
    for (int i = 0; !over; ++i) {
      if (!store->merge({{asking(web, i % 2 == 0 ? "up" : "down", "A"), i % 3 == 0, true}})) failed = true;
      const auto ticket = controller.kick(web, world.clock.now());
      static_cast<void>(controller.decided(web, ticket, 50ms));
      static_cast<void>(controller.kick(db, world.clock.now()));
    }
  });
  others.emplace_back([&] {
    for (int i = 0; !over; ++i) {
      static_cast<void>(controller.set_replicas(db, {i % 8, Duration{i % 3}, "alice"}));
      static_cast<void>(controller.pause(std::nullopt, Duration{1}, "bob"));
      static_cast<void>(controller.targets());
      static_cast<void>(controller.not_ready());
      static_cast<void>(controller.preview(db, {}));
      static_cast<void>(controller.resume(db, "bob"));
    }
  });
  for (int i = 0; i < 60; ++i) {
    const bool with_db = i % 2 == 1;
    auto next = with_db ? settings_of({web, db}, 4 + i % 5) : settings_of({web}, 4 + i % 5);
    next->max_parallel = 1 + i % 4;
    std::set<TargetName> elsewhere;
    control::Backends fresh;
    if (with_db) fresh[db] = world.backend(db);
    if (i % 5 == 0) fresh[web] = world.backend(web), elsewhere.insert(web);
    CHECK(controller.reload({next, fresh, elsewhere}).has_value());
  }
  over = true;
  for (std::thread& other : others) other.join();
  CHECK_FALSE(failed);
  CHECK(controller.targets().size() == 2);
  controller.stop();
  for (const HistoryEntry& entry : store->unfinished()) CHECK(store->state(entry.target).in_flight.has_value());
}

TEST_CASE("reload: what leaves while it is drained, and comes back, waits for the end of such an alert") {
  World world;
  const ScratchDir scratch;
  const auto store = open_store(scratch.path());
  control::Controller controller(settings_of({web}), world.backends({web}), *store, world.metrics, world.clock, {});
  const auto look = [&] {
    for (int i = 0; i < 3; ++i) controller.look(web);
    return world.web_fleet.replicas();
  };
  const Alert maintenance = asking(web, "drain", "Maintenance");
  REQUIRE(store->merge({{maintenance, false, true}}).has_value());
  CHECK(look() == 0);
  REQUIRE(controller.reload({settings_of({db}), world.backends({db}), {}}).has_value());
  REQUIRE(controller.reload({settings_of({web, db}), world.backends({web}), {}}).has_value());
  CHECK(look() == 0);
  REQUIRE(store->merge({{maintenance, false, true}}).has_value());
  CHECK(look() == 0);
  REQUIRE(store->merge({{maintenance, true, true}}).has_value());
  CHECK(look() == 2);
}

TEST_CASE("reload: an order that waits for a target that leaves is not carried out when it comes back") {
  World world;
  const ScratchDir scratch;
  const auto store = open_store(scratch.path());
  control::Controller controller(settings_of({web}), world.backends({web}), *store, world.metrics, world.clock, {});
  REQUIRE(controller.set_replicas(web, {5, 0s, "alice"}).has_value());
  REQUIRE(controller.reload({settings_of({db}), world.backends({db}), {}}).has_value());
  REQUIRE(controller.reload({settings_of({web, db}), world.backends({web}), {}}).has_value());
  controller.look(web);
  CHECK(world.web_fleet.replicas() == 2);
  REQUIRE(controller.set_replicas(web, {4, 0s, "alice"}).has_value());
  controller.look(web);
  CHECK(world.web_fleet.replicas() == 4);
}

TEST_CASE("reload: an order outlives another way to the same object; another object is not scaled by it") {
  const bool is_other = GENERATE(false, true);
  const Duration pin = GENERATE(as<Duration>{}, 0s, 1h);
  CAPTURE(is_other, pin.count());
  World world;
  const ScratchDir scratch;
  const auto store = open_store(scratch.path());
  control::Controller controller(settings_of({web}), world.backends({web}), *store, world.metrics, world.clock, {});
  REQUIRE(controller.set_replicas(web, {5, pin, "alice"}).has_value());
  const auto next = settings_of({web});
  if (is_other) next->targets[web].backend = ComposeService{"shop", "web"};
  REQUIRE(controller.reload({next, world.backends({web}), {web}}).has_value());
  controller.look(web);
  CHECK(world.web_fleet.replicas() == (is_other ? 2 : 5));
}

TEST_CASE("the first action of a target says of which object it is") {
  World world;
  const ScratchDir scratch;
  const auto store = open_store(scratch.path());
  control::Controller controller(settings_of({web}), world.backends({web}), *store, world.metrics, world.clock, {});
  world.web_fleet.apply_errors = {{ErrorKind::busy, "later"}};
  REQUIRE(store->merge({{asking(web, "drain", "Maintenance"), false, true}}).has_value());
  controller.look(web);
  REQUIRE(store->state(web).in_flight.has_value());
  CHECK(store->state(web).object == "simulated");
}

TEST_CASE("a target that was something else when the program was stopped starts afresh") {
  const std::string object = GENERATE("simulated", "docker_compose project=shop service=web", "");
  const bool is_other = object.size() > 10;
  const bool comes_by_reload = GENERATE(false, true);
  CAPTURE(object, comes_by_reload);
  World world;
  world.web_fleet.set(0);
  const ScratchDir scratch;
  const auto store = open_store(scratch.path());
  TargetState state;
  state.last_up = noon;
  state.asked = 0;
  state.drain_baseline = Baseline{8, -1, {}, {}};
  state.object = object;
  REQUIRE(store->save(web, state).has_value());
  const auto with_web = settings_of({web, db});
  control::Controller controller(comes_by_reload ? settings_of({db}) : with_web, world.backends({web, db}), *store,
                                 world.metrics, world.clock, {});
  if (comes_by_reload) {
    REQUIRE(controller.reload({with_web, world.backends({web}), {}}).has_value());
  } else {
    controller.start();
    CHECK(eventually([&] { return controller.target(web)->observed.has_value(); }));
    controller.stop();
  }
  control::Controller after(with_web, world.backends({web, db}), *store, world.metrics, world.clock, {});
  after.look(web);
  CHECK(world.web_fleet.replicas() == (is_other ? 0 : 8));
  CHECK(store->state(web).last_up.has_value());
  after.look(web);
  CHECK(store->state(web).object == "simulated");
}

TEST_CASE("a target that was removed while the program was away is left as it is") {
  World world;
  const ScratchDir scratch;
  const auto store = open_store(scratch.path());
  TargetState state;
  state.baseline = Baseline{3, 1, {}};
  state.drain_baseline = Baseline{8, -1, {}};
  state.nodes["worker-1"].held = true;
  REQUIRE(store->save(web, state).has_value());
  control::Controller controller(settings_of({db}), world.backends({db}), *store, world.metrics, world.clock, {});
  controller.start();
  controller.stop();
  CHECK_FALSE(store->state(web).baseline.has_value());
  CHECK(store->state(web).drain_baseline->unproven);
  CHECK(store->state(web).nodes.at("worker-1").unproven);
}

TEST_CASE("a target that is something else now keeps its cooldowns, and nothing that speaks of counts") {
  TargetState state;
  state.last_up = noon;
  state.last_change = noon;
  state.baseline = Baseline{3, 1, {}};
  state.drain_baseline = Baseline{3, 1, {}};
  state.asked = 0;
  state.unfinished = Unfinished{Reason::up, 3};
  state.failures = 2;
  state.dry_run_replicas = 9;
  state.orders_taken = 4;
  TargetState kept;
  kept.last_up = kept.last_change = noon;
  kept.orders_taken = 4;
  CHECK(decide::elsewhere(state, false) == kept);
  kept.drain_baseline = state.drain_baseline;
  kept.asked = 0;
  CHECK(decide::elsewhere(state, true) == kept);
}

TEST_CASE("readiness: a target that only a person can mend holds up nobody, as long as there are others") {
  World world;
  MemoryStore store;
  control::Controller controller(settings_of({web, db}), world.backends({web, db}), store, world.metrics, world.clock,
                                 {});
  world.web_fleet.observe_errors.push_back({ErrorKind::refused, "may not be looked at"});
  world.db_fleet.observe_errors.push_back({ErrorKind::unreachable, "nobody answers"});
  CHECK_THAT(controller.not_ready().value(), ContainsSubstring("not observed yet"));
  controller.look(web);
  controller.look(db);
  CHECK_THAT(controller.not_ready().value(), ContainsSubstring("target db: nobody answers"));
  const auto shown = controller.target(web)->decision;
  REQUIRE(shown.has_value());
  CHECK(shown->outcome == Outcome::blocked);
  CHECK_THAT(shown->text, ContainsSubstring("may not be looked at"));
  controller.look(db);
  CHECK_FALSE(controller.not_ready().has_value());
  world.db_fleet.observe_errors.push_back({ErrorKind::unreachable, "nobody answers any more"});
  controller.look(db);
  CHECK_FALSE(controller.not_ready().has_value());
}

TEST_CASE("readiness: with nothing that can be observed the program is not ready, and says why") {
  World world;
  MemoryStore store;
  control::Controller controller(settings_of({web}), world.backends({web}), store, world.metrics, world.clock, {});
  world.web_fleet.observe_errors.push_back({ErrorKind::refused, "may not be looked at"});
  controller.look(web);
  CHECK_THAT(controller.not_ready().value(), ContainsSubstring("target web: may not be looked at"));
  controller.look(web);
  CHECK_FALSE(controller.not_ready().has_value());
}
