// Takes connections in and gives each a thread, within the bounds of Connections.
#pragma once

#include <atomic>
#include <chrono>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

#include "receive/body.h"
#include "receive/connection.h"
#include "receive/connections.h"
#include "receive/limits.h"
#include "receive/once.h"
#include "receive/socket.h"
#include "receive/workers.h"

namespace alertscaler::receive {

class Listener {
 public:
  // Serves one connection on a thread of its own; returns when it is to be closed, and does not throw.
  using Serve = std::function<void(Connection&)>;

  // `stopping` is set by stop() before anything else, for those who serve.
  // `tls` is null to speak in the clear.
  Listener(Socket socket, const Limits& limits, const Clock& clock, std::atomic<bool>& stopping, Tls* tls, Serve serve);
  ~Listener();  // stops
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  [[nodiscard]] int port() const { return port_; }
  // Takes no more connections; returns when those there are have ended, which the server sees to within 5 s.
  // Idempotent.
  void stop();

 private:
  // A refused connection that is kept for a moment, so that its client can read why.
  struct Leaving {
    Socket socket;
    SteadyTime until;
  };

  void run();
  void take_in();
  void admit(Accepted accepted);
  void refuse(Socket socket);
  void out_of_files(int error);
  void let_go(SteadyTime now);

  const Limits& limits_;
  Tls* const tls_;
  const Serve serve_;
  const int port_;
  std::atomic<bool>& stopping_;
  Socket socket_;  // only the acceptor's thread uses it, once that runs
  Socket wake_;    // an eventfd: stop
  BodyBudget budget_;
  Connections connections_;
  std::deque<Leaving> leaving_;  // only the acceptor's
  SteadyTime accept_after_;      // likewise: not before, because there are no file descriptors left
  Seldom say_full_;
  Seldom say_out_of_files_;
  std::mutex stop_mutex_;
  Workers workers_;
  std::thread acceptor_;
};

}  // namespace alertscaler::receive
