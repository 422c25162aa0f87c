// What people ask for over HTTP: what is taken, what is refused, and with which answer.
#include <string>
#include <vector>

#include "support/catch.h"
#include "support/receiver.h"

using namespace alertscaler;
using nlohmann::json;
using test::Receiver;
using test::Reply;

namespace {

constexpr const char* as_json = "Content-Type: application/json\r\n";

std::string error_of(const Reply& reply) {
  const json answer = json::parse(reply.body);
  CHECK(answer["status"] == "error");
  return answer["error"];
}

}  // namespace

TEST_CASE("a count by hand is passed on, and answered with the target") {
  Receiver receiver;
  const Reply reply = receiver.send("PUT", "/api/v1/targets/web/replicas", R"({"replicas": 5, "pin": "30m"})", as_json);
  CHECK(reply.status == 200);
  const json answer = json::parse(reply.body);
  CHECK(answer["status"] == "success");
  CHECK(answer["data"]["name"] == "web");
  CHECK_FALSE(answer.contains("warnings"));
  CHECK(receiver.controller.orders() == std::vector<std::string>{"127.0.0.1 web 5 for 30m"});
}

TEST_CASE("no pin, null and 0s are the same") {
  Receiver receiver;
  const std::string body =
      GENERATE(R"({"replicas": 0})", R"({"replicas":0,"pin":null})", R"( {"pin":"0s","replicas":0} )");
  CAPTURE(body);
  CHECK(receiver.send("PUT", "/api/v1/targets/web/replicas", body, as_json).status == 200);
  CHECK(receiver.controller.orders() == std::vector<std::string>{"127.0.0.1 web 0 for 0s"});
}

TEST_CASE("pause and resume, of one and of all") {
  Receiver receiver;
  CHECK(receiver.send("POST", "/api/v1/targets/web/pause", "", as_json).status == 200);
  CHECK(receiver
            .send("POST", "/api/v1/targets/web/pause", R"({"for": "1h"})",
                  "Content-Type: Application/JSON; charset=utf-8\r\n")
            .status == 200);
  CHECK(receiver.send("POST", "/api/v1/targets/web/resume", "{}", as_json).status == 200);
  receiver.controller.answer_orders(std::vector<std::string>{"api stays paused"});
  const Reply all = receiver.send("POST", "/api/v1/pause", R"({"for": null})", as_json);
  CHECK(all.status == 200);
  CHECK(json::parse(all.body)["data"].size() == 2);
  CHECK(json::parse(all.body)["warnings"] == json{"api stays paused"});
  CHECK(receiver.send("POST", "/api/v1/resume", "", as_json).status == 200);
  CHECK(receiver.controller.orders() == std::vector<std::string>{"127.0.0.1 pause web", "127.0.0.1 pause web for 1h",
                                                                 "127.0.0.1 resume web", "127.0.0.1 pause all",
                                                                 "127.0.0.1 resume all"});
}

TEST_CASE("a count that is none is refused with what was expected") {
  struct Case {
    std::string body;
    std::string error;
  };
  const auto c = GENERATE(values<Case>({
      {"", "expected a JSON object such as {\"replicas\": 5, \"pin\": \"30m\"}"},
      {"5", "expected a JSON object such as {\"replicas\": 5, \"pin\": \"30m\"}"},
      {"[5]", "expected a JSON object such as {\"replicas\": 5, \"pin\": \"30m\"}"},
      {R"({"replicas": 5)", "expected a JSON object such as {\"replicas\": 5, \"pin\": \"30m\"}"},
      {R"({"replicas": 5} x)", "expected a JSON object such as {\"replicas\": 5, \"pin\": \"30m\"}"},
      {"{}", "replicas: expected a whole number from 0 to 100000, found none"},
      {R"({"replicas": null})", "replicas: expected a whole number from 0 to 100000, found null"},
      {R"({"replicas": "5"})", "replicas: expected a whole number from 0 to 100000, found \"5\""},
      {R"({"replicas": 5.5})", "replicas: expected a whole number from 0 to 100000, found 5.5"},
      {R"({"replicas": -1})", "replicas: expected a whole number from 0 to 100000, found -1"},
      {R"({"replicas": 100001})", "replicas: expected a whole number from 0 to 100000, found 100001"},
      {R"({"replicas": 99999999999999999999})", "replicas: expected a whole number from 0 to 100000, found 1e+20"},
      {R"({"replicas": true})", "replicas: expected a whole number from 0 to 100000, found true"},
      {R"({"replica": 5})", "unknown key \"replica\"; did you mean replicas?"},
      {R"({"replicas": 5, "until": "1h"})", "unknown key \"until\"; expected replicas, pin"},
      {R"({"replicas": 5, "replicas": 6})", "\"replicas\" is given more than once"},
      {R"({"replicas": 5, "pin": 30})", "pin: expected a duration such as \"30m\", found 30"},
      {R"({"replicas": 5, "pin": "9000h"})", "pin: expected at most 366d, found \"9000h\""},
  }));
  CAPTURE(c.body);
  Receiver receiver;
  const Reply reply = receiver.send("PUT", "/api/v1/targets/web/replicas", c.body, as_json);
  CHECK(reply.status == 400);
  CHECK(error_of(reply) == c.error);
  CHECK(receiver.controller.orders().empty());
}

TEST_CASE("a pause that is none is refused") {
  Receiver receiver;
  CHECK(receiver.send("POST", "/api/v1/pause", R"({"for": "soon"})", as_json).status == 400);
  CHECK(receiver.send("POST", "/api/v1/pause", R"({"for": "0s"})", as_json).status == 400);
  CHECK(receiver.send("POST", "/api/v1/pause", R"({"fro": "1h"})", as_json).status == 400);
  CHECK(receiver.send("POST", "/api/v1/pause?for=1h", "", as_json).status == 400);
  CHECK(error_of(receiver.send("POST", "/api/v1/resume", R"({"for": "1h"})", as_json)) ==
        "unknown key \"for\"; there are none here");
  CHECK(receiver.controller.orders().empty());
}

TEST_CASE("what cannot be done is told with its reason") {
  Receiver receiver;
  const Reply unknown = receiver.send("PUT", "/api/v1/targets/wep/replicas", R"({"replicas": 5})", as_json);
  CHECK(unknown.status == 404);
  CHECK(error_of(unknown) == "no target \"wep\"; did you mean web?");
  CHECK(receiver.send("POST", "/api/v1/targets/wep/pause", "", as_json).status == 404);
  CHECK(receiver.send("POST", "/api/v1/targets//pause", "", as_json).status == 404);

  receiver.controller.answer_orders(fail(ErrorKind::conflict, "web is paused"));
  const Reply conflict = receiver.send("PUT", "/api/v1/targets/web/replicas", R"({"replicas": 5})", as_json);
  CHECK(conflict.status == 409);
  CHECK(json::parse(conflict.body)["errorType"] == "conflict");
  CHECK(error_of(conflict) == "web is paused");

  receiver.controller.answer_orders(fail(ErrorKind::busy, "the disk is full"));
  const Reply busy = receiver.send("POST", "/api/v1/pause", "", as_json);
  CHECK(busy.status == 503);
  CHECK_FALSE(busy.header("retry-after").empty());
}

TEST_CASE("other methods are told which are there") {
  Receiver receiver;
  const Reply put = receiver.get("/api/v1/targets/web/replicas");
  CHECK(put.status == 405);
  CHECK(put.header("allow") == "put");
  CHECK(receiver.send("PUT", "/api/v1/targets/web/pause", "", as_json).header("allow") == "post");
  CHECK(receiver.get("/api/v1/resume").header("allow") == "post");
}

TEST_CASE("a body that is too large is refused") {
  Receiver receiver;
  const std::string large = R"({"replicas": 5, "pin": ")" + std::string(70'000, 'x') + "\"}";
  CHECK(receiver.send("PUT", "/api/v1/targets/web/replicas", large, as_json).status == 413);
  CHECK(receiver.controller.orders().empty());
}

TEST_CASE("a write that is not said to be JSON is refused") {
  Receiver receiver;
  const std::string headers =
      GENERATE("", "Content-Type: text/plain\r\n", "Content-Type: application/x-www-form-urlencoded\r\n",
               "Content-Type: application/jsonx\r\n", "Content-Type: application/json\r\nContent-Encoding: gzip\r\n");
  CAPTURE(headers);
  CHECK(receiver.send("PUT", "/api/v1/targets/web/replicas", R"({"replicas": 5})", headers).status == 415);
  CHECK(receiver.send("POST", "/api/v1/pause", "", headers).status == 415);
  CHECK(receiver.controller.orders().empty());
}

TEST_CASE("a write on behalf of another site is refused") {
  Receiver receiver;
  const std::string bad =
      GENERATE("Origin: http://evil.example\r\n", "Origin: null\r\n", "Origin: http://\r\n", "Origin: test\r\n",
               "Origin: http://test:81\r\n", "Origin: \r\n", "Sec-Fetch-Site: cross-site\r\n",
               "Sec-Fetch-Site: same-site\r\n", "Origin: http://test\r\nSec-Fetch-Site: cross-site\r\n");
  CAPTURE(bad);
  const Reply refused = receiver.send("POST", "/api/v1/pause", "", as_json + bad);
  CHECK(refused.status == 403);
  CHECK_THAT(error_of(refused), ContainsSubstring("another site"));
  CHECK(receiver.controller.orders().empty());
  // A page that posts alerts would scale what it likes.
  CHECK(receiver.send("POST", "/webhook", test::notification_of({test::alert_of("A")}).dump(), bad).status == 403);
}

TEST_CASE("a write of the same site, and of a program, is taken") {
  Receiver receiver;
  const std::string good =
      GENERATE("", "Origin: http://test\r\n", "Origin: https://TEST\r\n",
               "Origin: http://test\r\nSec-Fetch-Site: same-origin\r\n", "Sec-Fetch-Site: none\r\n");
  CAPTURE(good);
  CHECK(receiver.send("POST", "/api/v1/pause", "", as_json + good).status == 200);
}

TEST_CASE("a body that is nested deeply is refused in words") {
  Receiver receiver;
  const auto nested = [](const std::string& open, const std::string& close, int levels) {
    std::string out;
    for (int i = 0; i < levels; ++i) out += open;
    out += "1";
    for (int i = 0; i < levels; ++i) out += close;
    return out;
  };
  const auto error = [&](const std::string& target, const std::string& body) {
    const Reply reply = receiver.send(target.ends_with("replicas") ? "PUT" : "POST", target, body, as_json);
    CHECK(reply.status == 400);
    return error_of(reply);
  };
  constexpr const char* too_deep = "the body is nested deeper than 32 levels";
  const int levels = GENERATE(33, 10'000, 32'000);
  const std::string array = nested("[", "]", levels);
  const std::string object = nested(R"({"a":)", "}", std::min(levels, 10'000));
  for (const std::string& value : {array, object}) {
    CHECK(error("/api/v1/targets/web/replicas", R"({"replicas":)" + value + "}") == too_deep);
    CHECK(error("/api/v1/targets/web/replicas", R"({"replicas":1,"pin":)" + value + "}") == too_deep);
    CHECK(error("/api/v1/pause", R"({"for":)" + value + "}") == too_deep);
    CHECK(error("/api/v1/resume", value) == too_deep);
  }
  CHECK_THAT(error("/api/v1/targets/web/replicas", R"({"replicas":)" + nested("[", "]", 31) + "}"),
             ContainsSubstring("found [[[["));
  CHECK(receiver.controller.orders().empty());
}
