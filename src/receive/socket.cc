#include "receive/socket.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <system_error>
#include <vector>

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace alertscaler::receive {
namespace {

constexpr int backlog = 1024;

std::string address_text(const std::string& host, int port) {
  const bool brackets = host.find(':') != std::string::npos;
  return (brackets ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

std::string system_text(int error) {
  return std::generic_category().message(error);
}

struct FreeAddresses {
  void operator()(addrinfo* list) const noexcept { ::freeaddrinfo(list); }
};
using Addresses = std::unique_ptr<addrinfo, FreeAddresses>;

Result<Addresses> resolve(const std::string& host, int port) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int failed = ::getaddrinfo(host.empty() ? nullptr : host.c_str(), std::to_string(port).c_str(), &hints, &found);
  if (failed != 0) {
    return fail(ErrorKind::invalid, "listen on " + address_text(host, port) + ": " + ::gai_strerror(failed) +
                                        "; expected an address of this machine, such as 127.0.0.1");
  }
  return Addresses(found);
}

// Tries one address; the error is an errno.
tl::expected<Socket, int> bind_and_listen(const addrinfo& address) {
  Socket socket(::socket(address.ai_family, address.ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, address.ai_protocol));
  if (!socket.valid()) return tl::unexpected(errno);
  const int on = 1;
  const int off = 0;
  // Not SO_REUSEPORT: a second instance must fail, and not take half of the connections.
  ::setsockopt(socket.fd(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (address.ai_family == AF_INET6) ::setsockopt(socket.fd(), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
  if (::bind(socket.fd(), address.ai_addr, address.ai_addrlen) != 0) return tl::unexpected(errno);
  if (::listen(socket.fd(), backlog) != 0) return tl::unexpected(errno);
  return socket;
}

std::string advice(int error) {
  if (error == EADDRINUSE) {
    return "; is another alertscaler running? Stop it, or choose another port with --web.listen-address";
  }
  if (error == EACCES) return "; ports below 1024 are for root, choose another with --web.listen-address";
  if (error == EADDRNOTAVAIL) return "; that is no address of this machine";
  return "";
}

int milliseconds_until(SteadyTime deadline) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now()).count();
  constexpr long long poll_max = 1'000'000'000;
  return static_cast<int>(std::clamp<long long>(left, 0, poll_max));
}

}  // namespace

Socket::~Socket() {
  if (fd_ >= 0) ::close(fd_);
}

Result<Socket> listen_on(const std::string& host, int port) {
  const auto found = resolve(host, port);
  if (!found) return fail(found.error());
  std::vector<const addrinfo*> addresses;
  for (const addrinfo* each = found->get(); each != nullptr; each = each->ai_next) addresses.push_back(each);
  // A name with both kinds of address means the IPv4 one, as in Prometheus; no name means both kinds, which is IPv6's.
  const int preferred = host.empty() ? AF_INET6 : AF_INET;
  std::stable_sort(addresses.begin(), addresses.end(), [&](const addrinfo* a, const addrinfo* b) {
    return (a->ai_family == preferred) > (b->ai_family == preferred);
  });
  int first_error = 0;
  for (const addrinfo* each : addresses) {
    auto socket = bind_and_listen(*each);
    if (socket) return std::move(*socket);
    // A machine without IPv6 is no error as long as IPv4 works.
    if (first_error == 0 || first_error == EAFNOSUPPORT) first_error = socket.error();
    if (socket.error() == EADDRINUSE) break;
  }
  return fail(ErrorKind::invalid,
              "listen on " + address_text(host, port) + ": " + system_text(first_error) + advice(first_error));
}

int port_of(const Socket& socket) {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  if (::getsockname(socket.fd(), reinterpret_cast<sockaddr*>(&address), &length) != 0) return 0;
  if (address.ss_family == AF_INET6) return ntohs(reinterpret_cast<const sockaddr_in6&>(address).sin6_port);
  return ntohs(reinterpret_cast<const sockaddr_in&>(address).sin_port);
}

Accepted accept_from(const Socket& listener) {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  Accepted accepted;
  accepted.socket =
      Socket(::accept4(listener.fd(), reinterpret_cast<sockaddr*>(&address), &length, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (!accepted.socket.valid()) {
    accepted.error = errno;
    return accepted;
  }
  const int on = 1;  // without it a kept-alive connection waits 40 ms for each answer
  ::setsockopt(accepted.socket.fd(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  std::array<char, NI_MAXHOST> host{};
  if (::getnameinfo(reinterpret_cast<const sockaddr*>(&address), length, host.data(), host.size(), nullptr, 0,
                    NI_NUMERICHOST) == 0) {
    accepted.client = host.data();
  }
  return accepted;
}

Io wait_for(int fd, short events, SteadyTime deadline) {
  pollfd waiting{fd, events, 0};
  while (true) {
    const int ready = ::poll(&waiting, 1, milliseconds_until(deadline));
    if (ready > 0) return Io::done;
    if (ready == 0) return Io::timeout;
    if (errno != EINTR) return Io::closed;
  }
}

}  // namespace alertscaler::receive
