#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "support/catch.h"
#include "support/receiver.h"

using namespace alertscaler;
using namespace std::chrono_literals;
using nlohmann::json;
using test::alert_of;
using test::eventually;
using test::notification_of;
using test::Receiver;
using test::Reply;

namespace {

json answer_of(const Reply& reply) {
  CAPTURE(reply.body);
  REQUIRE(reply.status == 200);
  CHECK(reply.header("content-type") == "application/json");
  const json answer = json::parse(reply.body);
  CHECK(answer["status"] == "success");
  return answer["data"]["alerts"];
}

json post(const Receiver& receiver, const json& alert, const std::string& query = "") {
  return answer_of(receiver.post(notification_of({alert}).dump(), query)).at(0);
}

json resolved(json alert) {
  alert["status"] = "resolved";
  alert["endsAt"] = "2026-01-01T00:00:00Z";
  return alert;
}

}  // namespace

TEST_CASE("an alert is stored, its target is looked at, and the answer says so") {
  Receiver receiver;
  const json line = post(receiver, alert_of("HighLoad"));
  const Fingerprint fingerprint =
      fingerprint_of({{"alertname", "HighLoad"}, {"scale_action", "up"}, {"scale_target", "web"}});
  CHECK(line == json{{"fingerprint", fingerprint.text},
                     {"alertname", "HighLoad"},
                     {"status", "firing"},
                     {"target", "web"},
                     {"action", "up"},
                     {"result", "accepted"},
                     {"reason", ""}});
  CHECK(receiver.controller.kicks("web") == 1);
  CHECK(receiver.controller.kicks("api") == 0);
  const std::vector<Alert> active = receiver.store.active_alerts();
  REQUIRE(active.size() == 1);
  CHECK(active[0].fingerprint == fingerprint);
  CHECK(active[0].annotations.at("summary") == "of HighLoad");
  CHECK(active[0].source == Source::alertmanager);
  CHECK(active[0].group_key == "{}:{alertname=\"A\"}");
  CHECK(active[0].last_seen == receiver.clock.now());
  CHECK(receiver.metric("alertscaler_notifications_total{code=\"200\",source=\"alertmanager\"}") == "1");
  CHECK(receiver.metric("alertscaler_alerts_received_total{result=\"accepted\"}") == "1");
}

TEST_CASE("a duplicate changes nothing and wakes nobody") {
  Receiver receiver;
  post(receiver, alert_of("A"));
  const json again = post(receiver, alert_of("A"));
  CHECK(again["result"] == "duplicate");
  CHECK_FALSE(again["reason"].get<std::string>().empty());
  CHECK(receiver.controller.kicks("web") == 1);
  CHECK(receiver.metric("alertscaler_alerts_received_total{result=\"duplicate\"}") == "1");
}

TEST_CASE("a resolve ends the alert, and a late firing of it is stale") {
  Receiver receiver;
  post(receiver, alert_of("A"));
  CHECK(post(receiver, resolved(alert_of("A")))["result"] == "accepted");
  CHECK(receiver.store.active_alerts().empty());
  CHECK(receiver.controller.kicks("web") == 2);
  receiver.clock.advance(10s);
  const json late = post(receiver, alert_of("A"));
  CHECK(late["result"] == "stale");
  CHECK_THAT(late["reason"].get<std::string>(), ContainsSubstring("late delivery"));
  CHECK(receiver.store.active_alerts().empty());
}

TEST_CASE("a resolve counts whatever its parameters have become") {
  Receiver receiver;
  json alert = alert_of("A", "to");
  alert["annotations"]["scale_replicas"] = "5";
  CHECK(post(receiver, alert)["result"] == "accepted");
  alert["annotations"]["scale_replicas"] = "NaN";
  CHECK(post(receiver, alert)["result"] == "ignored");
  REQUIRE(receiver.store.active_alerts().size() == 1);
  CHECK(receiver.store.active_alerts()[0].mapping.replicas == 5);
  CHECK(post(receiver, resolved(alert))["result"] == "accepted");
  CHECK(receiver.store.active_alerts().empty());
}

TEST_CASE("alerts of several targets and kinds go to the store in one call") {
  Receiver receiver;
  json stranger = {{"status", "firing"}, {"labels", {{"alertname", "DiskFull"}}}};
  json broken = alert_of("Broken");
  broken["startsAt"] = "soon";
  const json lines =
      answer_of(receiver.post(notification_of({alert_of("A"), stranger, alert_of("B", "down", "api"),
                                               alert_of("C", "up", "wep"), broken, alert_of("D", "sideways")})
                                  .dump()));
  REQUIRE(lines.size() == 6);
  const auto result = [&](std::size_t i) { return lines[i]["result"].get<std::string>(); };
  const auto reason = [&](std::size_t i) { return lines[i]["reason"].get<std::string>(); };
  CHECK(result(0) == "accepted");
  CHECK(result(1) == "ignored");
  CHECK_THAT(reason(1), ContainsSubstring("no label scale_action or scale_target"));
  CHECK(lines[1]["target"] == nullptr);
  CHECK(lines[1]["action"] == nullptr);
  CHECK(result(2) == "accepted");
  CHECK(lines[2]["target"] == "api");
  CHECK(result(3) == "ignored");
  CHECK_THAT(reason(3), ContainsSubstring("did you mean \"web\"?"));
  CHECK(result(4) == "ignored");
  CHECK_THAT(reason(4), ContainsSubstring("startsAt"));
  CHECK(lines[4]["alertname"] == "Broken");
  CHECK(result(5) == "ignored");
  CHECK_THAT(reason(5), ContainsSubstring("expected up, down, to, drain or hold"));
  CHECK(receiver.store.merges() == 1);
  CHECK(receiver.controller.kicks("web") == 1);
  CHECK(receiver.controller.kicks("api") == 1);
  CHECK(receiver.metric("alertscaler_alerts_received_total{result=\"ignored\"}") == "4");
}

TEST_CASE("a sample without startsAt can be posted again and again") {
  Receiver receiver;
  json alert = alert_of("A");
  alert.erase("startsAt");
  CHECK(post(receiver, alert)["result"] == "accepted");
  const Instant starts_at = receiver.store.active_alerts().at(0).starts_at;
  CHECK(starts_at == receiver.clock.now());
  receiver.clock.advance(30s);
  CHECK(post(receiver, alert)["result"] == "duplicate");
  CHECK(receiver.store.active_alerts().at(0).starts_at == starts_at);
  CHECK(receiver.store.active_alerts().at(0).last_seen == receiver.clock.now());
}

TEST_CASE("who sends is told by the group key or by the user agent") {
  Receiver receiver;
  const json by_hand = {{"version", "4"}, {"alerts", {alert_of("A")}}};
  CHECK(receiver.send("POST", "/webhook", by_hand.dump(), "User-Agent: curl/7.88\r\n").status == 200);
  CHECK(receiver.store.active_alerts().at(0).source == Source::manual);
  CHECK(receiver.metric("alertscaler_notifications_total{code=\"200\",source=\"manual\"}") == "1");
  CHECK(receiver.send("POST", "/webhook", by_hand.dump(), "User-Agent: Alertmanager/0.25.0\r\n").status == 200);
  CHECK(receiver.metric("alertscaler_notifications_total{code=\"200\",source=\"alertmanager\"}") == "1");
}

TEST_CASE("any Content-Type will do, and a body as large as curl -d sends it") {
  Receiver receiver;
  std::vector<json> alerts;
  for (int i = 0; i < 200; ++i) alerts.push_back(alert_of("A" + std::to_string(i)));
  for (const std::string type :
       {"application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain", "", "x"}) {
    CAPTURE(type);
    const Reply reply =
        receiver.send("POST", "/webhook", notification_of(alerts).dump(), "Content-Type: " + type + "\r\n");
    CHECK(answer_of(reply).size() == 200);
  }
  CHECK(receiver.send("PUT", "/webhook", notification_of(alerts).dump()).status == 200);
}

TEST_CASE("wait answers with the decision as soon as it is there") {
  Receiver receiver;
  std::thread decider([&] {
    if (!eventually([&] { return receiver.controller.waiting() > 0; })) return;
    receiver.controller.decide(
        TargetName{"web"},
        {.outcome = Outcome::act, .reason = Reason::up, .from = 2, .to = 4, .text = "scale up 2 -> 4: A is firing"});
  });
  const auto begin = std::chrono::steady_clock::now();
  json stranger = {{"status", "firing"}, {"labels", {{"alertname", "DiskFull"}}}};
  const json lines = answer_of(receiver.post(notification_of({alert_of("A"), stranger}).dump(), "?wait=60s"));
  decider.join();
  CHECK(std::chrono::steady_clock::now() - begin < 20s);
  CHECK(lines[0]["decision"] == json{{"outcome", "act"},
                                     {"reason", "up"},
                                     {"from", 2},
                                     {"to", 4},
                                     {"until", nullptr},
                                     {"text", "scale up 2 -> 4: A is firing"}});
  CHECK(lines[1]["decision"] == nullptr);
}

TEST_CASE("wait wants a look at a duplicate's target, too") {
  Receiver receiver;
  receiver.controller.always_decide({.outcome = Outcome::none, .reason = Reason::at_max, .from = 10, .to = 10});
  post(receiver, alert_of("A"));
  const json line = post(receiver, alert_of("A"), "?wait=5s");
  CHECK(line["result"] == "duplicate");
  CHECK(line["decision"]["reason"] == "at_max");
  CHECK(receiver.controller.kicks("web") == 2);
}

TEST_CASE("wait ends at its time, without a decision, and is bounded") {
  receive::ServerOptions options;
  options.limits.wait_max = 300ms;
  Receiver receiver(options);
  for (const std::string query : {"?wait=100ms", "?wait=1h", "?wait=0"}) {
    CAPTURE(query);
    const auto begin = std::chrono::steady_clock::now();
    const json line = post(receiver, alert_of("A"), query);
    CHECK(line["decision"] == nullptr);
    CHECK(std::chrono::steady_clock::now() - begin < 20s);
  }
}

TEST_CASE("those who wait leave room for the rest") {
  receive::ServerOptions options;
  options.limits.connections_max = 8;  // so two may wait
  Receiver receiver(options);
  std::atomic<int> answered{0};
  std::vector<std::thread> waiters;
  for (int i = 0; i < 5; ++i) {
    waiters.emplace_back([&] {
      const Reply reply = receiver.post(notification_of({alert_of("A")}).dump(), "?wait=30s");
      if (reply.status == 200) ++answered;
    });
  }
  CHECK(eventually([&] { return receiver.controller.waiting() == 2 && answered == 3; }));
  CHECK(post(receiver, alert_of("B"))["result"] == "accepted");
  receiver.controller.decide(TargetName{"web"}, {});
  for (std::thread& waiter : waiters) waiter.join();
  CHECK(answered == 5);
}

TEST_CASE("a dry run decides and stores nothing") {
  Receiver receiver;
  const json line = post(receiver, alert_of("A"), "?dry_run=true");
  CHECK(line["result"] == "accepted");
  CHECK(line["decision"]["outcome"] == "act");
  CHECK(line["decision"]["to"] == 4);
  CHECK(receiver.store.merges() == 0);
  CHECK(receiver.store.active_alerts().empty());
  CHECK(receiver.controller.kicks("web") == 0);
  CHECK(receiver.controller.previewed().size() == 1);
  CHECK(receiver.metric("alertscaler_alerts_received_total{result=\"accepted\"}") == "0");
  const std::string taken = R"(alertscaler_notifications_total{code="200",source="alertmanager"})";
  CHECK(receiver.metric(taken) == "absent");
  CHECK(receiver.post("no JSON", "?dry_run=true").status == 400);
  CHECK(receiver.metrics.expose(receiver.clock.now()).find("alertscaler_notifications_total{") == std::string::npos);

  post(receiver, alert_of("A"));
  CHECK(receiver.metric(taken) == "1");
  CHECK(post(receiver, alert_of("A"), "?dry_run=true")["result"] == "duplicate");
  const json end = post(receiver, resolved(alert_of("A")), "?dry_run=true");
  CHECK(end["result"] == "accepted");
  CHECK(end["decision"]["outcome"] == "none");
  CHECK(receiver.store.active_alerts().size() == 1);

  post(receiver, resolved(alert_of("A")));
  CHECK(post(receiver, alert_of("A"), "?dry_run=true")["result"] == "stale");
  CHECK(post(receiver, alert_of("A"), "?dry_run=false")["result"] == "stale");
}

TEST_CASE("a dry run of a target that cannot be observed says so") {
  Receiver receiver;
  receiver.controller.fail_previews({ErrorKind::unreachable, "no engine at unix:///var/run/docker.sock"});
  const Reply reply = receiver.post(notification_of({alert_of("A")}).dump(), "?dry_run=true");
  CHECK(reply.status == 503);
  CHECK_THAT(reply.body, ContainsSubstring("preview of web: no engine at unix:///var/run/docker.sock"));
}

TEST_CASE("what cannot be stored is asked for again") {
  struct Case {
    std::string name;
    ErrorKind kind;
    int status;
  };
  const auto c = GENERATE(values<Case>({{"a full disk", ErrorKind::busy, 503},
                                        {"a failed fsync", ErrorKind::storage, 503},
                                        {"a stop", ErrorKind::cancelled, 503},
                                        {"what nobody thought of", ErrorKind::invalid, 500}}));
  CAPTURE(c.name);
  Receiver receiver;
  receiver.store.fail_next_merge({c.kind, "the disk says no"});
  const Reply reply = receiver.post(notification_of({alert_of("A")}).dump());
  CHECK(reply.status == c.status);
  CHECK(reply.header("retry-after") == (c.status == 503 ? "5" : ""));
  CHECK_THAT(reply.body, ContainsSubstring("the disk says no"));
  CHECK(json::parse(reply.body)["errorType"] == (c.status == 503 ? "unavailable" : "internal"));
  CHECK(receiver.controller.kicks("web") == 0);
  CHECK(receiver.metric("alertscaler_store_failures_total") == "1");
  CHECK(receiver.metric("alertscaler_alerts_received_total{result=\"accepted\"}") == "0");
  CHECK(receiver.metric("alertscaler_notifications_total{code=\"" + std::to_string(c.status) +
                        "\",source=\"alertmanager\"}") == "1");
  CHECK(post(receiver, alert_of("A"))["result"] == "accepted");
}

TEST_CASE("a notification of strangers alone needs no store") {
  Receiver receiver;
  receiver.store.seal({ErrorKind::storage, "sealed"});
  CHECK(post(receiver, {{"status", "firing"}, {"labels", {{"alertname", "DiskFull"}}}})["result"] == "ignored");
}

TEST_CASE("parameters are checked before anything is done") {
  struct Case {
    std::string query;
    std::string message;
  };
  const auto c = GENERATE(values<Case>({
      {"?wait=soon", "wait: expected a duration such as 30s"},
      {"?wait=", "wait: expected a duration such as 30s"},
      {"?wait=-1s", "wait: expected a duration such as 30s"},
      {"?wait=1s&wait=2s", "the parameter \\\"wait\\\" is given more than once"},
      {"?dry_run=yes", "dry_run: expected true or false, found \\\"yes\\\""},
      {"?dry_run", "dry_run: expected true or false, found \\\"\\\""},
      {"?dryrun=true", "unknown parameter \\\"dryrun\\\"; did you mean dry_run?"},
      {"?colour=red", "unknown parameter \\\"colour\\\"; expected wait, dry_run"},
  }));
  CAPTURE(c.query);
  Receiver receiver;
  const Reply reply = receiver.post(notification_of({alert_of("A")}).dump(), c.query);
  CHECK(reply.status == 400);
  CHECK_THAT(reply.body, ContainsSubstring(c.message));
  CHECK(receiver.store.merges() == 0);
}

TEST_CASE("a compressed body is refused in words") {
  Receiver receiver;
  const Reply reply = receiver.send("POST", "/webhook", "\x1f\x8b", "Content-Encoding: gzip\r\n");
  CHECK(reply.status == 400);
  CHECK_THAT(reply.body, ContainsSubstring("expected the body without Content-Encoding, found \\\"gzip\\\""));
}

TEST_CASE("a GET is told what to do") {
  Receiver receiver;
  const Reply reply = receiver.get("/webhook");
  CHECK(reply.status == 405);
  CHECK(reply.header("allow") == "post, put");
  CHECK_THAT(reply.body, ContainsSubstring("expected POST"));
  CHECK_THAT(reply.body, ContainsSubstring("its POST becomes a GET"));
  CHECK(receiver.metric("alertscaler_notifications_total{code=\"405\",source=\"manual\"}") == "absent");
}

TEST_CASE("texts of an alert come back as they were") {
  Receiver receiver;
  json alert = alert_of("Löäd \"quoted\" \\ \n\t \x7F ☺");
  CHECK(post(receiver, alert)["alertname"] == alert["labels"]["alertname"]);
  const json listed = json::parse(receiver.get("/api/v1/alerts").body)["data"];
  CHECK(listed.at(0)["labels"] == alert["labels"]);
}

TEST_CASE("a thousand alerts in one body") {
  Receiver receiver;
  std::vector<json> alerts;
  for (int i = 0; i < 1000; ++i) {
    alerts.push_back(alert_of("A" + std::to_string(i)));
    alerts.back()["annotations"]["description"] = std::string(600, 'x');
  }
  const std::string body = notification_of(alerts).dump();
  CHECK(body.size() > 500'000);
  CHECK(answer_of(receiver.post(body)).size() == 1000);
  CHECK(receiver.store.active_alerts().size() == 1000);
  CHECK(receiver.store.merges() == 1);
  CHECK(receiver.controller.kicks("web") == 1);
}

TEST_CASE("many senders at once lose nothing") {
  Receiver receiver;
  std::atomic<int> accepted{0};
  std::vector<std::thread> senders;
  for (int sender = 0; sender < 8; ++sender) {
    senders.emplace_back([&, sender] {
      test::RawHttp client = receiver.connect();
      for (int i = 0; i < 25; ++i) {
        const std::string name = "A" + std::to_string(sender) + "." + std::to_string(i);
        const std::string body = notification_of({alert_of(name)}).dump();
        client.send("POST /webhook HTTP/1.1\r\nHost: t\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
                    body);
        const auto reply = client.reply();
        if (reply && reply->status == 200 && reply->body.find("\"accepted\"") != std::string::npos) ++accepted;
      }
    });
  }
  for (std::thread& sender : senders) sender.join();
  CHECK(accepted == 200);
  CHECK(receiver.store.active_alerts().size() == 200);
}
