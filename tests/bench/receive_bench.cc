// What a durable acknowledgement costs: CPU of the server per notification, notifications a second, latency; and the
// memory of an idle server. The server (real store, real HTTP, a controller that does nothing) is a process of its own,
// so that the load generator does not count. Not a test.
//
//   receive_bench [DIRECTORY]     the store's disk; default: the current directory
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/text.h"
#include "receive/server.h"
#include "support/fake_controller.h"
#include "support/raw_http.h"

using namespace alertscaler;
using Watch = std::chrono::steady_clock;

namespace {

constexpr int targets = 10;

Settings settings_of_bench() {
  Settings settings;
  for (int i = 0; i < targets; ++i) {
    const TargetName name{"target-" + std::to_string(i)};
    settings.targets[name] = {.name = name, .backend = Simulated{}};
  }
  return settings;
}

// About 830 bytes, as Prometheus' own rules give them. `round` moves startsAt: each is a new firing.
std::string alert_text(int i, int round) {
  const std::string n = std::to_string(i);
  const Instant starts_at = SystemClock{}.now() - std::chrono::hours{1} + std::chrono::milliseconds{round};
  return R"({"status":"firing","labels":{"alertname":"HighRequestLatency)" + n +
         R"(","cluster":"production-eu-west-1","instance":"10.42.17.)" + n +
         R"(:9090","job":"kubernetes-service-endpoints","namespace":"shop-frontend","prometheus":)"
         R"("monitoring/kube-prometheus-stack","scale_action":"up","scale_target":"target-)" +
         std::to_string(i % targets) + R"(","service":"shop-web-)" + n +
         R"(","severity":"critical"},"annotations":{"description":"The 99th percentile over five minutes is 1.73 )"
         R"(seconds, the objective is 0.5.","runbook_url":"https://runbooks.example.com/shop/HighRequestLatency",)"
         R"("summary":"The request latency of shop-web-)" +
         n + R"( is above its objective"},"startsAt":")" + text::format_time(starts_at) +
         R"(","endsAt":"0001-01-01T00:00:00Z","generatorURL":"http://prometheus.example.com:9090/graph?g0.expr=x"})";
}

std::string request_of(int alerts, int first, int round) {
  std::string body = R"({"receiver":"alertscaler","status":"firing","alerts":[)";
  for (int i = 0; i < alerts; ++i) body += (i == 0 ? "" : ",") + alert_text(first + i, round);
  body +=
      R"(],"groupLabels":{"alertname":"HighRequestLatency"},"commonLabels":{},"commonAnnotations":{},"externalURL":)"
      R"("http://alertmanager.example.com:9093","version":"4","groupKey":"{}:{alertname=\"HighRequestLatency\"}"})";
  return "POST /webhook HTTP/1.1\r\nHost: 127.0.0.1:9095\r\nUser-Agent: Alertmanager/0.25.0\r\nContent-Length: " +
         std::to_string(body.size()) + "\r\nContent-Type: application/json\r\nAccept-Encoding: gzip\r\n\r\n" + body;
}

// The server's process.
class Process {
 public:
  explicit Process(const std::filesystem::path& directory) {
    std::array<int, 2> told{};
    if (::pipe(told.data()) != 0 || ::pipe(stop_.data()) != 0) throw std::runtime_error("pipe");
    pid_ = ::fork();
    if (pid_ == 0) serve(directory, told[1]);
    if (::read(told[0], &port_, sizeof port_) != sizeof port_ || port_ == 0) throw std::runtime_error("no server");
  }
  ~Process() {
    const char go = 'x';
    if (::write(stop_[1], &go, 1) == 1) ::waitpid(pid_, nullptr, 0);
  }
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  [[nodiscard]] int port() const { return port_; }
  [[nodiscard]] double cpu_microseconds() const {
    std::ifstream file("/proc/" + std::to_string(pid_) + "/stat");
    const std::string line{std::istreambuf_iterator<char>(file), {}};
    const std::vector<std::string> fields = text::split(line.substr(line.rfind(')') + 2), ' ');
    const double ticks = std::stod(fields.at(11)) + std::stod(fields.at(12));
    return ticks / static_cast<double>(::sysconf(_SC_CLK_TCK)) * 1e6;
  }
  [[nodiscard]] double pss_mib() const {
    std::ifstream file("/proc/" + std::to_string(pid_) + "/smaps_rollup");
    for (std::string word; file >> word;) {
      double kib = 0;
      if (word == "Pss:" && file >> kib) return kib / 1024;
    }
    return 0;
  }

 private:
  [[noreturn]] void serve(const std::filesystem::path& directory, int tell) const {
    int port = 0;
    auto store = Store::open(directory);
    if (store) {
      test::FakeController controller(settings_of_bench());
      Metrics metrics("bench");
      const SystemClock clock;
      receive::Events events;
      auto server =
          receive::Server::start({.port = 0, .version = "bench"}, **store, controller, metrics, clock, events);
      if (server) port = (*server)->port();
      char stop = 0;
      if (::write(tell, &port, sizeof port) == sizeof port) (void)!::read(stop_[0], &stop, 1);
    } else {
      std::fprintf(stderr, "%s\n", store.error().message.c_str());
    }
    std::_Exit(0);
  }

  std::array<int, 2> stop_{};
  pid_t pid_ = 0;
  int port_ = 0;
};

struct Load {
  int alerts = 1;
  int connections = 1;
  int requests = 1000;  // of each connection
  bool again = true;    // the same alerts again and again, as a heartbeat brings them; else each is a new firing
};

void run(const std::filesystem::path& directory, const Load& load) {
  std::filesystem::remove_all(directory);
  const Process server(directory);
  std::vector<std::vector<double>> times(static_cast<std::size_t>(load.connections));
  const auto client = [&](int number) {
    test::RawHttp http(server.port());
    const int first = number * load.alerts;
    std::string request = request_of(load.alerts, first, 0);
    for (int i = 0; i < load.requests; ++i) {
      if (!load.again) request = request_of(load.alerts, first, i);
      const auto begin = Watch::now();
      http.send(request);
      const auto reply = http.reply(std::chrono::seconds(30));
      if (!reply || reply->status != 200) throw std::runtime_error("not 200");
      times.at(static_cast<std::size_t>(number))
          .push_back(std::chrono::duration<double, std::milli>(Watch::now() - begin).count());
    }
  };
  client(0);  // to warm up
  times[0].clear();
  const double cpu = server.cpu_microseconds();
  const auto begin = Watch::now();
  std::vector<std::thread> clients;
  for (int i = 0; i < load.connections; ++i) clients.emplace_back(client, i);
  for (std::thread& each : clients) each.join();
  const double took = std::chrono::duration<double>(Watch::now() - begin).count();
  const double used = server.cpu_microseconds() - cpu;
  std::vector<double> all;
  for (const auto& each : times) all.insert(all.end(), each.begin(), each.end());
  std::sort(all.begin(), all.end());
  const auto count = static_cast<double>(all.size());
  std::printf("%6d  %6d  %-7s %10.0f %12.0f %9.2f %9.2f\n", load.alerts, load.connections, load.again ? "again" : "new",
              count / took, used / count, all[all.size() / 2], all[all.size() * 99 / 100]);
  std::fflush(stdout);
}

}  // namespace

int main(int count, char** arguments) {
  const std::filesystem::path directory = std::filesystem::path(count > 1 ? arguments[1] : ".") / "receive-bench-store";
  try {
    {
      std::filesystem::remove_all(directory);
      const auto begin = Watch::now();
      const Process server(directory);
      test::RawHttp http(server.port());
      http.send("GET /-/healthy HTTP/1.1\r\nHost: t\r\n\r\n");
      if (!http.reply()) throw std::runtime_error("no answer");
      std::printf("first 200 after %.1f ms, idle PSS %.1f MiB\n\n",
                  std::chrono::duration<double, std::milli>(Watch::now() - begin).count(), server.pss_mib());
    }
    std::printf("alerts  conns.  firing    per second  CPU us each  p50 (ms)  p99 (ms)\n");
    for (const bool again : {true, false}) {
      run(directory, {.alerts = 1, .connections = 1, .requests = 2000, .again = again});
      run(directory, {.alerts = 1, .connections = 8, .requests = 2000, .again = again});
      run(directory, {.alerts = 1, .connections = 64, .requests = 200, .again = again});
      run(directory, {.alerts = 50, .connections = 8, .requests = 400, .again = again});
      run(directory, {.alerts = 1000, .connections = 8, .requests = 40, .again = again});
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "receive_bench: %s\n", error.what());
    return 1;
  }
  std::filesystem::remove_all(directory);
  return 0;
}
