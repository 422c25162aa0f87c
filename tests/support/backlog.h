// A longer queue of connections that are not accepted yet. cpp-httplib's is 5, and who has no place in it tries again
// only after a second: clients that open several at once would wait for nothing.
#pragma once

#include <httplib.h>
#include <sys/socket.h>

namespace alertscaler::test {

class Backlog {
 public:
  // Before it is bound. REQUIRES: this outlives the binding.
  explicit Backlog(httplib::Server& server) {
    server.set_socket_options([this](socket_t socket) {
      httplib::default_socket_options(socket);
      socket_ = socket;
    });
  }
  // After it is bound.
  void lengthen() const { (void)::listen(socket_, SOMAXCONN); }

 private:
  socket_t socket_ = INVALID_SOCKET;
};

}  // namespace alertscaler::test
