// Those who listen to events: each reads from the log at its own pace, and whoever cannot keep up is cut off. Only the
// event writer's thread comes in here.
#pragma once

#include <chrono>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <poll.h>

#include "base/clock.h"
#include "receive/channel.h"
#include "receive/event_log.h"

namespace alertscaler::receive {

// Somebody who wants to listen and has been let in.
struct Newcomer {
  Channel channel;
  std::string head;                          // of the answer: the first bytes that it gets
  std::optional<std::string> last_event_id;  // what it has read up to, when it comes back
  std::string client;
  std::shared_ptr<void> seat;              // given back when it leaves
  std::function<bool()> still_admitted{};  // empty: always
};

class EventListeners {
 public:
  EventListeners(std::size_t log_bytes_max, Duration stall_max, std::string id_prefix);

  [[nodiscard]] bool empty() const { return listeners_.empty(); }
  [[nodiscard]] std::size_t size() const { return listeners_.size(); }

  void add(Newcomer newcomer);
  // To everybody. Waits a little for those who have not yet read what must make room for it, then cuts them off; never
  // while `stopping`.
  void append(std::string_view event, std::string_view data, const std::function<bool()>& stopping);
  void append_comment(const std::function<bool()>& stopping);
  // Sends what can be sent without waiting.
  void flush();

  // For poll(): one element each, and what has become of it.
  void add_to(std::vector<pollfd>& waiting) const;
  void look_at(const std::vector<pollfd>& polled, std::size_t first);
  // Lets go of those who have taken nothing for too long.
  void cut_stalled();
  // Lets go of those who would not be let in any more.
  void cut_unadmitted();
  void clear() { listeners_.clear(); }

  [[nodiscard]] static std::string comment() { return ":\n\n"; }

 private:
  struct Listener {
    Channel channel;
    std::string client;
    std::shared_ptr<void> seat;
    std::function<bool()> still_admitted;
    std::string own;            // sent before anything of the log
    EventLog::Number next = 0;  // of the log
    std::size_t sent = 0;       // bytes of `own`, or of the event `next`
    SteadyTime progressed;      // took something, or had nothing to take
    Duration held_up{0};        // how long others have waited for it since it was last up to date
    short awaits = POLLOUT;
    bool gone = false;
  };

  [[nodiscard]] bool behind(const Listener& listener) const {
    return !listener.own.empty() || listener.next < log_.next();
  }
  void append_text(std::string text, const std::function<bool()>& stopping);
  void send_to(Listener& listener);
  void hold_back();
  void cut_off(Listener& listener, std::string_view why);
  void remove_gone();
  [[nodiscard]] bool known_up_to(std::string_view id, EventLog::Number& number) const;
  [[nodiscard]] std::string render(EventLog::Number number, std::string_view event, std::string_view data) const;

  const Duration stall_max_;
  const std::string id_prefix_;
  const std::size_t event_bytes_max_;
  EventLog log_;
  EventLog::Number floor_ = 1;  // nothing from there on was missed
  std::list<Listener> listeners_;
};

}  // namespace alertscaler::receive
