#include "receive/intake.h"

#include <algorithm>
#include <set>
#include <utility>

#include "base/log.h"
#include "decide/map.h"

namespace alertscaler::receive {
namespace {

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

Batch Intake::map(Notification notification, Source source, Instant received, Telling telling) {
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
      if (telling == Telling::aloud) say_ignored(line, delivered.starts_at);
      continue;
    }
    auto mapping = decide::map_alert(*settings, delivered.labels, delivered.annotations);
    if (!mapping && delivered.resolved) {
      mapping = map_resolved(*settings, delivered.labels, delivered.annotations);
    }
    if (!mapping) {
      line.reason = mapping.error().message;
      if (telling == Telling::aloud) say_ignored(line, delivered.starts_at);
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
                                        .generator_url = std::move(delivered.generator_url),
                                        .mapping = std::move(**mapping)},
                              .resolved = delivered.resolved,
                              .starts_at_known = delivered.starts_at.has_value()});
  }
  return batch;
}

tl::expected<Intake::Tickets, Refusal> Intake::take(Batch& batch, Instant received, bool look_at_all) {
  std::vector<Merged> merged;
  if (!batch.incoming.empty()) {
    auto done = store_.merge(std::move(batch.incoming));
    if (!done) {
      metrics_.store_failed();
      log::warn("notification.not_stored",
                {{"error", done.error().message}, {"text", "answered with an error, so that the sender tries again"}});
      return tl::unexpected(
          Refusal{status_of(done.error().kind), "the alerts could not be stored: " + done.error().message});
    }
    merged = std::move(*done);
  }
  std::set<TargetName> to_look_at;
  for (std::size_t i = 0; i < merged.size(); ++i) {
    Line& line = batch.lines[batch.line_of[i]];
    line.result = merged[i].result;
    line.reason = std::move(merged[i].reason);
    if (merged[i].changes_intent || look_at_all) to_look_at.insert(*line.target);
    if (merged[i].left) to_look_at.insert(*merged[i].left);
  }
  count(batch.lines);
  Tickets tickets;
  for (const TargetName& target : to_look_at) tickets.emplace(target, controller_.kick(target, received));
  return tickets;
}

void Intake::count(const std::vector<Line>& lines) {
  for (const MergeResult result :
       {MergeResult::accepted, MergeResult::duplicate, MergeResult::stale, MergeResult::ignored}) {
    const auto number =
        std::count_if(lines.begin(), lines.end(), [&](const Line& line) { return line.result == result; });
    if (number > 0) metrics_.alerts_received(result, static_cast<std::size_t>(number));
  }
}

void Intake::say_ignored(const Line& line, std::optional<Instant> starts_at) {
  const std::string episode =
      line.fingerprint.text + "/" + (starts_at ? std::to_string(starts_at->time_since_epoch().count()) : line.reason);
  if (!ignored_.first(episode)) return;
  log::warn("alert.ignored", {{"alert", line.name}, {"fingerprint", line.fingerprint.text}, {"reason", line.reason}});
}

}  // namespace alertscaler::receive
