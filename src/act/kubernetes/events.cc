#include "act/kubernetes/events.h"

#include <algorithm>
#include <utility>

#include "act/kubernetes/json.h"
#include "base/log.h"
#include "base/text.h"

namespace alertscaler::kubernetes {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t waiting_max = 256;
constexpr std::size_t known_max = 500;
constexpr double burst = 20;                  // events about one thing at once
constexpr Duration one_more_after = 30s;      // and then
constexpr Duration same_within = 30min;       // the API server forgets an event after an hour
constexpr Duration closed_for = 5min;         // a name space that has refused one
constexpr std::size_t note_bytes_max = 1000;  // 1024 are allowed
constexpr std::size_t instance_bytes_max = 128;
constexpr std::size_t name_bytes_max = 200;

// MicroTime: exactly six digits.
std::string micro_time(Instant time) {
  std::string text = text::format_time(std::chrono::floor<std::chrono::seconds>(time));
  const auto millis = (time - std::chrono::floor<std::chrono::seconds>(time)).count();
  const std::string digits = std::to_string(1000 + millis).substr(1);
  text.pop_back();  // the Z
  return text + "." + digits + "000Z";
}

std::string path_of(const EventSubject& subject) {
  return "/apis/events.k8s.io/v1/namespaces/" + escape(event_name_space(subject)) + "/events";
}

std::string key_of(const std::string& uid, const EventNote& note) {
  return uid + "\n" + note.reason + "\n" + note.action + "\n" + note.text;
}

}  // namespace

std::string event_name_space(const EventSubject& subject) {
  return subject.name_space.empty() ? "kube-system" : subject.name_space;  // the one that every version takes
}

Json event_of(const EventSubject& subject, const std::string& uid, const EventNote& note, std::string_view instance,
              Instant now) {
  // Of a node its name, as the kubelet's own events have it: kubectl of every version looks for that.
  const bool is_node = subject.kind == "Node";
  Json regarding = {{"apiVersion", subject.api_version},
                    {"kind", subject.kind},
                    {"name", subject.name},
                    {"uid", is_node ? subject.name : uid}};
  if (!subject.name_space.empty()) regarding["namespace"] = subject.name_space;
  return {{"apiVersion", "events.k8s.io/v1"},
          {"kind", "Event"},
          {"metadata",
           {{"generateName", subject.name.substr(0, name_bytes_max) + "-"}, {"namespace", event_name_space(subject)}}},
          {"eventTime", micro_time(now)},
          {"reportingController", "alertscaler"},
          {"reportingInstance", std::string(instance.substr(0, instance_bytes_max))},
          {"action", note.action},
          {"reason", note.reason},
          {"type", note.warning ? "Warning" : "Normal"},
          {"regarding", std::move(regarding)},
          {"note", text::shorten(note.text, note_bytes_max)}};
}

Events::Events(std::shared_ptr<ApiServer> server, std::string instance, const Clock& clock)
    : server_(std::move(server)),
      instance_(std::move(instance)),
      clock_(clock),
      writer_([this](const std::stop_token& stop) { write_all(stop); }) {}

Events::~Events() = default;

void Events::tell(EventSubject subject, EventNote note) {
  const Instant now = clock_.now();
  {
    const std::lock_guard lock(mutex_);
    if (queue_.size() >= waiting_max || !allowed(subject, now)) {
      ++dropped_;
      return;
    }
    queue_.push_back({std::move(subject), std::move(note), now});
  }
  changed_.notify_one();
}

std::size_t Events::dropped() const {
  const std::lock_guard lock(mutex_);
  return dropped_;
}

// REQUIRES: mutex_ is held.
bool Events::allowed(const EventSubject& subject, Instant now) {
  if (allowances_.size() >= known_max && !allowances_.contains(subject.path)) {
    std::erase_if(allowances_, [&](const auto& entry) { return now - entry.second.since > same_within; });
    if (allowances_.size() >= known_max) return false;
  }
  const auto [found, added] = allowances_.try_emplace(subject.path, Allowance{burst, now});
  Allowance& allowance = found->second;
  const Duration passed = std::max(now - allowance.since, Duration{0});
  allowance.left = std::min(
      burst, allowance.left + static_cast<double>(passed.count()) / static_cast<double>(one_more_after.count()));
  allowance.since = now;
  if (allowance.left < 1) return false;
  allowance.left -= 1;
  return true;
}

void Events::write_all(const std::stop_token& stop) {
  while (true) {
    std::unique_lock lock(mutex_);
    if (!changed_.wait(lock, stop, [&] { return !queue_.empty(); })) return;
    const Told told = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();
    write(told, stop);
  }
}

void Events::write(const Told& told, const std::stop_token& stop) {
  const std::string name_space = event_name_space(told.subject);
  if (const auto closed = closed_until_.find(name_space); closed != closed_until_.end()) {
    if (told.time < closed->second) return;
    closed_until_.erase(closed);
  }
  const auto object = server_->get(told.subject.path, stop);
  if (!object) return;  // it is gone, or everything else fails, too
  const std::string uid = string_at(*object, "metadata", "uid");
  const std::string key = key_of(uid, told.note);
  if (repeat(key, told.time, stop)) return;
  const std::string path = path_of(told.subject);
  const auto written = server_->post(path, event_of(told.subject, uid, told.note, instance_, told.time), stop);
  if (!written) {
    not_taken(written.error(), told);
    return;
  }
  forget_old(told.time);
  const std::string name = string_at(*written, "metadata", "name");
  if (!name.empty()) written_[key] = {path + "/" + escape(name), 1, told.time};
}

// Counts it in the one that was written before. False: there is none, or the server has forgotten it.
bool Events::repeat(const std::string& key, Instant now, const std::stop_token& stop) {
  const auto found = written_.find(key);
  if (found == written_.end()) return false;
  Written& before = found->second;
  if (now - before.last > same_within) {
    written_.erase(found);
    return false;
  }
  const Json series = {{"series", {{"count", before.count + 1}, {"lastObservedTime", micro_time(now)}}}};
  const auto patched = server_->merge_patch(before.path, series, stop);
  if (!patched && patched.error().code == 404) {
    written_.erase(found);
    return false;
  }
  if (patched) {
    ++before.count;
    before.last = now;
  }
  return true;  // what could not be counted is no reason for another one
}

void Events::not_taken(const ApiError& error, const Told& told) {
  if (error.error.kind == ErrorKind::cancelled) return;
  const bool closed = error.code == 403 || error.code == 404;
  if (closed) closed_until_[event_name_space(told.subject)] = told.time + closed_for;
  log::write(closed ? log::Level::warn : log::Level::debug, "kubernetes.event_dropped",
             {{"object", told.subject.kind + "/" + told.subject.name}, {"error", error.error.message}});
}

void Events::forget_old(Instant now) {
  if (written_.size() < known_max) return;
  std::erase_if(written_, [&](const auto& entry) { return now - entry.second.last > same_within; });
  if (written_.size() >= known_max) written_.clear();
}

}  // namespace alertscaler::kubernetes
