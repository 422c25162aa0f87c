// The small parts of the receiver by themselves.
#include <array>
#include <atomic>
#include <chrono>
#include <limits>
#include <string>
#include <string_view>
#include <thread>

#include <nlohmann/json.hpp>
#include <sys/socket.h>

#include "receive/body.h"
#include "receive/connections.h"
#include "receive/json_writer.h"
#include "receive/once.h"
#include "receive/workers.h"
#include "support/catch.h"
#include "support/clock.h"
#include "support/receiver.h"

using namespace alertscaler;
using namespace alertscaler::receive;
using namespace std::chrono_literals;
using std::chrono::steady_clock;
using test::eventually;

namespace {

// A connection of which so many requests are read on a thread of its own, and never answered.
struct Served {
  Served(std::string_view first_bytes, const Limits& limits, BodyBudget& budget, int requests = 1) {
    std::array<int, 2> ends{};
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.data()) == 0);
    client = Channel(Socket(ends[0]));
    connection = std::make_unique<Connection>(Socket(ends[1]), "test", limits, budget);
    REQUIRE(client.send_all(first_bytes, steady_clock::now() + 5s) == Io::done);
    thread = std::thread([this, requests] {
      for (int i = 0; i < requests; ++i) outcome = connection->next_head().index();
    });
  }
  ~Served() {
    connection->tell_to_go();
    thread.join();
  }
  Served(const Served&) = delete;
  Served& operator=(const Served&) = delete;

  bool reaches(Connection::Phase phase) const {
    return eventually([&] { return connection->phase() == phase; });
  }

  Channel client;
  std::unique_ptr<Connection> connection;
  std::size_t outcome = 0;
  std::thread thread;
};

}  // namespace

TEST_CASE("who has waited longest makes room: kept ones first, working ones never") {
  const Limits limits;
  BodyBudget budget(100);
  Connections connections(3);
  Served working("GET / HTTP/1.1\r\nHost: t\r\n\r\n", limits, budget);
  REQUIRE(working.reaches(Connection::Phase::working));
  Served receiving("GET / HT", limits, budget);
  REQUIRE(receiving.reaches(Connection::Phase::receiving));
  Served idle("GET / HTTP/1.1\r\nHost: t\r\n\r\n", limits, budget, 2);
  REQUIRE(eventually([&] { return idle.connection->is_kept(); }));
  Served later("GET / HT", limits, budget);
  REQUIRE(later.reaches(Connection::Phase::receiving));
  Served last("GET / HTTP/1.1\r\nHost: t\r\n\r\n", limits, budget);
  REQUIRE(last.reaches(Connection::Phase::working));

  for (Served* each : {&working, &receiving, &idle}) CHECK(connections.admit(*each->connection));
  CHECK(connections.admit(*later.connection));
  CHECK(idle.connection->told_to_go());
  CHECK_FALSE(receiving.connection->told_to_go());
  CHECK(connections.admit(*last.connection));
  CHECK(receiving.connection->told_to_go());
  CHECK_FALSE(later.connection->told_to_go());
  CHECK_FALSE(working.connection->told_to_go());
  CHECK(connections.make_one_go());
  CHECK(later.connection->told_to_go());
  CHECK_FALSE(connections.make_one_go());
  connections.remove(*idle.connection);
  connections.remove(*receiving.connection);
  connections.remove(*later.connection);
  Served new_one("", limits, budget);
  CHECK(connections.admit(*new_one.connection));
  Served another("", limits, budget);
  CHECK(connections.admit(*another.connection));
  CHECK(new_one.connection->told_to_go());
  CHECK(connections.count() == 4);
  CHECK_FALSE(connections.wait_until_none(steady_clock::now() + 10ms));
}

TEST_CASE("who has just come does not make room for the next while others are slow") {
  const Limits limits;
  BodyBudget budget(100);
  Connections connections(2);
  Served slow("P", limits, budget);
  REQUIRE(slow.reaches(Connection::Phase::receiving));
  Served waits_for_its_thread("", limits, budget, 0);
  for (Served* each : {&slow, &waits_for_its_thread}) CHECK(connections.admit(*each->connection));
  Served next("", limits, budget, 0);
  CHECK(connections.admit(*next.connection));
  CHECK(slow.connection->told_to_go());
  CHECK_FALSE(waits_for_its_thread.connection->told_to_go());
  CHECK(connections.make_one_go());
  CHECK(waits_for_its_thread.connection->told_to_go());
  CHECK_FALSE(next.connection->told_to_go());
}

TEST_CASE("when all are being worked on there is no room") {
  const Limits limits;
  BodyBudget budget(100);
  Connections connections(1);
  Served working("GET / HTTP/1.1\r\nHost: t\r\n\r\n", limits, budget);
  REQUIRE(working.reaches(Connection::Phase::working));
  CHECK(connections.admit(*working.connection));
  Served other("", limits, budget);
  CHECK_FALSE(connections.admit(*other.connection));
  connections.remove(*working.connection);
  CHECK(connections.admit(*other.connection));
}

TEST_CASE("a connection told to go answers what has begun and closes what has not") {
  const Limits limits;
  BodyBudget budget(100);
  Served begun("GET / HT", limits, budget);
  REQUIRE(begun.reaches(Connection::Phase::receiving));
  begun.connection->tell_to_go();
  CHECK(eventually([&] { return begun.connection->told_to_go(); }));
  Served idle("", limits, budget);
  idle.connection->tell_to_go();
  for (Served* each : {&begun, &idle}) {
    each->thread.join();
    each->thread = std::thread([] {});
  }
  CHECK(begun.outcome == 1);  // refused
  CHECK(idle.outcome == 2);   // closed
}

TEST_CASE("workers come with the work and go without it") {
  Workers workers(3, 50ms);
  CHECK(workers.threads() == 0);
  std::atomic<bool> go{false};
  std::atomic<int> done{0};
  for (int i = 0; i < 10; ++i) {
    CHECK(workers.submit([&] {
      while (!go) std::this_thread::yield();
      ++done;
    }));
  }
  CHECK(workers.threads() == 3);
  CHECK(done == 0);
  go = true;
  CHECK(eventually([&] { return done == 10; }));
  CHECK(eventually([&] { return workers.threads() == 0; }));
  CHECK(workers.submit([&] { ++done; }));
  CHECK(eventually([&] { return done == 11; }));
}

TEST_CASE("one thread is enough for work that comes one by one") {
  Workers workers(8, 10s);
  for (int i = 0; i < 50; ++i) {
    std::atomic<bool> done{false};
    CHECK(workers.submit([&] { done = true; }));
    CHECK(eventually([&] { return done.load(); }));
    CHECK(workers.threads() <= 2);  // it may not be back to wait when the next comes
  }
}

TEST_CASE("a stop does what was submitted and takes no more") {
  std::atomic<int> done{0};
  Workers workers(2, 10s);
  for (int i = 0; i < 20; ++i) CHECK(workers.submit([&] { ++done; }));
  workers.stop();
  CHECK(done == 20);
  CHECK(workers.threads() == 0);
  CHECK_FALSE(workers.submit([&] { ++done; }));
  workers.stop();
}

TEST_CASE("the budget of bodies is shared and given back") {
  BodyBudget budget(100);
  const auto soon = [] { return steady_clock::now() + 50ms; };
  BodyBudget::Lease other(budget, Sender::admitted);
  {
    BodyBudget::Lease first(budget, Sender::admitted);
    CHECK(first.grow(40, soon()));
    CHECK(first.grow(20, soon()));
    BodyBudget::Lease second(budget, Sender::admitted);
    CHECK(second.grow(40, soon()));
    CHECK_FALSE(other.grow(1, soon()));
    first.settle();
    const BodyBudget::Lease moved = std::move(second);
    CHECK_FALSE(other.grow(1, soon()));
  }
  CHECK(other.grow(100, soon()));
  std::thread releaser([&] { other = {}; });
  BodyBudget::Lease last(budget, Sender::admitted);
  CHECK(last.grow(100, steady_clock::now() + 5s));
  releaser.join();
}

TEST_CASE("the body that began first can always end") {
  BodyBudget budget(100, 50);
  const auto soon = [] { return steady_clock::now() + 50ms; };
  BodyBudget::Lease second(budget, Sender::admitted);
  {
    BodyBudget::Lease first(budget, Sender::admitted);
    CHECK(first.grow(10, soon()));
    CHECK(second.grow(50, soon()));
    CHECK_FALSE(second.grow(1, soon()));
    CHECK(first.grow(40, soon()));
  }
  CHECK(second.grow(50, soon()));
}

TEST_CASE("who is not verified yet gets half of the budget of bodies") {
  BodyBudget budget(100, 10);
  const auto soon = [] { return steady_clock::now() + 50ms; };
  BodyBudget::Lease known(budget, Sender::admitted);
  {
    BodyBudget::Lease unknown(budget, Sender::unverified);
    CHECK(unknown.grow(50, soon()));
    CHECK_FALSE(unknown.grow(1, soon()));
    CHECK(known.grow(40, soon()));
  }
  BodyBudget::Lease another(budget, Sender::unverified);
  CHECK(another.grow(50, soon()));
}

TEST_CASE("a body ends where it ends, with room for the parser behind it") {
  Body body("{}", {});
  CHECK(body.text() == "{}");
  CHECK(body.text().data()[2] == '\0');
  const Body moved = std::move(body);
  CHECK(moved.text() == "{}");
  CHECK(Body().text().empty());
}

TEST_CASE("once is once for each, and memory is bounded") {
  Once once(3);
  CHECK(once.first("a"));
  CHECK_FALSE(once.first("a"));
  CHECK(once.first("b"));
  CHECK(once.first("c"));
  CHECK_FALSE(once.first("a"));
  CHECK(once.first("d"));  // a is forgotten
  CHECK(once.first("a"));
}

TEST_CASE("seldom counts what it holds back") {
  test::ManualClock clock;
  Seldom seldom(10s, clock);
  CHECK(seldom.now() == 0);
  CHECK_FALSE(seldom.now());
  clock.advance(9s);
  CHECK_FALSE(seldom.now());
  clock.advance(1s);
  CHECK(seldom.now() == 2);
  clock.advance(-1h);
  CHECK(seldom.now() == 0);
}

TEST_CASE("the writer's JSON is JSON") {
  JsonWriter writer;
  writer.begin_object()
      .field("text", "a\"b\\c\n\t\r\x01 ☺ \xFF/")
      .field("empty", "")
      .field("truth", true)
      .field("int", std::numeric_limits<int>::min())
      .field("size", std::numeric_limits<std::size_t>::max())
      .field("labels", Labels{{"k\"", "v"}})
      .field("none", std::optional<Instant>())
      .key("list")
      .begin_array()
      .value(1)
      .begin_array()
      .end_array()
      .begin_object()
      .end_object()
      .value("x")
      .null()
      .end_array()
      .key("a")
      .seconds(1500ms)
      .key("b")
      .seconds(-20ms)
      .key("c")
      .seconds(120s)
      .key("d")
      .seconds(0ms)
      .end_object();
  const auto parsed = nlohmann::json::parse(std::move(writer).take());
  CHECK(parsed["text"] == "a\"b\\c\n\t\r\x01 ☺ \xEF\xBF\xBD/");
  CHECK(parsed["int"] == std::numeric_limits<int>::min());
  CHECK(parsed["size"] == std::numeric_limits<std::size_t>::max());
  CHECK(parsed["labels"] == nlohmann::json{{"k\"", "v"}});
  CHECK(parsed["none"] == nullptr);
  CHECK(parsed["list"].dump() == R"([1,[],{},"x",null])");
  CHECK(parsed["a"] == 1.5);
  CHECK(parsed["b"] == -0.02);
  CHECK(parsed["c"] == 120);
  CHECK(parsed["d"] == 0);
}
