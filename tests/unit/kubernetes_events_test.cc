#include "act/kubernetes/announce.h"
#include "act/kubernetes/events.h"
#include "act/kubernetes/json.h"
#include "support/catch.h"
#include "support/clock.h"
#include "support/stub_api_server.h"

using namespace alertscaler;
using namespace alertscaler::kubernetes;
using namespace std::chrono_literals;
using test::StubApiServer;

namespace {

const std::string events_path = "/apis/events.k8s.io/v1/namespaces/demo/events";
const std::string web_path = "/apis/apps/v1/namespaces/demo/deployments/web";
const EventSubject web{"apps/v1", "Deployment", "demo", "web", web_path};
const EventNote scaled{false, "AlertScaled", "ScaleUp", "alert QueueDeep: scale 2 -> 4"};

// Creates what it is given under the name "web-1".
struct Cluster {
  Cluster() {
    server.on("POST", events_path, {{201, R"({"metadata":{"name":"web-1"}})"}});
    server.on_json("GET", web_path, {{"metadata", {{"uid", "be6b3c2c"}}}});
  }
  // Waits until so many requests have come; those that are no reads.
  [[nodiscard]] std::vector<StubApiServer::Seen> written(std::size_t requests) {
    REQUIRE(server.wait_for(requests));
    auto seen = server.seen();
    std::erase_if(seen, [](const auto& each) { return each.method == "GET"; });
    return seen;
  }
  [[nodiscard]] std::shared_ptr<ApiServer> api() { return std::make_shared<ApiServer>(server.access()); }

  test::ManualClock clock;
  StubApiServer server;
};

HistoryEntry entry_of(Reason action, int from, int to, ActionOutcome outcome) {
  HistoryEntry entry;
  entry.action = action;
  entry.from = from;
  entry.to = to;
  entry.outcome = outcome;
  AlertCause cause;
  cause.labels = {{"alertname", "QueueDeep"}};
  entry.cause = cause;
  return entry;
}

std::string told(const std::optional<EventNote>& note) {
  if (!note) return "nothing";
  return std::string(note->warning ? "Warning " : "Normal ") + note->reason + " " + note->action + " " + note->text;
}

}  // namespace

TEST_CASE("an event is what the API server takes") {
  const Instant now = Instant{Duration{1'767'225'600'007}};
  const Json event = event_of(web, "be6b3c2c", {true, "ScaleFailed", "ScaleUp", std::string(5000, 'x')}, "pod-0", now);
  CHECK(event["apiVersion"] == "events.k8s.io/v1");
  CHECK(event["metadata"] == Json{{"generateName", "web-"}, {"namespace", "demo"}});
  CHECK(event["eventTime"] == "2026-01-01T00:00:00.007000Z");
  CHECK(event["type"] == "Warning");
  CHECK(event["reportingInstance"] == "pod-0");
  CHECK(event["regarding"] == Json{{"apiVersion", "apps/v1"},
                                   {"kind", "Deployment"},
                                   {"namespace", "demo"},
                                   {"name", "web"},
                                   {"uid", "be6b3c2c"}});
  CHECK(event["note"].get<std::string>().size() <= 1024);
  const Json of_node = event_of({"v1", "Node", "", "n1", "/api/v1/nodes/n1"}, "u", scaled, "pod-0", now);
  CHECK(of_node["metadata"]["namespace"] == "kube-system");
  CHECK_FALSE(of_node["regarding"].contains("namespace"));
}

TEST_CASE("events are written by a thread of their own, and the same one again is counted") {
  Cluster cluster;
  cluster.server.on("PATCH", events_path + "/web-1", {{200, "{}"}});
  Events events(cluster.api(), "pod-0", cluster.clock);
  events.tell(web, scaled);
  REQUIRE(cluster.server.wait_for(2));
  events.tell(web, scaled);
  events.tell(web, scaled);
  const auto counted = cluster.written(6);
  CHECK(counted[0].body["regarding"]["uid"] == "be6b3c2c");
  CHECK(counted[1].method == "PATCH");
  CHECK(counted[1].body["series"]["count"] == 2);
  CHECK(counted[2].body["series"]["count"] == 3);
  CHECK(counted[2].body["series"]["lastObservedTime"] == "2026-01-01T00:00:00.000000Z");
  events.tell(web, {false, "AlertScaled", "ScaleUp", "alert QueueDeep: scale 4 -> 6"});
  CHECK(cluster.written(8)[3].method == "POST");
  cluster.clock.advance(31min);
  events.tell(web, scaled);
  CHECK(cluster.written(10)[4].method == "POST");
}

TEST_CASE("an object of the same name that was made anew has events of its own") {
  Cluster cluster;
  Events events(cluster.api(), "pod-0", cluster.clock);
  events.tell(web, scaled);
  REQUIRE(cluster.server.wait_for(2));
  cluster.server.on_json("GET", web_path, {{"metadata", {{"uid", "another"}}}});
  events.tell(web, scaled);
  const auto written = cluster.written(4);
  CHECK(written[1].method == "POST");
  CHECK(written[1].body["regarding"]["uid"] == "another");
}

TEST_CASE("an event that the server has forgotten is written anew") {
  Cluster cluster;
  Events events(cluster.api(), "pod-0", cluster.clock);
  events.tell(web, scaled);
  events.tell(web, scaled);  // its PATCH is answered 404
  CHECK(cluster.written(5)[2].method == "POST");
}

TEST_CASE("a server that does not answer keeps nobody waiting, and what is too much is dropped") {
  Cluster cluster;
  StubApiServer::Answer never;
  never.never = true;
  cluster.server.on("GET", web_path, {never});
  {
    Events events(cluster.api(), "pod-0", cluster.clock);
    for (int i = 0; i < 1000; ++i) {
      EventSubject one = web;
      one.name_space = "n" + std::to_string(i);
      if (i > 0) one.path += std::to_string(i);
      events.tell(one, scaled);
    }
    CHECK(events.dropped() >= 1000 - 257);
  }  // and its end does not wait for the answer
}

TEST_CASE("one noisy target gets a share, and another one its own") {
  Cluster cluster;
  Events events(cluster.api(), "pod-0", cluster.clock);
  const auto note = [](int i) { return EventNote{false, "AlertScaled", "ScaleUp", std::to_string(i)}; };
  for (int i = 0; i < 25; ++i) events.tell(web, note(i));
  CHECK(events.dropped() == 5);
  EventSubject other = web;
  other.path = "/other";
  events.tell(other, scaled);
  CHECK(events.dropped() == 5);
  cluster.clock.advance(31s);
  events.tell(web, note(30));
  events.tell(web, note(31));
  CHECK(events.dropped() == 6);
}

TEST_CASE("a name space that takes nothing is left alone for a while") {
  Cluster cluster;
  cluster.server.on("POST", events_path,
                    {StubApiServer::status(403, "Forbidden", "no"), {201, R"({"metadata":{"name":"web-1"}})"}});
  cluster.server.on("POST", "/apis/events.k8s.io/v1/namespaces/other/events", {{201, "{}"}});
  Events events(cluster.api(), "pod-0", cluster.clock);
  events.tell(web, scaled);
  REQUIRE(cluster.server.wait_for(2));
  events.tell(web, scaled);
  EventSubject other = web;
  other.name_space = "other";
  events.tell(other, scaled);
  CHECK(cluster.written(4)[1].path == "/apis/events.k8s.io/v1/namespaces/other/events");
  cluster.clock.advance(6min);
  events.tell(web, scaled);
  CHECK(cluster.written(6)[2].path == events_path);
}

TEST_CASE("an object that is gone gets no event") {
  Cluster cluster;
  Events events(cluster.api(), "pod-0", cluster.clock);
  EventSubject gone = web;
  gone.path = "/gone";
  events.tell(gone, scaled);
  events.tell(web, scaled);
  CHECK(cluster.written(3).size() == 1);
}

TEST_CASE("what became of an action, for people") {
  CHECK(told(note_of(entry_of(Reason::up, 2, 4, ActionOutcome::done))) ==
        "Normal AlertScaled ScaleUp alert QueueDeep: scale 2 -> 4");
  CHECK(told(note_of(entry_of(Reason::restore, 4, 2, ActionOutcome::done))) ==
        "Normal AlertScaled ScaleDown the end of alert QueueDeep: scale 4 -> 2");
  HistoryEntry failed = entry_of(Reason::up, 2, 4, ActionOutcome::failed);
  failed.error = "pod web-1 crashes";
  CHECK(told(note_of(failed)) == "Warning ScaleFailed ScaleUp alert QueueDeep: scale 2 -> 4 failed: pod web-1 crashes");
  failed.cause = ManualCause{"eve"};
  failed.outcome = ActionOutcome::timeout;
  CHECK(told(note_of(failed)) ==
        "Warning ScaleFailed ScaleUp eve by hand: scale 2 -> 4 took too long: pod web-1 crashes");
  CHECK(told(note_of(entry_of(Reason::up, 2, 4, ActionOutcome::dry_run))) == "nothing");
  CHECK(told(note_of(entry_of(Reason::up, 2, 4, ActionOutcome::interrupted))) == "nothing");
  CHECK(told(note_of_node(entry_of(Reason::drain, 3, 2, ActionOutcome::done))) ==
        "Normal NodeDrained Drain alert QueueDeep: drain");
  HistoryEntry begun = entry_of(Reason::drain, 3, 2, ActionOutcome::done);
  begun.outcome.reset();
  CHECK(told(note_of_node(begun)) == "Normal NodeDraining Drain alert QueueDeep: drain");
  CHECK(told(note_of(begun)) == "nothing");
}

TEST_CASE("what blocks a target, for people") {
  Decision decision;
  decision.outcome = Outcome::blocked;
  decision.reason = Reason::hpa_owned;
  decision.text = "blocked: the HorizontalPodAutoscaler web sets the count";
  CHECK(told(note_of(decision)) ==
        "Warning ScaleRefusedHPA Scale blocked: the HorizontalPodAutoscaler web sets the count");
  decision.reason = Reason::not_scalable;
  CHECK(note_of(decision)->reason == "ScaleBlocked");
  decision.reason = Reason::paused;
  CHECK(told(note_of(decision)) == "nothing");
}
