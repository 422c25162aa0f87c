#include <array>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/text.h"
#include "receive/grafana_signature.h"
#include "support/catch.h"
#include "support/receiver.h"
#include "support/scratch_dir.h"

using namespace alertscaler;
using namespace std::chrono_literals;
using nlohmann::json;
using receive::GrafanaSignature;
using test::Receiver;
using test::Reply;

namespace {

// As Grafana 12 sends it, in full.
json grafana_alert(const std::string& name, const std::string& action = "up", const std::string& target = "web") {
  return {
      {"status", "firing"},
      {"labels", {{"alertname", name}, {"grafana_folder", "shop"}, {"scale_action", action}, {"scale_target", target}}},
      {"annotations", {{"summary", "of " + name}}},
      {"startsAt", "2025-12-31T23:59:00Z"},
      {"endsAt", "0001-01-01T00:00:00Z"},
      {"generatorURL", "http://grafana:3000/alerting/grafana/abc/view?orgId=1"},
      {"fingerprint", "c6eadffa33fcdf37"},
      {"silenceURL", "http://grafana:3000/alerting/silence/new"},
      {"dashboardURL", ""},
      {"panelURL", ""},
      {"ruleUID", "abc"},
      {"values", {{"B", 22.5}, {"C", 1}}},
      {"valueString", "[ var='B' labels={} value=22.5 ]"},
      {"orgId", 1}};
}

json grafana_notification(std::vector<json> alerts) {
  return {{"receiver", "alertscaler"},
          {"status", "firing"},
          {"alerts", std::move(alerts)},
          {"groupLabels", {{"alertname", "A"}}},
          {"commonLabels", json::object()},
          {"commonAnnotations", json::object()},
          {"externalURL", "http://grafana:3000/"},
          {"version", "1"},
          {"groupKey", "{}:{alertname=\"A\"}"},
          {"truncatedAlerts", 0},
          {"orgId", 1},
          {"title", "[FIRING:1] A"},
          {"state", "alerting"},
          {"message", "**Firing**"}};
}

json lines_of(const Reply& reply) {
  CAPTURE(reply.body);
  REQUIRE(reply.status == 200);
  return json::parse(reply.body)["data"]["alerts"];
}

std::string hmac(const std::string& secret, const std::string& text) {
  std::array<unsigned char, 32> digest{};
  unsigned size = 0;
  ::HMAC(::EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
         reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data(), &size);
  std::string hex;
  for (const unsigned char byte : digest) {
    constexpr std::string_view digits = "0123456789abcdef";
    hex += digits[byte / 16];
    hex += digits[byte % 16];
  }
  return hex;
}

std::string signature(const std::string& value) {
  return "X-Grafana-Alerting-Signature: " + value + "\r\n";
}

// A receiver with a secret and, if wanted, a token.
struct Guarded {
  explicit Guarded(const std::string& secrets = "s3cret\n", bool with_token = true) {
    write("secret", secrets);
    write("tokens", "token\n");
    receive::ServerOptions options;
    options.web.grafana_hmac_secret_file = (scratch.path() / "secret").string();
    if (with_token) options.web.bearer_token_file = (scratch.path() / "tokens").string();
    receiver.emplace(std::move(options));
  }
  void write(const std::string& name, const std::string& content) const {
    const std::filesystem::path fresh = scratch.path() / (name + ".new");
    std::ofstream(fresh) << content;
    std::filesystem::rename(fresh, scratch.path() / name);
  }
  // Posts the body with these header lines.
  [[nodiscard]] Reply post(const std::string& headers, const std::string& text) const {
    return receiver->send("POST", "/webhook", text, headers);
  }
  [[nodiscard]] Reply post(const std::string& headers) const { return post(headers, body); }
  [[nodiscard]] std::string timed(Duration ahead, const std::string& secret = "s3cret") const {
    const auto time = receiver->clock.now().time_since_epoch() + ahead;
    const std::string seconds = std::to_string(std::chrono::duration_cast<std::chrono::seconds>(time).count());
    return "X-Grafana-Alerting-Signature-Timestamp: " + seconds + "\r\n" +
           signature(hmac(secret, seconds + ":" + body));
  }

  test::ScratchDir scratch;
  std::optional<Receiver> receiver;
  const std::string body = grafana_notification({grafana_alert("A")}).dump();
};

const std::string bearer = "Authorization: Bearer token\r\n";

std::string error_401(const Reply& reply) {
  CHECK(reply.status == 401);
  CHECK_FALSE(reply.header("www-authenticate").empty());
  CHECK(reply.body.find("s3cret") == std::string::npos);
  return json::parse(reply.body)["error"];
}

}  // namespace

TEST_CASE("Grafana's notification is read, however it is sent") {
  Receiver receiver;
  const std::string method = GENERATE("POST", "PUT");
  const Reply reply = receiver.send(method, "/webhook", grafana_notification({grafana_alert("A")}).dump(),
                                    "User-Agent: Grafana\r\nContent-Type: application/json\r\n");
  const json line = lines_of(reply).at(0);
  CHECK(line["result"] == "accepted");
  CHECK(line["fingerprint"] == "c6eadffa33fcdf37");
  REQUIRE(receiver.store.active_alerts().size() == 1);
  const Alert active = receiver.store.active_alerts()[0];
  CHECK(active.source == Source::grafana);
  CHECK(active.group_key.empty());  // Alertmanager, when it is asked, knows nothing of it
  CHECK_FALSE(active.ends_at);
  CHECK(active.annotations.at("__values__") == R"({"B":22.5,"C":1})");
  CHECK(receiver.metric("alertscaler_notifications_total{code=\"200\",source=\"grafana\"}") == "1");
}

TEST_CASE("who is Grafana") {
  Receiver receiver;
  json by_version = grafana_notification({grafana_alert("A")});
  by_version.erase("orgId");
  json by_org = grafana_notification({grafana_alert("A")});
  by_org["version"] = "4";
  for (const json& each : {by_version, by_org}) {
    lines_of(receiver.post(each.dump()));
    REQUIRE(receiver.store.active_alerts().size() == 1);
    CHECK(receiver.store.active_alerts()[0].source == Source::grafana);
  }
}

TEST_CASE("values are for people, whatever they are") {
  struct Case {
    json values;
    std::string kept;
  };
  const auto c = GENERATE(values<Case>({{json{{"A", 1e300}}, R"({"A":1e+300})"},
                                        {json{{"A", -0.5}, {"B", nullptr}, {"C", "NaN"}}, R"({"A":-0.5})"},
                                        {json{{"q\"", 3}}, R"({"q\"":3})"},
                                        {json::object(), ""},
                                        {nullptr, ""},
                                        {7, ""},
                                        {json::array({1}), ""}}));
  CAPTURE(c.values.dump());
  Receiver receiver;
  json alert = grafana_alert("A");
  alert["values"] = c.values;
  CHECK(lines_of(receiver.post(grafana_notification({alert}).dump())).at(0)["result"] == "accepted");
  const Labels annotations = receiver.store.active_alerts().at(0).annotations;
  CHECK(annotations.contains("__values__") == !c.kept.empty());
  if (!c.kept.empty()) CHECK(annotations.at("__values__") == c.kept);
}

TEST_CASE("no scale_replicas is made of Grafana's values") {
  Receiver receiver;
  const json line = lines_of(receiver.post(grafana_notification({grafana_alert("A", "to")}).dump())).at(0);
  CHECK(line["result"] == "ignored");
  CHECK_THAT(line["reason"].get<std::string>(), ContainsSubstring("scale_replicas"));
}

TEST_CASE("that Grafana knows nothing is a hold, whatever the rule asks for") {
  Receiver receiver;
  const std::string name = GENERATE("DatasourceNoData", "DatasourceError");
  const std::string action = GENERATE("up", "down", "to", "drain", "hold", "sideways");
  json alert = grafana_alert(name, action);
  alert["labels"]["rulename"] = "HighLoad";
  alert["annotations"]["scale_replicas"] = "NaN";
  CAPTURE(name, action);
  const json line = lines_of(receiver.post(grafana_notification({alert}).dump())).at(0);
  CHECK(line["result"] == "accepted");
  CHECK(line["action"] == "hold");
  CHECK(receiver.store.active_alerts().at(0).mapping == Mapping{TargetName{"web"}, AlertAction::hold, {}, {}});
  alert["status"] = "resolved";
  CHECK(lines_of(receiver.post(grafana_notification({alert}).dump())).at(0)["result"] == "accepted");
  CHECK(receiver.store.active_alerts().empty());
}

TEST_CASE("a right signature is enough for the webhook, and for nothing else") {
  Guarded guarded;
  const std::string headers = GENERATE_REF(signature(hmac("s3cret", guarded.body)),
                                           signature(text::to_lower(hmac("s3cret", guarded.body)) + " "),
                                           guarded.timed(0s), guarded.timed(-299s), guarded.timed(299s));
  CAPTURE(headers);
  CHECK(guarded.post(headers).status == 200);
  CHECK(guarded.post(headers + bearer).status == 200);
  CHECK(guarded.receiver->store.active_alerts().size() == 1);
  CHECK(guarded.receiver->send("GET", "/api/v1/targets", "", headers).status == 401);
  CHECK(guarded.receiver->send("POST", "/api/v2/alerts", "[]", headers).status == 401);
  CHECK(guarded.receiver->metric("alertscaler_notifications_total{code=\"200\",source=\"grafana\"}") == "2");
}

TEST_CASE("a wrong signature is refused, whatever else the sender knows") {
  struct Case {
    std::string name;
    std::string headers;
    std::string message;
  };
  Guarded guarded;
  const std::string right = hmac("s3cret", guarded.body);
  const std::string now = std::to_string(
      std::chrono::duration_cast<std::chrono::seconds>(guarded.receiver->clock.now().time_since_epoch()).count());
  const std::string time_header = "X-Grafana-Alerting-Signature-Timestamp: ";
  const std::vector<Case> cases{
      {"another secret", signature(hmac("secret", guarded.body)), "is not that of this body"},
      {"another body", signature(hmac("s3cret", guarded.body + " ")), "is not that of this body"},
      {"none", signature(""), "is not that of this body"},
      {"a part", signature(right.substr(0, 63)), "is not that of this body"},
      {"more", signature(right + "0"), "is not that of this body"},
      {"with a prefix", signature("sha256=" + right), "is not that of this body"},
      {"a time that is not signed", time_header + now + "\r\n" + signature(right), "is not that of this body"},
      {"a signed time that is not sent", signature(hmac("s3cret", now + ":" + guarded.body)),
       "its name has to be X-Grafana-Alerting-Signature-Timestamp"},
      {"a time that was moved",
       time_header + std::to_string(std::stoll(now) - 1) + "\r\n" + signature(hmac("s3cret", now + ":" + guarded.body)),
       "is not that of this body"},
      {"no time", time_header + "\r\n" + signature(hmac("s3cret", ":" + guarded.body)), "expected seconds since 1970"},
      {"a time of words", time_header + "now\r\n" + signature(hmac("s3cret", "now:" + guarded.body)),
       "expected seconds since 1970, found \"now\""},
      {"a time in milliseconds", time_header + now + "000\r\n" + signature(hmac("s3cret", now + "000:" + guarded.body)),
       "expected seconds since 1970"},
      {"a time before 1970", time_header + "-5\r\n" + signature(hmac("s3cret", "-5:" + guarded.body)),
       "expected seconds since 1970"},
      {"replayed later", guarded.timed(-301s), "the signature was made 5m1s ago, more than 5m"},
      {"from the future", guarded.timed(301s), "the signature was made 5m1s ahead, more than 5m"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.name);
    CHECK_THAT(error_401(guarded.post(c.headers)), ContainsSubstring(c.message));
    CHECK_THAT(error_401(guarded.post(c.headers + bearer)), ContainsSubstring(c.message));
  }
  CHECK(guarded.receiver->store.merges() == 0);
}

TEST_CASE("what a notification without a signature means when there is a secret") {
  const bool with_token = GENERATE(true, false);
  CAPTURE(with_token);
  Guarded guarded("s3cret\n", with_token);
  const std::string known = with_token ? bearer : "";
  CHECK_THAT(error_401(guarded.post(known)), ContainsSubstring("expected Grafana's signature in the header "
                                                               "X-Grafana-Alerting-Signature"));
  CHECK(guarded.receiver->store.merges() == 0);
  const std::string alertmanagers = test::notification_of({test::alert_of("A")}).dump();
  CHECK(guarded.post(known, alertmanagers).status == 200);
  if (with_token) CHECK(guarded.post("", alertmanagers).status == 401);
  CHECK(guarded.receiver->store.active_alerts().size() == 1);
}

TEST_CASE("without a secret nobody looks at a signature") {
  Receiver receiver;
  CHECK(
      receiver.send("POST", "/webhook", grafana_notification({grafana_alert("A")}).dump(), signature("wrong")).status ==
      200);
}

TEST_CASE("secrets are read again when their file changes") {
  Guarded guarded("# since May\n\n  old  \n");
  const auto status = [&](const std::string& secret) {
    return guarded.post(signature(hmac(secret, guarded.body))).status;
  };
  CHECK(status("old") == 200);
  CHECK(status("# since May") == 401);
  guarded.write("secret", "old\nnew secret\n");
  CHECK(status("new secret") == 401);
  guarded.receiver->clock.advance(1s);
  CHECK(status("new secret") == 200);
  CHECK(status("old") == 200);
  guarded.write("secret", "# nothing\n");
  guarded.receiver->clock.advance(1s);
  CHECK(status("new secret") == 503);  // taken out is taken out, and Grafana tries again
  CHECK_THAT(guarded.receiver->get("/-/ready").body, ContainsSubstring("grafana_hmac_secret_file cannot be used"));
  guarded.write("secret", "newer\n");
  guarded.receiver->clock.advance(1s);
  CHECK(status("old") == 401);
  CHECK(status("newer") == 200);
}

TEST_CASE("a secret file that cannot be used keeps the server from starting") {
  const test::ScratchDir scratch;
  const std::string path = (scratch.path() / "secret").string();
  const test::ManualClock clock;
  const auto missing = GrafanaSignature::open({.grafana_hmac_secret_file = path}, clock);
  REQUIRE_FALSE(missing);
  CHECK(missing.error().kind == ErrorKind::not_found);
  CHECK_THAT(missing.error().message, ContainsSubstring("grafana_hmac_secret_file") && ContainsSubstring(path));
  std::ofstream(path) << "# none\n\n";
  const auto empty = GrafanaSignature::open({.grafana_hmac_secret_file = path}, clock);
  REQUIRE_FALSE(empty);
  CHECK_THAT(empty.error().message, ContainsSubstring("holds no secret"));
}
