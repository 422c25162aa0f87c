#include <atomic>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "receive/authenticator.h"
#include "receive/basic_auth.h"
#include "support/catch.h"
#include "support/receiver.h"
#include "support/scratch_dir.h"

using namespace alertscaler;
using namespace std::chrono_literals;
using receive::Authenticator;
using test::Reply;

namespace {

struct TokenFile {
  explicit TokenFile(const std::string& content) { write(content); }
  void write(const std::string& content) const { std::ofstream(path(), std::ios::trunc) << content; }
  // As an editor or a mounted secret does it: another file under the same name.
  void replace(const std::string& content) const {
    const std::filesystem::path fresh = scratch.path() / "fresh";
    std::ofstream(fresh) << content;
    std::filesystem::rename(fresh, path());
  }
  [[nodiscard]] std::filesystem::path path() const { return scratch.path() / "tokens"; }
  [[nodiscard]] WebConfig config() const { return {.bearer_token_file = path().string()}; }

  test::ScratchDir scratch;
};

}  // namespace

TEST_CASE("every token of the file is admitted and nothing else") {
  const TokenFile file("# for Alertmanager\nfirst-token\n\n  second/token+=~._  \r\n#third\n");
  const test::ManualClock clock;
  auto opened = Authenticator::open(file.config(), clock);
  REQUIRE(opened);
  Authenticator& authenticator = **opened;
  CHECK(authenticator.challenges() == std::vector<std::string>{"Bearer"});
  for (const std::string good : {"Bearer first-token", "bearer second/token+=~._", "BEARER   first-token"}) {
    CAPTURE(good);
    CHECK(authenticator.admits(good));
  }
  for (const std::string bad :
       {"", "Bearer", "Bearer ", "first-token", "Basic first-token", "Bearer first", "Bearer first-token2",
        "Bearer FIRST-TOKEN", "Bearer #third", "Bearer third", "Bearer first-token second/token+=~._", "Bearer #"}) {
    CAPTURE(bad);
    CHECK_FALSE(authenticator.admits(bad));
  }
  CHECK_FALSE(authenticator.admits(std::nullopt));
}

TEST_CASE("a token file that cannot be used keeps the server from starting") {
  struct Case {
    std::string name;
    std::string content;
    std::string message;
  };
  const auto c = GENERATE(values<Case>({
      {"empty", "", "holds no token"},
      {"comments alone", "# nothing\n\n", "holds no token; put one in a line of its own"},
      {"two words in a line", "good\ntwo words\n", "tokens:2: expected one token a line"},
      {"not ASCII", "t\xC3\xB6ken\n", "tokens:1: expected one token a line"},
  }));
  CAPTURE(c.name);
  const TokenFile file(c.content);
  const test::ManualClock clock;
  const auto opened = Authenticator::open(file.config(), clock);
  REQUIRE_FALSE(opened);
  CHECK_THAT(opened.error().message, ContainsSubstring(c.message));
  CHECK_THAT(opened.error().message, ContainsSubstring("bearer_token_file"));
  CHECK(opened.error().message.find("good") == std::string::npos);
}

TEST_CASE("a token file that is not there keeps the server from starting") {
  const test::ManualClock clock;
  const auto opened = Authenticator::open({.bearer_token_file = "/nowhere/tokens"}, clock);
  REQUIRE_FALSE(opened);
  CHECK(opened.error().kind == ErrorKind::not_found);
  CHECK_THAT(opened.error().message, ContainsSubstring("/nowhere/tokens"));
}

TEST_CASE("tokens are read again when the file changes, at most once a second") {
  const TokenFile file("old\n");
  test::ManualClock clock;
  auto opened = Authenticator::open(file.config(), clock);
  REQUIRE(opened);
  Authenticator& authenticator = **opened;
  file.replace("old\nnew\n");
  CHECK_FALSE(authenticator.admits("Bearer new"));
  clock.advance(1s);
  CHECK(authenticator.admits("Bearer new"));
  CHECK(authenticator.admits("Bearer old"));
  file.replace("new\n");
  clock.advance(1s);
  CHECK_FALSE(authenticator.admits("Bearer old"));
  CHECK(authenticator.admits("Bearer new"));
  file.replace("later\n");
  clock.advance(-1h);  // a clock that was set back does not stop it
  CHECK(authenticator.admits("Bearer later"));
}

TEST_CASE("a token file that is gone, emptied or broken admits nobody until it holds tokens again") {
  const TokenFile file("token\n");
  test::ManualClock clock;
  auto opened = Authenticator::open(file.config(), clock);
  REQUIRE(opened);
  Authenticator& authenticator = **opened;
  CHECK(authenticator.troubles().empty());
  for (const std::string content : {"", "# none\n", "two words\n", "(gone)"}) {
    if (content == "(gone)") {
      std::filesystem::remove(file.path());
    } else {
      file.replace(content);
    }
    clock.advance(1s);
    CAPTURE(content);
    CHECK_FALSE(authenticator.admits("Bearer token"));
    REQUIRE(authenticator.troubles().size() == 1);
    CHECK_THAT(authenticator.troubles().front(), ContainsSubstring("bearer_token_file cannot be used"));
    file.replace("token\n");
    clock.advance(1s);
    CHECK(authenticator.admits("Bearer token"));
    CHECK(authenticator.troubles().empty());
  }
}

TEST_CASE("while a token file cannot be used, who is not admitted is told to try again, and what is wrong") {
  const TokenFile file("token\n");
  const TokenFile lookers("looks\n");
  WebConfig web = file.config();
  web.read_only_token_file = lookers.path().string();
  web.basic_auth_users.emplace("alice", Secret("$2y$04$76xbVnfFKsam1jo9C/I7mOY1UQOWHAI0Y0wdXsug9Je5MiaMLqOju"));
  test::Receiver receiver({.web = web});
  const std::string body = test::notification_of({test::alert_of("A")}).dump();
  const auto post = [&](const std::string& credentials) {
    return receiver.send("POST", "/webhook", body, "Authorization: " + credentials + "\r\n");
  };
  CHECK(post("Bearer wrong").status == 401);
  file.replace("");
  receiver.clock.advance(1s);
  for (const std::string token : {"token", "wrong"}) {
    CAPTURE(token);
    const Reply reply = post("Bearer " + token);
    CHECK(reply.status == 503);
    CHECK_FALSE(reply.header("retry-after").empty());
    CHECK(reply.header("www-authenticate").empty());
    CHECK_THAT(reply.body, ContainsSubstring("bearer_token_file cannot be used"));
  }
  CHECK(receiver.store.merges() == 0);
  CHECK(receiver.metric("alertscaler_notifications_total{code=\"503\",source=\"manual\"}") == "2");
  CHECK(receiver.send("GET", "/api/v1/alerts", "", "Authorization: Bearer looks\r\n").status == 200);
  CHECK(post("Basic YWxpY2U6c2VjcmV1").status == 401);  // a wrong password stands in no file
  CHECK(receiver.get("/api/v1/alerts").status == 401);  // nothing was brought
  file.replace("token\n");
  receiver.clock.advance(1s);
  CHECK(post("Bearer token").status == 200);
  CHECK(post("Bearer wrong").status == 401);
}

// A mount of a single file goes on showing the old one, of which no name is left, as of this one here.
TEST_CASE("a token file that was replaced behind its mount is told of, and its tokens count until then") {
  const TokenFile file("old\n");
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> open(std::fopen(file.path().c_str(), "r"), &std::fclose);
  REQUIRE(open);
  const WebConfig web{.bearer_token_file = "/proc/self/fd/" + std::to_string(::fileno(open.get()))};
  test::Receiver receiver({.web = web});
  const auto status = [&](const std::string& token) {
    return receiver.send("GET", "/api/v1/alerts", "", "Authorization: Bearer " + token + "\r\n").status;
  };
  CHECK(status("old") == 200);
  CHECK(status("new") == 401);
  CHECK(receiver.get("/-/ready").body == "alertscaler is ready.\n");
  file.replace("new\n");
  receiver.clock.advance(1s);
  CHECK(status("old") == 200);
  CHECK(status("new") == 503);
  CHECK_THAT(receiver.get("/-/ready").body,
             ContainsSubstring("bearer_token_file: the file was replaced on the host, the mount still shows the old"));
}

// The file may be readable again without having changed: too many were open, or a right was missing.
TEST_CASE("a token file that could not be read is tried again although it is the same") {
  const TokenFile file("token\n");
  test::ManualClock clock;
  auto opened = Authenticator::open(file.config(), clock);
  REQUIRE(opened);
  const std::filesystem::path aside = file.scratch.path() / "aside";
  std::filesystem::rename(file.path(), aside);
  clock.advance(1s);
  CHECK_FALSE((*opened)->admits("Bearer token"));
  std::filesystem::rename(aside, file.path());
  clock.advance(1s);
  CHECK((*opened)->admits("Bearer token"));
}

TEST_CASE("a token in both files, and one that nobody can write with, are told of") {
  const TokenFile file("# ours\nwrites\nboth\n");
  const TokenFile lookers("both\n");
  test::ManualClock clock;
  WebConfig web = file.config();
  web.read_only_token_file = lookers.path().string();
  auto opened = Authenticator::open(web, clock);
  REQUIRE(opened);
  Authenticator& authenticator = **opened;
  REQUIRE(authenticator.warnings().size() == 1);
  CHECK(authenticator.warnings().front() ==
        "bearer_token_file: the token in line 3 stands in read_only_token_file, too, so it may only look");
  lookers.replace("both\nwrites\n");
  clock.advance(1s);
  CHECK(authenticator.admits("Bearer both"));
  REQUIRE(authenticator.warnings().size() == 2);
  CHECK_THAT(authenticator.warnings().back(), ContainsSubstring("nobody could send alerts"));
  web.basic_auth_users.emplace("alice", Secret("x"));
  CHECK((*Authenticator::open(web, clock))->warnings().size() == 1);  // she may
  web.read_only_users.insert("alice");
  CHECK((*Authenticator::open(web, clock))->warnings().size() == 2);
  lookers.replace("looks\n");
  clock.advance(1s);
  CHECK(authenticator.admits("Bearer both").may_write);
  CHECK(authenticator.warnings().empty());
}

TEST_CASE("whoever watches is told when the token is no longer valid") {
  const TokenFile file("token\nother\n");
  test::ManualClock clock;
  auto opened = Authenticator::open(file.config(), clock);
  REQUIRE(opened);
  const auto still = (*opened)->watch("Bearer token");
  REQUIRE(still);
  CHECK(still());
  file.replace("other\n");
  CHECK(still());  // not looked at yet
  clock.advance(1s);
  CHECK_FALSE(still());
}

TEST_CASE("a stream of events ends with the token that it was opened with, at the next heartbeat") {
  const TokenFile file("token\nother\n");
  test::Receiver receiver({.web = file.config()}, test::two_targets(), {.heartbeat = 50ms});
  const auto listen = [&](const std::string& token) {
    test::RawHttp client = receiver.connect();
    client.send("GET /api/v1/events HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer " + token + "\r\n\r\n");
    REQUIRE(client.answer_begins());
    return client;
  };
  test::RawHttp revoked = listen("token");
  test::RawHttp kept = listen("other");
  CHECK_FALSE(revoked.closed_within(300ms));  // several heartbeats
  file.replace("other\n");
  receiver.clock.advance(1s);
  CHECK(revoked.closed_within(10s));
  CHECK_FALSE(kept.closed_within(300ms));
}

TEST_CASE("the metric of what is in force says so when a token file cannot be used") {
  const TokenFile file("token\n");
  const TokenFile lookers("looks\n");
  WebConfig web = file.config();
  web.read_only_token_file = lookers.path().string();
  test::Receiver receiver({.web = web});
  receiver.metrics.reloaded(true);
  const auto in_force = [&] {
    const Reply reply = receiver.send("GET", "/metrics", "", "Authorization: Bearer looks\r\n");
    return reply.body.find("\nalertscaler_config_last_reload_successful 1\n") != std::string::npos;
  };
  CHECK(in_force());
  file.replace("");
  receiver.clock.advance(1s);
  CHECK_FALSE(in_force());
  CHECK_THAT(receiver.get("/-/ready").body, ContainsSubstring("bearer_token_file cannot be used"));
  file.replace("token\n");
  receiver.clock.advance(1s);
  CHECK(in_force());
}

TEST_CASE("everything but the probes and the bare page needs a token") {
  const TokenFile file("secret\n");
  test::Receiver receiver({.web = file.config()});
  for (const std::string target : {"/-/healthy", "/-/ready", "/"}) CHECK(receiver.get(target).status == 200);
  const std::string body = test::notification_of({test::alert_of("A")}).dump();
  for (const std::string target : {"/webhook", "/metrics", "/api/v1/targets", "/api/v1/targets/web", "/api/v1/alerts",
                                   "/api/v1/history", "/api/v1/status", "/nothing"}) {
    const std::string method = target == "/webhook" ? "POST" : "GET";
    CAPTURE(target);
    const Reply without = receiver.send(method, target, method == "POST" ? body : "");
    CHECK(without.status == 401);
    CHECK(without.header("www-authenticate") == "bearer");
    CHECK(nlohmann::json::parse(without.body)["errorType"] == "unauthorized");
    const Reply wrong = receiver.send(method, target, method == "POST" ? body : "", "Authorization: Bearer wrong\r\n");
    CHECK(wrong.status == 401);
    CHECK(wrong.body.find("wrong") == std::string::npos);
    const Reply right = receiver.send(method, target, method == "POST" ? body : "", "Authorization: Bearer secret\r\n");
    CHECK(right.status == (target == "/nothing" ? 404 : 200));
  }
  CHECK(receiver.store.merges() == 1);
  CHECK(receiver.metric("alertscaler_notifications_total{code=\"401\",source=\"manual\"}") == "2");
  CHECK(receiver.get("/api/v1/status").body.find("secret") == std::string::npos);
}

TEST_CASE("without a token a body is not even read") {
  const TokenFile file("secret\n");
  test::Receiver receiver({.web = file.config()});
  test::RawHttp client = receiver.connect();
  client.send("POST /webhook HTTP/1.1\r\nHost: t\r\nContent-Length: 8000000\r\n\r\n");
  const auto reply = client.reply(5s);
  REQUIRE(reply);
  CHECK(reply->status == 401);
  CHECK(reply->header("connection") == "close");
}

TEST_CASE("a password is computed once, and a wrong one once as well") {
  const std::string hash = "$2y$04$76xbVnfFKsam1jo9C/I7mOY1UQOWHAI0Y0wdXsug9Je5MiaMLqOju";  // of "secret"
  using Verdict = receive::BasicUsers::Verdict;
  receive::BasicUsers users({{"alice", Secret(hash)}});
  for (int i = 0; i < 3; ++i) {
    CHECK(users.check("alice", "secret") == Verdict::right);
    CHECK(users.check("alice", "Secret") == Verdict::wrong);
    CHECK(users.check("bob", "secret") == Verdict::wrong);
    CHECK(users.check("alice", std::string("secret\0x", 8)) == Verdict::wrong);
  }
  CHECK(users.computed() == 4);
  for (int i = 0; i < 200; ++i) CHECK(users.check("alice", "guess " + std::to_string(i)) == Verdict::wrong);
  const std::size_t computed = users.computed();
  CHECK(users.check("alice", "secret") == Verdict::right);
  CHECK(users.computed() == computed);  // guesses push nobody out who is known
  CHECK(users.check("alice", "guess 0") == Verdict::wrong);
  CHECK(users.computed() == computed + 1);
}

TEST_CASE("only a few passwords are computed at a time, and only some wait for that") {
  const std::string hash = "$2y$12$abcdefghijklmnopqrstuuvhqlfa3SToYAWnpQD0wYcoxAD7y2cEy";  // of "slow"
  using Verdict = receive::BasicUsers::Verdict;
  receive::BasicUsers users({{"slow", Secret(hash)}});
  REQUIRE(users.check("slow", "slow") == Verdict::right);
  std::atomic<int> wrong{0};
  std::atomic<int> busy{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 60; ++i) {
    threads.emplace_back([&, i] {
      const Verdict verdict = users.check("slow", std::to_string(i));
      if (verdict == Verdict::wrong) ++wrong;
      if (verdict == Verdict::busy) ++busy;
    });
  }
  CHECK(users.check("slow", "slow") == Verdict::right);
  for (std::thread& thread : threads) thread.join();
  CHECK(wrong + busy == 60);
  CHECK(wrong >= 2);
  CHECK(busy > 0);
}

TEST_CASE("a client is told what it may bring, and the right user gets in by its name") {
  const TokenFile file("the-token\n");
  WebConfig web = file.config();
  web.basic_auth_users.emplace("alice", Secret("$2y$04$76xbVnfFKsam1jo9C/I7mOY1UQOWHAI0Y0wdXsug9Je5MiaMLqOju"));
  const test::ManualClock clock;
  auto opened = Authenticator::open(web, clock);
  REQUIRE(opened);
  CHECK((*opened)->challenges() ==
        std::vector<std::string>{"Basic realm=\"alertscaler\", charset=\"UTF-8\"", "Bearer"});
  const auto by_password = (*opened)->admits("Basic YWxpY2U6c2VjcmV0");  // alice:secret
  CHECK(by_password);
  CHECK(by_password.user == "alice");
  const auto by_token = (*opened)->admits("Bearer the-token");
  CHECK(by_token);
  CHECK(by_token.user.empty());
  CHECK_FALSE((*opened)->admits("Basic YWxpY2U6c2VjcmV1"));
  CHECK_FALSE(
      (*opened)->admits("Basic YWxpY2U6c2VjcmV0 "
                        "x"));
}

TEST_CASE("a token of the other file may only look, and so may one of both") {
  const TokenFile file("writes\nboth\n");
  const TokenFile lookers("looks\nboth\n");
  test::ManualClock clock;
  WebConfig web = file.config();
  web.read_only_token_file = lookers.path().string();
  auto opened = Authenticator::open(web, clock);
  REQUIRE(opened);
  Authenticator& authenticator = **opened;
  CHECK(authenticator.admits("Bearer writes").may_write);
  for (const std::string token : {"Bearer looks", "Bearer both"}) {
    CAPTURE(token);
    CHECK(authenticator.admits(token));
    CHECK_FALSE(authenticator.admits(token).may_write);
  }
  CHECK_FALSE(authenticator.admits("Bearer neither"));
  CHECK_THAT(authenticator.hint(true), ContainsSubstring("bearer_token_file and read_only_token_file"));
  lookers.replace("writes\n");
  clock.advance(1s);
  CHECK_FALSE(authenticator.admits("Bearer looks"));
  CHECK_FALSE(authenticator.admits("Bearer writes").may_write);
  lookers.replace("");
  clock.advance(1s);
  CHECK(authenticator.admits("Bearer writes"));
  CHECK_FALSE(authenticator.admits("Bearer writes").may_write);  // to break the file is no way to be allowed more
}

TEST_CASE("who may only look gets everything that is asked and changes nothing") {
  const TokenFile file("writes\n");
  const TokenFile lookers("looks\n");
  WebConfig web = file.config();
  web.read_only_token_file = lookers.path().string();
  test::Receiver receiver({.web = web});
  const std::string looks = "Authorization: Bearer looks\r\nContent-Type: application/json\r\n";
  const std::string writes = "Authorization: Bearer writes\r\nContent-Type: application/json\r\n";
  for (const std::string target : {"/metrics", "/api/v1/targets", "/api/v1/targets/web", "/api/v1/alerts",
                                   "/api/v1/history", "/api/v1/status", "/api/v2/status", "/"}) {
    CAPTURE(target);
    CHECK(receiver.send("GET", target, "", looks).status == 200);
    CHECK(receiver.send("HEAD", target, "", looks).status == 200);
  }
  const std::string body = test::notification_of({test::alert_of("A")}).dump();
  struct Case {
    std::string method;
    std::string target;
    std::string body;
  };
  for (const Case& c : std::vector<Case>{{"POST", "/webhook", body},
                                         {"PUT", "/webhook", body},
                                         {"POST", "/webhook?dry_run=false", body},
                                         {"POST", "/webhook?dry_run=yes", body},
                                         {"POST", "/webhook?dry_run=false&dry_run=true", body},
                                         {"POST", "/api/v2/alerts", "[]"},
                                         {"POST", "/api/v2/alerts?dry_run=true", "[]"},
                                         {"PUT", "/api/v1/targets/web/replicas", R"({"replicas": 3})"},
                                         {"POST", "/api/v1/targets/web/pause", "{}"},
                                         {"POST", "/api/v1/targets/web/resume", "{}"},
                                         {"POST", "/api/v1/pause", "{}"},
                                         {"POST", "/api/v1/resume", "{}"},
                                         {"POST", "/-/reload", ""},
                                         {"PUT", "/-/reload", ""}}) {
    CAPTURE(c.method, c.target);
    const Reply refused = receiver.send(c.method, c.target, c.body, looks);
    CHECK(refused.status == 403);
    CHECK_THAT(refused.body, ContainsSubstring("this token is one of read_only_token_file"));
    CHECK(receiver.send(c.method, c.target, c.body, writes).status != 403);
  }
  const std::size_t merges = receiver.store.merges();
  CHECK(receiver.send("POST", "/webhook?dry_run=true", body, looks).status == 200);
  CHECK(receiver.send("POST", "/webhook?dry_run=true&explain=true", body, looks).status == 200);
  CHECK(receiver.store.merges() == merges);
  const auto may_write = [&](const std::string& headers) {
    return nlohmann::json::parse(receiver.send("GET", "/api/v1/status", "", headers).body)["data"]["may_write"];
  };
  CHECK(may_write(looks) == false);
  CHECK(may_write(writes) == true);
}
