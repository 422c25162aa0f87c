// The alerting rules: which of them ask for scaling, and whether what they ask can be done.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "check/document.h"
#include "check/finding.h"
#include "model/settings.h"

namespace alertscaler::check {

struct Rule {
  std::string file;
  std::string alert;
  config::Mark at;
  std::string expression;
  bool waits = false;  // has a `for` above 0
  std::map<std::string, Text> labels;
  std::map<std::string, Text> annotations;
};

// What is known of the labels of the alerts to come. Others may be there: they come from the series.
struct KnownLabels {
  Labels labels;
  // Whether all matchers hold: absent when it depends on labels that are not known.
  [[nodiscard]] std::optional<bool> match(std::span<const Matcher> matchers) const;
};

// A rule that asks for scaling, or without rules what an alert of a target would look like.
struct ScalingAlert {
  std::string name;
  std::string file;  // empty: of no rule
  config::Mark at;
  KnownLabels known;
  std::string expression;
  std::optional<AlertAction> action;  // absent: a template, or wrong
  TargetName target;                  // empty: a template, or wrong
  bool target_varies = false;         // a template: of several targets
  bool waits = false;                 // has a `for` above 0
};

// The alerting rules of a file. A file of `promtool test rules` has none.
[[nodiscard]] std::vector<Rule> rules_of(const Document& document, Findings& findings);

// Those that ask for scaling, each checked on its own.
[[nodiscard]] std::vector<ScalingAlert> check_rules(const std::vector<Rule>& rules, const Settings& settings,
                                                    Findings& findings);

// What the rules of each target ask for together.
void check_targets(const std::vector<ScalingAlert>& alerts, const Settings& settings, Findings& findings);

}  // namespace alertscaler::check
