#include "web.h"

#include <chrono>
#include <csignal>
#include <thread>

#include "base/log.h"
#include "base/text.h"
#include "exposition.h"

namespace shop {

using alertscaler::ErrorKind;
using alertscaler::fail;
using alertscaler::Result;
using alertscaler::Status;

namespace {

constexpr std::size_t worker_count = 16;
constexpr std::size_t body_bytes_max = 4096;

sigset_t stop_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  return set;
}

}  // namespace

Result<Address> parse_address(const std::string& text) {
  const std::size_t colon = text.rfind(':');
  const auto port = colon == std::string::npos ? std::optional<int>{}
                                               : alertscaler::text::parse_int(std::string_view(text).substr(colon + 1));
  if (!port || *port < 1 || *port > 65535 || colon == 0)
    return fail(ErrorKind::invalid, "listen on '" + text + "': expected HOST:PORT, for example 127.0.0.1:8080");
  return Address{text.substr(0, colon), *port};
}

void hold_signals() {
  const sigset_t set = stop_signals();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
}

Status serve_until_signal(httplib::Server& server, const Address& address,
                          const std::function<std::string()>& metrics) {
  server.new_task_queue = [] { return new httplib::ThreadPool(worker_count); };
  server.set_payload_max_length(body_bytes_max);
  server.set_read_timeout(std::chrono::seconds{5});
  server.set_write_timeout(std::chrono::seconds{5});
  server.Get("/healthz",
             [](const httplib::Request&, httplib::Response& response) { response.set_content("ok\n", "text/plain"); });
  server.Get("/metrics", [&metrics](const httplib::Request&, httplib::Response& response) {
    response.set_content(metrics(), exposition_content_type);
  });

  const std::string where = address.host + ":" + std::to_string(address.port);
  if (!server.bind_to_port(address.host, address.port)) {
    return fail(ErrorKind::unreachable, "listen on " + where + ": the address is in use or not of this machine");
  }
  std::jthread listener([&server] { server.listen_after_bind(); });
  // stop() before the accept loop runs would be lost.
  while (!server.is_running()) std::this_thread::sleep_for(std::chrono::milliseconds{1});
  alertscaler::log::info("listening", {{"address", where}});

  const sigset_t set = stop_signals();
  int signal = 0;
  sigwait(&set, &signal);
  alertscaler::log::info("stopping", {{"signal", signal}});
  server.stop();
  return {};
}

}  // namespace shop
