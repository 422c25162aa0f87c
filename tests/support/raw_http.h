// A client that sends exactly the bytes it is given, so that tests can misbehave.
#pragma once

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/text.h"

namespace alertscaler::test {

struct Reply {
  int status = 0;
  std::string head;  // with its names in lower case
  std::string body;
  [[nodiscard]] std::string header(const std::string& name) const {
    const std::size_t at = head.find("\r\n" + name + ": ");
    if (at == std::string::npos) return "";
    const std::size_t from = at + name.size() + 4;
    return head.substr(from, head.find("\r\n", from) - from);
  }
};

class RawHttp {
 public:
  explicit RawHttp(int port, bool ipv6 = false)
      : fd_(::socket(ipv6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_port = htons(static_cast<std::uint16_t>(port));
    v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    sockaddr_in6 v6{};
    v6.sin6_family = AF_INET6;
    v6.sin6_port = v4.sin_port;
    v6.sin6_addr = in6addr_loopback;
    const int failed = ipv6 ? ::connect(fd_, reinterpret_cast<const sockaddr*>(&v6), sizeof v6)
                            : ::connect(fd_, reinterpret_cast<const sockaddr*>(&v4), sizeof v4);
    if (fd_ < 0 || failed != 0) {
      const int error = errno;
      if (fd_ >= 0) ::close(fd_);
      throw std::runtime_error(std::string("connect: ") + std::strerror(error));
    }
  }
  RawHttp(RawHttp&& other) noexcept : fd_(std::exchange(other.fd_, -1)), arrived_(std::move(other.arrived_)) {}
  RawHttp(const RawHttp&) = delete;
  RawHttp& operator=(const RawHttp&) = delete;
  RawHttp& operator=(RawHttp&&) = delete;
  ~RawHttp() {
    if (fd_ >= 0) ::close(fd_);
  }

  // False: the server has closed.
  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t count = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (count < 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(count));
    }
    return true;
  }
  void finish_sending() { ::shutdown(fd_, SHUT_WR); }

  // Waits for the first byte of an answer and reads nothing of it. False: none in time.
  [[nodiscard]] bool answer_begins(std::chrono::milliseconds budget = std::chrono::seconds(60)) const {
    pollfd readable{fd_, POLLIN, 0};
    return ::poll(&readable, 1, static_cast<int>(budget.count())) == 1;
  }

  // The next answer, which must come within `budget`; absent: the server closed without one. `no_body`: of a HEAD.
  std::optional<Reply> reply(std::chrono::milliseconds budget = std::chrono::seconds(30), bool no_body = false) {
    const auto deadline = std::chrono::steady_clock::now() + budget;
    std::size_t end = std::string::npos;
    while ((end = arrived_.find("\r\n\r\n")) == std::string::npos) {
      if (!more(deadline)) return std::nullopt;
    }
    Reply reply;
    reply.head = text::to_lower(arrived_.substr(0, end + 2));
    arrived_.erase(0, end + 4);
    reply.status = std::stoi(reply.head.substr(reply.head.find(' ') + 1, 3));
    if (reply.status == 100) return reply;
    const std::size_t length = no_body ? 0 : static_cast<std::size_t>(std::stoul(reply.header("content-length")));
    while (arrived_.size() < length) {
      if (!more(deadline)) throw std::runtime_error("the server closed in the middle of an answer");
    }
    reply.body = arrived_.substr(0, length);
    arrived_.erase(0, length);
    return reply;
  }
  // Has the server closed within `budget`? What it sends until then is thrown away.
  bool closed_within(std::chrono::milliseconds budget) {
    const auto deadline = std::chrono::steady_clock::now() + budget;
    try {
      while (more(deadline)) {
      }
    } catch (const std::runtime_error&) {
      return false;
    }
    return true;
  }

 private:
  // False: closed. Throws at the deadline.
  bool more(std::chrono::steady_clock::time_point deadline) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now()).count();
    pollfd waiting{fd_, POLLIN, 0};
    if (left <= 0 || ::poll(&waiting, 1, static_cast<int>(left)) <= 0) throw std::runtime_error("no answer in time");
    std::array<char, 65536> buffer{};
    const ssize_t count = ::recv(fd_, buffer.data(), buffer.size(), 0);
    if (count <= 0) return false;
    arrived_.append(buffer.data(), static_cast<std::size_t>(count));
    return true;
  }

  int fd_;
  std::string arrived_;
};

}  // namespace alertscaler::test
