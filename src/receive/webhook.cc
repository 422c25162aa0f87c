#include "receive/webhook.h"

#include <algorithm>
#include <iterator>
#include <set>
#include <utility>

#include "base/log.h"
#include "base/text.h"
#include "decide/map.h"
#include "receive/api_json.h"

namespace alertscaler::receive {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t large_body_bytes = 1U << 20U;
// How long a waiting request may keep the server from stopping.
constexpr Duration wait_slice = 200ms;

// Holds one of a bounded number of places.
class Place {
 public:
  Place(std::atomic<int>& taken, int max) : taken_(taken), has_(taken.fetch_add(1) < max) {}
  ~Place() { taken_.fetch_sub(1); }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;
  [[nodiscard]] bool has() const { return has_; }

 private:
  std::atomic<int>& taken_;
  const bool has_;
};

// A resolve ends an alert whatever its parameters have become (a template may give NaN by then), so they do not count.
Result<std::optional<Mapping>> map_resolved(const Settings& settings, const Labels& labels, Labels annotations) {
  annotations["scale_step"] = "1";
  annotations["scale_replicas"] = "1";
  return decide::map_alert(settings, labels, annotations);
}

int status_of(ErrorKind kind) {
  return kind == ErrorKind::busy || kind == ErrorKind::storage || kind == ErrorKind::cancelled ? 503 : 500;
}

}  // namespace

Webhook::Webhook(Store& store, Controller& controller, Metrics& metrics, const Clock& clock, const Limits& limits,
                 const std::atomic<bool>& stopping)
    : store_(store),
      controller_(controller),
      metrics_(metrics),
      clock_(clock),
      limits_(limits),
      stopping_(stopping),
      waiting_max_(std::max(1, limits.connections_max / 4)) {}

Source Webhook::sender(const Head& head) {
  return head.find("user-agent").value_or("").starts_with("Alertmanager/") ? Source::alertmanager : Source::manual;
}

Answer Webhook::receive(const Request& request, Source& source) {
  const auto wish = read_wish(request.params);
  if (!wish) return failure(wish.error());
  if (const auto encoding = request.head.find("content-encoding"); encoding && *encoding != "identity") {
    return failure(
        400, "expected the body without Content-Encoding, found " + text::json_quote(text::shorten(*encoding, 32)));
  }
  const auto body = request.read_body();
  if (!body) return failure(body.error());
  const Instant received = clock_.now();
  auto notification = parse(*body);
  if (!notification) return failure(notification.error());
  if (!notification->group_key.empty()) source = Source::alertmanager;
  Batch batch = map(std::move(*notification), source, received);
  return wish->dry_run ? preview(std::move(batch)) : merge(std::move(batch), *wish, received);
}

tl::expected<Webhook::Wish, Refusal> Webhook::read_wish(const Params& params) {
  if (auto refused = check_params(params, {"wait", "dry_run"})) return tl::unexpected(std::move(*refused));
  Wish wish;
  if (const auto wait = param(params, "wait")) {
    const auto duration = text::parse_duration(*wait);
    if (!duration) return tl::unexpected(Refusal{400, "wait: " + duration.error().message});
    wish.wait = *duration;
  }
  if (const auto dry_run = param(params, "dry_run")) {
    if (*dry_run != "true" && *dry_run != "false") {
      return tl::unexpected(
          Refusal{400, "dry_run: expected true or false, found " + text::json_quote(text::shorten(*dry_run, 32))});
    }
    wish.dry_run = *dry_run == "true";
  }
  return wish;
}

tl::expected<Notification, Refusal> Webhook::parse(const Body& body) {
  if (body.text().size() <= large_body_bytes) return parse_notification(body, limits_);
  const std::lock_guard one_at_a_time(large_parse_);
  return parse_notification(body, limits_);
}

Webhook::Batch Webhook::map(Notification notification, Source source, Instant received) {
  const auto settings = controller_.settings();
  Batch batch;
  batch.lines.reserve(notification.alerts.size());
  batch.incoming.reserve(notification.alerts.size());
  for (Delivered& delivered : notification.alerts) {
    Line& line = batch.lines.emplace_back();
    line.fingerprint = delivered.fingerprint;
    line.status = delivered.status;
    if (const auto name = delivered.labels.find("alertname"); name != delivered.labels.end()) line.name = name->second;
    line.reason = std::move(delivered.problem);
    if (!line.reason.empty()) {
      say_ignored(line, delivered.starts_at);
      continue;
    }
    auto mapping = decide::map_alert(*settings, delivered.labels, delivered.annotations);
    if (!mapping && delivered.resolved) {
      mapping = map_resolved(*settings, delivered.labels, delivered.annotations);
    }
    if (!mapping) {
      line.reason = mapping.error().message;
      say_ignored(line, delivered.starts_at);
      continue;
    }
    if (!*mapping) {
      line.reason = "it has no label " + settings->labels.action + " or " + settings->labels.target +
                    ", so it asks nothing of any target";
      continue;
    }
    line.target = (*mapping)->target;
    line.action = (*mapping)->action;
    batch.line_of.push_back(batch.lines.size() - 1);
    batch.incoming.push_back({.alert = {.fingerprint = std::move(delivered.fingerprint),
                                        .labels = std::move(delivered.labels),
                                        .annotations = std::move(delivered.annotations),
                                        .starts_at = delivered.starts_at.value_or(received),
                                        .last_seen = received,
                                        .ends_at = delivered.ends_at,
                                        .source = source,
                                        .group_key = notification.group_key,
                                        .mapping = std::move(**mapping)},
                              .resolved = delivered.resolved,
                              .starts_at_known = delivered.starts_at.has_value()});
  }
  return batch;
}

Answer Webhook::merge(Batch batch, const Wish& wish, Instant received) {
  if (stopping_.load()) return failure(503, "the server is stopping");
  std::vector<Merged> merged;
  if (!batch.incoming.empty()) {
    auto done = store_.merge(std::move(batch.incoming));
    if (!done) {
      metrics_.store_failed();
      log::warn("notification.not_stored",
                {{"error", done.error().message}, {"text", "answered with an error, so that the sender tries again"}});
      return failure(status_of(done.error().kind), "the alerts could not be stored: " + done.error().message);
    }
    merged = std::move(*done);
  }
  std::set<TargetName> to_look_at;
  for (std::size_t i = 0; i < merged.size(); ++i) {
    Line& line = batch.lines[batch.line_of[i]];
    line.result = merged[i].result;
    line.reason = std::move(merged[i].reason);
    if (merged[i].changes_intent || wish.wait) to_look_at.insert(*line.target);
    if (merged[i].left) to_look_at.insert(*merged[i].left);
  }
  count(batch.lines);
  std::map<TargetName, Controller::Ticket> tickets;
  for (const TargetName& target : to_look_at) tickets.emplace(target, controller_.kick(target, received));
  if (!wish.wait) return render(batch.lines, nullptr);
  const Decisions decisions = wait_for(tickets, std::min(*wish.wait, limits_.wait_max));
  return render(batch.lines, &decisions);
}

// Waits in slices, so that a stop is noticed.
Webhook::Decisions Webhook::wait_for(const std::map<TargetName, Controller::Ticket>& tickets, Duration wait) {
  Decisions decisions;
  const Place place(waiting_, waiting_max_);
  if (!place.has()) return decisions;
  using std::chrono::steady_clock;
  const auto deadline = steady_clock::now() + wait;
  for (const auto& [target, ticket] : tickets) {
    std::optional<Decision>& decision = decisions[target];
    while (!decision && !stopping_.load()) {
      const auto asked = steady_clock::now();
      const auto left = std::chrono::duration_cast<Duration>(deadline - asked);
      decision = controller_.decided(target, ticket, std::clamp(left, Duration{0}, wait_slice));
      const bool gave_up = steady_clock::now() - asked < wait_slice / 2;  // there will be no decision
      if (left <= wait_slice || gave_up) break;
    }
  }
  return decisions;
}

Answer Webhook::preview(Batch batch) {
  std::map<TargetName, std::vector<Incoming>> by_target;
  std::map<TargetName, std::vector<std::size_t>> lines_of;
  for (std::size_t i = 0; i < batch.incoming.size(); ++i) {
    const TargetName target = batch.incoming[i].alert.mapping.target;
    by_target[target].push_back(std::move(batch.incoming[i]));
    lines_of[target].push_back(batch.line_of[i]);
  }
  Decisions decisions;
  for (const auto& [target, incoming] : by_target) {
    if (stopping_.load()) return failure(503, "the server is stopping");
    std::vector<Alert> afterwards = store_.preview(target, incoming);
    std::vector<Merged> merged = results_of(target, incoming, afterwards);
    for (std::size_t i = 0; i < merged.size(); ++i) {
      Line& line = batch.lines[lines_of[target][i]];
      line.result = merged[i].result;
      line.reason = std::move(merged[i].reason);
    }
    auto decision = controller_.preview(target, std::move(afterwards));
    if (!decision) {
      const int status = decision.error().kind == ErrorKind::invalid ? 500 : 503;
      return failure(status, "preview of " + target.text + ": " + decision.error().message);
    }
    decisions[target] = std::move(*decision);
  }
  return render(batch.lines, &decisions);
}

// What each of `incoming` would be answered: the merge, step by step, on a copy of the target's alerts. That copy does
// not hold the episodes that ended moments ago; what the store's own preview left out because of them is stale.
std::vector<Merged> Webhook::results_of(const TargetName& target, const std::vector<Incoming>& incoming,
                                        const std::vector<Alert>& afterwards) const {
  std::map<Fingerprint, Alert> known;
  for (Alert& alert : store_.active_alerts(target)) known.emplace(alert.fingerprint, std::move(alert));
  std::vector<Merged> results;
  for (const Incoming& each : incoming) {
    const auto found = known.find(each.alert.fingerprint);
    MergeOutcome outcome = alertscaler::merge(found == known.end() ? nullptr : &found->second, nullptr, each);
    if (outcome.change == ActiveChange::left) known.erase(found);
    if (outcome.change == ActiveChange::held) known.insert_or_assign(each.alert.fingerprint, std::move(*outcome.alert));
    results.push_back({.result = outcome.result, .reason = std::move(outcome.reason)});
  }
  std::set<Fingerprint> there;
  for (const Alert& alert : afterwards) there.insert(alert.fingerprint);
  for (std::size_t i = 0; i < incoming.size(); ++i) {
    const Fingerprint& fingerprint = incoming[i].alert.fingerprint;
    if (results[i].result != MergeResult::accepted || !known.contains(fingerprint) || there.contains(fingerprint)) {
      continue;
    }
    results[i] = {.result = MergeResult::stale, .reason = "a late delivery of a firing that was resolved moments ago"};
  }
  return results;
}

void Webhook::count(const std::vector<Line>& lines) {
  for (const MergeResult result :
       {MergeResult::accepted, MergeResult::duplicate, MergeResult::stale, MergeResult::ignored}) {
    const auto number =
        std::count_if(lines.begin(), lines.end(), [&](const Line& line) { return line.result == result; });
    if (number > 0) metrics_.alerts_received(result, static_cast<std::size_t>(number));
  }
}

void Webhook::say_ignored(const Line& line, std::optional<Instant> starts_at) {
  const std::string episode =
      line.fingerprint.text + "/" + (starts_at ? std::to_string(starts_at->time_since_epoch().count()) : line.reason);
  if (!ignored_.first(episode)) return;
  log::warn("alert.ignored", {{"alert", line.name}, {"fingerprint", line.fingerprint.text}, {"reason", line.reason}});
}

Answer Webhook::render(const std::vector<Line>& lines, const Decisions* decisions) {
  return success([&](JsonWriter& json) {
    json.begin_object().key("alerts").begin_array();
    for (const Line& line : lines) {
      json.begin_object()
          .field("fingerprint", line.fingerprint.text)
          .field("alertname", line.name)
          .field("status", line.status)
          .key("target");
      if (line.target) {
        json.value(line.target->text).field("action", to_string(*line.action));
      } else {
        json.null().key("action").null();
      }
      json.field("result", to_string(line.result)).field("reason", line.reason);
      if (decisions != nullptr) {
        const auto found = line.target ? decisions->find(*line.target) : decisions->end();
        json.key("decision");
        write_or_null(json, found == decisions->end() ? std::nullopt : found->second);
      }
      json.end_object();
    }
    json.end_array().end_object();
  });
}

}  // namespace alertscaler::receive
