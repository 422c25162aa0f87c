// The program's metrics; the names are the contract of interfaces.md.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "model/action.h"
#include "model/alert.h"
#include "model/decision.h"
#include "model/view.h"

namespace alertscaler {

// Thread-safe. Written to by everybody, asked only by GET /metrics.
class Metrics {
 public:
  explicit Metrics(std::string version);
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  void notification(Source source, int code);
  void alerts_received(MergeResult result, std::size_t count);
  void active_alerts(const TargetName& target, AlertAction action, std::size_t count);
  void decided(const TargetName& target, Outcome outcome, Reason reason);
  // The duration counts only when the action came to an end of its own: done, failed or timeout.
  void action_ended(const TargetName& target, std::string_view backend, Reason action, ActionOutcome outcome,
                    Duration duration);
  void reaction(Duration from_notification_to_accepted);
  void backend_request(std::string_view backend, int code, Duration duration);  // code 0: no answer
  void target(const TargetView& view, Instant now, bool dry_run);  // all alertscaler_target_* of one target
  void forget_target(const TargetName& target);                    // and all its counters
  // Both are told as one: did what is configured come into force, and is it still so?
  void reloaded(bool successful);
  void web_files_usable(bool usable);  // what the web configuration names: tokens, secrets
  void store_failed();
  // Resyncs, by the URL of the Alertmanager. resync_with() makes both series known, with 0.
  void resync_with(const std::string& alertmanager);
  void resynced(const std::string& alertmanager, Instant at);
  void resync_failed(const std::string& alertmanager);
  void forget_resync(const std::string& alertmanager);

  // The text exposition format, version 0.0.4, process_* included. Cooldowns are told as what is left of them at `now`.
  [[nodiscard]] std::string expose(Instant now) const;

 private:
  struct Families;
  std::unique_ptr<Families> families_;
};

}  // namespace alertscaler
