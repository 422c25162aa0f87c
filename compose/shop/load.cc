#include "load.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include <arpa/inet.h>
#include <netdb.h>

#include "base/guarded.h"
#include "base/log.h"
#include "base/text.h"
#include "exposition.h"
#include "pause.h"

namespace shop {

using alertscaler::ErrorKind;
using alertscaler::fail;
using alertscaler::Guarded;
using alertscaler::Result;
using Steady = std::chrono::steady_clock;

namespace {

constexpr std::chrono::seconds request_timeout{5};
constexpr std::chrono::milliseconds late_max{1000};  // further behind than that, requests are skipped
constexpr std::chrono::milliseconds idle_check{200};

struct ServiceUrl {
  std::string host;
  std::string port;
  std::string path;
};

Result<ServiceUrl> parse_url(const std::string& url) {
  const std::string scheme = "http://";
  const std::string wrong = "url '" + url + "': expected http://HOST[:PORT][/PATH]";
  if (url.rfind(scheme, 0) != 0) return fail(ErrorKind::invalid, wrong);
  const std::string rest = url.substr(scheme.size());
  const std::size_t slash = std::min(rest.find('/'), rest.size());
  const std::string authority = rest.substr(0, slash);
  const std::size_t colon = authority.rfind(':');
  ServiceUrl parsed{authority.substr(0, colon), "80", slash < rest.size() ? rest.substr(slash) : "/"};
  if (colon != std::string::npos) parsed.port = authority.substr(colon + 1);
  if (parsed.host.empty() || !alertscaler::text::parse_int(parsed.port)) return fail(ErrorKind::invalid, wrong);
  return parsed;
}

// All IPv4 addresses of a name, sorted. getaddrinfo's own order would prefer one of them.
std::vector<std::string> resolve(const std::string& host) {
  addrinfo hints{};
  hints.ai_family = AF_INET;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (getaddrinfo(host.c_str(), nullptr, &hints, &found) != 0) return {};
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owner(found, &freeaddrinfo);
  std::vector<std::string> addresses;
  for (const addrinfo* one = found; one != nullptr; one = one->ai_next) {
    std::string text(NI_MAXHOST, '\0');
    if (getnameinfo(one->ai_addr, one->ai_addrlen, text.data(), static_cast<socklen_t>(text.size()), nullptr, 0,
                    NI_NUMERICHOST) == 0)
      addresses.emplace_back(text.c_str());
  }
  std::sort(addresses.begin(), addresses.end());
  addresses.erase(std::unique(addresses.begin(), addresses.end()), addresses.end());
  return addresses;
}

class LoadGenerator {
 public:
  LoadGenerator(const LoadOptions& options, ServiceUrl url)
      : options_(options), url_(std::move(url)), start_(Steady::now()), next_(start_) {
    if (options.share_of) watch_.emplace(*options.share_of);
    threads_.emplace_back([this](const std::stop_token& stop) { keep_resolving(stop); });
    for (int i = 0; i < options.concurrency; ++i)
      threads_.emplace_back([this](const std::stop_token& stop) { keep_sending(stop); });
  }

  // All are asked to stop before the first is waited for.
  ~LoadGenerator() {
    for (std::jthread& thread : threads_) thread.request_stop();
  }
  LoadGenerator(const LoadGenerator&) = delete;
  LoadGenerator& operator=(const LoadGenerator&) = delete;

  [[nodiscard]] std::string metrics() const {
    using prometheus::MetricType;
    prometheus::MetricFamily sent{"shop_load_requests_total", "Requests by how they ended.", MetricType::Counter, {}};
    const std::initializer_list<std::pair<const char*, const std::atomic<long>*>> outcomes = {
        {"ok", &ok_}, {"failed", &failed_}, {"skipped", &skipped_}};
    for (const auto& [outcome, counter] : outcomes) {
      prometheus::ClientMetric metric;
      metric.label = {{"outcome", outcome}};
      metric.counter.value = static_cast<double>(counter->load());
      sent.metric.push_back(metric);
    }
    return render(
        {sent, gauge_family("shop_offered_requests_per_second", "Load that the whole fleet gets.", offered_rate())});
  }

 private:
  [[nodiscard]] double offered_rate() const {
    return options_.profile.rate_at(std::chrono::duration_cast<Duration>(Steady::now() - start_));
  }
  [[nodiscard]] double rate_to_send() const {
    const int replicas = watch_ ? watch_->ready() : 1;
    return replicas > 0 ? offered_rate() / replicas : 0;
  }

  // When the next request of the common schedule is due; absent: nothing to send for now.
  std::optional<Steady::time_point> take_slot() {
    const double rate = rate_to_send();
    if (rate <= 0) return std::nullopt;
    const auto interval = std::chrono::duration_cast<Steady::duration>(std::chrono::duration<double>(1 / rate));
    const Steady::time_point now = Steady::now();
    return next_.with([&](Steady::time_point& next) {
      if (now - next > late_max) {
        skipped_ += static_cast<long>((now - next) / interval);
        next = now;
      }
      // A slow rate must not hold the schedule when the rate rises meanwhile.
      const Steady::time_point slot = std::min(next, now + std::chrono::seconds{1});
      next = slot + interval;
      return slot;
    });
  }

  void keep_sending(const std::stop_token& stop) {
    for (;;) {
      const std::optional<Steady::time_point> slot = take_slot();
      if (!pause_until(slot.value_or(Steady::now() + idle_check), stop)) return;
      if (slot) send_one();
    }
  }

  void send_one() {
    const std::string address = addresses_.with([this](const std::vector<std::string>& all) {
      return all.empty() ? std::string() : all[turn_++ % all.size()];
    });
    if (address.empty()) {
      ++failed_;
      return;
    }
    httplib::Client client(address, std::stoi(url_.port));  // a connection each, so that new replicas get their share
    client.set_connection_timeout(request_timeout);
    client.set_read_timeout(request_timeout);
    const httplib::Result response = client.Get(url_.path);
    ++(response && response->status == 200 ? ok_ : failed_);
  }

  void keep_resolving(const std::stop_token& stop) {
    std::size_t known = 0;
    do {
      std::vector<std::string> found = resolve(url_.host);
      if (found.size() != known) alertscaler::log::info("addresses", {{"host", url_.host}, {"count", found.size()}});
      known = found.size();
      addresses_.with([&](std::vector<std::string>& all) { all = std::move(found); });
    } while (pause_for(std::chrono::seconds{1}, stop));
  }

  const LoadOptions& options_;
  const ServiceUrl url_;
  const Steady::time_point start_;
  std::optional<ReplicaWatch> watch_;
  Guarded<Steady::time_point> next_;
  Guarded<std::vector<std::string>> addresses_;
  std::atomic<std::size_t> turn_{0};
  std::atomic<long> ok_{0};
  std::atomic<long> failed_{0};
  std::atomic<long> skipped_{0};
  std::vector<std::jthread> threads_;  // last: they use everything above
};

}  // namespace

alertscaler::Status run_load(const LoadOptions& options) {
  Result<ServiceUrl> url = parse_url(options.url);
  if (!url) return fail(url.error());
  const LoadGenerator generator(options, std::move(*url));
  httplib::Server server;
  return serve_until_signal(server, options.listen, [&generator] { return generator.metrics(); });
}

}  // namespace shop
