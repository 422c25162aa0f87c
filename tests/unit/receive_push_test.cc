#include <string>

#include "base/text.h"
#include "support/catch.h"
#include "support/receiver.h"

using namespace alertscaler;
using namespace std::chrono_literals;
using nlohmann::json;
using test::Receiver;
using test::Reply;

namespace {

// As Prometheus sends it; times are relative to the receiver's clock.
json push_of(const Receiver& receiver, const std::string& name, Duration starts, Duration ends,
             const std::string& action = "up", const std::string& target = "web") {
  return {{"labels", {{"alertname", name}, {"scale_action", action}, {"scale_target", target}}},
          {"annotations", {{"summary", "of " + name}}},
          {"startsAt", text::format_time(receiver.clock.now() + starts)},
          {"endsAt", text::format_time(receiver.clock.now() + ends)},
          {"generatorURL", "http://prometheus:9090/graph?g0.expr=up"}};
}

Reply push(const Receiver& receiver, const json& alerts) {
  return receiver.send("POST", "/api/v2/alerts", alerts.dump(), "Content-Type: application/json\r\n");
}

void push_well(const Receiver& receiver, const json& alerts) {
  const Reply reply = push(receiver, alerts);
  CAPTURE(reply.body);
  CHECK(reply.status == 200);
  CHECK(reply.body.empty());
}

std::string error_of(const Reply& reply) {
  CHECK(reply.status == 400);
  const json answer = json::parse(reply.body);
  CHECK(answer["errorType"] == "bad_data");
  return answer["error"];
}

json without(json alert, const std::string& key) {
  alert.erase(key);
  return alert;
}

}  // namespace

TEST_CASE("what Prometheus pushes is active until its end") {
  Receiver receiver;
  json alert = push_of(receiver, "HighLoad", -30s, 40s);
  alert["labels"]["zone"] = "";
  push_well(receiver, json::array({alert}));
  const std::vector<Alert> active = receiver.store.active_alerts();
  REQUIRE(active.size() == 1);
  CHECK(active[0].fingerprint ==
        fingerprint_of({{"alertname", "HighLoad"}, {"scale_action", "up"}, {"scale_target", "web"}}));
  CHECK_FALSE(active[0].labels.contains("zone"));
  CHECK(active[0].generator_url == "http://prometheus:9090/graph?g0.expr=up");
  CHECK(active[0].starts_at == receiver.clock.now() - 30s);
  CHECK(active[0].ends_at == receiver.clock.now() + 40s);
  CHECK(active[0].source == Source::prometheus);
  CHECK(active[0].group_key.empty());
  CHECK(receiver.controller.kicks("web") == 1);
  CHECK(receiver.metric("alertscaler_notifications_total{code=\"200\",source=\"prometheus\"}") == "1");
  CHECK(receiver.metric("alertscaler_alerts_received_total{result=\"accepted\"}") == "1");
}

TEST_CASE("each post moves the end, and wakes nobody") {
  Receiver receiver;
  push_well(receiver, json::array({push_of(receiver, "A", -30s, 40s)}));
  receiver.clock.advance(15s);
  json again = push_of(receiver, "A", -45s, 40s);
  again["annotations"]["summary"] = "worse";
  push_well(receiver, json::array({again}));
  REQUIRE(receiver.store.active_alerts().size() == 1);
  CHECK(receiver.store.active_alerts()[0].ends_at == receiver.clock.now() + 40s);
  CHECK(receiver.store.active_alerts()[0].annotations.at("summary") == "worse");
  CHECK(receiver.controller.kicks("web") == 1);
}

TEST_CASE("times that a pusher leaves out") {
  Receiver receiver;
  const json whole = push_of(receiver, "A", -30s, 40s);
  SECTION("without an end the alert lasts five minutes, and longer with the next post") {
    for (const json& none : {json(), json(""), json("0001-01-01T00:00:00Z")}) {
      json alert = whole;
      alert["endsAt"] = none;
      receiver.clock.advance(1min);
      push_well(receiver, json::array({alert}));
      REQUIRE(receiver.store.active_alerts().size() == 1);
      CHECK(receiver.store.active_alerts()[0].ends_at == receiver.clock.now() + 5min);
    }
    push_well(receiver, json::array({without(whole, "endsAt")}));
  }
  SECTION("without a start it begins when it is received, and stays the same when it is posted again") {
    const Instant first = receiver.clock.now();
    push_well(receiver, json::array({without(without(whole, "startsAt"), "endsAt")}));
    receiver.clock.advance(1min);
    push_well(receiver, json::array({without(without(whole, "startsAt"), "endsAt")}));
    REQUIRE(receiver.store.active_alerts().size() == 1);
    CHECK(receiver.store.active_alerts()[0].starts_at == first);
    CHECK(receiver.controller.kicks("web") == 1);
  }
}

TEST_CASE("an end that is not after now resolves, and its repetitions for 15 minutes change nothing") {
  Receiver receiver;
  const json firing = push_of(receiver, "A", -30s, 40s);
  push_well(receiver, json::array({firing}));
  receiver.clock.advance(1s);
  json resolved = firing;
  resolved["endsAt"] = text::format_time(receiver.clock.now());
  push_well(receiver, json::array({resolved}));
  CHECK(receiver.store.active_alerts().empty());
  CHECK(receiver.controller.kicks("web") == 2);
  for (int i = 0; i < 12; ++i) {
    receiver.clock.advance(75s);
    push_well(receiver, json::array({resolved}));
  }
  CHECK(receiver.store.active_alerts().empty());
  CHECK(receiver.controller.kicks("web") == 2);
  CHECK(receiver.metric("alertscaler_alerts_received_total{result=\"duplicate\"}") == "12");

  json again = push_of(receiver, "A", -1s, 40s);
  push_well(receiver, json::array({again}));
  CHECK(receiver.store.active_alerts().size() == 1);
  push_well(receiver, json::array({resolved}));  // of the earlier firing: late
  CHECK(receiver.store.active_alerts().size() == 1);
}

TEST_CASE("an alert that is none of ours, or asks what cannot be done, is passed over") {
  Receiver receiver;
  push_well(receiver, json::array({{{"labels", {{"alertname", "DiskFull"}}}},
                                   push_of(receiver, "A", 0s, 40s, "up", "wep"),
                                   push_of(receiver, "B", 0s, 40s, "sideways")}));
  push_well(receiver, json::array());
  CHECK(receiver.store.active_alerts().empty());
  CHECK(receiver.store.merges() == 0);
  CHECK(receiver.metric("alertscaler_alerts_received_total{result=\"ignored\"}") == "3");
}

TEST_CASE("of a bad batch the alerts that are some are kept") {
  Receiver receiver;
  json late = push_of(receiver, "Late", 10min, 5min);
  const Reply reply = push(receiver, json::array({push_of(receiver, "A", 0s, 40s),
                                                  {{"labels", json::object()}},
                                                  late,
                                                  push_of(receiver, "B", 0s, 40s, "down", "api"),
                                                  7}));
  const std::string error = error_of(reply);
  CHECK_THAT(error, ContainsSubstring("3 of 5 alerts are refused, the others are taken"));
  CHECK_THAT(error, ContainsSubstring("alerts[1]: it has no labels"));
  CHECK_THAT(error, ContainsSubstring("alerts[2]: startsAt (2026-01-01T00:10:00Z) is after endsAt"));
  CHECK_THAT(error, ContainsSubstring("alerts[4]: alert: expected an object, found a number"));
  CHECK(receiver.store.active_alerts().size() == 2);
  CHECK(receiver.metric("alertscaler_notifications_total{code=\"400\",source=\"prometheus\"}") == "1");
  CHECK(receiver.metric("alertscaler_alerts_received_total{result=\"accepted\"}") == "2");
  CHECK(receiver.metric("alertscaler_alerts_received_total{result=\"ignored\"}") == "3");
}

TEST_CASE("what an alert calls itself does not count when it is pushed") {
  Receiver receiver;
  json alert = push_of(receiver, "A", -30s, 40s);
  alert["status"] = "resolved";
  alert["fingerprint"] = "ffffffffffffffff";
  push_well(receiver, json::array({alert}));
  REQUIRE(receiver.store.active_alerts().size() == 1);
  CHECK(receiver.store.active_alerts()[0].fingerprint.text != "ffffffffffffffff");
}

TEST_CASE("the same alert from Prometheus and from Alertmanager is one") {
  Receiver receiver;
  json alert = test::alert_of("A");
  const json pushed = {{"labels", alert["labels"]},
                       {"annotations", alert["annotations"]},
                       {"startsAt", alert["startsAt"]},
                       {"endsAt", text::format_time(receiver.clock.now() + 40s)}};
  const bool alertmanager_first = GENERATE(true, false);
  CAPTURE(alertmanager_first);
  for (const bool by_alertmanager : {alertmanager_first, !alertmanager_first}) {
    if (by_alertmanager) {
      CHECK(receiver.post(test::notification_of({alert}).dump()).status == 200);
    } else {
      push_well(receiver, json::array({pushed}));
    }
  }
  REQUIRE(receiver.store.active_alerts().size() == 1);
  CHECK(receiver.controller.kicks("web") == 1);
  CHECK_FALSE(receiver.store.active_alerts()[0].ends_at);  // Alertmanager says when it is over
  json over = pushed;
  over["endsAt"] = text::format_time(receiver.clock.now());
  push_well(receiver, json::array({over}));
  CHECK(receiver.store.active_alerts().empty());
}

TEST_CASE("a push that cannot be stored is answered so") {
  Receiver receiver;
  receiver.store.fail_next_merge({ErrorKind::busy, "the disk is full"});
  const Reply reply = push(receiver, json::array({push_of(receiver, "A", 0s, 40s)}));
  CHECK(reply.status == 503);
  CHECK_FALSE(reply.header("retry-after").empty());
  CHECK(receiver.metric("alertscaler_notifications_total{code=\"503\",source=\"prometheus\"}") == "1");
}

TEST_CASE("parameters and encodings that a push has none of are refused") {
  Receiver receiver;
  const std::string body = json::array({push_of(receiver, "A", 0s, 40s)}).dump();
  CHECK_THAT(error_of(receiver.send("POST", "/api/v2/alerts?dry_run=true", body)), ContainsSubstring("dry_run"));
  CHECK_THAT(error_of(receiver.send("POST", "/api/v2/alerts", body, "Content-Encoding: gzip\r\n")),
             ContainsSubstring("Content-Encoding"));
  CHECK(receiver.store.merges() == 0);
}

TEST_CASE("who looks for an Alertmanager finds one") {
  Receiver receiver;
  const Reply reply = receiver.get("/api/v2/status");
  CHECK(reply.status == 200);
  const json status = json::parse(reply.body);
  CHECK(status["cluster"]["status"] == "disabled");
  CHECK(status["config"]["original"].is_string());
  CHECK(status["versionInfo"]["version"] == "0.1.0");
  for (const char* name : {"branch", "buildDate", "buildUser", "goVersion", "revision"}) {
    CHECK(status["versionInfo"][name].is_string());
  }
  CHECK(text::parse_time(status["uptime"].get<std::string>()) == receiver.clock.now());
}

TEST_CASE("a GET where senders post says what to do") {
  Receiver receiver;
  for (const std::string path : {"/webhook", "/api/v2/alerts"}) {
    CAPTURE(path);
    const Reply reply = receiver.get(path);
    CHECK(reply.status == 405);
    CHECK(reply.header("allow") == (path == "/webhook" ? "post, put" : "post"));
    CHECK_THAT(reply.body, ContainsSubstring("expected POST") && ContainsSubstring("https"));
  }
}

TEST_CASE("a POST where alerts are listed says where they are sent to") {
  Receiver receiver;
  const Reply reply = receiver.send("POST", "/api/v1/alerts", "[]");
  CHECK(reply.status == 405);
  CHECK(reply.header("allow") == "get, head");
  CHECK_THAT(reply.body,
             ContainsSubstring("expected GET") && ContainsSubstring("/webhook") && ContainsSubstring("/api/v2/alerts"));
}
