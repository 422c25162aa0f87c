// The bytes of one connection, in the clear or through TLS, with deadlines or without waiting at all.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include <poll.h>

#include "receive/socket.h"

struct ssl_st;  // OpenSSL's SSL

namespace alertscaler::receive {

struct FreeSsl {
  void operator()(ssl_st* ssl) const noexcept;
};
using SslHandle = std::unique_ptr<ssl_st, FreeSsl>;

struct Received {
  Io io = Io::done;
  std::size_t count = 0;
};

// Of one thread at a time; only fd() may be asked by any, while nobody moves the object.
// REQUIRES: SIGPIPE is ignored, for OpenSSL writes without saying that it does not want it.
class Channel {
 public:
  Channel() = default;
  explicit Channel(Socket socket) : socket_(std::move(socket)) {}
  Channel(Channel&&) noexcept = default;
  Channel& operator=(Channel&&) noexcept = default;
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;
  ~Channel();  // closes

  [[nodiscard]] int fd() const { return socket_.fd(); }
  [[nodiscard]] bool valid() const { return socket_.valid(); }
  // Takes the socket out of a channel that was never used.
  [[nodiscard]] Socket release() { return std::move(socket_); }

  // What has arrived first, without taking it.
  [[nodiscard]] Received peek(std::span<char> into, SteadyTime deadline) const;
  // The server's half of the handshake; from then on everything goes through TLS. `closed`: see problem().
  [[nodiscard]] Io secure(SslHandle ssl, SteadyTime deadline);
  // Why the handshake failed, for the log.
  [[nodiscard]] const std::string& problem() const { return problem_; }
  // The common name of the client's certificate when that was verified; else empty.
  [[nodiscard]] std::string client_name() const;

  // Waits until something is there; `closed` also after an error.
  [[nodiscard]] Io wait_readable(SteadyTime deadline);
  [[nodiscard]] Received receive_some(std::span<char> into, SteadyTime deadline);
  // All of it.
  [[nodiscard]] Io send_all(std::string_view bytes, SteadyTime deadline);
  // Tells the client that nothing more will come; it can still be read.
  void finish_sending();

  // What goes without waiting; `timeout`: nothing, until poll() says awaits().
  [[nodiscard]] Received try_receive(std::span<char> into);
  [[nodiscard]] Received try_send(std::string_view bytes);
  [[nodiscard]] short awaits() const { return awaits_; }

 private:
  // What an OpenSSL call came to; `timeout` sets awaits_.
  [[nodiscard]] Received moved(int result);

  Socket socket_;
  SslHandle ssl_;  // before the socket goes, it says goodbye
  bool secured_ = false;
  short awaits_ = POLLIN;
  std::string problem_;
};

}  // namespace alertscaler::receive
