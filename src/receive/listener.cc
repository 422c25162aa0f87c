#include "receive/listener.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <memory>
#include <system_error>
#include <utility>

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "receive/answer.h"

namespace alertscaler::receive {
namespace {

using namespace std::chrono_literals;
using std::chrono::steady_clock;

constexpr auto thread_patience = 10s;  // of a thread without work
constexpr auto leaving_time = 500ms;
constexpr std::size_t leaving_max = 64;
constexpr auto out_of_files_pause = 100ms;
// What stop() gives to requests that are still arriving or being answered before it cuts their connections.
constexpr auto stop_grace = 1s;
constexpr auto stop_cut = 3s;

const std::string& full_answer() {
  static const std::string text = render_closing(failure(503, "too many connections; try again soon"), true);
  return text;
}

bool is_out_of_files(int error) {
  return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

}  // namespace

Listener::Listener(Socket socket, const Limits& limits, const Clock& clock, std::atomic<bool>& stopping, Tls* tls,
                   Serve serve)
    : limits_(limits),
      tls_(tls),
      serve_(std::move(serve)),
      port_(port_of(socket)),
      stopping_(stopping),
      socket_(std::move(socket)),
      wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      budget_(std::max(limits.bodies_bytes_max, limits.body_bytes_max), limits.body_bytes_max),
      connections_(limits.connections_max),
      say_full_(10s, clock),
      say_out_of_files_(10s, clock),
      workers_(limits.connections_max, thread_patience),
      acceptor_([this] { run(); }) {}

Listener::~Listener() {
  stop();
}

void Listener::run() {
  ::pthread_setname_np(::pthread_self(), "http-accept");
  while (!stopping_.load()) {
    const SteadyTime now = steady_clock::now();
    let_go(now);
    SteadyTime next = now + (wake_.valid() ? std::chrono::seconds(24h) : 1s);  // nothing to wake up for
    if (!leaving_.empty()) next = std::min(next, leaving_.front().until);
    const bool paused = now < accept_after_;
    if (paused) next = std::min(next, accept_after_);
    std::array<pollfd, 2> waiting{pollfd{wake_.fd(), POLLIN, 0}, pollfd{socket_.fd(), POLLIN, 0}};
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(next - now).count();
    const int ready = ::poll(waiting.data(), paused ? 1 : 2, static_cast<int>(left));
    if (ready > 0 && !paused && waiting[1].revents != 0) take_in();
  }
  socket_ = Socket();  // whoever connects from now on is refused by the kernel
  leaving_.clear();
}

// Several at a time, but not so many that stop() waits.
void Listener::take_in() {
  constexpr int batch = 64;
  for (int i = 0; i < batch && !stopping_.load(); ++i) {
    Accepted accepted = accept_from(socket_);
    if (accepted.socket.valid()) {
      admit(std::move(accepted));
      continue;
    }
    if (is_out_of_files(accepted.error)) out_of_files(accepted.error);
    if (accepted.error == EINTR || accepted.error == ECONNABORTED) continue;
    return;
  }
}

void Listener::admit(Accepted accepted) {
  const auto connection =
      std::make_shared<Connection>(std::move(accepted.socket), std::move(accepted.client), limits_, budget_, tls_);
  if (!connections_.admit(*connection)) {
    refuse(connection->release());
    return;
  }
  const bool taken = workers_.submit([this, connection] {
    serve_(*connection);
    connections_.remove(*connection);
    connection->end();
  });
  if (taken) return;
  connections_.remove(*connection);
  refuse(connection->release());
}

// The client may not have sent its request yet, and would lose the answer if the connection were closed at once.
void Listener::refuse(Socket socket) {
  if (const auto held_back = say_full_.now()) {
    log::warn("connections.full", {{"connections_max", limits_.connections_max},
                                   {"held_back", *held_back},
                                   {"text", "all of them are being worked on; a new one was answered 503"}});
  }
  if (tls_ != nullptr) return;  // before the handshake there is no way to say it
  const std::string& answer = full_answer();
  if (::send(socket.fd(), answer.data(), answer.size(), MSG_NOSIGNAL | MSG_DONTWAIT) < 0) return;
  ::shutdown(socket.fd(), SHUT_WR);
  if (leaving_.size() == leaving_max) leaving_.pop_front();
  leaving_.push_back({std::move(socket), steady_clock::now() + leaving_time});
}

void Listener::let_go(SteadyTime now) {
  while (!leaving_.empty() && leaving_.front().until <= now) {
    std::array<char, 4096> unread;
    for (int i = 0; i < 16 && ::recv(leaving_.front().socket.fd(), unread.data(), unread.size(), MSG_DONTWAIT) > 0;
         ++i) {
    }
    leaving_.pop_front();
  }
}

// The connection stays in the kernel's queue until there is a descriptor for it.
void Listener::out_of_files(int error) {
  accept_after_ = steady_clock::now() + out_of_files_pause;
  const bool made_room = connections_.make_one_go();
  if (const auto held_back = say_out_of_files_.now()) {
    log::warn("connections.no_files", {{"error", std::generic_category().message(error)},
                                       {"held_back", *held_back},
                                       {"made_room", made_room},
                                       {"text", "raise the limit of open files, or lower the load"}});
  }
}

void Listener::stop() {
  const std::lock_guard lock(stop_mutex_);
  if (!acceptor_.joinable()) return;
  stopping_.store(true);
  const std::uint64_t one = 1;
  if (::write(wake_.fd(), &one, sizeof one) < 0) {  // an eventfd takes it
    log::error("stop.failed", {{"error", std::generic_category().message(errno)}});
  }
  acceptor_.join();
  connections_.tell_idle_to_go();
  const SteadyTime begin = steady_clock::now();
  const auto all_gone_by = [&](SteadyTime deadline) { return connections_.wait_until_none(deadline); };
  if (!all_gone_by(begin + stop_grace)) {
    connections_.tell_all_to_go();
    if (!all_gone_by(begin + stop_cut)) connections_.cut_all();
  }
  workers_.stop();
}

}  // namespace alertscaler::receive
