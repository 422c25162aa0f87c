#include <string>
#include <vector>

#include "base/text.h"
#include "support/catch.h"
#include "support/receiver.h"

using namespace alertscaler;
using namespace std::chrono_literals;
using nlohmann::json;
using test::alert_of;
using test::notification_of;
using test::Receiver;
using test::Reply;

namespace {

json data_of(const Reply& reply) {
  CAPTURE(reply.body);
  REQUIRE(reply.status == 200);
  CHECK(reply.header("content-type") == "application/json");
  CHECK(reply.header("x-content-type-options") == "nosniff");
  const json answer = json::parse(reply.body);
  CHECK(answer["status"] == "success");
  CHECK(answer.size() == 2);
  return answer["data"];
}

std::string error_of(const Reply& reply) {
  const json answer = json::parse(reply.body);
  CHECK(answer["status"] == "error");
  CHECK(answer.size() == 3);
  return answer["error"];
}

std::vector<std::string> keys_of(const json& object) {
  std::vector<std::string> keys;
  for (const auto& [key, value] : object.items()) keys.push_back(key);  // sorted
  return keys;
}

HistoryEntry entry_of(const std::string& target, Instant time) {
  return {.time = time,
          .target = TargetName{target},
          .action = Reason::up,
          .from = 2,
          .to = 4,
          .outcome = ActionOutcome::done,
          .finished = time + 1500ms,
          .cause = AlertCause{.fingerprint = Fingerprint{"116013f56c4e2583"},
                              .starts_at = time - 1min,
                              .labels = {{"alertname", "A"}, {"svc", "web"}}}};
}

}  // namespace

TEST_CASE("a target is shown with everything that belongs to it") {
  Receiver receiver;
  receiver.post(notification_of({alert_of("A"), alert_of("B", "down", "api")}).dump());
  TargetView view;
  view.target = {.name = TargetName{"web"},
                 .policy = {.min = 1, .max = 10},
                 .backend = ComposeService{.project = "shop", .service = "web"}};
  view.observed =
      Observed{.replicas = 3, .ready = 2, .floor = Floor{4, 2, "the HPA web", true}, .note = "two networks"};
  view.desired = 4;
  view.status = TargetStatus::scaling;
  view.decision = Decision{.outcome = Outcome::postpone,
                           .reason = Reason::cooldown,
                           .from = 3,
                           .to = 4,
                           .until = receiver.clock.now() + 1500ms,
                           .text = "later"};
  view.last_action = entry_of("web", receiver.clock.now());
  view.up_cooldown_until = receiver.clock.now() + 30s;
  receiver.controller.show(view);

  const json target = data_of(receiver.get("/api/v1/targets/web"));
  CHECK(keys_of(target) ==
        std::vector<std::string>{"alerts",  "backend", "decision", "desired",     "down_cooldown_until",
                                 "dry_run", "error",   "floor",    "last_action", "max",
                                 "min",     "name",    "note",     "observed",    "pause",
                                 "pin",     "ready",   "ref",      "state",       "up_cooldown_until"});
  CHECK(target["name"] == "web");
  CHECK(target["backend"] == "docker_compose");
  CHECK(target["ref"] == json{{"project", "shop"}, {"service", "web"}});
  CHECK(target["observed"] == 3);
  CHECK(target["ready"] == 2);
  CHECK(target["desired"] == 4);
  CHECK(target["min"] == 1);
  CHECK(target["max"] == 10);
  CHECK(target["state"] == "scaling");
  CHECK(target["pin"] == nullptr);
  CHECK(target["note"] == "two networks");
  CHECK(target["floor"] == json{{"owner", "the HPA web"}, {"current", 4}, {"original", 2}});
  CHECK(target["decision"]["until"] == "2026-01-01T00:00:01.500Z");
  CHECK(target["last_action"]["action"] == "up");
  CHECK(target["up_cooldown_until"] == "2026-01-01T00:00:30Z");
  CHECK(target["down_cooldown_until"] == nullptr);
  REQUIRE(target["alerts"].size() == 1);
  CHECK(target["alerts"][0]["labels"]["alertname"] == "A");

  const json targets = data_of(receiver.get("/api/v1/targets"));
  REQUIRE(targets.size() == 2);
  CHECK(targets[0]["name"] == "api");
  CHECK(targets[0]["observed"] == nullptr);
  CHECK(targets[0]["ready"] == nullptr);
  CHECK(targets[0]["floor"] == nullptr);
  CHECK(targets[0]["dry_run"] == false);
  CHECK(targets[0]["decision"] == nullptr);
  CHECK(targets[0]["last_action"] == nullptr);
  CHECK(targets[0]["ref"] == json::object());
  CHECK(targets[1] == target);
}

TEST_CASE("a dry run is told of each target, and of the program when there is nothing else") {
  Receiver receiver;
  for (const char* name : {"web", "api"}) {
    CHECK(data_of(receiver.get("/api/v1/status"))["dry_run"] == false);
    TargetView view;
    view.target = {.name = TargetName{name}, .policy = {.dry_run = true}, .backend = Simulated{}};
    receiver.controller.show(view);
    CHECK(data_of(receiver.get("/api/v1/targets/" + std::string(name)))["dry_run"] == true);
  }
  CHECK(data_of(receiver.get("/api/v1/status"))["dry_run"] == true);
}

TEST_CASE("what holds by hand is shown, and who asked") {
  Receiver receiver;
  TargetView view;
  view.target = {.name = TargetName{"web"}, .policy = {}, .backend = Simulated{}};
  view.pin = Pin{5, receiver.clock.now() + 30min, "alice"};
  view.pause = Pause{{}, "127.0.0.1"};
  view.last_action = entry_of("web", receiver.clock.now());
  view.last_action->action = Reason::manual;
  view.last_action->cause = ManualCause{"alice"};
  receiver.controller.show(view);
  json target = data_of(receiver.get("/api/v1/targets/web"));
  CHECK(target["pin"] == json{{"replicas", 5}, {"until", "2026-01-01T00:30:00Z"}, {"user", "alice"}});
  CHECK(target["pause"] == json{{"until", nullptr}, {"user", "127.0.0.1"}});
  CHECK(target["last_action"]["cause"] == json{{"manual", {{"user", "alice"}}}});
}

TEST_CASE("a target of nodes has no bounds, and tells of the nodes that are not just at work") {
  Receiver receiver;
  TargetView view;
  view.target = {.name = TargetName{"node"}, .policy = {}, .backend = KubernetesNodes{"role=worker"}};
  view.last_action = entry_of("node", receiver.clock.now());
  view.last_action->action = Reason::drain;
  view.last_action->node = "n1";
  view.nodes = {{"n1", "draining", "2 pods left", receiver.clock.now() + 15min, 2, "DiskPressure"},
                {"n2", "cordoned", "by somebody else", {}, {}, ""}};
  receiver.controller.show(view);
  const json target = data_of(receiver.get("/api/v1/targets/node"));
  CHECK(target["backend"] == "kubernetes_node");
  CHECK(target["ref"] == json{{"selector", "role=worker"}, {"node_label", "node"}});
  CHECK(target["min"] == nullptr);
  CHECK(target["max"] == nullptr);
  CHECK(target["last_action"]["node"] == "n1");
  CHECK(target["nodes"] == json::array({{{"name", "n1"},
                                         {"state", "draining"},
                                         {"text", "2 pods left"},
                                         {"until", "2026-01-01T00:15:00Z"},
                                         {"pods_left", 2},
                                         {"alert", "DiskPressure"}},
                                        {{"name", "n2"},
                                         {"state", "cordoned"},
                                         {"text", "by somebody else"},
                                         {"until", nullptr},
                                         {"pods_left", nullptr},
                                         {"alert", ""}}}));
}

TEST_CASE("a target that does not exist is 404 with the nearest name") {
  Receiver receiver;
  const Reply reply = receiver.get("/api/v1/targets/wep");
  CHECK(reply.status == 404);
  CHECK(json::parse(reply.body)["errorType"] == "not_found");
  CHECK(error_of(reply) == "no target \"wep\"; did you mean web?");
  CHECK(error_of(receiver.get("/api/v1/targets/elephant")) == "no target \"elephant\"");
  CHECK(receiver.get("/api/v1/targets/").status == 404);
  CHECK(receiver.get("/api/v1/targets/a%2Fb%00%FF").status == 404);
}

TEST_CASE("alerts are listed with what they ask") {
  Receiver receiver;
  CHECK(data_of(receiver.get("/api/v1/alerts")) == json::array());
  receiver.post(notification_of({alert_of("A")}).dump());
  const json alerts = data_of(receiver.get("/api/v1/alerts"));
  REQUIRE(alerts.size() == 1);
  CHECK(alerts[0] == json{{"fingerprint", receiver.store.active_alerts()[0].fingerprint.text},
                          {"labels", {{"alertname", "A"}, {"scale_action", "up"}, {"scale_target", "web"}}},
                          {"annotations", {{"summary", "of A"}}},
                          {"startsAt", "2025-12-31T23:59:00Z"},
                          {"endsAt", nullptr},
                          {"last_seen", "2026-01-01T00:00:00Z"},
                          {"generatorURL", ""},
                          {"target", "web"},
                          {"action", "up"},
                          {"source", "alertmanager"}});
}

TEST_CASE("the history is told newest first, and can be narrowed") {
  Receiver receiver;
  const Instant now = receiver.clock.now();
  receiver.store.add_history(entry_of("web", now - 3h));
  receiver.store.add_history(entry_of("api", now - 2h));
  HistoryEntry failed = entry_of("web", now - 1h);
  failed.outcome = ActionOutcome::failed;
  failed.error = "no such image";
  failed.cause.reset();
  receiver.store.add_history(failed);

  const json all = data_of(receiver.get("/api/v1/history"));
  REQUIRE(all.size() == 3);
  CHECK(all[0] == json{{"id", 3},
                       {"time", "2025-12-31T23:00:00Z"},
                       {"target", "web"},
                       {"action", "up"},
                       {"from", 2},
                       {"to", 4},
                       {"outcome", "failed"},
                       {"duration_seconds", 1.5},
                       {"error", "no such image"},
                       {"cause", nullptr}});
  CHECK(all[2]["cause"] == json{{"alertname", "A"},
                                {"fingerprint", "116013f56c4e2583"},
                                {"startsAt", "2025-12-31T20:59:00Z"},
                                {"labels", {{"alertname", "A"}, {"svc", "web"}}}});
  const auto ids = [&](const std::string& query) {
    std::vector<int> found;
    for (const json& entry : data_of(receiver.get("/api/v1/history" + query))) found.push_back(entry["id"]);
    return found;
  };
  CHECK(ids("?target=web") == std::vector{3, 1});
  CHECK(ids("?limit=2") == std::vector{3, 2});
  CHECK(ids("?since=90m") == std::vector{3});
  CHECK(ids("?since=2025-12-31T21:30:00Z") == std::vector{3, 2});
  CHECK(ids("?since=2025-12-31T23:30:00%2B02:00") == std::vector{3, 2});
  CHECK(ids("?since=2025-12-31T23:30:00+02:00") == std::vector{3, 2});
  CHECK(ids("?target=web&since=1d&limit=1") == std::vector{3});
  CHECK(ids("?target=api&since=1h").empty());
  CHECK(receiver.get("/api/v1/history?target=gone").status == 404);
}

TEST_CASE("the history of a target that is no longer configured can be read") {
  Receiver receiver;
  receiver.store.add_history(entry_of("gone", receiver.clock.now()));
  CHECK(data_of(receiver.get("/api/v1/history?target=gone")).size() == 1);
}

TEST_CASE("parameters that make no sense are refused in words") {
  struct Case {
    std::string target;
    std::string message;
  };
  const auto c = GENERATE(values<Case>({
      {"/api/v1/history?limit=0", "limit: expected a number from 1 to 10000, found \"0\""},
      {"/api/v1/history?limit=10001", "limit: expected a number from 1 to 10000"},
      {"/api/v1/history?limit=-1", "limit: expected a number from 1 to 10000"},
      {"/api/v1/history?limit=99999999999999999999", "limit: expected a number from 1 to 10000"},
      {"/api/v1/history?limit=many", "limit: expected a number from 1 to 10000, found \"many\""},
      {"/api/v1/history?since=yesterday", "since: expected a time such as 2026-01-02T03:04:05Z or a duration such as"},
      {"/api/v1/history?sinse=1h", "unknown parameter \"sinse\"; did you mean since?"},
      {"/api/v1/history?target=web&target=api", "the parameter \"target\" is given more than once"},
      {"/api/v1/targets?limit=5", "unknown parameter \"limit\"; there are none here"},
      {"/api/v1/targets/web?x=", "unknown parameter \"x\"; there are none here"},
      {"/api/v1/alerts?x=1", "unknown parameter \"x\"; there are none here"},
      {"/api/v1/status?x=1", "unknown parameter \"x\"; there are none here"},
  }));
  CAPTURE(c.target);
  Receiver receiver;
  const Reply reply = receiver.get(c.target);
  CHECK(reply.status == 400);
  CHECK_THAT(error_of(reply), ContainsSubstring(c.message));
}

TEST_CASE("the status tells what runs, without secrets") {
  Settings settings = test::two_targets();
  settings.docker.host = "tcp://user:secret@engine:2376";
  settings.alertmanager.urls = {"http://alertmanager:9093"};
  settings.alertmanager.http.password = Secret("hunter2");
  Receiver receiver({}, settings);
  receiver.post(notification_of({alert_of("A")}).dump());
  receiver.clock.advance(90s);
  json status = data_of(receiver.get("/api/v1/status"));
  CHECK(status == json{{"version", "0.1.0"},
                       {"start_time", "2026-01-01T00:00:00Z"},
                       {"uptime_seconds", 90},
                       {"ready", true},
                       {"not_ready", nullptr},
                       {"troubles", json::array()},
                       {"config",
                        {{"targets", 2},
                         {"max_parallel", 8},
                         {"stale_after", "5h"},
                         {"history_retention", "30d"},
                         {"labels", {{"action", "scale_action"}, {"target", "scale_target"}}},
                         {"alertmanagers", {"http://alertmanager:9093"}},
                         {"resync_interval", "30s"},
                         {"docker_host", "tcp://engine:2376"},
                         {"authentication", "none"}}},
                       {"store", {{"state", "ok"}, {"error", ""}}},
                       {"targets", 2},
                       {"active_alerts", 1},
                       {"dry_run", false},
                       {"may_write", true},
                       {"pause", nullptr}});
  Orders of_all;
  of_all.pause = Pause{receiver.clock.now() + 1min, "alice"};
  REQUIRE(receiver.store.put_orders(TargetName{}, of_all));
  CHECK(data_of(receiver.get("/api/v1/status"))["pause"] == json{{"until", "2026-01-01T00:02:30Z"}, {"user", "alice"}});
  receiver.clock.advance(1min);
  CHECK(data_of(receiver.get("/api/v1/status"))["pause"] == nullptr);
  receiver.store.seal({ErrorKind::storage, "fsync: I/O error"});
  status = data_of(receiver.get("/api/v1/status"));
  CHECK(status["ready"] == false);
  CHECK(status["store"] == json{{"state", "sealed"}, {"error", "fsync: I/O error"}});
}

TEST_CASE("what does not work is told by a program that is ready all the same") {
  receive::ServerOptions options;
  options.troubles = [] { return std::vector<std::string>{"no resync with one", "no resync with other"}; };
  const Receiver receiver(std::move(options));
  const Reply reply = receiver.get("/-/ready");
  CHECK(reply.status == 200);
  CHECK(reply.body == "alertscaler is ready.\nno resync with one\nno resync with other\n");
  CHECK(data_of(receiver.get("/api/v1/status"))["troubles"] == json{"no resync with one", "no resync with other"});
}

TEST_CASE("readiness gives its reason") {
  Receiver receiver;
  CHECK(receiver.get("/-/ready").status == 200);
  receiver.controller.set_not_ready("web was not observed yet");
  Reply reply = receiver.get("/-/ready");
  CHECK(reply.status == 503);
  CHECK(reply.body == "alertscaler is not ready: web was not observed yet\n");
  CHECK(reply.header("content-type") == "text/plain; charset=utf-8");
  CHECK(receiver.get("/-/healthy").status == 200);
  receiver.controller.set_not_ready(std::nullopt);
  receiver.store.seal({ErrorKind::storage, "fsync: I/O error"});
  reply = receiver.get("/-/ready");
  CHECK(reply.status == 503);
  CHECK_THAT(reply.body, ContainsSubstring("fsync: I/O error"));
}

TEST_CASE("metrics are exposed as Prometheus wants them") {
  Receiver receiver;
  const Reply reply = receiver.get("/metrics");
  CHECK(reply.status == 200);
  CHECK(reply.header("content-type") == "text/plain; version=0.0.4; charset=utf-8");
  CHECK_THAT(reply.body, ContainsSubstring("alertscaler_build_info{version=\"0.1.0\"} 1\n"));
}

TEST_CASE("the page is the same for all, asks for everything itself, and runs nothing but its own files") {
  Receiver receiver;
  const Reply reply = receiver.get("/");
  CHECK(reply.status == 200);
  CHECK(reply.header("content-type") == "text/html; charset=utf-8");
  CHECK(reply.header("cache-control") == "no-cache");
  const std::string policy = reply.header("content-security-policy");
  CHECK_THAT(policy, ContainsSubstring("default-src 'none'"));
  CHECK_THAT(policy, ContainsSubstring("script-src 'self';"));
  CHECK(policy.find("unsafe") == std::string::npos);
  CHECK(reply.body.find("@ASSETS@") == std::string::npos);

  const std::string tag = reply.header("etag");
  const Reply again = receiver.send("GET", "/", "", "If-None-Match: " + tag + "\r\n");
  CHECK(again.status == 304);
  CHECK(again.body.empty());
  CHECK(receiver.send("GET", "/", "", "If-None-Match: \"another\"\r\n").status == 200);
}

TEST_CASE("the page's files may be kept for ever, for their names change with them") {
  Receiver receiver;
  const std::string index = receiver.get("/").body;
  std::size_t files = 0;
  for (std::size_t at = index.find("\"page/"); at != std::string::npos; at = index.find("\"page/", at + 1)) {
    const std::string path = "/" + index.substr(at + 1, index.find('"', at + 1) - at - 1);
    CAPTURE(path);
    ++files;
    const Reply plain = receiver.get(path);
    CHECK(plain.status == 200);
    CHECK(plain.header("cache-control") == "public, max-age=31536000, immutable");
    CHECK(plain.header("content-encoding").empty());
    const Reply gzip = receiver.send("GET", path, "", "Accept-Encoding: br, gzip;q=0.8\r\n");
    CHECK(gzip.header("content-encoding") == "gzip");
    CHECK(gzip.body.size() < plain.body.size());
    CHECK(gzip.body.substr(0, 2) == "\x1f\x8b");
    CHECK(receiver.send("GET", path, "", "Accept-Encoding: gzip;q=0\r\n").header("content-encoding").empty());
  }
  CHECK(files == 3);
  CHECK(receiver.get("/page/0123456789abcdef/main.js").status == 404);
  CHECK(receiver.get("/page/").status == 404);
  CHECK(receiver.get("/page/../main.js").status == 404);
}

TEST_CASE("what there is nothing at is 404, and a wrong method 405 with what is allowed") {
  struct Case {
    std::string method;
    std::string target;
    int status;
    std::string allow;
  };
  const auto c = GENERATE(values<Case>({
      {"GET", "/nothing", 404, ""},
      {"POST", "/api/v2/silences", 404, ""},
      {"GET", "//", 404, ""},
      {"GET", "/api/v1/targets/../../../etc/passwd", 404, ""},
      {"GET", "/webhook/", 404, ""},
      {"POST", "/", 405, "get, head"},
      {"DELETE", "/webhook", 405, "post, put"},
      {"HEAD", "/webhook", 405, "post, put"},
      {"OPTIONS", "/metrics", 405, "get, head"},
      {"PATCH", "/api/v1/status", 405, "get, head"},
      {"PUT", "/api/v1/targets/web", 405, "get, head"},
      {"TRACE", "/", 501, ""},
      {"CONNECT", "/", 501, ""},
      {"BREW", "/webhook", 501, ""},
      {"OPTIONS", "*", 404, ""},
  }));
  CAPTURE(c.method, c.target);
  Receiver receiver;
  const Reply reply = receiver.send(c.method, c.target);
  CHECK(reply.status == c.status);
  CHECK(reply.header("allow") == c.allow);
  CHECK(reply.header("content-type") == "application/json");
  if (c.method != "HEAD") CHECK_FALSE(error_of(reply).empty());
}

TEST_CASE("HEAD is a GET without its body") {
  Receiver receiver;
  test::RawHttp client = receiver.connect();
  for (const std::string target : {"/", "/metrics", "/api/v1/status", "/-/healthy", "/nothing"}) {
    CAPTURE(target);
    client.send("HEAD " + target + " HTTP/1.1\r\nHost: t\r\n\r\n");
    const auto head = client.reply(10s, true);
    REQUIRE(head);
    client.send("GET " + target + " HTTP/1.1\r\nHost: t\r\n\r\n");
    const auto get = client.reply();
    REQUIRE(get);
    CHECK(head->status == get->status);
    CHECK(head->header("content-type") == get->header("content-type"));
    if (target != "/metrics") CHECK(head->header("content-length") == get->header("content-length"));
  }
}
