#include "act/kubernetes/drain_waves.h"

#include <algorithm>

#include "base/text.h"

namespace alertscaler::kubernetes {
namespace {

// A pod that the scheduler had placed before it saw the cordon comes once. One whose template names the node, or that
// tolerates the cordon, comes each time.
constexpr int returns_max = 3;
constexpr Duration stuck_after = std::chrono::seconds{60};
constexpr std::size_t told_max = 3;

std::string joined(std::vector<std::string> texts) {
  const std::size_t all = texts.size();
  if (all > told_max) texts.resize(told_max);
  return text::join(texts, "; ") + (all > told_max ? "; and " + std::to_string(all - told_max) + " more" : "");
}

}  // namespace

void DrainWaves::look(std::vector<DrainPod>& go, Instant now, Duration timeout) {
  last_look_ = now;
  take_out_returners(go);
  choose_wave(go, now, timeout);
  looked_ = true;
}

void DrainWaves::take_out_returners(std::vector<DrainPod>& go) {
  std::set<std::string> came;  // controllers of which this look shows new pods
  for (const DrainPod& pod : go) {
    if (seen_.insert(pod.uid).second && looked_ && !pod.controller_uid.empty()) came.insert(pod.controller_uid);
  }
  for (const std::string& controller : came) ++returns_[controller];
  std::erase_if(go, [&](const DrainPod& pod) {
    const auto found = returns_.find(pod.controller_uid);
    if (pod.controller_uid.empty() || found == returns_.end() || found->second <= returns_max) return false;
    returners_.insert(pod.name_space + "/" + pod.controller_name);
    return true;
  });
}

void DrainWaves::give_up(std::vector<DrainPod>& pods, Instant now) {
  given_up_.clear();
  std::erase_if(pods, [&](const DrainPod& pod) {
    if (!pod.ends_at || now - *pod.ends_at < stuck_after) return false;
    given_up_.insert(pod.shown());
    return true;
  });
}

std::string DrainWaves::refused(const std::vector<DrainPod>& go) {
  std::vector<std::string> texts;
  for (const DrainPod& pod : go) {
    if (is_refused(pod)) {
      texts.push_back("pod " + pod.shown() + ": " + waiting_.at(pod.uid).why);
    } else if (pod.shown() != own_) {
      return "";
    }
  }
  std::erase_if(waiting_, [](const auto& entry) { return entry.second.refused; });
  return joined(std::move(texts));
}

bool DrainWaves::is_refused(const DrainPod& pod) const {
  const auto found = waiting_.find(pod.uid);
  return !pod.ends_at && found != waiting_.end() && found->second.refused;
}

// The next wave goes when the one before has gone, or has had its share of the time: a pod that may not go must not
// keep the others from leaving in good order.
void DrainWaves::choose_wave(const std::vector<DrainPod>& go, Instant now, Duration timeout) {
  std::set<Wave> waves;
  for (const DrainPod& pod : go) {
    if (pod.shown() != own_ && !is_refused(pod)) waves.insert(wave_of(pod));
  }
  if (waves.empty()) return;
  if (!wave_ || *wave_ < *waves.begin()) {
    wave_ = *waves.begin();
    wave_since_ = now;
    return;
  }
  const auto next = waves.upper_bound(*wave_);
  const auto share = timeout / static_cast<Duration::rep>(waves.size() + 1);
  if (next == waves.end() || now - wave_since_ < share) return;
  wave_ = *next;
  wave_since_ = now;
}

std::vector<DrainPod> DrainWaves::turn(const std::vector<DrainPod>& go, Instant now) const {
  std::vector<DrainPod> turn;
  const bool only_own = std::all_of(go.begin(), go.end(), [&](const DrainPod& pod) { return pod.shown() == own_; });
  for (const DrainPod& pod : go) {
    if (pod.ends_at || (pod.shown() == own_ && !only_own)) continue;
    if (!only_own && wave_ && wave_of(pod) > *wave_) continue;
    const auto found = waiting_.find(pod.uid);
    if (found != waiting_.end() && found->second.again_at > now) continue;
    turn.push_back(pod);
  }
  return turn;
}

std::string DrainWaves::why_waiting(const std::vector<DrainPod>& go, Instant now) const {
  std::vector<std::string> texts;
  for (const DrainPod& pod : go) {
    if (pod.ends_at) {
      if (now - *pod.ends_at < stuck_after) continue;
      texts.push_back("pod " + pod.shown() + " should have ended " +
                      text::format_duration(std::chrono::floor<std::chrono::seconds>(now - *pod.ends_at)) +
                      " ago: its node may be dead, or a finalizer holds it");
    } else if (const auto found = waiting_.find(pod.uid); found != waiting_.end()) {
      texts.push_back("pod " + pod.shown() + ": " + found->second.why);
    }
  }
  return joined(std::move(texts));
}

std::string DrainWaves::note() const {
  std::vector<std::string> notes;
  if (!returners_.empty()) {
    notes.push_back("pods of " + joined({returners_.begin(), returners_.end()}) +
                    " come back to the node each time and were left there: their template names it (nodeName) or "
                    "tolerates the cordon");
  }
  if (!given_up_.empty()) {
    notes.push_back("the node is not ready, and what should have ended there more than " +
                    text::format_duration(stuck_after) +
                    " ago counts as gone: " + joined({given_up_.begin(), given_up_.end()}) +
                    "; if the node never comes back, delete it, so that they can start elsewhere");
  }
  return text::join(notes, "; ");
}

}  // namespace alertscaler::kubernetes
