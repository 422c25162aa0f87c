// Nothing that a client sends, or does not send, may crash, hang or starve the server.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <sys/resource.h>

#include "support/catch.h"
#include "support/receiver.h"

using namespace alertscaler;
using namespace std::chrono_literals;
using nlohmann::json;
using std::chrono::steady_clock;
using test::alert_of;
using test::eventually;
using test::notification_of;
using test::RawHttp;
using test::Receiver;
using test::Reply;

namespace {

const std::string good_body = notification_of({alert_of("A")}).dump();

std::string head_of(const std::string& method, const std::string& target, const std::string& headers = "") {
  return method + " " + target + " HTTP/1.1\r\nHost: t\r\n" + headers + "\r\n";
}

std::string post_of(const std::string& body) {
  return head_of("POST", "/webhook", "Content-Length: " + std::to_string(body.size()) + "\r\n") + body;
}

std::string chunked(const std::string& body, std::size_t piece) {
  std::string out;
  for (std::size_t at = 0; at < body.size(); at += piece) {
    const std::string part = body.substr(at, piece);
    char size[32];
    std::snprintf(size, sizeof size, "%zx\r\n", part.size());
    out += size + part + "\r\n";
  }
  return out + "0\r\n\r\n";
}

// The next good request is answered, and soon.
void check_serves(const Receiver& receiver) {
  const auto begin = steady_clock::now();
  CHECK(receiver.post(good_body).status == 200);
  CHECK(steady_clock::now() - begin < 20s);
}

receive::ServerOptions with(const receive::Limits& limits) {
  return {.limits = limits};
}

// As many connections as asked for, if the system lets us: both ends of them are in this process.
std::size_t connections_allowed(std::size_t wanted) {
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = std::min<rlim_t>(files.rlim_max, wanted * 2 + 200);
  ::setrlimit(RLIMIT_NOFILE, &files);
  ::getrlimit(RLIMIT_NOFILE, &files);
  return std::min<std::size_t>(wanted, (files.rlim_cur - 200) / 2);
}

}  // namespace

TEST_CASE("a body up to the limit is taken, the next byte is not") {
  Receiver receiver(with({.body_bytes_max = 4096}));
  std::string body = good_body;
  body.resize(4096, ' ');
  CHECK(receiver.post(body).status == 200);
  RawHttp client = receiver.connect();
  client.send(head_of("POST", "/webhook", "Transfer-Encoding: chunked\r\n") + chunked(body, 1000));
  CHECK(client.reply()->status == 200);

  body += ' ';
  const Reply reply = receiver.post(body);
  CHECK(reply.status == 413);
  CHECK_THAT(reply.body, ContainsSubstring("larger than 4096 bytes"));
  client.send(head_of("POST", "/webhook", "Transfer-Encoding: chunked\r\n") + chunked(body, 1000));
  const auto refused = client.reply();
  REQUIRE(refused);
  CHECK(refused->status == 413);
  CHECK(refused->header("connection") == "close");
  CHECK(client.closed_within(20s));
  CHECK(receiver.metric("alertscaler_notifications_total{code=\"413\",source=\"manual\"}") == "2");
  check_serves(receiver);
}

TEST_CASE("a large body gets its 413 although the client sends all of it first") {
  Receiver receiver;
  const Reply reply = receiver.post(std::string(9U << 20U, ' '));
  CHECK(reply.status == 413);
  CHECK_THAT(reply.body, ContainsSubstring("larger than 8388608 bytes"));
}

TEST_CASE("large bodies are taken, in one piece and in chunks") {
  Receiver receiver;
  std::vector<json> alerts(3000, alert_of("A"));
  alerts[0]["annotations"]["x"] = std::string(4U << 20U, 'x');
  const std::string body = notification_of(alerts).dump();
  CHECK(receiver.post(body).status == 200);
  RawHttp client = receiver.connect();
  client.send(head_of("POST", "/webhook", "Transfer-Encoding: chunked\r\n") + chunked(body, 65536));
  CHECK(client.reply(30s)->status == 200);
  client.send(post_of(good_body));
  CHECK(client.reply()->status == 200);
}

TEST_CASE("a head that is too long is refused") {
  Receiver receiver(with({.header_bytes_max = 16U << 10U}));
  struct Case {
    std::string head;
    int status;
  };
  const auto c = GENERATE(values<Case>({
      {head_of("GET", "/" + std::string(8000, 'a')), 414},
      {head_of("GET", "/", "X: " + std::string(17000, 'a') + "\r\n"), 431},
      {"GET / HTTP/1.1\r\nX: " + std::string(17000, 'a'), 431},  // and it never ends
      {"GET /" + std::string(17000, 'a'), 431},
      {std::string(17000, 'A'), 431},
  }));
  RawHttp client = receiver.connect();
  client.send(c.head);
  const auto reply = client.reply();
  REQUIRE(reply);
  CHECK(reply->status == c.status);
  CHECK(client.closed_within(20s));
  check_serves(receiver);
}

TEST_CASE("requests that could be read in two ways are refused and the connection ends") {
  Receiver receiver;
  const auto request = GENERATE(values<std::string>({
      "POST /webhook HTTP/1.1\r\nHost: t\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET / "
      "HTTP/1.1\r\nHost: t\r\n\r\n",
      "POST /webhook HTTP/1.1\r\nHost: t\r\nContent-Length: 0\r\nContent-Length: 40\r\n\r\n",
      "POST /webhook HTTP/1.1\r\nHost: t\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
      "POST /webhook HTTP/1.1\r\nHost: t\r\nContent-Length: 1e3\r\n\r\n",
      "POST /webhook HTTP/1.1\nHost: t\nContent-Length: 0\n\n",
      "POST /webhook HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n5\nhello\r\n0\r\n\r\n",
      "POST /webhook HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\nhello\r\n",
      "hello\r\n\r\n",
      "\x16\x03\x01\x02\x05\x01",
  }));
  RawHttp client = receiver.connect();
  client.send(request);
  client.finish_sending();
  const auto reply = client.reply();
  REQUIRE(reply);
  CHECK(reply->status == 400);
  CHECK(reply->header("connection") == "close");
  CHECK_FALSE(client.reply());
  check_serves(receiver);
}

TEST_CASE("a POST without a length has an empty body") {
  Receiver receiver;
  RawHttp client = receiver.connect();
  client.send(head_of("POST", "/webhook"));
  const auto reply = client.reply();
  REQUIRE(reply);
  CHECK(reply->status == 400);
  CHECK_THAT(reply->body, ContainsSubstring("the body is empty"));
}

TEST_CASE("requests in one packet are answered one after another") {
  Receiver receiver;
  RawHttp client = receiver.connect();
  client.send(post_of(good_body) + head_of("GET", "/-/healthy") +
              head_of("POST", "/webhook", "Transfer-Encoding: chunked\r\n") + chunked(good_body, 7) +
              head_of("GET", "/nothing", "Connection: close\r\n") + head_of("GET", "/-/healthy"));
  CHECK(client.reply()->status == 200);
  CHECK(client.reply()->body == "alertscaler is healthy.\n");
  CHECK(client.reply()->status == 200);
  const auto last = client.reply();
  REQUIRE(last);
  CHECK(last->status == 404);
  CHECK(last->header("connection") == "close");
  CHECK_FALSE(client.reply());
}

TEST_CASE("HTTP/1.0 closes unless it is asked to keep the connection") {
  Receiver receiver;
  RawHttp once = receiver.connect();
  once.send("GET /-/healthy HTTP/1.0\r\n\r\n");
  CHECK(once.reply()->status == 200);
  CHECK(once.closed_within(20s));
  RawHttp kept = receiver.connect();
  for (int i = 0; i < 3; ++i) {
    kept.send("GET /-/healthy HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    const auto reply = kept.reply();
    REQUIRE(reply);
    CHECK(reply->header("connection") == "keep-alive");
  }
}

TEST_CASE("a body that nobody asked for is not taken for the next request") {
  Receiver receiver;
  RawHttp client = receiver.connect();
  client.send(head_of("GET", "/-/healthy", "Content-Length: 30\r\n") + "GET /metrics HTTP/1.1\r\nX: y\r\n\r\n");
  const auto reply = client.reply();
  REQUIRE(reply);
  CHECK(reply->status == 200);
  CHECK(reply->header("connection") == "close");
  CHECK_FALSE(client.reply());
}

TEST_CASE("Expect: 100-continue is answered before the body, unless the body is not wanted") {
  Receiver receiver;
  RawHttp client = receiver.connect();
  const std::string length = "Content-Length: " + std::to_string(good_body.size()) + "\r\n";
  client.send(head_of("POST", "/webhook", length + "Expect: 100-continue\r\n"));
  CHECK(client.reply()->status == 100);
  client.send(good_body);
  CHECK(client.reply()->status == 200);
  client.send(head_of("POST", "/webhook", "Content-Length: 9000000\r\nExpect: 100-continue\r\n"));
  CHECK(client.reply()->status == 413);
  CHECK(client.closed_within(20s));
}

TEST_CASE("who sends a byte at a time is cut off at the deadline of the whole request") {
  struct Case {
    std::string name;
    std::string begin;
    char next;
  };
  const auto c = GENERATE(values<Case>({
      {"in the head", "GET /-/healthy HTTP/1.1\r\nX: ", 'a'},
      {"in the body", head_of("POST", "/webhook", "Content-Length: 1000\r\n"), ' '},
      {"in a chunk", head_of("POST", "/webhook", "Transfer-Encoding: chunked\r\n") + "100\r\n", ' '},
      {"in the size of a chunk", head_of("POST", "/webhook", "Transfer-Encoding: chunked\r\n"), '0'},
      {"before the first line", "\r\n", '\r'},
  }));
  CAPTURE(c.name);
  Receiver receiver(with({.read_timeout = 1000ms}));
  RawHttp client = receiver.connect();
  const auto begin = steady_clock::now();
  client.send(c.begin);
  std::atomic<bool> answered{false};
  const std::jthread sender([&] {
    const auto give_up = begin + 20s;
    while (!answered && client.send(std::string(1, c.next)) && steady_clock::now() < give_up) {
      std::this_thread::sleep_for(20ms);
      if (c.next == '\r') client.send("\n");
    }
  });
  const auto reply = client.reply(20s);
  const auto took = steady_clock::now() - begin;
  answered = true;
  REQUIRE(reply);
  CHECK(reply->status == 408);
  CHECK_THAT(reply->body, ContainsSubstring("did not arrive within 1s"));
  CHECK(took >= 1s);
  CHECK(took < 20s);
}

TEST_CASE("an idle connection is closed, before the first request and between two") {
  Receiver receiver(with({.read_timeout = 2s, .idle_timeout = 200ms}));
  RawHttp silent = receiver.connect();
  RawHttp kept = receiver.connect();
  kept.send(head_of("GET", "/-/healthy"));
  CHECK(kept.reply()->status == 200);
  CHECK(kept.closed_within(20s));
  CHECK(silent.closed_within(20s));
}

TEST_CASE("a client that does not read its answer is cut off") {
  Receiver receiver(with({.write_timeout = 300ms}));
  json alert = alert_of("A");
  alert["annotations"]["x"] = std::string(7U << 20U, 'x');
  for (int i = 0; i < 3; ++i) {
    alert["labels"]["alertname"] = "A" + std::to_string(i);
    CHECK(receiver.post(notification_of({alert}).dump()).status == 200);
  }
  RawHttp client = receiver.connect();
  client.send(head_of("GET", "/api/v1/alerts"));
  REQUIRE(client.answer_begins());
  receiver.server->stop();         // returns only when nobody is served any more
  CHECK_THROWS(client.reply(5s));  // in the middle of the answer
}

TEST_CASE("clients that go away in the middle leave nothing behind") {
  Receiver receiver(with({.connections_max = 8}));
  for (int round = 0; round < 40; ++round) {
    RawHttp head = receiver.connect();
    head.send("POST /webhook HT");
    RawHttp body = receiver.connect();
    body.send(head_of("POST", "/webhook", "Content-Length: 100000\r\n") + "{");
    RawHttp answer = receiver.connect();
    answer.send(post_of(good_body));
  }
  // The last of them may still be worked on, by all that may work at a time.
  REQUIRE(eventually([&] { return receiver.get("/-/healthy").status == 200; }));
  check_serves(receiver);
}

TEST_CASE("a thousand connections do not keep the next good request from its answer") {
  const std::size_t count = connections_allowed(1000);
  const auto begin = GENERATE(values<std::string>({
      "",                                                         // say nothing
      "POST /webhook HTTP/1.1\r\nHost:",                          // begin a head
      head_of("POST", "/webhook", "Content-Length: 500\r\n"),     // begin a body
      head_of("POST", "/webhook", "Content-Length: 500000\r\n"),  // begin a large one
      head_of("GET", "/-/healthy"),                               // keep the connection
  }));
  CAPTURE(begin, count);
  Receiver receiver;
  std::vector<RawHttp> crowd;
  for (std::size_t i = 0; i < count; ++i) {
    crowd.push_back(receiver.connect());
    if (!begin.empty()) crowd.back().send(begin);
  }
  for (int i = 0; i < 3; ++i) check_serves(receiver);
  crowd.clear();
  check_serves(receiver);
}

TEST_CASE("when all are being worked on a new connection is told so at once") {
  Receiver receiver(with({.connections_max = 1}));
  RawHttp waiter = receiver.connect();
  waiter.send(head_of("POST", "/webhook?wait=30s", "Content-Length: " + std::to_string(good_body.size()) + "\r\n") +
              good_body);
  REQUIRE(eventually([&] { return receiver.controller.waiting() == 1; }));
  const Reply reply = receiver.get("/-/healthy");
  CHECK(reply.status == 503);
  CHECK(reply.header("retry-after") == "5");
  CHECK_THAT(reply.body, ContainsSubstring("too many connections"));
  receiver.controller.decide(TargetName{"web"}, {});
  CHECK(waiter.reply()->status == 200);
  check_serves(receiver);
}

TEST_CASE("large bodies that do not fit in at the same time get a 503, small ones go on") {
  Receiver receiver(with({.body_bytes_max = 1U << 20U, .bodies_bytes_max = 1U << 20U}));
  RawHttp holder = receiver.connect();
  holder.send(head_of("POST", "/webhook", "Content-Length: 1000000\r\n") + std::string(990000, ' '));
  REQUIRE(eventually([&] {  // the holder has its share once another does not get one
    std::vector<RawHttp> others;
    for (int i = 0; i < 20; ++i) {
      others.push_back(receiver.connect());
      others.back().send(head_of("POST", "/webhook", "Content-Length: 500000\r\n") + std::string(100000, ' '));
    }
    return std::any_of(others.rbegin(), others.rend(), [](RawHttp& other) {
      try {
        const auto reply = other.reply(10s);
        return reply && reply->status == 503 && reply->body.find("too many large bodies") != std::string::npos;
      } catch (const std::runtime_error&) {
        return false;  // it came before the holder
      }
    });
  }));
  check_serves(receiver);
}

TEST_CASE("who announces a large body and does not send it keeps no other out") {
  Receiver receiver(with({.body_bytes_max = 1U << 20U, .bodies_bytes_max = 1U << 20U}));
  std::vector<RawHttp> crowd;
  for (int i = 0; i < 12; ++i) {
    crowd.push_back(receiver.connect());
    crowd.back().send(head_of("POST", "/webhook", "Content-Length: 1000000\r\nExpect: 100-continue\r\n"));
    REQUIRE(crowd.back().reply()->status == 100);
    crowd.back().send("{");
  }
  std::string large = good_body;
  large.resize(1000000, ' ');
  CHECK(receiver.post(large).status == 200);
}

TEST_CASE("what a handler throws stays inside") {
  Receiver receiver;
  receiver.store.throw_next_merge("password=hunter2");
  const Reply reply = receiver.post(good_body);
  CHECK(reply.status == 500);
  CHECK(reply.head.find("hunter2") == std::string::npos);
  CHECK(reply.body.find("hunter2") == std::string::npos);
  CHECK(json::parse(reply.body)["errorType"] == "internal");
  CHECK(receiver.metric("alertscaler_notifications_total{code=\"500\",source=\"manual\"}") == "1");
  check_serves(receiver);
}

TEST_CASE("noise is survived") {
  Receiver receiver(with({.connections_max = 16, .read_timeout = 2000ms}));
  std::mt19937 random(20260101);
  const std::string whole = post_of(good_body);
  const auto number = [&](std::size_t below) {
    return std::uniform_int_distribution<std::size_t>(0, below - 1)(random);
  };
  for (int round = 0; round < 300; ++round) {
    std::string bytes = whole;
    for (std::size_t i = 0; i < 1 + number(8); ++i) bytes[number(bytes.size())] = static_cast<char>(number(256));
    if (number(3) == 0) bytes.resize(number(bytes.size()));
    RawHttp client = receiver.connect();
    client.send(bytes);
    client.finish_sending();
    CHECK(client.closed_within(10s));
  }
  check_serves(receiver);
}

TEST_CASE("a stop lets those being worked on end and does not wait for the rest") {
  Receiver receiver;
  RawHttp slow = receiver.connect();
  slow.send(head_of("POST", "/webhook", "Content-Length: 500\r\nExpect: 100-continue\r\n"));
  REQUIRE(slow.reply()->status == 100);  // so somebody works on it
  slow.send("{");
  RawHttp idle = receiver.connect();
  idle.send(head_of("GET", "/-/healthy"));
  CHECK(idle.reply()->status == 200);
  RawHttp waiter = receiver.connect();
  waiter.send(head_of("POST", "/webhook?wait=30s", "Content-Length: " + std::to_string(good_body.size()) + "\r\n") +
              good_body);
  REQUIRE(eventually([&] { return receiver.controller.waiting() == 1; }));
  const auto begin = steady_clock::now();
  receiver.server->stop();
  CHECK(steady_clock::now() - begin < 20s);
  const auto answered = waiter.reply();
  REQUIRE(answered);
  CHECK(answered->status == 200);
  CHECK(answered->header("connection") == "close");
  CHECK(json::parse(answered->body)["data"]["alerts"][0]["decision"] == nullptr);
  CHECK(idle.closed_within(20s));
  const auto cut = slow.reply();
  REQUIRE(cut);
  CHECK(cut->status == 503);
  CHECK_THROWS(receiver.connect());
  receiver.server->stop();
}

TEST_CASE("a stop is quick whatever a crowd of slow clients does") {
  Receiver receiver;
  std::vector<RawHttp> crowd;
  for (int i = 0; i < 100; ++i) {
    crowd.push_back(receiver.connect());
    crowd.back().send(i % 2 == 0 ? "GET / HTTP/1.1\r\n" : head_of("POST", "/webhook", "Content-Length: 70000\r\n"));
  }
  const auto begin = steady_clock::now();
  receiver.server->stop();
  CHECK(steady_clock::now() - begin < 20s);
}

TEST_CASE("starting and stopping again and again") {
  for (int i = 0; i < 100; ++i) {
    Receiver receiver;
    if (i % 3 == 0) CHECK(receiver.get("/-/healthy").status == 200);
    if (i % 3 == 1) RawHttp(receiver.server->port()).send("GET");
  }
}

TEST_CASE("a second server on the same port is refused in words") {
  const Receiver receiver;
  test::MemoryStore store;
  test::FakeController controller(test::two_targets());
  Metrics metrics("0.1.0");
  const test::ManualClock clock;
  receive::Events events_of_second;
  const auto second =
      receive::Server::start({.port = receiver.server->port()}, store, controller, metrics, clock, events_of_second);
  REQUIRE_FALSE(second);
  CHECK(second.error().kind == ErrorKind::invalid);
  CHECK(second.error().message == "listen on 127.0.0.1:" + std::to_string(receiver.server->port()) +
                                      ": Address already in use; is another alertscaler running? Stop it, or choose "
                                      "another port with --web.listen-address");
}

TEST_CASE("addresses that cannot be listened on are refused in words") {
  struct Case {
    std::string host;
    std::string message;
  };
  const auto c = GENERATE(values<Case>({
      {"192.0.2.1", "listen on 192.0.2.1:0: Cannot assign requested address; that is no address of this machine"},
      {"300.1.1.1", "listen on 300.1.1.1:0: "},
      {"2001:db8::1", "listen on [2001:db8::1]:0: "},
      {"not a name", "listen on not a name:0: "},
  }));
  test::MemoryStore store;
  test::FakeController controller(test::two_targets());
  Metrics metrics("0.1.0");
  const test::ManualClock clock;
  receive::Events events_of_server;
  const auto server =
      receive::Server::start({.host = c.host, .port = 0}, store, controller, metrics, clock, events_of_server);
  REQUIRE_FALSE(server);
  CHECK_THAT(server.error().message, ContainsSubstring(c.message));
}

TEST_CASE("IPv6 is spoken where the machine has it") {
  test::MemoryStore store;
  test::FakeController controller(test::two_targets());
  Metrics metrics("0.1.0");
  const test::ManualClock clock;
  receive::Events events_of_alone;
  const auto alone =
      receive::Server::start({.host = "::1", .port = 0}, store, controller, metrics, clock, events_of_alone);
  if (!alone) {
    WARN("skipped: " << alone.error().message);
    return;
  }
  RawHttp client((*alone)->port(), true);
  client.send(head_of("GET", "/-/healthy"));
  CHECK(client.reply()->status == 200);
  // No host: both kinds of address.
  receive::Events events_of_both;
  const auto both = receive::Server::start({.host = "", .port = 0}, store, controller, metrics, clock, events_of_both);
  REQUIRE(both);
  for (const bool ipv6 : {false, true}) {
    RawHttp other((*both)->port(), ipv6);
    other.send(head_of("GET", "/-/healthy"));
    CHECK(other.reply()->status == 200);
  }
}
