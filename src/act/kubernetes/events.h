// Events on what was scaled or drained, for those who look at it with kubectl. Best effort, and never in the way.
#pragma once

#include <condition_variable>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>

#include "act/kubernetes/api_server.h"
#include "base/clock.h"

namespace alertscaler::kubernetes {

// What an event is about.
struct EventSubject {
  std::string api_version;  // "apps/v1"
  std::string kind;         // "Deployment"
  std::string name_space;   // empty: of the cluster, as a node is
  std::string name;
  std::string path;  // of the object or its scale: there the writer reads the uid, without which nobody sees the event
};

struct EventNote {
  bool warning = false;
  std::string reason;  // "AlertScaled": stable, for whoever filters
  std::string action;  // "ScaleUp"
  std::string text;
};

// The events.k8s.io/v1 object; the name space of its own, as one about a node needs. Pure.
[[nodiscard]] Json event_of(const EventSubject& subject, const std::string& uid, const EventNote& note,
                            std::string_view instance, Instant now);
[[nodiscard]] std::string event_name_space(const EventSubject& subject);

// The writer of one cluster's events, with a thread of its own. Thread-safe. What is more than it may write, or what
// the server does not take (no right, a namespace that is being deleted), is dropped. The same event again within half
// an hour is counted in the first one.
class Events {
 public:
  // `instance` says which process of ours it was: the pod's or host's name.
  Events(std::shared_ptr<ApiServer> server, std::string instance, const Clock& clock);
  // Drops what is not written yet.
  ~Events();
  Events(const Events&) = delete;
  Events& operator=(const Events&) = delete;

  // Never waits.
  void tell(EventSubject subject, EventNote note);
  [[nodiscard]] std::size_t dropped() const;

 private:
  struct Told {
    EventSubject subject;
    EventNote note;
    Instant time;
  };
  struct Written {
    std::string path;
    int count = 1;
    Instant last;
  };
  // How many events about one thing may still be written.
  struct Allowance {
    double left = 0;
    Instant since;
  };

  void write_all(const std::stop_token& stop);
  void write(const Told& told, const std::stop_token& stop);
  [[nodiscard]] bool repeat(const std::string& key, Instant now, const std::stop_token& stop);
  [[nodiscard]] bool allowed(const EventSubject& subject, Instant now);
  void not_taken(const ApiError& error, const Told& told);
  void forget_old(Instant now);

  const std::shared_ptr<ApiServer> server_;
  const std::string instance_;
  const Clock& clock_;

  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<Told> queue_;                       // guarded by mutex_
  std::size_t dropped_ = 0;                      // likewise
  std::map<std::string, Allowance> allowances_;  // likewise, by path

  std::map<std::string, Written> written_;       // of the writer alone
  std::map<std::string, Instant> closed_until_;  // likewise: name spaces that take nothing from us

  std::jthread writer_;
};

}  // namespace alertscaler::kubernetes
