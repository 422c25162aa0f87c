#include "receive/connections.h"

#include <algorithm>
#include <utility>

namespace alertscaler::receive {

bool Connections::admit(Connection& connection) {
  const std::lock_guard lock(mutex_);
  const auto going = static_cast<std::size_t>(
      std::count_if(connections_.begin(), connections_.end(), [](const Connection* c) { return c->told_to_go(); }));
  if (connections_.size() - going >= max_) {
    // Those told to go need a moment on their threads, and who takes their places waits for that moment.
    Connection* const oldest = going < going_max_ ? longest_waiting() : nullptr;
    if (oldest == nullptr) return false;
    oldest->tell_to_go();
  }
  connections_.insert(&connection);
  return true;
}

void Connections::remove(Connection& connection) {
  const std::lock_guard lock(mutex_);
  connections_.erase(&connection);
  if (connections_.empty()) removed_.notify_all();
}

bool Connections::make_one_go() {
  const std::lock_guard lock(mutex_);
  Connection* const oldest = longest_waiting();
  if (oldest != nullptr) oldest->tell_to_go();
  return oldest != nullptr;
}

void Connections::tell_idle_to_go() {
  tell_to_go({Connection::Phase::idle});
}

void Connections::tell_all_to_go() {
  tell_to_go({Connection::Phase::idle, Connection::Phase::receiving});
}

void Connections::tell_to_go(std::initializer_list<Connection::Phase> phases) {
  const std::lock_guard lock(mutex_);
  for (Connection* connection : connections_) {
    if (std::find(phases.begin(), phases.end(), connection->phase()) != phases.end()) connection->tell_to_go();
  }
}

bool Connections::wait_until_none(SteadyTime deadline) {
  std::unique_lock lock(mutex_);
  return removed_.wait_until(lock, deadline, [&] { return connections_.empty(); });
}

void Connections::cut_all() {
  const std::lock_guard lock(mutex_);
  for (Connection* connection : connections_) connection->cut();
}

std::size_t Connections::count() const {
  const std::lock_guard lock(mutex_);
  return connections_.size();
}

// REQUIRES: mutex_ is held.
Connection* Connections::longest_waiting() const {
  Connection* found = nullptr;
  std::pair<bool, SteadyTime> best;  // kept ones sort first
  for (Connection* connection : connections_) {
    if (connection->told_to_go() || connection->phase() == Connection::Phase::working) continue;
    const std::pair<bool, SteadyTime> rank{!connection->is_kept(), connection->since()};
    if (found == nullptr || rank < best) {
      found = connection;
      best = rank;
    }
  }
  return found;
}

}  // namespace alertscaler::receive
