#include <string>
#include <vector>

#include "resync/alertmanager.h"
#include "resync/answer.h"
#include "support/alerts.h"
#include "support/catch.h"
#include "support/stub_alertmanager.h"

using namespace alertscaler;
using namespace std::chrono_literals;
using resync::FiringAlert;
using test::at;
using test::gettable;
using Json = nlohmann::json;

namespace {

Result<std::vector<FiringAlert>> read(const std::string& body) {
  std::vector<FiringAlert> alerts;
  const Status status = resync::read_alerts(body, [&](FiringAlert alert) { alerts.push_back(std::move(alert)); });
  if (!status) return fail(status.error());
  return alerts;
}

// An alert with one thing about it changed.
std::string with(const std::string& key, const Json& value) {
  Json alert = gettable("A");
  alert[key] = value;
  return Json::array({alert}).dump();
}
std::string without(const std::string& key) {
  Json alert = gettable("A");
  alert.erase(key);
  return Json::array({alert}).dump();
}

}  // namespace

TEST_CASE("an alert arrives with all that is needed of it") {
  Json json = gettable("A");
  json["updatedAt"] = "2026-01-01T00:00:07.250Z";
  json["labels"]["empty"] = "";
  const auto alerts = read(Json::array({json}).dump()).value();
  REQUIRE(alerts.size() == 1);
  CHECK(alerts[0].labels == Labels{{"alertname", "A"}, {"scale_action", "up"}, {"scale_target", "web"}});
  CHECK(alerts[0].annotations == Labels{{"summary", "of A"}});
  CHECK(alerts[0].fingerprint == fingerprint_of(alerts[0].labels));
  CHECK(alerts[0].starts_at == at(-60));
  CHECK(alerts[0].updated_at == at(7.25));
  CHECK(alerts[0].generator_url == "http://prometheus:9090/graph");
}

TEST_CASE("as many alerts arrive as are active") {
  CHECK(read("[]").value().empty());
  Json many = Json::array();
  for (int i = 0; i < 1000; ++i) many.push_back(gettable("A" + std::to_string(i)));
  CHECK(read(many.dump()).value().size() == 1000);
  many[1]["status"]["state"] = "suppressed";  // however it came into the list
  CHECK(read(many.dump()).value().size() == 999);
}

TEST_CASE("what an alert can do without") {
  CHECK(read(without("annotations")).value().front().annotations.empty());
  CHECK(read(without("status")).value().size() == 1);
  CHECK(read(without("updatedAt")).value().front().updated_at == at(-60));
  const Fingerprint computed = fingerprint_of(read(without("annotations")).value().front().labels);
  CHECK(read(without("fingerprint")).value().front().fingerprint == computed);
  CHECK(read(with("fingerprint", "none")).value().front().fingerprint == computed);
  CHECK(read(with("status", Json{{"state", "unprocessed"}})).value().size() == 1);
}

TEST_CASE("an answer that is no list of alerts is none at all") {
  const auto body = GENERATE(values<std::string>({
      "",
      "null",
      "{}",
      "<html>",
      "\"[]\"",
      "[1]",
      "[[]]",
      "[null]",
      "[{}]",
      R"({"data": [{"labels": {"a": "b"}}]})",
      R"({"status": "error", "error": {"labels": {"a": "b"}, "startsAt": "2026-01-01T00:00:00Z"}})",
      with("labels", Json::object()),
      with("labels", "a"),
      with("labels", Json{{"alertname", 1}}),
      with("annotations", Json::array()),
      with("startsAt", "0001-01-01T00:00:00Z"),
      with("startsAt", "yesterday"),
      with("startsAt", nullptr),
      without("labels"),
      without("startsAt"),
      Json::array({gettable("A")}).dump() + "x",
      Json::array({gettable("A"), 1}).dump(),
      Json::array({gettable("A")}).dump().substr(0, 100),
      "[" + with("labels", Json::object()).substr(1),
      std::string(100'000, '['),
  }));
  CAPTURE(body.substr(0, 200));
  const auto read_back = read(body);
  REQUIRE_FALSE(read_back.has_value());
  CHECK(read_back.error().kind == ErrorKind::invalid);
  CHECK_THAT(read_back.error().message, ContainsSubstring("alert"));
}

TEST_CASE("since when an Alertmanager runs") {
  CHECK(resync::read_start(R"({"uptime": "2026-01-01T00:00:10Z", "cluster": {}})") == at(10));
  CHECK_FALSE(resync::read_start(R"({"uptime": 10})").has_value());
  CHECK_FALSE(resync::read_start(R"({"uptime": "long"})").has_value());
  CHECK_FALSE(resync::read_start("{}").has_value());
  CHECK_FALSE(resync::read_start("[]").has_value());
  CHECK_FALSE(resync::read_start("no json").has_value());
}

TEST_CASE("another machine's clock is told from ours") {
  CHECK(resync::by_our_clock(at(10), at(100), at(100.9)) == at(10));  // the date has no fraction
  CHECK(resync::by_our_clock(at(10), at(102), at(100)) == at(10));
  CHECK(resync::by_our_clock(at(10), std::nullopt, at(100)) == at(10));
  CHECK(resync::by_our_clock(at(10), at(100), at(1000)) == at(910));  // 90 s ago, on both
  CHECK(resync::by_our_clock(at(10), at(1000), at(100)) == at(-890));
}
