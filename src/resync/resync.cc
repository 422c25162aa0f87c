#include "resync/resync.h"

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "base/log.h"
#include "base/text.h"
#include "decide/map.h"

namespace alertscaler::resync {
namespace {

using namespace std::chrono_literals;

constexpr Duration round_at_most = 20s;
constexpr std::size_t lines_max = 20;  // of alerts in the log, a round
constexpr std::size_t ignored_max = 10'000;

std::string_view name_of(const Labels& labels) {
  const auto found = labels.find("alertname");
  return found == labels.end() ? std::string_view() : found->second;
}

// Whether the alert asks something of a target but for its parameters.
bool is_ours(const Settings& settings, const Labels& labels, Labels annotations) {
  annotations["scale_step"] = "1";
  annotations["scale_replicas"] = "1";
  const auto mapped = decide::map_alert(settings, labels, annotations);
  return mapped && *mapped;
}

}  // namespace

// What is ours of all that the Alertmanagers said, one of each alert.
struct Resync::Found {
  struct One {
    FiringAlert alert;
    std::optional<Mapping> mapping;  // absent: its parameters cannot be used
  };
  const Settings& settings;
  std::set<Episode> ignored{};
  const std::set<Episode>& ignored_before;
  std::unordered_map<Fingerprint, One> alerts{};

  // Two Alertmanagers of a cluster have the same alert; who was told last knows it best. It is the later firing.
  void take(FiringAlert alert) {
    const auto known = alerts.find(alert.fingerprint);
    if (known != alerts.end() && known->second.alert.updated_at >= alert.updated_at) {
      FiringAlert& newer = known->second.alert;
      newer.starts_at = std::max(newer.starts_at, alert.starts_at);
      return;
    }
    if (known != alerts.end()) alert.starts_at = std::max(alert.starts_at, known->second.alert.starts_at);
    auto mapped = decide::map_alert(settings, alert.labels, alert.annotations);
    if (mapped && !*mapped) return;  // none of ours
    if (!mapped) {
      say_ignored(alert, mapped.error());
      if (!is_ours(settings, alert.labels, alert.annotations)) return;
    }
    const Fingerprint fingerprint = alert.fingerprint;
    alerts.insert_or_assign(fingerprint, One{std::move(alert), mapped ? *std::move(mapped) : std::nullopt});
  }

  void say_ignored(const FiringAlert& alert, const Error& error) {
    const Episode episode{alert.fingerprint, alert.starts_at};
    if (!ignored.insert(episode).second || ignored_before.contains(episode)) return;
    log::warn("alert.ignored", {{"alert", name_of(alert.labels)},
                                {"fingerprint", alert.fingerprint.text},
                                {"source", "resync"},
                                {"reason", error.message}});
  }
};

Resync::Resync(SettingsInForce settings, Kick kick, Store& store, Metrics& metrics, const Clock& clock)
    : settings_(std::move(settings)), kick_(std::move(kick)), store_(store), metrics_(metrics), clock_(clock) {}

Resync::~Resync() {
  stop();
}

void Resync::first(Duration at_most) {
  first_done_ = guarded_round(at_most, {});
}

void Resync::start() {
  thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
}

void Resync::wake() {
  {
    const std::lock_guard lock(mutex_);
    woken_ = true;
  }
  changed_.notify_one();
}

void Resync::stop() {
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
}

std::vector<std::string> Resync::troubles() const {
  return troubles_.with([](const std::vector<std::string>& lines) { return lines; });
}

void Resync::run(const std::stop_token& stop) {
  bool wait = first_done_;
  while (!stop.stop_requested()) {
    if (wait) {
      std::unique_lock lock(mutex_);
      changed_.wait_for(lock, stop, known_.resync_interval, [&] { return woken_; });
      woken_ = false;
    }
    wait = true;
    if (!stop.stop_requested()) guarded_round(round_at_most, stop);
  }
}

// An exception that nobody expected ends the round, not the program.
bool Resync::guarded_round(Duration at_most, const std::stop_token& stop) {
  try {
    return round(at_most, stop);
  } catch (const std::exception& unexpected) {
    log::error("resync.exception", {{"error", unexpected.what()}});
    return false;
  }
}

bool Resync::round(Duration at_most, const std::stop_token& stop) {
  const auto settings = settings_();
  follow(settings->alertmanager);
  if (asked_.empty()) return true;
  Survey survey;
  survey.asked = store_.mark();
  Found found{.settings = *settings, .ignored_before = ignored_};
  ask_all(found, survey, at_most, stop);
  tell_troubles();
  if (stop.stop_requested()) return false;
  survey.now = clock_.now();
  const bool complete = survey.complete;
  if (complete || ignored_.size() > ignored_max) ignored_.clear();
  ignored_.merge(found.ignored);
  fill(survey, std::move(found));
  const Instant now = survey.now;
  const auto surveyed = store_.apply(std::move(survey));
  if (!surveyed) {
    metrics_.store_failed();
    log::warn("resync.not_stored", {{"error", surveyed.error().message}});
    return false;
  }
  say(*surveyed, complete);
  for (const TargetName& target : surveyed->changed) kick_(target, now);
  // What was mapped by a configuration that is no longer in force: again, at once.
  if (settings_() != settings) wake();
  return complete;
}

// Asks those that the configuration names now.
void Resync::follow(const Alertmanagers& wanted) {
  if (wanted == known_) return;
  for (const Asked& each : asked_) {
    const std::string& url = each.alertmanager->url();
    if (std::find(wanted.urls.begin(), wanted.urls.end(), url) == wanted.urls.end()) metrics_.forget_resync(url);
  }
  asked_.clear();
  for (const std::string& url : wanted.urls) {
    asked_.push_back({std::make_unique<Alertmanager>(url, wanted.http, clock_), "", {}});
    metrics_.resync_with(url);
  }
  known_ = wanted;
  tell_troubles();
}

void Resync::ask_all(Found& found, Survey& survey, Duration at_most, const std::stop_token& stop) {
  survey.complete = true;
  const Duration each_at_most = at_most / static_cast<Duration::rep>(asked_.size());
  for (Asked& each : asked_) {
    const auto started =
        each.alertmanager->ask([&](FiringAlert alert) { found.take(std::move(alert)); }, each_at_most, stop);
    if (!started) {
      survey.complete = false;
      if (started.error().kind == ErrorKind::cancelled) return;
      failed(each, started.error());
      continue;
    }
    answered(each);
    const Instant now = clock_.now();
    if (!*started || **started + told_everything_after <= now) continue;
    survey.forgotten_before = std::max(survey.forgotten_before.value_or(**started), **started);
  }
}

void Resync::answered(Asked& asked) {
  metrics_.resynced(asked.alertmanager->url(), clock_.now());
  if (asked.error.empty()) return;
  asked.error.clear();
  log::info("resync.recovered", {{"alertmanager", asked.alertmanager->url()}});
}

void Resync::failed(Asked& asked, const Error& error) {
  metrics_.resync_failed(asked.alertmanager->url());
  if (asked.error == error.message) return;
  if (asked.error.empty()) asked.since = clock_.now();
  asked.error = error.message;
  log::warn("resync.failed", {{"alertmanager", asked.alertmanager->url()},
                              {"error", error.message},
                              {"text", "no alert is ended by a resync until it answers; notifications go on"}});
}

void Resync::tell_troubles() {
  std::vector<std::string> lines;
  for (const Asked& each : asked_) {
    if (each.error.empty()) continue;
    lines.push_back("no resync with " + each.alertmanager->url() + " since " + text::format_time(each.since) + ": " +
                    each.error);
  }
  troubles_.with([&](std::vector<std::string>& known) { known = std::move(lines); });
}

void Resync::fill(Survey& survey, Found&& found) {
  for (auto& [fingerprint, one] : found.alerts) {
    if (!one.mapping) {
      survey.unusable.push_back(fingerprint);
      continue;
    }
    survey.firing.push_back({.alert = {.fingerprint = fingerprint,
                                       .labels = std::move(one.alert.labels),
                                       .annotations = std::move(one.alert.annotations),
                                       .starts_at = one.alert.starts_at,
                                       .last_seen = survey.now,
                                       .ends_at = {},
                                       .source = Source::resync,
                                       .group_key = {},
                                       .generator_url = std::move(one.alert.generator_url),
                                       .mapping = *std::move(one.mapping)}});
  }
}

void Resync::say(const Surveyed& surveyed, bool complete) {
  const auto each = [](const std::vector<Alert>& alerts, std::string_view event, std::string_view text) {
    for (std::size_t i = 0; i < std::min(alerts.size(), lines_max); ++i) {
      const Alert& alert = alerts[i];
      log::info(event, {{"alert", alert.name()},
                        {"fingerprint", alert.fingerprint.text},
                        {"target", alert.mapping.target.text},
                        {"action", to_string(alert.mapping.action)},
                        {"source", "resync"},
                        {"text", text}});
    }
  };
  each(surveyed.adopted, "alert.adopted", "Alertmanager has it, and no notification came");
  each(surveyed.ended, "alert.ended", "Alertmanager no longer has it, or has it silenced or inhibited");
  const bool news = !surveyed.adopted.empty() || !surveyed.ended.empty();
  log::write(news ? log::Level::info : log::Level::debug, "resync.done",
             {{"adopted", surveyed.adopted.size()},
              {"ended", surveyed.ended.size()},
              {"changed_targets", surveyed.changed.size()},
              {"complete", complete}});
}

}  // namespace alertscaler::resync
