#include "record/metrics.h"

#include <array>
#include <map>
#include <sstream>
#include <utility>

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include "base/guarded.h"
#include "record/process_metrics.h"
#include "record/target_metrics.h"

namespace alertscaler {
namespace {

using prometheus::BuildCounter;
using prometheus::BuildGauge;
using prometheus::BuildHistogram;
using Buckets = prometheus::Histogram::BucketBoundaries;

// A request to an engine: a listing takes 1 ms, a create 250 ms, a graceful stop 10 s.
const Buckets request_buckets{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30};
// An action from its intent until its replicas are ready: from at once to the longest timeouts that people set.
const Buckets action_buckets{0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 120, 300, 600, 1800};
// From the notification to the accepted change: a few milliseconds, unless a cooldown or a slow engine stands between.
const Buckets reaction_buckets{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300};

double seconds(Duration duration) {
  return std::chrono::duration<double>(duration).count();
}

}  // namespace

struct Metrics::Families {
  prometheus::Registry registry;
  prometheus::Family<prometheus::Gauge>& build_info = BuildGauge()
                                                          .Name("alertscaler_build_info")
                                                          .Help("The version that runs, as a label; always 1.")
                                                          .Register(registry);
  prometheus::Family<prometheus::Counter>& notifications =
      BuildCounter()
          .Name("alertscaler_notifications_total")
          .Help("Notifications received, by sender and by the HTTP status that they were answered with.")
          .Register(registry);
  prometheus::Family<prometheus::Counter>& alerts_received =
      BuildCounter()
          .Name("alertscaler_alerts_received_total")
          .Help("Alerts in the notifications received, by what became of them.")
          .Register(registry);
  std::array<prometheus::Counter*, 4> alerts_by_result{};  // by MergeResult
  prometheus::Family<prometheus::Histogram>& action_duration =
      BuildHistogram()
          .Name("alertscaler_action_duration_seconds")
          .Help("From the intent of an action until its replicas were ready or it was given up.")
          .Register(registry);
  prometheus::Histogram& alert_reaction =
      BuildHistogram()
          .Name("alertscaler_alert_reaction_seconds")
          .Help("From a notification until the backend accepted the change that it caused.")
          .Register(registry)
          .Add({}, reaction_buckets);
  prometheus::Family<prometheus::Counter>& backend_requests =
      BuildCounter()
          .Name("alertscaler_backend_requests_total")
          .Help("Requests to the backends' engines, by HTTP status; 0: no answer.")
          .Register(registry);
  prometheus::Family<prometheus::Histogram>& backend_request_duration =
      BuildHistogram()
          .Name("alertscaler_backend_request_duration_seconds")
          .Help("How long the backends' engines took to answer.")
          .Register(registry);
  prometheus::Gauge& last_reload_successful =
      BuildGauge()
          .Name("alertscaler_config_last_reload_successful")
          .Help("Whether the last attempt to load the configuration succeeded, and what it names can still be used.")
          .Register(registry)
          .Add({});
  std::atomic<bool> reloaded{false};
  std::atomic<bool> web_files_usable{true};
  prometheus::Counter& store_failures = BuildCounter()
                                            .Name("alertscaler_store_failures_total")
                                            .Help("Writes to the store that failed.")
                                            .Register(registry)
                                            .Add({});
  prometheus::Family<prometheus::Gauge>& resync_last_success =
      BuildGauge()
          .Name("alertscaler_resync_last_success_timestamp_seconds")
          .Help("When this Alertmanager last answered which alerts fire; 0: never.")
          .Register(registry);
  prometheus::Family<prometheus::Counter>& resync_failures =
      BuildCounter()
          .Name("alertscaler_resync_failures_total")
          .Help("Resyncs in which this Alertmanager did not answer which alerts fire.")
          .Register(registry);
  struct Resynced {
    prometheus::Gauge* last_success = nullptr;
    prometheus::Counter* failures = nullptr;
  };
  Guarded<std::map<std::string, Resynced>> resyncs;
  prometheus::Gauge& leader =
      BuildGauge().Name("alertscaler_leader").Help("Whether this replica decides and acts.").Register(registry).Add({});
  record::ProcessMetrics process;
  Guarded<record::TargetMetrics> targets;
};

Metrics::Metrics(std::string version) : families_(std::make_unique<Families>()) {
  families_->build_info.Add({{"version", std::move(version)}}).Set(1);
  families_->leader.Set(1);
  // Known from the start, so that a rate over them has a beginning.
  for (const MergeResult result :
       {MergeResult::accepted, MergeResult::duplicate, MergeResult::stale, MergeResult::ignored}) {
    families_->alerts_by_result.at(static_cast<std::size_t>(result)) =
        &families_->alerts_received.Add({{"result", std::string(to_string(result))}});
  }
}

Metrics::~Metrics() = default;

void Metrics::notification(Source source, int code) {
  families_->notifications.Add({{"source", std::string(to_string(source))}, {"code", std::to_string(code)}})
      .Increment();
}

void Metrics::alerts_received(MergeResult result, std::size_t count) {
  families_->alerts_by_result.at(static_cast<std::size_t>(result))->Increment(static_cast<double>(count));
}

void Metrics::active_alerts(const TargetName& target, AlertAction action, std::size_t count) {
  families_->targets.with(
      [&](auto& targets) { targets.of(target).active_alerts.at(static_cast<std::size_t>(action)) = count; });
}

void Metrics::decided(const TargetName& target, Outcome outcome, Reason reason) {
  families_->targets.with([&](auto& targets) { ++targets.of(target).decisions[{outcome, reason}]; });
}

void Metrics::action_ended(const TargetName& target, std::string_view backend, Reason action, ActionOutcome outcome,
                           Duration duration) {
  families_->targets.with([&](auto& targets) { ++targets.of(target).actions[{action, outcome}]; });
  if (outcome == ActionOutcome::dry_run || outcome == ActionOutcome::interrupted) return;
  families_->action_duration
      .Add({{"backend", std::string(backend)}, {"action", std::string(to_string(action))}}, action_buckets)
      .Observe(seconds(duration));
}

void Metrics::reaction(Duration from_notification_to_accepted) {
  families_->alert_reaction.Observe(seconds(from_notification_to_accepted));
}

void Metrics::backend_request(std::string_view backend, int code, Duration duration) {
  families_->backend_requests.Add({{"backend", std::string(backend)}, {"code", std::to_string(code)}}).Increment();
  families_->backend_request_duration.Add({{"backend", std::string(backend)}}, request_buckets)
      .Observe(seconds(duration));
}

void Metrics::target(const TargetView& view, Instant now, bool dry_run) {
  const auto still = [&](const std::optional<Instant>& until) { return until && *until > now ? until : std::nullopt; };
  const bool counts = has_count(view.target.backend);
  record::TargetSeries::Gauges gauges{.desired = view.desired,
                                      .min = counts ? std::optional(view.target.policy.min) : std::nullopt,
                                      .max = counts ? std::optional(view.target.policy.max) : std::nullopt,
                                      .paused = view.pause.has_value(),
                                      .dry_run = dry_run,
                                      .up_cooldown_until = still(view.up_cooldown_until),
                                      .down_cooldown_until = still(view.down_cooldown_until)};
  if (view.observed) {
    gauges.replicas = view.observed->replicas;
    gauges.ready = view.observed->ready;
  }
  families_->targets.with([&](auto& targets) { targets.of(view.target.name).gauges = gauges; });
}

void Metrics::forget_target(const TargetName& target) {
  families_->targets.with([&](auto& targets) { targets.forget(target); });
}

void Metrics::reloaded(bool successful) {
  families_->reloaded.store(successful);
}

void Metrics::web_files_usable(bool usable) {
  families_->web_files_usable.store(usable);
}

void Metrics::store_failed() {
  families_->store_failures.Increment();
}

void Metrics::resync_with(const std::string& alertmanager) {
  families_->resyncs.with([&](auto& resyncs) {
    resyncs[alertmanager] = {&families_->resync_last_success.Add({{"alertmanager", alertmanager}}),
                             &families_->resync_failures.Add({{"alertmanager", alertmanager}})};
  });
}

void Metrics::resynced(const std::string& alertmanager, Instant at) {
  families_->resyncs.with([&](auto& resyncs) {
    const auto found = resyncs.find(alertmanager);
    if (found != resyncs.end()) found->second.last_success->Set(seconds(at.time_since_epoch()));
  });
}

void Metrics::resync_failed(const std::string& alertmanager) {
  families_->resyncs.with([&](auto& resyncs) {
    const auto found = resyncs.find(alertmanager);
    if (found != resyncs.end()) found->second.failures->Increment();
  });
}

void Metrics::forget_resync(const std::string& alertmanager) {
  families_->resyncs.with([&](auto& resyncs) {
    const auto found = resyncs.find(alertmanager);
    if (found == resyncs.end()) return;
    families_->resync_last_success.Remove(found->second.last_success);
    families_->resync_failures.Remove(found->second.failures);
    resyncs.erase(found);
  });
}

std::string Metrics::expose(Instant now) const {
  const prometheus::TextSerializer serializer;
  std::ostringstream out;
  const bool in_force = families_->reloaded.load() && families_->web_files_usable.load();
  families_->last_reload_successful.Set(in_force ? 1 : 0);
  serializer.Serialize(out, families_->registry.Collect());
  // A family at a time, written without the lock: with 10 000 targets nobody waits long for it and memory stays small.
  for (std::size_t i = 0; i < record::TargetMetrics::family_count; ++i) {
    const auto family = families_->targets.with([&](const auto& targets) { return targets.family(i, now); });
    if (!family.metric.empty()) serializer.Serialize(out, {family});
  }
  serializer.Serialize(out, families_->process.Collect());
  return out.str();
}

}  // namespace alertscaler
