#include "control/controller.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "base/text.h"
#include "control/pass.h"

namespace alertscaler::control {

Controller::Controller(std::shared_ptr<const Settings> settings, Backends backends, Store& store, Metrics& metrics,
                       const Clock& clock, Options options)
    : settings_(std::move(settings)),
      store_(store),
      metrics_(metrics),
      clock_(clock),
      options_(std::move(options)),
      random_(std::minstd_rand(std::random_device{}())) {
  for (const auto& [name, target] : this->settings()->targets) {
    runtimes_.emplace(name, make_runtime(target, backends.at(name)));
  }
}

Controller::~Controller() {
  stop();
}

void Controller::start() {
  scheduler_ = std::make_unique<Scheduler>(
      settings()->max_parallel, clock_,
      [this](const TargetName& name, const std::stop_token& stop) { return guarded_pass(name, stop); },
      [this](const TargetName& name, Ticket ticket) { keep_answer(name, ticket); });
  end_alerts(clock_.now());  // before anything is decided from those whose time came while the program was away
  settle_away();
  for (const RuntimePtr& runtime : runtimes()) scheduler_->add(runtime->name);
  housekeeper_ = std::jthread([this](const std::stop_token& stop) { keep_house(stop); });
}

void Controller::stop() {
  reload_stop_.request_stop();
  housekeeper_.request_stop();
  if (scheduler_) scheduler_->stop();
  if (housekeeper_.joinable()) housekeeper_.join();
  const std::lock_guard reload_has_ended(reload_mutex_);
}

// The body of the worker threads: an exception that nobody expected ends the pass, not the program.
Instant Controller::guarded_pass(const TargetName& name, const std::stop_token& stop) {
  constexpr Duration again_after = std::chrono::seconds{10};
  try {
    return pass(name, stop);
  } catch (const std::exception& unexpected) {
    log::error("pass.exception", {{"target", name.text}, {"error", unexpected.what()}});
    return clock_.now() + again_after;
  }
}

void Controller::keep_answer(const TargetName& name, Ticket ticket) {
  constexpr std::size_t kept = 16;  // more than passes there can be before somebody who waits wakes up
  const RuntimePtr found = runtime_of(name);
  if (!found) return;
  const auto decision = found->view.with([](const TargetView& view) { return view.decision; });
  if (!decision) return;
  found->answers.with([&](std::deque<Answer>& answers) {
    // A target that left the scheduler and came back has its tickets counted anew.
    if (!answers.empty() && answers.back().ticket >= ticket) answers.clear();
    answers.push_back({ticket, *decision});
    if (answers.size() > kept) answers.pop_front();
  });
}

Controller::Ticket Controller::kick(const TargetName& target, Instant received) {
  const RuntimePtr found = runtime_of(target);
  if (!found || !scheduler_) return 0;
  found->received.with([&](std::optional<Instant>& first) { first = first.value_or(received); });
  {
    std::lock_guard lock(house_mutex_);
    house_kicked_ = true;  // the new alert may be the next to expire
  }
  house_changed_.notify_one();
  return scheduler_->kick(target);
}

std::optional<Decision> Controller::decided(const TargetName& target, Ticket ticket, Duration at_most) {
  if (!scheduler_ || !scheduler_->wait(target, ticket, at_most)) return std::nullopt;
  const RuntimePtr found = runtime_of(target);
  if (!found) return std::nullopt;
  auto answer = found->answers.with([&](const std::deque<Answer>& answers) -> std::optional<Decision> {
    const auto first =
        std::find_if(answers.begin(), answers.end(), [&](const Answer& each) { return each.ticket >= ticket; });
    return first == answers.end() ? std::nullopt : std::optional(first->decision);
  });
  if (answer) return answer;
  return found->view.with([](const TargetView& view) { return view.decision; });
}

Result<Explained> Controller::preview(const TargetName& target, std::vector<Alert> alerts) {
  const auto found = find(target);
  if (!found) return fail(found.error());
  Runtime& runtime = **found;
  // The view is at most a refresh old; observing here could run beside a pass of the same target, which backends
  // need not support.
  auto observed = runtime.view.with([](const TargetView& view) { return view.observed; });
  if (!observed) {
    const std::string why = runtime.view.with([](const TargetView& view) { return view.error; });
    return fail(ErrorKind::unreachable, "target " + target.text + " is not observed" + (why.empty() ? "" : ": " + why));
  }
  const TargetState state = store_.state(target);
  const auto setup = runtime.current();
  if (is_dry_run(*setup)) pretend(state, *observed);
  if (setup->hands.nodes) return preview_nodes(runtime, *setup, alerts, state, *observed);
  return decide::explain(
      {clock_.now(), setup->target.policy, alerts, state, *observed, orders_of(target), unproven_ends(state)});
}

std::vector<TargetView> Controller::targets() const {
  std::vector<TargetView> views;
  const auto all = runtimes();
  views.reserve(all.size());
  for (const RuntimePtr& runtime : all) {
    views.push_back(runtime->view.with([](const TargetView& view) { return view; }));
  }
  return views;
}

std::optional<TargetView> Controller::target(const TargetName& name) const {
  const RuntimePtr found = runtime_of(name);
  if (!found) return std::nullopt;
  return found->view.with([](const TargetView& view) { return view; });
}

std::optional<std::string> Controller::not_ready() const {
  if (const auto sealed = store_.sealed()) return "the store is sealed: " + sealed->message;
  // A target that only a person can mend holds up nobody, as long as there are others.
  std::optional<std::string> to_be_mended;
  bool some_observed = false;
  for (const RuntimePtr& runtime : runtimes()) {
    if (runtime->was_observed) {
      some_observed = true;
      continue;
    }
    const std::string error = runtime->view.with([](const TargetView& view) { return view.error; });
    std::string why = "target " + runtime->name.text + ": " + (error.empty() ? "not observed yet" : error);
    if (!runtime->needs_person) return why;
    if (!to_be_mended) to_be_mended = std::move(why);
  }
  return some_observed ? std::nullopt : to_be_mended;
}

std::vector<Episode> Controller::unproven_ends(const TargetState& state) const {
  std::vector<Episode> ends;
  const auto add = [&](const std::set<Episode>& episodes) {
    for (const Episode& episode : episodes) {
      const auto resolved = store_.resolved(episode.fingerprint);
      if (resolved && resolved->unproven && resolved->starts_at >= episode.starts_at) ends.push_back(episode);
    }
  };
  for (const std::optional<Baseline>* baseline : {&state.baseline, &state.drain_baseline}) {
    if (*baseline) add((*baseline)->alerts);
  }
  for (const auto& [node, known] : state.nodes) add(known.alerts);
  return ends;
}

double Controller::jitter() {
  return random_.with([](std::minstd_rand& random) { return std::uniform_real_distribution<double>{0, 1}(random); });
}

void Controller::end_alerts(Instant now) {
  if (const auto ended = store_.expire(now, settings()->stale_after)) {
    for (const TargetName& target : *ended) scheduler_->kick(target);
  } else {
    metrics_.store_failed();
    log::warn("expire.failed", {{"error", ended.error().message}});
  }
}

// Ends alerts whose time has come, and forgets history that is old enough.
void Controller::keep_house(const std::stop_token& stop) {
  constexpr Duration look_at_most = std::chrono::minutes{1};
  constexpr Duration prune_every = std::chrono::hours{1};
  Instant prune_at = clock_.now();
  while (!stop.stop_requested()) {
    const Instant now = clock_.now();
    end_alerts(now);
    if (now >= prune_at) {
      if (const Status pruned = store_.prune(now - settings()->history_retention); !pruned) {
        metrics_.store_failed();
        log::warn("prune.failed", {{"error", pruned.error().message}});
      }
      prune_at = now + prune_every;
    }
    const auto next = store_.next_expiry(settings()->stale_after);
    Duration wait = next ? std::clamp(Duration{*next - now}, Duration{1000}, look_at_most) : look_at_most;
    if (map_late_alerts()) wait = Duration{1000};
    std::unique_lock lock(house_mutex_);
    house_changed_.wait_for(lock, stop, wait, [&] { return house_kicked_; });
    house_kicked_ = false;
  }
}

}  // namespace alertscaler::control
