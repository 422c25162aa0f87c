#include "receive/events.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <exception>
#include <functional>
#include <system_error>
#include <utility>

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/log.h"
#include "receive/api_json.h"
#include "receive/json_writer.h"

namespace alertscaler::receive {
namespace {

using namespace std::chrono_literals;
using std::chrono::steady_clock;

constexpr std::size_t flush_bytes = 64U << 10U;

// Ids of an earlier process must not be taken for ours.
std::string id_prefix() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(now).count()) + "-";
}

}  // namespace

Events::Events(EventLimits limits)
    : limits_(limits),
      wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      seats_(std::make_shared<std::atomic<int>>(0)),
      listeners_(limits.log_bytes_max, limits.stall_max, id_prefix()) {}

Events::~Events() {
  stop();
}

template <class Add>
void Events::publish(Add add) {
  bool was_empty = false;
  {
    const std::lock_guard lock(mutex_);
    was_empty = pending_.empty();
    add(pending_);
    if (pending_.changes.size() > limits_.changes_max) {
      pending_.changes.clear();
      pending_.lost = true;
    }
  }
  if (!was_empty) return;  // the thread knows already
  const std::uint64_t one = 1;
  if (::write(wake_.fd(), &one, sizeof one) < 0 && errno != EAGAIN) {
    log::error("events.failed", {{"error", std::generic_category().message(errno)}});
  }
}

void Events::target_changed(const TargetName& target) {
  if (seats_->load() == 0) return;
  publish([&](Pending& pending) { pending.targets.insert(target); });
}

void Events::store_changed(StoreChanges changes) {
  if (seats_->load() == 0) return;
  publish([&](Pending& pending) {
    for (auto& alert : changes.alerts) pending.changes.emplace_back(std::move(alert));
    for (auto& entry : changes.history) pending.changes.emplace_back(std::move(entry));
  });
}

void Events::start(const Store& store, const Controller& controller) {
  store_ = &store;
  controller_ = &controller;
  thread_ = std::thread([this] { run(); });
}

std::shared_ptr<void> Events::take_seat() {
  if (stopping_.load()) return nullptr;
  if (seats_->fetch_add(1) >= limits_.listeners_max) {
    seats_->fetch_sub(1);
    return nullptr;
  }
  return {seats_.get(), [seats = seats_](void*) { seats->fetch_sub(1); }};
}

void Events::listen(Newcomer newcomer) {
  if (stopping_.load()) return;
  publish([&](Pending& pending) { pending.newcomers.push_back(std::move(newcomer)); });
}

void Events::stop() {
  const std::lock_guard lock(stop_mutex_);
  stopping_.store(true);
  if (thread_.joinable()) {
    const std::uint64_t one = 1;
    if (::write(wake_.fd(), &one, sizeof one) < 0 && errno != EAGAIN) {
      log::error("stop.failed", {{"error", std::generic_category().message(errno)}});
    }
    thread_.join();
  }
  const std::lock_guard pending_lock(mutex_);
  pending_ = Pending{};
}

void Events::run() {
  ::pthread_setname_np(::pthread_self(), "events");
  heartbeat_at_ = steady_clock::now() + limits_.heartbeat;
  while (!stopping_.load()) {
    try {
      wait();
      Pending pending;
      {
        const std::lock_guard lock(mutex_);
        std::swap(pending, pending_);
      }
      write(std::move(pending));
    } catch (const std::exception& unexpected) {
      log::error("events.exception", {{"error", unexpected.what()}, {"text", "all listeners are cut off"}});
      listeners_.clear();
    }
    if (listeners_.empty()) last_.clear();
  }
  listeners_.clear();
}

// Until there is something to write, somebody reads or leaves, or a heartbeat is due.
void Events::wait() {
  std::vector<pollfd> waiting{{wake_.fd(), POLLIN, 0}};
  listeners_.add_to(waiting);
  int patience = -1;
  if (!listeners_.empty()) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(heartbeat_at_ - steady_clock::now()).count();
    patience = static_cast<int>(std::max<std::int64_t>(left, 0));
  }
  ::poll(waiting.data(), waiting.size(), patience);
  std::uint64_t count = 0;
  if (waiting[0].revents != 0 && ::read(wake_.fd(), &count, sizeof count) < 0 && errno != EAGAIN) {
    log::error("events.failed", {{"error", std::generic_category().message(errno)}});
  }
  listeners_.look_at(waiting, 1);
}

void Events::write(Pending pending) {
  for (Newcomer& newcomer : pending.newcomers) {
    if (listeners_.empty()) heartbeat_at_ = steady_clock::now() + limits_.heartbeat;
    listeners_.add(std::move(newcomer));
  }
  if (!listeners_.empty()) {
    if (pending.lost) append("reset", "{}");
    for (const auto& change : pending.changes) {
      std::visit([this](const auto& one) { write(one); }, change);
    }
    for (const TargetName& target : pending.targets) write(target);
    if (steady_clock::now() >= heartbeat_at_) {
      listeners_.cut_unadmitted();  // first, so that nobody is kept up by a sign of life
      listeners_.append_comment([this] { return stopping_.load(); });
      listeners_.cut_stalled();
      heartbeat_at_ = steady_clock::now() + limits_.heartbeat;
    }
  }
  listeners_.flush();
  unflushed_bytes_ = 0;
}

void Events::write(const StoreChanges::OfAlert& change) {
  Alert alert = *change.alert;
  alert.last_seen = change.last_seen;
  alert.ends_at = change.ends_at;
  JsonWriter json;
  write_event(json, alert, change.active);
  append("alert", std::move(json).take());
}

void Events::write(const HistoryEntry& entry) {
  JsonWriter json;
  receive::write(json, entry);
  append("history", std::move(json).take());
}

// Passes that change nothing are not worth a word.
void Events::write(const TargetName& target) {
  const auto view = controller_->target(target);
  JsonWriter json;
  if (view) {
    receive::write(json, *view, store_->active_alerts(target));
  } else {
    json.begin_object().field("name", target.text).field("removed", true).end_object();
  }
  const std::string data = std::move(json).take();
  const std::size_t hash = std::hash<std::string>{}(data);
  const auto [known, is_new] = last_.try_emplace(target, hash);
  if (!is_new && known->second == hash) return;
  known->second = hash;
  if (!view) last_.erase(known);
  append("target", data);
}

void Events::append(std::string_view event, std::string_view data) {
  listeners_.append(event, data, [this] { return stopping_.load(); });
  unflushed_bytes_ += data.size();
  if (unflushed_bytes_ < flush_bytes) return;
  listeners_.flush();
  unflushed_bytes_ = 0;
}

}  // namespace alertscaler::receive
