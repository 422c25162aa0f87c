// Small builders: alerts, policies and times for tests of decisions.
#pragma once

#include <string>
#include <utility>

#include "model/alert.h"
#include "model/policy.h"

namespace alertscaler::test {

// The moment at which tests of pure functions look.
inline constexpr Instant noon{std::chrono::sys_days{std::chrono::year{2026} / 1 / 1} + std::chrono::hours{12}};

inline Alert alert(std::string name, AlertAction action, Duration age = std::chrono::minutes{1}) {
  Alert a;
  a.labels = {{"alertname", std::move(name)}};
  a.fingerprint = fingerprint_of(a.labels);
  a.starts_at = a.last_seen = noon - age;
  a.mapping = {TargetName{"web"}, action, {}, {}};
  return a;
}
inline Alert with_step(Alert a, int amount, bool percent = false) {
  a.mapping.step = Step{amount, percent};
  return a;
}
inline Alert up(std::string name = "HighLoad") {
  return alert(std::move(name), AlertAction::up);
}
inline Alert down(std::string name = "LowLoad") {
  return alert(std::move(name), AlertAction::down);
}
inline Alert hold(std::string name = "Deploying") {
  return alert(std::move(name), AlertAction::hold);
}
inline Alert drain(std::string name = "HostDown") {
  return alert(std::move(name), AlertAction::drain);
}
inline Alert to(int replicas, std::string name = "Wanted") {
  Alert a = alert(std::move(name), AlertAction::to);
  a.mapping.replicas = replicas;
  return a;
}

}  // namespace alertscaler::test
