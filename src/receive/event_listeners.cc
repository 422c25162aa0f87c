#include "receive/event_listeners.h"

#include <algorithm>
#include <array>
#include <utility>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "base/log.h"
#include "base/text.h"

namespace alertscaler::receive {
namespace {

using namespace std::chrono_literals;
using std::chrono::steady_clock;

// Of one listener, in the kernel; the rest is in the log that all share.
constexpr int send_buffer_bytes = 128 << 10;
constexpr Duration hold_step = 20ms;
constexpr Duration hold_max = 500ms;
// A client that is gone gets "try again after" from us once, and then keeps to it.
constexpr std::string_view retry = "retry: 2000\n\n";
constexpr std::string_view reset = "reset";

void prepare(int fd, Duration stall_max) {
  const int bytes = send_buffer_bytes;
  ::setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
  // A machine that was switched off. Later than cut_stalled(), which says why it lets go of somebody.
  const auto milliseconds = 2 * static_cast<unsigned>(stall_max.count());
  ::setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &milliseconds, sizeof milliseconds);
}

}  // namespace

EventListeners::EventListeners(std::size_t log_bytes_max, Duration stall_max, std::string id_prefix)
    : stall_max_(stall_max), id_prefix_(std::move(id_prefix)), event_bytes_max_(log_bytes_max), log_(log_bytes_max) {}

std::string EventListeners::render(EventLog::Number number, std::string_view event, std::string_view data) const {
  std::string out = "id: " + id_prefix_ + std::to_string(number) + "\nevent: ";
  out.append(event).append("\ndata: ").append(data).append("\n\n");
  return out;
}

// An id that we gave since the last time that nobody listened, and whose successors are all still here.
bool EventListeners::known_up_to(std::string_view id, EventLog::Number& number) const {
  if (!id.starts_with(id_prefix_)) return false;
  const auto parsed = text::parse_int(id.substr(id_prefix_.size()));
  if (!parsed || *parsed < 0) return false;
  number = static_cast<EventLog::Number>(*parsed);
  return number + 1 >= std::max(floor_, log_.first()) && number < log_.next();
}

void EventListeners::add(Newcomer newcomer) {
  if (listeners_.empty()) floor_ = log_.next();  // until now nobody wanted to know
  prepare(newcomer.channel.fd(), stall_max_);
  Listener listener;
  listener.channel = std::move(newcomer.channel);
  listener.client = std::move(newcomer.client);
  listener.seat = std::move(newcomer.seat);
  listener.still_admitted = std::move(newcomer.still_admitted);
  listener.own = std::move(newcomer.head) + std::string(retry);
  listener.progressed = steady_clock::now();
  EventLog::Number known = 0;
  if (newcomer.last_event_id && known_up_to(*newcomer.last_event_id, known)) {
    listener.next = known + 1;
  } else {
    listener.next = log_.next();
    listener.own += render(log_.next() - 1, reset, "{}");
  }
  listeners_.push_back(std::move(listener));
}

void EventListeners::append(std::string_view event, std::string_view data, const std::function<bool()>& stopping) {
  // What is too large for the log can be read from the API like everything else.
  const bool too_large = data.size() > event_bytes_max_ / 2;
  append_text(too_large ? render(log_.next(), reset, "{}") : render(log_.next(), event, data), stopping);
}

void EventListeners::append_comment(const std::function<bool()>& stopping) {
  append_text(comment(), stopping);
}

void EventListeners::append_text(std::string text, const std::function<bool()>& stopping) {
  while (!log_.fits(text.size())) {
    const auto has_not_read = [&](const Listener& l) { return l.next == log_.first(); };
    if (std::any_of(listeners_.begin(), listeners_.end(), has_not_read) && !stopping()) hold_back();
    // Whoever still has not read it has been cut off, or soon will be.
    if (std::none_of(listeners_.begin(), listeners_.end(), has_not_read)) {
      log_.forget_first();
    } else if (stopping()) {
      return;
    }
  }
  log_.append(std::move(text));
}

// Gives those who have not read the oldest event a moment, and keeps account of it: a listener that takes a byte now
// and then must not slow down all others for ever.
void EventListeners::hold_back() {
  flush();
  std::vector<pollfd> waiting;
  for (const Listener& listener : listeners_) {
    if (listener.next == log_.first()) waiting.push_back({listener.channel.fd(), listener.awaits, 0});
  }
  if (waiting.empty()) return;
  const SteadyTime begin = steady_clock::now();
  ::poll(waiting.data(), waiting.size(), static_cast<int>(hold_step.count()));
  const auto waited = std::chrono::duration_cast<Duration>(steady_clock::now() - begin) + Duration{1};
  flush();
  for (Listener& listener : listeners_) {
    if (listener.next != log_.first()) continue;
    listener.held_up += waited;
    if (listener.held_up >= hold_max) cut_off(listener, "it does not keep up");
  }
  remove_gone();
}

void EventListeners::flush() {
  for (Listener& listener : listeners_) send_to(listener);
  remove_gone();
}

void EventListeners::send_to(Listener& listener) {
  while (!listener.gone && behind(listener)) {
    const std::string_view all = listener.own.empty() ? std::string_view(log_.at(listener.next)) : listener.own;
    const Received sent = listener.channel.try_send(all.substr(listener.sent));
    if (sent.io == Io::closed) {
      listener.gone = true;
      return;
    }
    if (sent.io == Io::timeout) {
      listener.awaits = listener.channel.awaits();
      return;
    }
    listener.progressed = steady_clock::now();
    listener.sent += sent.count;
    if (listener.sent < all.size()) continue;
    listener.sent = 0;
    if (listener.own.empty()) {
      ++listener.next;
    } else {
      listener.own = std::string();
    }
  }
  listener.progressed = steady_clock::now();
  listener.held_up = Duration{0};
}

void EventListeners::add_to(std::vector<pollfd>& waiting) const {
  for (const Listener& listener : listeners_) {
    const int wanted = POLLIN | (behind(listener) ? listener.awaits : 0);
    waiting.push_back({listener.channel.fd(), static_cast<short>(wanted), 0});
  }
}

// What a listener says is of no interest, but that it goes away is.
void EventListeners::look_at(const std::vector<pollfd>& polled, std::size_t first) {
  for (Listener& listener : listeners_) {
    if (first == polled.size()) break;
    if ((polled[first++].revents & (POLLIN | POLLHUP | POLLERR)) == 0) continue;
    std::array<char, 4096> unread;
    Received got;
    for (int i = 0; i < 16 && got.io == Io::done; ++i) got = listener.channel.try_receive(unread);
    if (got.io == Io::closed) listener.gone = true;
  }
  remove_gone();
}

void EventListeners::cut_stalled() {
  const SteadyTime latest = steady_clock::now() - stall_max_;
  for (Listener& listener : listeners_) {
    if (behind(listener) && listener.progressed < latest) cut_off(listener, "it takes nothing");
  }
  remove_gone();
}

void EventListeners::cut_unadmitted() {
  for (Listener& listener : listeners_) {
    if (listener.still_admitted && !listener.still_admitted()) cut_off(listener, "its token is not valid any more");
  }
  remove_gone();
}

void EventListeners::cut_off(Listener& listener, std::string_view why) {
  log::info("events.cut_off", {{"client", listener.client}, {"text", why}});
  listener.gone = true;
}

void EventListeners::remove_gone() {
  listeners_.remove_if([](const Listener& listener) { return listener.gone; });
}

}  // namespace alertscaler::receive
