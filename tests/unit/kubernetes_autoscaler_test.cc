// Who sets a workload's count, and what is done with its floor, against a fake API server.
#include "act/kubernetes/autoscaler.h"
#include "support/catch.h"
#include "support/fake_api_server.h"

using namespace alertscaler;
using namespace alertscaler::test;
using namespace std::chrono_literals;
using kubernetes::Ownership;
using Json = FakeApiServer::Json;
using Lines = std::vector<std::string>;

namespace {

const std::string hpas = "/apis/autoscaling/v1/namespaces/demo/horizontalpodautoscalers";
const std::string keda = "/apis/keda.sh/v1alpha1";
const std::string scaled_objects = keda + "/namespaces/demo/scaledobjects";
const Lines both_lists{"GET " + hpas + "?limit=500", "GET " + scaled_objects + "?limit=500"};

class World {
 public:
  explicit World(HpaMode mode = HpaMode::automatic, kubernetes::AutoscalerPace pace = {.share = 0s})
      : mode_(mode), pace_(pace) {
    restart();
  }

  FakeApiServer& server() { return server_; }
  void restart(const std::string& installation = "demo/one") {
    owner_ = kubernetes::make_autoscaler(mode_, {"web", installation}, client_, pace_);
  }

  void add_hpa(const std::string& name, Json reference = {{"apiVersion", "apps/v1"}}, Json metadata = Json::object()) {
    Json target = {{"kind", "Deployment"}, {"name", "web"}};
    target.merge_patch(reference);
    metadata.merge_patch({{"name", name}, {"namespace", "demo"}});
    server_.put(
        hpas, {{"metadata", metadata}, {"spec", {{"minReplicas", 2}, {"maxReplicas", 6}, {"scaleTargetRef", target}}}});
  }
  void install_keda() { server_.add_resource({keda, "scaledobjects", "ScaledObject", true, false, true}); }
  void add_scaled_object(Json spec = Json::object(), Json annotations = Json::object()) {
    Json full = {{"scaleTargetRef", {{"name", "web"}}}, {"minReplicaCount", 1}, {"maxReplicaCount", 8}};
    full.merge_patch(spec);
    server_.put(scaled_objects,
                {{"metadata", {{"name", "web"}, {"namespace", "demo"}, {"annotations", annotations}}}, {"spec", full}});
  }
  // The HPA that KEDA makes for it.
  void add_hpa_of_keda() {
    add_hpa(
        "keda-hpa-web", {{"apiVersion", "apps/v1"}},
        {{"ownerReferences",
          {{{"apiVersion", "keda.sh/v1alpha1"}, {"kind", "ScaledObject"}, {"name", "web"}, {"controller", true}}}}});
  }

  Ownership observe(std::optional<Change> in_flight = {}) {
    const auto owned = owner_->observe(object_, in_flight, {});
    REQUIRE(owned.has_value());
    return *owned;
  }
  Result<bool> apply(int from, int to, bool floor = true, ActionId id = 1) {
    return apply(Change{id, TargetName{"web"}, from, to, floor});
  }
  Result<bool> apply(const Change& change) { return owner_->apply(object_, change, {}); }
  Result<Ownership> try_observe(const std::optional<Change>& in_flight = {}) {
    return owner_->observe(object_, in_flight, {});
  }
  void set_count(int replicas) { object_.replicas = replicas; }
  void set_object(kubernetes::ScaledObject object) { object_ = std::move(object); }

  // "4 of 2": the floor, and our note of what it was; "2" without a note.
  std::string hpa(const std::string& name = "web") { return floor(hpas + "/" + name, "minReplicas"); }
  std::string scaled_object() { return floor(scaled_objects + "/web", "minReplicaCount"); }
  Json annotations_of_keda() { return server_.get(scaled_objects + "/web")->at("metadata").at("annotations"); }

 private:
  std::string floor(const std::string& path, const char* key) {
    const Json object = *server_.get(path);
    const Json annotations = object.at("metadata").value("annotations", Json::object());
    std::string out = object.at("spec").at(key).dump();
    if (annotations.contains("alertscaler.io/original-min")) {
      out += " of " + annotations.at("alertscaler.io/original-min").get<std::string>();
      CHECK(annotations.contains("alertscaler.io/set-min"));
      CHECK(annotations.value("alertscaler.io/moved-by", "") == "web@demo/one");
    } else {
      CHECK_FALSE(annotations.contains("alertscaler.io/moved-by"));
    }
    return out;
  }

  const HpaMode mode_;
  const kubernetes::AutoscalerPace pace_;
  FakeApiServer server_;
  kubernetes::ApiServer client_{server_.access()};
  std::unique_ptr<kubernetes::CountOwner> owner_;
  kubernetes::ScaledObject object_{"demo", "apps/v1", "Deployment", "web", "uid", 3};
};

const kubernetes::AutoscalerPace always{0s, 5min, 0s};

bool mentions(const std::string& text, const std::string& part) {
  CAPTURE(text, part);
  const bool found = text.find(part) != std::string::npos;
  CHECK(found);
  return found;
}

}  // namespace

TEST_CASE("autoscaler: nobody else sets the count") {
  World world;
  world.add_hpa("other", {{"name", "api"}});
  world.add_hpa("kind", {{"kind", "StatefulSet"}});
  world.add_hpa("group", {{"apiVersion", "example.io/v1"}});
  const Ownership owned = world.observe();
  CHECK_FALSE(owned.blocked);
  CHECK_FALSE(owned.floor);
  CHECK(owned.note.empty());
  CHECK(world.apply(3, 5, false) == Result<bool>(false));
}

TEST_CASE("autoscaler: an HPA owns it, whatever version of the group it names") {
  const std::string version = GENERATE("apps/v1", "apps/v1beta2", "extensions/v1beta1", "");
  CAPTURE(version);
  World world;
  world.add_hpa("web", version.empty() ? Json{{"apiVersion", nullptr}} : Json{{"apiVersion", version}});
  const Ownership owned = world.observe();
  CHECK_FALSE(owned.blocked);
  CHECK(owned.floor == Floor{2, 2, "the HorizontalPodAutoscaler web", false});
  CHECK(owned.replicas_max == 6);
  CHECK(owned.replicas_max_why == "the HorizontalPodAutoscaler web allows at most 6: raise its maxReplicas");
}

TEST_CASE("autoscaler: without minReplicas the floor is 1") {
  World world;
  world.add_hpa("web");
  world.server().change(hpas + "/web", {{"spec", {{"minReplicas", nullptr}}}});
  CHECK(world.observe().floor->current == 1);
  CHECK(world.apply(1, 3) == Result<bool>(true));
  CHECK(world.hpa() == "3 of 1");
}

TEST_CASE("autoscaler: a floor goes up and back, with its note in the same write") {
  World world;
  world.add_hpa("web");
  world.observe();
  CHECK(world.apply(3, 4) == Result<bool>(true));
  CHECK(world.hpa() == "4 of 2");
  CHECK(world.observe().floor == Floor{4, 2, "the HorizontalPodAutoscaler web", true});
  CHECK(world.apply(4, 5, true, 2) == Result<bool>(true));
  CHECK(world.hpa() == "5 of 2");
  world.restart();
  CHECK(world.observe().floor == Floor{5, 2, "the HorizontalPodAutoscaler web", true});
  CHECK(world.apply(5, 2, true, 3) == Result<bool>(true));
  CHECK(world.hpa() == "2");
  CHECK(world.observe().floor == Floor{2, 2, "the HorizontalPodAutoscaler web", false});
}

TEST_CASE("autoscaler: idle looks cost nothing for a while, those of an action one request") {
  World world;
  world.add_hpa("web");
  world.server().requests();
  world.observe();
  CHECK(world.server().lines() == both_lists);
  world.observe();
  CHECK(world.server().lines() == Lines{});
  world.observe(Change{1, TargetName{"web"}, 3, 4, true});
  CHECK(world.server().lines() == Lines{"GET " + hpas + "/web"});
}

TEST_CASE(
    "autoscaler: the targets of one namespace share what they look at, but for what is looked at before a write") {
  World world(HpaMode::automatic, {.share = 10min});
  world.add_hpa("web");
  world.observe();
  world.server().requests();
  world.restart();  // as good as another target
  CHECK(world.observe().floor.has_value());
  CHECK(world.server().lines() == Lines{both_lists[1]});  // that KEDA is not there, each finds out for itself
  REQUIRE(world.apply(3, 4).has_value());
  CHECK(world.server().lines().front() == both_lists[0]);
}

TEST_CASE("autoscaler: that KEDA is not there is asked rarely") {
  World world(HpaMode::automatic, always);
  world.server().requests();
  world.observe();
  CHECK(world.server().lines() == both_lists);
  world.observe();
  CHECK(world.server().lines() == Lines{both_lists[0]});
}

TEST_CASE("autoscaler: repeating is harmless, and a lost answer is read") {
  World world;
  world.add_hpa("web");
  world.observe();
  world.server().lose_next("PATCH");
  CHECK(world.apply(3, 4) == Result<bool>(true));
  CHECK(world.hpa() == "4 of 2");
  world.server().requests();
  CHECK(world.apply(3, 4) == Result<bool>(true));
  CHECK(world.server().lines() == Lines{"GET " + hpas + "/web"});
}

TEST_CASE("autoscaler: its status changes between reading and writing") {
  World world;
  world.add_hpa("web");
  world.observe();
  int times = 0;
  world.server().before("PATCH", [&] {
    if (times++ < 2) world.server().change(hpas + "/web", {{"status", {{"currentReplicas", times}}}});
  });
  CHECK(world.apply(3, 4) == Result<bool>(true));
  CHECK(times == 3);
  CHECK(world.hpa() == "4 of 2");
}

TEST_CASE("autoscaler: what somebody else has just moved is left alone") {
  World world;
  world.add_hpa("web");
  world.observe();
  SECTION("before our write") {
    world.server().before("PATCH", [&] { world.server().change(hpas + "/web", {{"spec", {{"minReplicas", 3}}}}); });
    const auto done = world.apply(3, 4);
    REQUIRE_FALSE(done.has_value());
    CHECK(done.error().kind == ErrorKind::conflict);
    mentions(done.error().message, "somebody else has just changed it from 2 to 3");
    CHECK(world.hpa() == "3");
    CHECK(world.observe().floor->current == 3);  // so that it is not decided once more as it was
  }
  SECTION("after it, with our note left") {
    REQUIRE(world.apply(3, 4).has_value());
    world.server().change(hpas + "/web", {{"spec", {{"minReplicas", 2}}}});
    const Ownership owned = world.observe(Change{1, TargetName{"web"}, 3, 4, true});
    CHECK(owned.floor == Floor{2, 2, "the HorizontalPodAutoscaler web", true});
    CHECK(owned.floor->stale());
    const auto done = world.apply(3, 4);
    REQUIRE_FALSE(done.has_value());
    CHECK(done.error().kind == ErrorKind::refused);
    mentions(done.error().message, "it was set to 4, and then to 2 by somebody else");
    SECTION("the note can be taken off") {
      CHECK(world.apply(2, 2, true, 2) == Result<bool>(true));
      CHECK(world.hpa() == "2");
    }
    SECTION("a later change notes what is there now") {
      world.server().change(hpas + "/web", {{"spec", {{"minReplicas", 3}}}});
      world.observe(Change{2, TargetName{"web"}, 3, 5, true});
      CHECK(world.apply(3, 5, true, 2) == Result<bool>(true));
      CHECK(world.hpa() == "5 of 3");
    }
  }
  SECTION("after it, with everything replaced") {
    REQUIRE(world.apply(3, 4).has_value());
    world.add_hpa("web");
    CHECK_FALSE(world.apply(3, 4).has_value());
    CHECK(world.hpa() == "2");
  }
}

TEST_CASE("autoscaler: a change that was delayed does not undo what somebody else has set meanwhile") {
  World world;
  world.add_hpa("web");
  const bool back = GENERATE(false, true);
  CAPTURE(back);
  if (back) {
    world.observe();
    REQUIRE(world.apply(3, 4).has_value());
  }
  world.observe();
  const Change delayed{2, TargetName{"web"}, back ? 4 : 2, back ? 2 : 4, true};
  const auto trouble = FakeApiServer::status(500, "InternalError", "etcd has no leader");
  SECTION("as it could not be written") {
    world.server().fail_next("PATCH", trouble, 5);
    REQUIRE_FALSE(world.apply(delayed).has_value());
  }
  SECTION("as it could not be looked at before") {
    world.server().fail_next("GET " + hpas, trouble);
    REQUIRE_FALSE(world.apply(delayed).has_value());
  }
  SECTION("by a reload") {
    world.restart();
  }
  world.server().change(hpas + "/web", {{"spec", {{"minReplicas", 5}}}});
  CHECK(world.observe(delayed).floor->current == 5);
  const auto done = world.apply(delayed);
  REQUIRE_FALSE(done.has_value());
  CHECK(done.error().kind == ErrorKind::conflict);
  mentions(done.error().message, "somebody else has just changed it from " + std::to_string(delayed.from) + " to 5");
  CHECK(world.hpa() == (back ? "5 of 2" : "5"));
}

TEST_CASE("autoscaler: above its max is refused before it is tried") {
  World world;
  world.add_hpa("web");
  world.observe();
  const auto done = world.apply(3, 7);
  REQUIRE_FALSE(done.has_value());
  mentions(done.error().message, "it allows at most 6");
  CHECK(world.hpa() == "2");
}

TEST_CASE("autoscaler: from 0 the count is set, too; to 0 the count alone") {
  World world;
  world.add_hpa("web");
  world.observe();
  CHECK(world.apply(3, 0, false) == Result<bool>(false));
  CHECK(world.hpa() == "2");
  world.set_count(0);
  CHECK(world.apply(0, 4, true, 2) == Result<bool>(false));
  CHECK(world.hpa() == "4 of 2");
  world.set_count(4);
  CHECK(world.apply(0, 4, true, 2) == Result<bool>(true));
}

TEST_CASE("autoscaler: refuse and ignore") {
  World refused(HpaMode::refuse);
  refused.add_hpa("web");
  const Ownership owned = refused.observe();
  REQUIRE(owned.blocked);
  CHECK(owned.blocked->reason == Reason::hpa_owned);
  CHECK_FALSE(owned.floor);
  CHECK(owned.blocked->text ==
        "the HorizontalPodAutoscaler web sets the count of Deployment demo/web, and hpa is \"refuse\": set hpa: auto "
        "to have its floor moved, or delete it");

  World ignored(HpaMode::ignore);
  ignored.add_hpa("web");
  CHECK_FALSE(ignored.observe().blocked);
  CHECK_FALSE(ignored.observe().floor);
  mentions(ignored.observe().note, "the HorizontalPodAutoscaler web sets the count as well");
  CHECK(ignored.apply(3, 5, false) == Result<bool>(false));
  CHECK(ignored.hpa() == "2");
}

TEST_CASE("autoscaler: two owners are one too many") {
  World world;
  world.add_hpa("web");
  world.add_hpa("web2");
  const Ownership owned = world.observe();
  REQUIRE(owned.blocked);
  CHECK(owned.blocked->text ==
        "the HorizontalPodAutoscaler web and the HorizontalPodAutoscaler web2 all set the count of Deployment demo/web "
        "and undo each other: leave it to one of them");
}

TEST_CASE("autoscaler: an owner that has just come is seen before anything is written") {
  World world;
  const bool first = GENERATE(true, false);
  if (!first) world.add_hpa("web");
  world.observe();
  world.add_hpa("web2");
  world.server().requests();
  const auto done = world.apply(3, 5, !first);
  REQUIRE_FALSE(done.has_value());
  CHECK(done.error().kind == ErrorKind::conflict);
  for (const auto& asked : world.server().requests()) CHECK(asked.method == "GET");
  const Ownership owned = world.observe();
  CHECK(owned.blocked.has_value() == !first);
  CHECK(owned.floor.has_value() == first);
}

TEST_CASE("autoscaler: KEDA's ScaledObject owns it, and its HPA is left alone") {
  World world;
  world.install_keda();
  world.add_scaled_object();
  world.add_hpa_of_keda();
  const Ownership owned = world.observe();
  CHECK_FALSE(owned.blocked);
  CHECK(owned.floor == Floor{1, 1, "the ScaledObject web (KEDA)", false});
  CHECK(owned.replicas_max == 8);
  CHECK(world.apply(3, 5) == Result<bool>(true));
  CHECK(world.scaled_object() == "5 of 1");
  CHECK(world.hpa("keda-hpa-web") == "2");
  world.observe();
  CHECK(world.apply(5, 1, true, 2) == Result<bool>(true));
  CHECK(world.scaled_object() == "1");
}

TEST_CASE("autoscaler: what a ScaledObject leaves out") {
  World world;
  world.install_keda();
  world.add_scaled_object({{"minReplicaCount", nullptr}, {"maxReplicaCount", nullptr}});
  const Ownership owned = world.observe();
  CHECK(owned.floor->current == 0);
  CHECK(owned.replicas_max == 100);
  CHECK(world.apply(0, 2) == Result<bool>(true));
  CHECK(world.scaled_object() == "2 of 0");
  world.observe();
  CHECK(world.apply(2, 0, true, 2) == Result<bool>(true));
  CHECK(world.scaled_object() == "0");
}

TEST_CASE("autoscaler: what another installation has moved is left to it") {
  World world;
  SECTION("an HPA") {
    world.add_hpa("web");
    world.observe();
    REQUIRE(world.apply(3, 4).has_value());
    world.restart("demo/two");
    const Ownership owned = world.observe();
    REQUIRE(owned.blocked);
    CHECK(owned.blocked->reason == Reason::hpa_owned);
    mentions(owned.blocked->text,
             "the floor of the HorizontalPodAutoscaler web is moved by another alertscaler, demo/one (its target web)");
    CHECK_FALSE(owned.floor);
    CHECK(world.hpa() == "4 of 2");
    world.restart();
    CHECK(world.observe().floor == Floor{4, 2, "the HorizontalPodAutoscaler web", true});
  }
  SECTION("which came between look and write") {
    world.add_hpa("web");
    world.observe();
    int reads = 0;
    world.server().before("GET " + hpas + "/web", [&] {
      if (reads++ > 0) return;
      world.server().change(hpas + "/web", {{"metadata",
                                             {{"annotations",
                                               {{"alertscaler.io/moved-by", "api@demo/two"},
                                                {"alertscaler.io/original-min", "1"},
                                                {"alertscaler.io/set-min", "2"}}}}}});
    });
    const auto done = world.apply(3, 4);
    REQUIRE_FALSE(done.has_value());
    CHECK(done.error().kind == ErrorKind::conflict);
    mentions(done.error().message, "another alertscaler, demo/two (its target api)");
    CHECK(world.server().get(hpas + "/web")->at("spec").at("minReplicas") == 2);
  }
  SECTION("KEDA, kept at zero") {
    world.install_keda();
    world.add_scaled_object();
    world.observe();
    REQUIRE(world.apply(3, 0, false).has_value());
    world.restart("demo/two");
    const Ownership owned = world.observe();
    REQUIRE(owned.blocked);
    mentions(owned.blocked->text, "another alertscaler, demo/one");
  }
  SECTION("a note that nobody has signed is ours, from before we did") {
    world.add_hpa("web");
    world.server().change(
        hpas + "/web",
        {{"metadata", {{"annotations", {{"alertscaler.io/original-min", "1"}, {"alertscaler.io/set-min", "2"}}}}}});
    CHECK(world.observe().floor == Floor{2, 1, "the HorizontalPodAutoscaler web", true});
    CHECK(world.apply(2, 5) == Result<bool>(true));
    CHECK(world.hpa() == "5 of 1");
  }
}

TEST_CASE("autoscaler: a note that no HPA can have is none of ours") {
  const std::string original = GENERATE("7", "many", "-1");
  CAPTURE(original);
  World world;
  world.add_hpa("web");
  world.server().change(
      hpas + "/web",
      {{"metadata", {{"annotations", {{"alertscaler.io/original-min", original}, {"alertscaler.io/set-min", "2"}}}}}});
  const Floor floor = world.observe().floor.value();
  CHECK(floor.original == 2);
  CHECK(floor.stale());  // what is left of it is taken off
}

TEST_CASE("autoscaler: a floor of 0, which the feature gate HPAScaleToZero allows, is one to go back to") {
  World world;
  world.add_hpa("web");
  world.server().change(hpas + "/web", {{"spec", {{"minReplicas", 0}}}});
  world.observe();
  REQUIRE(world.apply(3, 4).has_value());
  CHECK(world.hpa() == "4 of 0");
  CHECK(world.observe().floor == Floor{4, 0, "the HorizontalPodAutoscaler web", true});
  REQUIRE(world.apply(4, 0, true, 2).has_value());
  CHECK(world.hpa() == "0");
  CHECK_FALSE(world.observe().floor->ours);
}

TEST_CASE("autoscaler: an answer that describes no autoscaler is none") {
  World world;
  world.add_hpa("web");
  world.observe();
  const auto in_flight = Change{1, TargetName{"web"}, 3, 4, true};
  world.server().fail_next("GET " + hpas + "/web", {200, Json::object(), "", {}}, 2);
  CHECK(world.try_observe(in_flight).error().kind == ErrorKind::unreachable);
  const auto done = world.apply(3, 4);
  REQUIRE_FALSE(done.has_value());
  CHECK(done.error().kind == ErrorKind::unreachable);
  mentions(done.error().message, "describes no such object");
  CHECK(world.hpa() == "2");
}

TEST_CASE("autoscaler: KEDA at its idleReplicaCount holds no floor") {
  World world;
  world.install_keda();
  const auto with_active = [&](const char* status) {
    world.server().change(scaled_objects + "/web",
                          {{"status", {{"conditions", {{{"type", "Active"}, {"status", status}}}}}}});
    world.restart();
    return world.observe().floor->rests;
  };
  world.add_scaled_object({{"idleReplicaCount", 0}});
  world.set_count(0);
  mentions(world.observe().floor->rests,
           "the ScaledObject web (KEDA) keeps Deployment demo/web at its idleReplicaCount, 0, as long as none of its "
           "triggers is active");
  CHECK_FALSE(with_active("False").empty());
  CHECK_FALSE(with_active("Unknown").empty());
  CHECK(with_active("True").empty());
  // It has not come to rest yet.
  world.set_count(2);
  CHECK(with_active("False").empty());
  // At 0 because we keep it there: it is to be let go again.
  REQUIRE(world.apply(2, 0, false).has_value());
  world.set_count(0);
  CHECK(with_active("False").empty());
  world.add_scaled_object();
  CHECK(with_active("False").empty());
}

TEST_CASE("autoscaler: KEDA is kept at zero, and let go again") {
  World world;
  world.install_keda();
  world.add_scaled_object();
  world.observe();
  CHECK(world.apply(3, 0, false) == Result<bool>(false));
  CHECK(world.annotations_of_keda() == Json{{"alertscaler.io/kept-at-zero", "true"},
                                            {"alertscaler.io/moved-by", "web@demo/one"},
                                            {"autoscaling.keda.sh/paused-replicas", "0"}});
  world.restart();
  world.set_count(0);
  CHECK_FALSE(world.observe().blocked);
  const bool by_floor = GENERATE(true, false);
  CHECK(world.apply(0, 3, by_floor, 2) == Result<bool>(false));
  CHECK(world.annotations_of_keda() == (by_floor ? Json{{"alertscaler.io/moved-by", "web@demo/one"},
                                                        {"alertscaler.io/original-min", "1"},
                                                        {"alertscaler.io/set-min", "3"}}
                                                 : Json::object()));
}

TEST_CASE("autoscaler: a ScaledObject that somebody else has paused is left alone") {
  const auto [annotation, value] = GENERATE(values<std::pair<std::string, std::string>>(
      {{"autoscaling.keda.sh/paused", "true"}, {"autoscaling.keda.sh/paused-replicas", "6"}}));
  World world;
  world.install_keda();
  world.add_scaled_object(Json::object(), Json::object({{annotation, value}}));
  const Ownership owned = world.observe();
  REQUIRE(owned.blocked);
  mentions(owned.blocked->text, "was paused by somebody else: take the annotation " + annotation + " off");
}

TEST_CASE("autoscaler: rights that are missing are named") {
  const auto forbidden = [](const std::string& what) {
    return FakeApiServer::status(403, "Forbidden", what + " is forbidden: User \"x\" cannot list resource");
  };
  SECTION("HPAs") {
    World world;
    world.server().fail_next("GET " + hpas, forbidden("horizontalpodautoscalers.autoscaling"));
    const Ownership owned = world.observe();
    REQUIRE(owned.blocked);
    mentions(owned.blocked->text, "whether an HPA sets the count of Deployment demo/web cannot be seen: ");
    mentions(owned.blocked->text, "horizontalpodautoscalers");
    mentions(owned.blocked->text, "hpa: ignore");
  }
  SECTION("... which does not hinder who ignores them") {
    World world(HpaMode::ignore);
    world.server().fail_next("GET " + hpas, forbidden("horizontalpodautoscalers.autoscaling"));
    CHECK_FALSE(world.observe().blocked);
  }
  SECTION("ScaledObjects, where KEDA is") {
    World world;
    world.install_keda();
    world.server().fail_next("GET " + scaled_objects, forbidden("scaledobjects.keda.sh"));
    const Ownership owned = world.observe();
    CHECK_FALSE(owned.blocked);
    mentions(owned.note, "whether KEDA sets the count cannot be seen: ");
  }
  SECTION("... and owns the count") {
    World world;
    world.install_keda();
    world.add_hpa_of_keda();
    world.server().fail_next("GET " + scaled_objects, forbidden("scaledobjects.keda.sh"));
    const Ownership owned = world.observe();
    REQUIRE(owned.blocked);
    mentions(owned.blocked->text,
             "the ScaledObject web (KEDA) sets the count of Deployment demo/web and cannot be seen");
  }
  SECTION("where KEDA is not, they are not missed") {
    World world;
    world.server().fail_next("GET " + scaled_objects, forbidden("scaledobjects.keda.sh"));
    const Ownership owned = world.observe();
    CHECK_FALSE(owned.blocked);
    CHECK(owned.note.empty());
  }
  SECTION("to read one HPA: the list tells as much") {
    World world;
    world.add_hpa("web");
    world.observe();
    world.server().fail_next("GET " + hpas + "/web", forbidden("horizontalpodautoscalers.autoscaling"));
    CHECK(world.observe(Change{1, TargetName{"web"}, 3, 4, true}).floor);
  }
}

TEST_CASE("autoscaler: what cannot be seen is no absence") {
  World world(HpaMode::automatic, always);
  world.add_hpa("web");
  world.server().fail_next("GET " + hpas, FakeApiServer::status(500, "InternalError", "etcd has no leader"), 100);
  CHECK_FALSE(world.try_observe().has_value());
}
