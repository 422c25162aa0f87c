// What the store costs: durable merges a second with and without group commit, CPU per notification, memory per alert,
// time to open, and whether a look at one target costs the same with 100 000 alerts as with ten. Not a test.
//
//   store_bench [DIRECTORY]     on the disk that is to be measured; default: the current directory
#include <atomic>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <functional>
#include <iostream>
#include <mutex>
#include <thread>
#include <vector>

#include <malloc.h>
#include <sys/resource.h>
#include <unistd.h>

#include "support/alerts.h"
#include "support/store.h"

using namespace alertscaler;
using test::at;
using test::firing;

namespace {

using Seconds = std::chrono::duration<double>;
using Watch = std::chrono::steady_clock;

double cpu_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

double seconds_since(Watch::time_point start) {
  return Seconds(Watch::now() - start).count();
}

// Of the size that Prometheus' own rules give alerts: ten labels, three annotations, about 800 bytes of JSON.
Incoming typical(int i, double seen, int targets) {
  const std::string n = std::to_string(i);
  Alert alert = test::alert("HighRequestLatency" + n, at(1), at(seen), "target-" + std::to_string(i % targets));
  alert.labels.insert({{"cluster", "production-eu-west-1"},
                       {"namespace", "shop-frontend"},
                       {"job", "kubernetes-service-endpoints"},
                       {"instance", "10.42.17." + n + ":9090"},
                       {"service", "shop-web-" + n},
                       {"severity", "critical"},
                       {"prometheus", "monitoring/kube-prometheus-stack"}});
  alert.fingerprint = fingerprint_of(alert.labels);
  alert.annotations = {{"summary", "The request latency of shop-web-" + n + " is above its objective"},
                       {"description", "The 99th percentile over five minutes is 1.73 seconds, the objective is 0.5."},
                       {"runbook_url", "https://runbooks.example.com/shop/HighRequestLatency"}};
  return firing(std::move(alert));
}

std::vector<Incoming> notification(int first, int size, double seen, int targets = 10) {
  std::vector<Incoming> out;
  for (int i = 0; i < size; ++i) out.push_back(typical(first + i, seen, targets));
  return out;
}

class Directory {
 public:
  explicit Directory(const std::filesystem::path& below) : path_(below / "store_bench.data") {
    std::filesystem::remove_all(path_);
  }
  ~Directory() { std::filesystem::remove_all(path_); }
  Directory(const Directory&) = delete;
  Directory& operator=(const Directory&) = delete;
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

void merge(Store& store, std::vector<Incoming> incoming) {
  if (const auto merged = store.merge(std::move(incoming)); !merged) throw std::runtime_error(merged.error().message);
}

// Notifications of one alert each for two seconds; merges a second and CPU µs each.
void rate(const std::filesystem::path& below, int threads, bool group_commit) {
  const Directory directory(below);
  const auto store = test::open_store(directory.path());
  std::mutex one_at_a_time;
  std::atomic<int> merges = 0;
  std::atomic<bool> stop = false;
  const auto start = Watch::now();
  const double cpu = cpu_seconds();
  std::vector<std::jthread> workers;
  for (int t = 0; t < threads; ++t) {
    workers.emplace_back([&, t] {
      for (int i = 0; !stop; ++i) {
        auto incoming = notification(t * 100 + i % 100, 1, 2 + i);
        std::unique_lock lock(one_at_a_time, std::defer_lock);
        if (!group_commit) lock.lock();
        merge(*store, std::move(incoming));
        ++merges;
      }
    });
  }
  std::this_thread::sleep_for(std::chrono::seconds{2});
  stop = true;
  workers.clear();
  const double seconds = seconds_since(start);
  std::printf("%3d threads, %-24s %7.0f merges/s %7.1f us CPU each\n", threads,
              group_commit ? "group commit" : "one transaction a call", merges / seconds,
              (cpu_seconds() - cpu) * 1e6 / merges);
}

void cost_by_size(const std::filesystem::path& below) {
  for (const int size : {1, 50, 1000}) {
    const Directory directory(below);
    const auto store = test::open_store(directory.path());
    const int rounds = size == 1000 ? 20 : 200;
    const auto measure = [&](const char* what, const std::function<std::vector<Incoming>(int)>& make) {
      std::vector<std::vector<Incoming>> made;
      for (int i = 0; i < rounds; ++i) made.push_back(make(i));
      const auto start = Watch::now();
      const double cpu = cpu_seconds();
      for (auto& incoming : made) merge(*store, std::move(incoming));
      std::printf("%5d alerts, %-12s %9.0f us CPU %9.0f us in all\n", size, what, (cpu_seconds() - cpu) * 1e6 / rounds,
                  seconds_since(start) * 1e6 / rounds);
    };
    measure("new", [&](int i) { return notification(i * size, size, 2); });
    measure("repeated", [&](int i) { return notification(i * size, size, 3 + i); });
  }
}

double look_us(const Store& store, int targets) {
  constexpr int looks = 20'000;
  std::size_t seen = 0;
  const auto start = Watch::now();
  for (int i = 0; i < looks; ++i) {
    const TargetName target{"target-" + std::to_string(i % targets)};
    seen += store.active_alerts(target).size() + static_cast<std::size_t>(store.state(target).failures);
  }
  if (seen == 0) throw std::runtime_error("nothing seen");
  return seconds_since(start) * 1e6 / looks;
}

void many(const std::filesystem::path& below) {
  constexpr int alerts = 100'000;
  constexpr int targets = 10'000;
  const Directory directory(below);
  double few_us = 0;
  {
    const Directory small(below / "small");
    const auto store = test::open_store(small.path());
    merge(*store, notification(0, 10, 2, 1));
    few_us = look_us(*store, 1);
  }
  {
    const auto store = test::open_store(directory.path());
    for (int i = 0; i < alerts; i += 1000) merge(*store, notification(i, 1000, 2, targets));
    for (int i = 0; i < targets; i += 1) {
      if (i % 100 == 0 && !store->save(TargetName{"target-" + std::to_string(i)}, {.failures = 1})) return;
    }
  }
  std::printf("file with %d alerts: %.1f MB\n", alerts,
              static_cast<double>(std::filesystem::file_size(directory.path() / "alertscaler.db")) / 1e6);
  ::malloc_trim(0);
  const auto before = ::mallinfo2().uordblks;
  const auto start = Watch::now();
  const double cpu = cpu_seconds();
  const auto store = test::open_store(directory.path());
  std::printf("open: %.0f ms, %.0f ms of CPU\n", seconds_since(start) * 1e3, (cpu_seconds() - cpu) * 1e3);
  std::printf("memory: %.0f bytes an alert\n", static_cast<double>(::mallinfo2().uordblks - before) / alerts);
  std::printf("a look at a target of 10 alerts: %.1f us among 10 alerts, %.1f us among %d\n", few_us,
              look_us(*store, targets), alerts);
  auto all_start = Watch::now();
  const auto count = store->active_alerts().size();
  std::printf("all %zu: %.0f ms\n", count, seconds_since(all_start) * 1e3);
  double worst = 0;
  for (int i = 0; i < 200; ++i) {
    auto incoming = notification(i * 17, 1, 50 + i, targets);
    all_start = Watch::now();
    merge(*store, std::move(incoming));
    worst = std::max(worst, seconds_since(all_start));
  }
  std::printf("a merge among them: at most %.1f ms\n", worst * 1e3);
  all_start = Watch::now();
  static_cast<void>(store->next_expiry(std::chrono::hours{5}));
  std::printf("next expiry: %.2f us\n", seconds_since(all_start) * 1e6);
}

}  // namespace

int main(int argc, char** argv) {
  const std::filesystem::path below = argc > 1 ? argv[1] : ".";
  for (const int threads : {1, 8, 64}) {
    rate(below, threads, false);
    rate(below, threads, true);
  }
  cost_by_size(below);
  many(below);
}
