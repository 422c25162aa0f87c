// Small builders of alerts for tests: times are seconds after a fixed start.
#pragma once

#include <string>
#include <utility>

#include "remember/merge.h"

namespace alertscaler::test {

[[nodiscard]] inline Instant at(double seconds) {
  return Instant{Duration{1'767'225'600'000 + static_cast<std::int64_t>(seconds * 1000)}};
}

// An alert that asks `target` for more since `starts`, and was delivered at `seen`. Its identity is its name.
[[nodiscard]] inline Alert alert(const std::string& name, Instant starts, Instant seen,
                                 const std::string& target = "web") {
  Alert out;
  out.labels = {{"alertname", name}, {"scale_action", "up"}, {"scale_target", target}};
  out.fingerprint = fingerprint_of(out.labels);
  out.annotations = {{"summary", name + " is high"}};
  out.starts_at = starts;
  out.last_seen = seen;
  out.source = Source::alertmanager;
  out.generator_url = "http://prometheus:9090/graph?g0.expr=" + name;
  out.group_key = "{}:{alertname=\"" + name + "\"}";
  out.mapping = {TargetName{target}, AlertAction::up, {}, {}};
  return out;
}

[[nodiscard]] inline Incoming firing(Alert alert) {
  return {std::move(alert), false, true};
}
[[nodiscard]] inline Incoming resolved(Alert alert) {
  return {std::move(alert), true, true};
}

}  // namespace alertscaler::test
