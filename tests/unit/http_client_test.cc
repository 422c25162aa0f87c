#include "act/http_client.h"

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <set>
#include <thread>

#include <arpa/inet.h>
#include <httplib.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "support/catch.h"
#include "support/deaf_port.h"
#include "support/scratch_dir.h"

using namespace alertscaler;
using namespace std::chrono_literals;
using Why = HttpError::Why;

namespace {

// Lets handlers wait until the test says so.
class Gate {
 public:
  void open() {
    {
      const std::lock_guard lock(mutex_);
      open_ = true;
    }
    changed_.notify_all();
  }
  void wait() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return open_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = false;
};

struct Server {
  Server() {
    server.Post("/echo", [this](const httplib::Request& request, httplib::Response& response) {
      {
        const std::lock_guard lock(mutex);
        peers.insert(request.remote_port);
        headers = request.headers;
      }
      response.set_header("Date", "Sun, 06 Nov 1994 08:49:37 GMT");
      response.set_content(request.body, "text/plain");
    });
    server.Get("/large", [this](const httplib::Request& request, httplib::Response& response) {
      {
        const std::lock_guard lock(mutex);
        peers.insert(request.remote_port);
      }
      response.set_content(std::string(5000, 'x'), "text/plain");
    });
    server.Get("/slow", [this](const httplib::Request&, httplib::Response& response) {
      ++waiting;
      gate.wait();
      response.set_content("late", "text/plain");
    });
    server.Get("/moved", [](const httplib::Request&, httplib::Response& response) { response.set_redirect("/large"); });
    server.set_tcp_nodelay(true);
    port = server.bind_to_any_port("127.0.0.1");
    thread = std::thread([this] { server.listen_after_bind(); });
    while (!server.is_running()) std::this_thread::yield();
  }
  ~Server() {
    gate.open();
    server.stop();
    thread.join();
  }
  [[nodiscard]] HttpPeer peer() const {
    HttpPeer made;
    made.base_url = "http://127.0.0.1:" + std::to_string(port);
    return made;
  }

  httplib::Server server;
  int port = 0;
  std::thread thread;
  Gate gate;
  std::atomic<int> waiting{0};
  std::mutex mutex;
  std::set<int> peers;
  httplib::Headers headers;
};

// Answers what reads, keeps the connection, and closes it when something writes.
class ForgetfulServer {
 public:
  ForgetfulServer() : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    REQUIRE(::bind(listener_, reinterpret_cast<sockaddr*>(&address), size) == 0);
    REQUIRE(::listen(listener_, 8) == 0);
    REQUIRE(::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) == 0);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { serve(); });
  }
  ~ForgetfulServer() {
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    ::close(listener_);
  }
  [[nodiscard]] HttpPeer peer() const {
    HttpPeer made;
    made.base_url = "http://127.0.0.1:" + std::to_string(port_);
    return made;
  }

  std::atomic<int> writes{0};

 private:
  void serve() {
    std::vector<std::thread> connections;
    for (int accepted = 0; (accepted = ::accept(listener_, nullptr, nullptr)) >= 0;) {
      connections.emplace_back([this, accepted] { talk(accepted); });
    }
    for (std::thread& connection : connections) connection.join();
  }
  void talk(int connection) {
    std::array<char, 4096> text{};
    for (ssize_t got = 0; (got = ::recv(connection, text.data(), text.size(), 0)) > 0;) {
      if (std::string_view(text.data(), static_cast<std::size_t>(got)).starts_with("POST")) {
        ++writes;
        break;
      }
      constexpr std::string_view answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
      if (::send(connection, answer.data(), answer.size(), MSG_NOSIGNAL) < 0) break;
    }
    ::close(connection);
  }

  const int listener_;
  int port_ = 0;
  std::thread thread_;
};

HttpRequest get(const std::string& path) {
  HttpRequest request;
  request.path = path;
  return request;
}

HttpRequest echo(const std::string& body) {
  HttpRequest request;
  request.method = "POST";
  request.path = "/echo";
  request.body = body;
  request.content_type = "application/json";
  return request;
}

}  // namespace

TEST_CASE("a request and its answer, with the server's clock") {
  Server server;
  HttpClient client(server.peer());
  const HttpResult response = client.send(echo(R"({"a":1})"), {});
  REQUIRE(response.has_value());
  CHECK(response->code == 200);
  CHECK(response->body == R"({"a":1})");
  CHECK(response->headers.at("content-type") == "text/plain");
  CHECK(response->date == Instant{784111777s});
  CHECK(server.headers.count("Expect") == 0);
  CHECK(server.headers.find("Content-Type")->second == "application/json");
}

TEST_CASE("large bodies are sent at once, without asking first") {
  Server server;
  HttpClient client(server.peer());
  const HttpResult response = client.send(echo(std::string(100'000, 'y')), {});
  REQUIRE(response.has_value());
  CHECK(response->body.size() == 100'000);
}

TEST_CASE("a connection is used again, by what only reads") {
  Server server;
  HttpClient client(server.peer());
  for (int i = 0; i < 4; ++i) REQUIRE(client.send(get("/large"), {}).has_value());
  CHECK(server.peers.size() == 1);
  for (int i = 0; i < 3; ++i) REQUIRE(client.send(echo("x"), {}).has_value());
  CHECK(server.peers.size() == 4);
}

TEST_CASE("what writes is sent once, also when its connection closes before the answer") {
  ForgetfulServer server;
  HttpClient client(server.peer());
  REQUIRE(client.send(get("/"), {}).has_value());
  const HttpResult response = client.send(echo("x"), {});
  REQUIRE_FALSE(response.has_value());
  CHECK(response.error().why == Why::broken);
  CHECK(response.error().sent);
  CHECK(server.writes == 1);
}

TEST_CASE("several threads share one client") {
  Server server;
  std::atomic<int> observed{0};
  HttpClient client(server.peer(), [&](int code, Duration) { observed += code == 200 ? 1 : 0; });
  std::atomic<int> right{0};
  {
    std::vector<std::jthread> threads;
    for (int thread = 0; thread < 4; ++thread) {
      threads.emplace_back([&, thread] {
        for (int i = 0; i < 10; ++i) {
          const std::string body = std::to_string(thread) + "/" + std::to_string(i);
          const HttpResult response = client.send(echo(body), {});
          if (response && response->body == body) ++right;
        }
      });
    }
  }
  CHECK(right == 40);
  CHECK(observed == 40);
}

TEST_CASE("an answer that does not come in time is a timeout of a request that was sent") {
  Server server;
  HttpClient client(server.peer());
  HttpRequest request = get("/slow");
  request.timeout = 1s;
  const HttpResult response = client.send(request, {});
  REQUIRE_FALSE(response.has_value());
  CHECK(response.error().why == Why::timeout);
  CHECK(response.error().sent);
  REQUIRE(client.send(echo("still works"), {}).has_value());
}

TEST_CASE("several requests wait side by side, and each has its own end") {
  Server server;
  HttpClient client(server.peer());
  const std::vector<HttpRequest> requests{get("/slow"), echo("quick"), get("/slow"), get("/nosuch")};
  const std::jthread opener([&](const std::stop_token& ended) {  // one after the other they would never both wait
    while (server.waiting < 2 && !ended.stop_requested()) std::this_thread::yield();
    server.gate.open();
  });
  const auto results = client.send_all(requests, {});
  CHECK(results[0]->body == "late");
  CHECK(results[1]->body == "quick");
  CHECK(results[2]->body == "late");
  CHECK(results[3]->code == 404);
}

TEST_CASE("a stop request ends a wait at once") {
  Server server;
  HttpClient client(server.peer());
  std::stop_source source;
  const std::jthread stopper([&] {
    while (server.waiting == 0) std::this_thread::yield();
    source.request_stop();
  });
  HttpRequest request = get("/slow");
  request.timeout = 60s;
  const auto began = std::chrono::steady_clock::now();
  const HttpResult response = client.send(request, source.get_token());
  CHECK(std::chrono::steady_clock::now() - began < 30s);
  REQUIRE_FALSE(response.has_value());
  CHECK(response.error().why == Why::cancelled);
  CHECK(response.error().sent);
}

TEST_CASE("an answer beyond its bound is refused, one within it is not") {
  Server server;
  HttpClient client(server.peer());
  HttpRequest request = get("/large");
  request.response_bytes_max = 4999;
  CHECK(client.send(request, {}).error().why == Why::too_large);
  request.response_bytes_max = 5000;
  CHECK(client.send(request, {}).value().body.size() == 5000);
}

TEST_CASE("a redirect is an answer like any other") {
  Server server;
  HttpClient client(server.peer());
  CHECK(client.send(get("/moved"), {}).value().code == 302);
}

TEST_CASE("nobody listens") {
  const test::DeafPort deaf;
  HttpPeer peer;
  peer.base_url = deaf.url();
  HttpClient client(peer);
  const HttpResult response = client.send(get("/"), {});
  REQUIRE_FALSE(response.has_value());
  CHECK(response.error().why == Why::refused);
  CHECK_FALSE(response.error().sent);
}

TEST_CASE("why a unix socket cannot be used is told apart") {
  const test::ScratchDir scratch;
  HttpPeer peer;
  peer.base_url = "http://localhost";
  peer.unix_socket = (scratch.path() / "nosuch.sock").string();
  CHECK(HttpClient(peer).send(get("/"), {}).error().why == Why::no_socket);

  peer.unix_socket = (scratch.path() / "dead.sock").string();
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  peer.unix_socket.copy(address.sun_path, sizeof(address.sun_path) - 1);
  const int dead = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  REQUIRE(dead >= 0);
  REQUIRE(::bind(dead, static_cast<sockaddr*>(static_cast<void*>(&address)), sizeof(address)) == 0);
  ::close(dead);  // the file stays, and nobody listens
  CHECK(HttpClient(peer).send(get("/"), {}).error().why == Why::refused);
}

TEST_CASE("a user and a password go with one request, and never into an error") {
  Server server;
  HttpClient client(server.peer());
  HttpRequest request = get("/echo");
  request.method = "POST";
  request.basic_auth = BasicAuth{"me", Secret("hunter2:with a colon")};
  REQUIRE(client.send(request, {}).has_value());
  const auto shown = [&] {
    const std::lock_guard lock(server.mutex);
    const auto found = server.headers.find("Authorization");
    return found == server.headers.end() ? std::string("none") : found->second;
  };
  CHECK(shown() == "Basic bWU6aHVudGVyMjp3aXRoIGEgY29sb24=");
  request.basic_auth.reset();
  REQUIRE(client.send(request, {}).has_value());  // the same connection
  CHECK(shown() == "none");
}

TEST_CASE("a direct peer is reached without the proxy that the environment names") {
  Server server;
  ::setenv("http_proxy", "http://127.0.0.1:9", 1);  // NOLINT(concurrency-mt-unsafe)
  HttpPeer peer = server.peer();
  const HttpResult through = HttpClient(peer).send(get("/large"), {});
  peer.direct = true;
  const HttpResult direct = HttpClient(peer).send(get("/large"), {});
  ::unsetenv("http_proxy");  // NOLINT(concurrency-mt-unsafe)
  CHECK_FALSE(through.has_value());
  CHECK(direct.has_value());
}

TEST_CASE("certificate files that cannot be used are a matter of the settings") {
  HttpPeer peer;
  peer.base_url = "https://127.0.0.1:9";
  peer.ca_file = "/nosuch/ca.pem";
  const HttpResult response = HttpClient(peer).send(get("/"), {});
  REQUIRE_FALSE(response.has_value());
  CHECK((response.error().why == Why::misconfigured || response.error().why == Why::refused));
}
