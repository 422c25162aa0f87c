// What the rules of one target ask for together.
#include <algorithm>

#include "base/text.h"
#include "check/expression.h"
#include "check/rules.h"

namespace alertscaler::check {
namespace {

using Alerts = std::vector<const ScalingAlert*>;

Alerts with_action(const Alerts& alerts, std::initializer_list<AlertAction> actions) {
  Alerts out;
  for (const ScalingAlert* alert : alerts) {
    if (alert->action && std::find(actions.begin(), actions.end(), *alert->action) != actions.end())
      out.push_back(alert);
  }
  return out;
}

std::string place(const ScalingAlert& alert) {
  return alert.file + ":" + std::to_string(alert.at.line);
}

void check_both_ways(const Target& target, const Alerts& alerts, Findings& findings) {
  const std::string& name = target.name.text;
  const Alerts ups = with_action(alerts, {AlertAction::up});
  const Alerts downs = with_action(alerts, {AlertAction::down});
  if (!with_action(alerts, {AlertAction::to}).empty()) return;
  if (!ups.empty() && downs.empty() && target.policy.on_resolve == OnResolve::stay) {
    findings.warning(ups[0]->file, ups[0]->at,
                     ups[0]->name + " scales " + name +
                         " up and no rule scales it down: what was added stays for ever; " +
                         "add a rule with scale_action: down, or on_resolve: restore to the target");
  }
  if (ups.empty() && !downs.empty()) {
    findings.warning(downs[0]->file, downs[0]->at,
                     downs[0]->name + " scales " + name + " down and no rule scales it up: it ends at min (" +
                         std::to_string(target.policy.min) + ") for ever; add a rule with scale_action: up");
  }
}

void check_thresholds(const Alerts& alerts, Findings& findings) {
  constexpr std::size_t shown_bytes_max = 80;
  for (const ScalingAlert* down : with_action(alerts, {AlertAction::down})) {
    const Condition low = condition_of(down->expression);
    for (const ScalingAlert* up : with_action(alerts, {AlertAction::up})) {
      const Condition high = condition_of(up->expression);
      const auto both = overlap(low, high);
      if (!both) continue;
      const bool alone = !low.more && !high.more && low.comparisons.size() == 1 && high.comparisons.size() == 1;
      findings.add(alone ? Severity::error : Severity::warning, down->file, down->at,
                   down->name + " (down) and " + up->name + " (up, " + place(*up) + ") " +
                       (alone ? "both" : "can both") + " fire while " +
                       text::shorten(both->expression, shown_bytes_max) + " is " + both->values +
                       ", and up wins: leave a gap between the two thresholds, wide enough that one step does not "
                       "set off the other");
    }
  }
}

// Only where each rule that could wake the target names its job, and nothing in the rule stands for missing series.
void check_wake(const Target& target, const Alerts& alerts, Findings& findings) {
  const Alerts wakes = with_action(alerts, {AlertAction::up, AlertAction::to});
  if (target.policy.min > 0 || wakes.empty()) return;
  std::vector<std::string> own = {target.name.text};
  if (const auto* compose = std::get_if<ComposeService>(&target.backend)) own.push_back(compose->service);
  if (const auto* workload = std::get_if<KubernetesWorkload>(&target.backend)) own.push_back(workload->name);
  if (const auto* swarm = std::get_if<SwarmService>(&target.backend)) own.push_back(swarm->service);
  for (const ScalingAlert* wake : wakes) {
    const std::vector<std::string> jobs = jobs_of(wake->expression);
    const bool of_its_own = !jobs.empty() && std::all_of(jobs.begin(), jobs.end(), [&](const std::string& job) {
      return std::find(own.begin(), own.end(), job) != own.end();
    });
    if (!of_its_own || may_hold_without_series(wake->expression)) return;
  }
  const ScalingAlert& wake = *wakes[0];
  findings.warning(
      wake.file, wake.at,
      target.name.text + " may be scaled to zero (min: 0), and " + wake.name +
          (wakes.size() > 1 ? " and the other rules that would wake it read" : ", which would wake it, reads") +
          " metrics of " + target.name.text + " itself, which are gone then: nothing would ever start it " +
          "again; use a metric that stays (a queue, the proxy in front), or min: 1");
}

}  // namespace

void check_targets(const std::vector<ScalingAlert>& alerts, const Settings& settings, Findings& findings) {
  for (const auto& [name, target] : settings.targets) {
    Alerts own;
    bool maybe_more = false;  // rules whose target or action cannot be told
    for (const ScalingAlert& alert : alerts) {
      if (alert.target == name) own.push_back(&alert);
      maybe_more = maybe_more || alert.target_varies || !alert.action;
    }
    if (!maybe_more && has_count(target.backend)) {
      check_both_ways(target, own, findings);
      check_wake(target, own, findings);
    }
    check_thresholds(own, findings);
  }
}

}  // namespace alertscaler::check
