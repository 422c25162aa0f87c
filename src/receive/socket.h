// TCP sockets with deadlines.
#pragma once

#include <chrono>
#include <string>
#include <utility>

#include "base/result.h"

namespace alertscaler::receive {

using SteadyTime = std::chrono::steady_clock::time_point;

// Owns a file descriptor.
class Socket {
 public:
  Socket() = default;
  explicit Socket(int fd) : fd_(fd) {}
  Socket(Socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Socket& operator=(Socket&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  ~Socket();
  [[nodiscard]] int fd() const { return fd_; }
  [[nodiscard]] bool valid() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

// A listening, non-blocking socket. `host` is a name or an address without brackets; empty: every interface, IPv6 and
// IPv4. `port` 0: any free one. invalid: with the address and what to do.
[[nodiscard]] Result<Socket> listen_on(const std::string& host, int port);
[[nodiscard]] int port_of(const Socket& socket);

struct Accepted {
  Socket socket;       // non-blocking; invalid: none is waiting, see error
  std::string client;  // its address, for the log
  int error = 0;       // errno, when there is no socket
};
[[nodiscard]] Accepted accept_from(const Socket& listener);

enum class Io { done, closed, timeout };

// Waits until a call for `events` (of poll) would not block; `closed` when that cannot be known. An error or a hang-up
// is `done`: it shows in the call that follows.
[[nodiscard]] Io wait_for(int fd, short events, SteadyTime deadline);

}  // namespace alertscaler::receive
