// Asks Alertmanager from time to time which alerts fire, and makes the active set agree: notifications get lost, and
// nothing says that an alert was silenced. It decides nothing and acts on nothing.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/guarded.h"
#include "model/settings.h"
#include "record/metrics.h"
#include "remember/store.h"
#include "resync/alertmanager.h"

namespace alertscaler::resync {

// Who started less than this ago may not have been told yet what fires: after that an alert that nobody has repeated
// would have ended anyway (Alertmanager's resolve_timeout, Prometheus' endsAt).
inline constexpr Duration told_everything_after = std::chrono::minutes{5};

// Thread-safe, but for first() and start().
class Resync {
 public:
  // The configuration in force: asked for at every round, so that it can change.
  using SettingsInForce = std::function<std::shared_ptr<const Settings>()>;
  // Have a look at the target soon: what fires of it has changed.
  using Kick = std::function<void(const TargetName& target, Instant found)>;

  // Everything passed lives longer. Nothing happens before first() or start().
  Resync(SettingsInForce settings, Kick kick, Store& store, Metrics& metrics, const Clock& clock);
  ~Resync();  // stops
  Resync(const Resync&) = delete;
  Resync& operator=(const Resync&) = delete;

  // One round on the caller's thread, of at most about `at_most`, so that the first decision knows what was missed.
  // REQUIRES: not started.
  void first(Duration at_most);
  // Starts the thread, whose first round is at once unless first() succeeded.
  void start();
  // A round soon: the configuration has changed.
  void wake();
  // Gives up a round under way. Idempotent.
  void stop();

  // What does not work, a line for people for each Alertmanager; empty when all is well.
  [[nodiscard]] std::vector<std::string> troubles() const;

 private:
  struct Found;
  struct Asked {
    std::unique_ptr<Alertmanager> alertmanager;
    std::string error;  // of the last round; empty: it answered
    Instant since;      // when the first of the rounds that failed was
  };
  using Episode = std::pair<Fingerprint, Instant>;

  void run(const std::stop_token& stop);
  bool guarded_round(Duration at_most, const std::stop_token& stop);
  // True when all have answered and what they said is stored.
  bool round(Duration at_most, const std::stop_token& stop);
  void follow(const Alertmanagers& wanted);
  void ask_all(Found& found, Survey& survey, Duration at_most, const std::stop_token& stop);
  void answered(Asked& asked);
  void failed(Asked& asked, const Error& error);
  void tell_troubles();
  void fill(Survey& survey, Found&& found);
  void say(const Surveyed& surveyed, bool complete);

  const SettingsInForce settings_;
  const Kick kick_;
  Store& store_;
  Metrics& metrics_;
  const Clock& clock_;

  // Of the round alone.
  Alertmanagers known_;
  std::vector<Asked> asked_;
  std::set<Episode> ignored_;  // since the last complete round: each is logged once
  bool first_done_ = false;

  Guarded<std::vector<std::string>> troubles_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  bool woken_ = false;
  std::jthread thread_;
};

}  // namespace alertscaler::resync
