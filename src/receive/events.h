// Server-sent events: every change of a target, an alert or the history, to whoever listens. Publishing never waits for
// a listener: one thread writes to all of them without blocking.
#pragma once

#include <atomic>
#include <deque>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <unordered_map>
#include <variant>
#include <vector>

#include "base/names.h"
#include "receive/event_listeners.h"
#include "receive/ports.h"
#include "receive/socket.h"
#include "remember/store.h"

namespace alertscaler::receive {

struct EventLimits {
  int listeners_max = 100;
  std::size_t log_bytes_max = 4U << 20U;  // of events that somebody has not read yet, shared by all listeners
  std::size_t changes_max = 200'000;      // that wait to be written; beyond that they are dropped, and listeners told
  Duration heartbeat{15'000};             // a comment, so that proxies and clients know that the line is up
  Duration stall_max{30'000};             // a listener that takes nothing for so long is gone
};

// Thread-safe.
class Events {
 public:
  explicit Events(EventLimits limits = {});
  ~Events();  // stops
  Events(const Events&) = delete;
  Events& operator=(const Events&) = delete;

  // --- publication: cheap, and next to nothing while nobody listens ---
  // What Controller::target() tells of it may have changed.
  void target_changed(const TargetName& target);
  void store_changed(StoreChanges changes);

  // --- listeners, from start() to stop() ---
  // The writer's thread reads what has changed from both.
  void start(const Store& store, const Controller& controller);
  // A place for one listener; null: all are taken, or it is over.
  [[nodiscard]] std::shared_ptr<void> take_seat();
  // REQUIRES: newcomer.seat is from take_seat().
  void listen(Newcomer newcomer);
  // Ends all of them at once. Idempotent.
  void stop();
  [[nodiscard]] int listeners_max() const { return limits_.listeners_max; }

 private:
  // What is to be written, in the order in which it happened; of a target only what it then is.
  struct Pending {
    std::deque<std::variant<StoreChanges::OfAlert, HistoryEntry>> changes;
    std::set<TargetName> targets;
    std::vector<Newcomer> newcomers;
    bool lost = false;
    [[nodiscard]] bool empty() const { return changes.empty() && targets.empty() && newcomers.empty() && !lost; }
  };

  template <class Add>
  void publish(Add add);
  void run();
  void wait();
  void write(Pending pending);
  void write(const StoreChanges::OfAlert& change);
  void write(const HistoryEntry& entry);
  void write(const TargetName& target);
  void append(std::string_view event, std::string_view data);

  const EventLimits limits_;
  const Socket wake_;  // an eventfd
  const Store* store_ = nullptr;
  const Controller* controller_ = nullptr;

  const std::shared_ptr<std::atomic<int>> seats_;  // taken
  std::atomic<bool> stopping_{false};
  std::mutex mutex_;
  Pending pending_;  // under mutex_

  // Of the writer's thread alone.
  EventListeners listeners_;
  std::unordered_map<TargetName, std::size_t> last_;  // a hash of what was last told of each
  std::size_t unflushed_bytes_ = 0;
  SteadyTime heartbeat_at_;

  std::mutex stop_mutex_;
  std::thread thread_;
};

}  // namespace alertscaler::receive
