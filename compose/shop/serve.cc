#include "serve.h"

#include <array>
#include <ctime>
#include <string>

#include <unistd.h>

#include "base/guarded.h"
#include "exposition.h"

namespace shop {

namespace {

double cpu_seconds(clockid_t clock) {
  timespec spent{};
  clock_gettime(clock, &spent);
  return static_cast<double>(spent.tv_sec) + static_cast<double>(spent.tv_nsec) / 1e9;
}

// CPU time of this thread, not time on the wall: on a busy machine it takes longer, as real work would.
void burn(std::chrono::milliseconds work) {
  const double until = cpu_seconds(CLOCK_THREAD_CPUTIME_ID) + static_cast<double>(work.count()) / 1000;
  while (cpu_seconds(CLOCK_THREAD_CPUTIME_ID) < until) {
  }
}

void count(ReplicaTotals& totals, double seconds) {
  totals.requests += 1;
  totals.latency.count += 1;
  totals.latency.sum_seconds += seconds;
  for (std::size_t i = 0; i < latency_bounds.size(); ++i) {
    if (seconds <= latency_bounds[i]) totals.latency.below[i] += 1;
  }
}

std::string host_name() {
  std::array<char, 256> name{};
  if (gethostname(name.data(), name.size() - 1) != 0) return "shop";
  return std::string(name.data());
}

}  // namespace

alertscaler::Status serve(const ServeOptions& options) {
  alertscaler::Guarded<ReplicaTotals> totals;
  const std::string greeting = "hello from " + host_name() + "\n";

  httplib::Server server;
  server.Get("/", [&](const httplib::Request&, httplib::Response& response) {
    const auto start = std::chrono::steady_clock::now();
    burn(options.work);
    response.set_content(greeting, "text/plain");
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    totals.with([&](ReplicaTotals& t) { count(t, took.count()); });
  });
  return serve_until_signal(server, options.listen, [&totals] {
    ReplicaTotals now = totals.with([](const ReplicaTotals& t) { return t; });
    now.cpu_seconds = cpu_seconds(CLOCK_PROCESS_CPUTIME_ID);
    return render(replica_families({{"", now}}));  // no instance: Prometheus adds the address that it scraped
  });
}

}  // namespace shop
