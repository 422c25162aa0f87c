#include "receive/connection.h"

#include <algorithm>
#include <array>

#include <sys/socket.h>

#include "base/text.h"
#include "receive/chunked.h"

namespace alertscaler::receive {
namespace {

using namespace std::chrono_literals;
using std::chrono::steady_clock;

constexpr std::size_t read_bytes = 16U << 10U;
// Bodies up to here are free, the rest share the budget.
constexpr std::size_t small_body_bytes = 64U << 10U;
constexpr std::size_t body_step_bytes = 64U << 10U;
constexpr auto linger_max = 2s;
constexpr std::size_t linger_bytes_max = 16U << 20U;

Refusal too_large(std::size_t bytes_max) {
  return {413, "the body is larger than " + std::to_string(bytes_max) + " bytes"};
}

const Refusal no_room{503, "too many large bodies are being read; try again soon"};

}  // namespace

Connection::Connection(Socket socket, std::string client, const Limits& limits, BodyBudget& budget, Tls* tls)
    : channel_(std::move(socket)),
      client_(std::move(client)),
      limits_(limits),
      budget_(budget),
      tls_(tls),
      since_(steady_clock::now().time_since_epoch().count()) {}

void Connection::enter(Phase phase) {
  since_.store(steady_clock::now().time_since_epoch().count());
  phase_.store(phase);
}

Refusal Connection::explain(Io io) const {
  if (told_to_go_.load()) return {503, "the server is full or stopping; try again soon"};
  if (io == Io::timeout) {
    return {408, "the request did not arrive within " + text::format_duration(limits_.read_timeout)};
  }
  return {0, ""};
}

Io Connection::receive_more() {
  std::array<char, read_bytes> buffer;
  const Received got = channel_.receive_some(buffer, read_deadline_);
  if (got.io == Io::done) arrived_.append(buffer.data(), got.count);  // told to go or not: a request has begun
  if (told_to_go_.load()) return Io::closed;
  return got.io;
}

// A client that connects and says nothing is idle, as one is that sends no request; from its first byte on it has the
// time of a request.
std::optional<std::variant<Head, Connection::Refused, Connection::Closed>> Connection::secure() {
  constexpr char handshake_record = 0x16;
  enter(Phase::idle);
  const SteadyTime patience = steady_clock::now() + limits_.read_timeout;
  if (told_to_go_.load() || channel_.wait_readable(patience) != Io::done || told_to_go_.load()) return Closed{};
  enter(Phase::receiving);
  const SteadyTime deadline = steady_clock::now() + limits_.read_timeout;
  std::array<char, 1> first{};
  if (channel_.peek(first, deadline).io != Io::done) return Closed{};
  if (first[0] >= 'A' && first[0] <= 'Z') {
    return Refused{{}, {400, "Client sent an HTTP request to an HTTPS server: the address begins with https:// here"}};
  }
  if (first[0] != handshake_record) return Closed{};
  if (channel_.secure(tls_->accept(), deadline) != Io::done) {
    if (!told_to_go_.load()) tls_->say_failed(client_, channel_.problem());
    return Closed{};
  }
  secured_ = true;
  return std::nullopt;
}

std::variant<Head, Connection::Refused, Connection::Closed> Connection::next_head() {
  if (body_left_) return Closed{};
  if (tls_ != nullptr && !secured_) {
    if (auto end = secure()) return *std::move(end);
  }
  if (arrived_.empty()) {
    enter(Phase::idle);
    const Duration patience = first_request_.load() ? limits_.read_timeout : limits_.idle_timeout;
    if (told_to_go_.load() || channel_.wait_readable(steady_clock::now() + patience) != Io::done) return Closed{};
    if (told_to_go_.load()) return Closed{};
  }
  enter(Phase::receiving);
  first_request_.store(false);
  read_deadline_ = steady_clock::now() + limits_.read_timeout;
  HeadScanner scanner;
  Refused refused;
  while (true) {
    const auto length = scanner.scan(arrived_);
    if (scanner.refusal()) {
      refused.refusal = *scanner.refusal();
      return refused;
    }
    if (length.value_or(arrived_.size()) > limits_.header_bytes_max) {
      refused.refusal = {431,
                         "the request's head is longer than " + std::to_string(limits_.header_bytes_max) + " bytes"};
      return refused;
    }
    if (length) {
      const auto refusal = parse_head(std::string_view(arrived_).substr(0, *length), refused.head);
      arrived_.erase(0, *length);
      body_left_ = refused.head.has_body();
      if (!refusal) {
        enter(Phase::working);
        return std::move(refused.head);
      }
      refused.refusal = *refusal;
      return refused;
    }
    const Io io = receive_more();
    if (io == Io::done) continue;
    refused.refusal = explain(io);
    if (refused.refusal.status == 0 || arrived_.empty()) return Closed{};
    return refused;
  }
}

tl::expected<Body, Refusal> Connection::read_body(const Head& head, Sender sender) {
  if (!body_left_) return Body();
  if (head.content_length.value_or(0) > limits_.body_bytes_max) {
    return tl::unexpected(too_large(limits_.body_bytes_max));
  }
  if (head.expects_continue && arrived_.empty() && !send("HTTP/1.1 100 Continue\r\n\r\n")) {
    return tl::unexpected(Refusal{0, ""});
  }
  BodyBudget::Lease lease(budget_, sender);
  auto body = head.chunked ? read_chunked(std::move(lease)) : read_sized(*head.content_length, std::move(lease));
  if (body) body_left_ = false;
  enter(Phase::working);
  return body;
}

// A place in the budget for more of a body. The connection is as old as it was when it goes on.
bool Connection::make_room(BodyBudget::Lease& lease, std::size_t bytes) {
  phase_.store(Phase::working);
  const bool room = lease.grow(bytes, read_deadline_);
  phase_.store(Phase::receiving);
  return room;
}

tl::expected<Body, Refusal> Connection::read_sized(std::size_t length, BodyBudget::Lease lease) {
  enter(Phase::receiving);
  std::string content = arrived_.substr(0, length);
  arrived_.erase(0, content.size());
  for (std::size_t at = content.size(); at < length;) {
    if (at == content.size()) {
      const std::size_t next = std::min(length, std::max(at + body_step_bytes, small_body_bytes));
      if (next > small_body_bytes) {
        if (!make_room(lease, next - at)) return tl::unexpected(no_room);
        content.reserve(length + body_padding);
      }
      content.resize(next);
    }
    const Received got = channel_.receive_some(std::span(content).subspan(at), read_deadline_);
    if (told_to_go_.load() || got.io != Io::done) return tl::unexpected(explain(got.io));
    at += got.count;
  }
  lease.settle();
  return Body(std::move(content), std::move(lease));
}

tl::expected<Body, Refusal> Connection::read_chunked(BodyBudget::Lease lease) {
  std::string content;
  std::size_t room = small_body_bytes;
  ChunkedBody decoder(limits_.body_bytes_max);
  enter(Phase::receiving);
  while (true) {
    const std::size_t used = decoder.take(arrived_, content);
    arrived_.erase(0, used);
    if (decoder.refusal()) {
      return tl::unexpected(decoder.refusal()->status == 413 ? too_large(limits_.body_bytes_max) : *decoder.refusal());
    }
    if (decoder.done()) {
      lease.settle();
      return Body(std::move(content), std::move(lease));
    }
    if (content.size() > room) {
      const std::size_t more = std::min(body_step_bytes, limits_.body_bytes_max - room);
      if (!make_room(lease, more)) return tl::unexpected(no_room);
      room += more;
    }
    const Io io = receive_more();
    if (io != Io::done) return tl::unexpected(explain(io));
  }
}

bool Connection::send(std::string_view bytes) {
  if (phase_.load() != Phase::answering) {
    enter(Phase::answering);
    write_deadline_ = steady_clock::now() + limits_.write_timeout;
  }
  return channel_.send_all(bytes, write_deadline_) == Io::done;
}

void Connection::linger() {
  enter(Phase::receiving);
  channel_.finish_sending();
  const SteadyTime deadline = steady_clock::now() + linger_max;
  std::array<char, read_bytes> buffer;
  std::size_t total = 0;
  while (!told_to_go_.load() && total < linger_bytes_max) {
    const Received got = channel_.receive_some(buffer, deadline);
    if (got.io != Io::done) return;
    total += got.count;
  }
}

void Connection::end() {
  if (heir_) std::exchange(heir_, {})(std::move(channel_));
}

void Connection::tell_to_go() {
  told_to_go_.store(true);
  ::shutdown(channel_.fd(), phase_.load() == Phase::answering ? SHUT_RDWR : SHUT_RD);
}

void Connection::cut() {
  told_to_go_.store(true);
  ::shutdown(channel_.fd(), SHUT_RDWR);
}

}  // namespace alertscaler::receive
