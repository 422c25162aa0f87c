#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include <nlohmann/json.hpp>

#include "base/text.h"
#include "receive/notification.h"
#include "support/catch.h"
#include "support/receiver.h"

using namespace alertscaler;
using namespace alertscaler::receive;
using nlohmann::json;
using test::alert_of;
using test::notification_of;

namespace {

tl::expected<Notification, Refusal> parse(const std::string& text, const Limits& limits = {}) {
  return parse_notification(Body(text, {}), limits);
}

// The one alert of a notification that is otherwise in order.
Delivered deliver(const json& alert) {
  auto notification = parse(notification_of({alert}).dump());
  REQUIRE(notification);
  REQUIRE(notification->alerts.size() == 1);
  return std::move(notification->alerts.front());
}

std::string content_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

json with(json alert, const std::string& key, json value) {
  alert[key] = std::move(value);
  return alert;
}

json without(json alert, const std::string& key) {
  alert.erase(key);
  return alert;
}

}  // namespace

TEST_CASE("Alertmanager's payload is read") {
  const auto notification = parse(R"({
    "receiver": "alertscaler", "status": "firing", "version": "4", "groupKey": "{}:{alertname=\"HighLoad\"}",
    "truncatedAlerts": 0, "externalURL": "http://am:9093", "notification_reason": "repeat interval elapsed",
    "groupLabels": {"alertname": "HighLoad"}, "commonLabels": {}, "commonAnnotations": {},
    "alerts": [
      {"status": "firing", "labels": {"alertname": "A", "svc": "web"}, "annotations": {"summary": "größer \u263a"},
       "startsAt": "2026-01-02T03:04:05.678901234+01:00", "endsAt": "0001-01-01T00:00:00Z",
       "generatorURL": "http://prometheus", "fingerprint": "116013f56c4e2583"},
      {"status": "resolved", "labels": {"alertname": "B"}, "annotations": {},
       "startsAt": "2026-01-02T00:00:00Z", "endsAt": "2026-01-02T01:00:00Z", "fingerprint": "00000000000000ff"}]})");
  REQUIRE(notification);
  CHECK(notification->group_key == "{}:{alertname=\"HighLoad\"}");
  REQUIRE(notification->alerts.size() == 2);
  const Delivered& firing = notification->alerts[0];
  CHECK(firing.problem.empty());
  CHECK_FALSE(firing.resolved);
  CHECK(firing.fingerprint.text == "116013f56c4e2583");
  CHECK(firing.labels == Labels{{"alertname", "A"}, {"svc", "web"}});
  CHECK(firing.annotations == Labels{{"summary", "größer ☺"}});
  CHECK(text::format_time(firing.starts_at.value()) == "2026-01-02T02:04:05.678Z");
  CHECK_FALSE(firing.ends_at);
  CHECK(firing.generator_url == "http://prometheus");
  const Delivered& resolved = notification->alerts[1];
  CHECK(resolved.resolved);
  CHECK(resolved.generator_url.empty());
  CHECK(resolved.fingerprint.text == "00000000000000ff");
  CHECK(text::format_time(resolved.ends_at.value()) == "2026-01-02T01:00:00Z");
}

TEST_CASE("malformed notifications are refused with what was expected and found") {
  const std::filesystem::path folder = std::filesystem::path(ALERTSCALER_TESTS_DIR) / "payload_bad";
  test::Receiver receiver;
  std::size_t webhooks = 0, pushes = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() != ".json") continue;
    const std::string name = entry.path().filename().string();
    const bool pushed = name.starts_with("push_");
    ++(pushed ? pushes : webhooks);
    CAPTURE(name);
    std::istringstream expected(content_of(std::filesystem::path(entry.path()).replace_extension(".expected")));
    std::string status, message;
    REQUIRE(std::getline(expected, status));
    REQUIRE(std::getline(expected, message));
    const test::Reply reply = receiver.send("POST", pushed ? "/api/v2/alerts" : "/webhook", content_of(entry.path()));
    CHECK(std::to_string(reply.status) == status);
    const json answer = json::parse(reply.body);
    CHECK(answer["status"] == "error");
    CHECK(answer["errorType"] == "bad_data");
    CHECK_THAT(answer["error"].get<std::string>(), ContainsSubstring(message));
    CHECK(answer["error"].get<std::string>().size() < 1000);
    CHECK(receiver.post(notification_of({}).dump()).status == 200);
  }
  CHECK(webhooks > 30);
  CHECK(pushes > 15);
  CHECK(receiver.store.merges() == 0);
  CHECK(receiver.metric("alertscaler_notifications_total{code=\"400\",source=\"manual\"}") == std::to_string(webhooks));
  CHECK(receiver.metric("alertscaler_notifications_total{code=\"400\",source=\"prometheus\"}") ==
        std::to_string(pushes));
}

TEST_CASE("one bad alert says why and is alone in it") {
  struct Case {
    std::string name;
    json alert;
    std::string problem;
  };
  const json good = alert_of("A");
  json many = good;
  for (int i = 0; i < 300; ++i) many["labels"]["l" + std::to_string(i)] = "v";
  const auto c = GENERATE_COPY(values<Case>({
      {"a number", 7, "alert: expected an object, found a number"},
      {"null", nullptr, "alert: expected an object, found null"},
      {"empty", json::object(), R"(status: expected "firing" or "resolved", found none)"},
      {"no status", without(good, "status"), R"(status: expected "firing" or "resolved", found none)"},
      {"another status", with(good, "status", "pending"),
       R"(status: expected "firing" or "resolved", found "pending")"},
      {"a status that is no string", with(good, "status", true),
       R"(status: expected "firing" or "resolved", found a boolean)"},
      {"no labels", without(good, "labels"), "it has no labels"},
      {"empty labels", with(good, "labels", json::object()), "it has no labels"},
      {"labels of empty values alone", with(good, "labels", {{"alertname", ""}}), "it has no labels"},
      {"labels null", with(good, "labels", nullptr), "it has no labels"},
      {"labels an array", with(good, "labels", json::array()), "labels: expected an object, found an array"},
      {"a label that is a number", with(good, "labels", {{"alertname", "A"}, {"replicas", 3}}),
       R"(labels: "replicas": expected a string, found a number)"},
      {"a label that is null", with(good, "labels", {{"alertname", nullptr}}),
       R"(labels: "alertname": expected a string, found null)"},
      {"a label without a name", with(good, "labels", {{"", "x"}}), "labels: a name is empty"},
      {"an annotation that is an object", with(good, "annotations", {{"summary", json::object()}}),
       R"(annotations: "summary": expected a string, found an object)"},
      {"too many labels", many, "more than 256 labels"},
      {"a malformed startsAt", with(good, "startsAt", "yesterday"),
       R"(startsAt: expected an RFC 3339 time, found "yesterday")"},
      {"a startsAt in seconds", with(good, "startsAt", 1767225600),
       "startsAt: expected an RFC 3339 time, found a number"},
      {"a day that does not exist", with(good, "startsAt", "2026-02-30T00:00:00Z"),
       R"(startsAt: expected an RFC 3339 time, found "2026-02-30T00:00:00Z")"},
      {"a malformed endsAt", with(good, "endsAt", "never"), R"(endsAt: expected an RFC 3339 time, found "never")"},
  }));
  CAPTURE(c.name);
  CHECK(deliver(c.alert).problem == c.problem);
  const auto notification = parse(notification_of({good, c.alert, good}).dump());
  REQUIRE(notification);
  REQUIRE(notification->alerts.size() == 3);
  CHECK(notification->alerts[0].problem.empty());
  CHECK(notification->alerts[2].problem.empty());
}

TEST_CASE("a name that is given twice fails its alert") {
  const auto problem = [](const std::string& alert) {
    const auto notification = parse("{\"version\":\"4\",\"alerts\":[" + alert + "]}");
    REQUIRE(notification);
    return notification->alerts.at(0).problem;
  };
  CHECK(problem(R"({"status":"firing","labels":{"a":"1","b":"2","a":"3"}})") == R"(labels: "a" is given twice)");
  CHECK(problem(R"({"status":"firing","status":"resolved","labels":{"a":"1"}})") == R"("status" is given twice)");
  CHECK(problem(R"({"status":"firing","labels":{"a":"1"},"labels":{"a":"2"}})") == R"("labels" is given twice)");
}

TEST_CASE("what a sender may leave out") {
  const json good = alert_of("A");
  CHECK(deliver(without(good, "annotations")).problem.empty());
  CHECK(deliver(with(good, "annotations", nullptr)).problem.empty());
  for (const json& none : {json(nullptr), json(""), json("0001-01-01T00:00:00Z"), json("0001-01-01T00:00:00.000Z")}) {
    CAPTURE(none.dump());
    const Delivered delivered = deliver(with(with(good, "startsAt", none), "endsAt", none));
    CHECK(delivered.problem.empty());
    CHECK_FALSE(delivered.starts_at);
    CHECK_FALSE(delivered.ends_at);
  }
  CHECK(parse(R"({"version":"4","alerts":[]})")->group_key.empty());
  CHECK(parse(R"({"version":"4","groupKey":null,"alerts":[]})")->group_key.empty());
  // Every alert keeps a copy: a body of some MB must not become some GB.
  const std::string long_key(2'000'000, 'k');
  CHECK(parse(R"({"version":"4","groupKey":")" + long_key + R"(","alerts":[]})")->group_key.size() < 2000);
}

TEST_CASE("a label with an empty value is none") {
  json alert = alert_of("A");
  const Delivered before = deliver(alert);
  alert["labels"]["zone"] = "";
  const Delivered after = deliver(alert);
  CHECK(after.labels == before.labels);
  CHECK(after.fingerprint == before.fingerprint);
}

TEST_CASE("a fingerprint that is none is computed from the labels") {
  json alert = {{"status", "firing"}, {"labels", {{"alertname", "A"}, {"svc", "web"}}}};
  CHECK(deliver(alert).fingerprint.text == "116013f56c4e2583");
  for (const json& wrong :
       {json("x"), json(""), json("116013F56C4E2583"), json("116013f56c4e25830"), json(1), json()}) {
    CAPTURE(wrong.dump());
    CHECK(deliver(with(alert, "fingerprint", wrong)).fingerprint.text == "116013f56c4e2583");
  }
  CHECK(deliver(with(alert, "fingerprint", "ffffffffffffffff")).fingerprint.text == "ffffffffffffffff");
}

TEST_CASE("a byte order mark and white space around the body do no harm") {
  CHECK(parse("\xEF\xBB\xBF \n" + notification_of({alert_of("A")}).dump() + "\r\n"));
}

TEST_CASE("numbers of any size in what does not matter do no harm") {
  CHECK(parse(R"({"version":"4","alerts":[],"truncatedAlerts":18446744073709551615,"x":-1.5e-300,"y":0})"));
}

TEST_CASE("the bound of alerts in a notification holds") {
  const Limits limits{.alerts_per_notification_max = 3};
  const auto of = [](std::size_t count) { return notification_of(std::vector<json>(count, alert_of("A"))).dump(); };
  CHECK(parse(of(3), limits));
  const auto refused = parse(of(4), limits);
  REQUIRE_FALSE(refused);
  CHECK(refused.error() == Refusal{413, "the notification holds more than 3 alerts"});
}

// Every way to cut and to change a payload ends in an answer; the sanitizers see to the rest.
TEST_CASE("no mutilated payload does any harm") {
  const std::string whole = notification_of({alert_of("A"), alert_of("B", "to")}).dump();
  for (std::size_t length = 0; length < whole.size(); ++length) CHECK_FALSE(parse(whole.substr(0, length)));
  std::size_t taken = 0;
  for (std::size_t at = 0; at < whole.size(); ++at) {
    for (const char c : {'\0', '"', '{', '}', '[', ']', ',', ':', '\\', '\xFF', '9'}) {
      std::string changed = whole;
      changed[at] = c;
      const auto notification = parse(changed);
      if (notification) taken += 1;
      if (!notification) CHECK_FALSE(notification.error().message.empty());
    }
  }
  CHECK(taken > 100);
}
