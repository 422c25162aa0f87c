// Who is connected, and who has to go when too many are.
//
// A thousand connections must not keep the next good request from its answer. So when the bound is reached, a new
// connection takes the place of the one that has made the server wait longest: of those first that wait for another
// request (a keep-alive client connects again), then of those whose first one has not begun or is still arriving or who
// do not read their answer (they get a 503, if they have sent anything, and are cut off). A good client sends its
// request in one go and is never among the oldest of those; whoever only opens connections, or sends a byte a second,
// is. Requests that are being worked on keep their place; only when all of them are is a new connection refused with
// 503.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <initializer_list>
#include <mutex>
#include <set>

#include "receive/connection.h"

namespace alertscaler::receive {

// Thread-safe. Holds no ownership: whoever admits a connection removes it before it ends.
class Connections {
 public:
  explicit Connections(int max) : max_(static_cast<std::size_t>(max)), going_max_(4 * max_ + 64) {}

  // False: there is no room, and none could be made.
  [[nodiscard]] bool admit(Connection& connection);
  void remove(Connection& connection);
  // Makes one idle or slow connection go; false: there is none.
  bool make_one_go();

  void tell_idle_to_go();  // see Connection::tell_to_go
  void tell_all_to_go();   // all that wait for their client
  void cut_all();
  // False: there are still some at the deadline.
  [[nodiscard]] bool wait_until_none(SteadyTime deadline);
  [[nodiscard]] std::size_t count() const;

 private:
  void tell_to_go(std::initializer_list<Connection::Phase> phases);
  [[nodiscard]] Connection* longest_waiting() const;

  const std::size_t max_;
  const std::size_t going_max_;  // told to go and not yet gone; bounds the queue in front of the threads
  mutable std::mutex mutex_;
  std::condition_variable removed_;
  std::set<Connection*> connections_;
};

}  // namespace alertscaler::receive
