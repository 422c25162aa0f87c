#include "check/rules.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "check/template.h"
#include "decide/map.h"

namespace alertscaler::check {

using config::Element;

namespace {

constexpr std::string_view step_key = "scale_step";
constexpr std::string_view replicas_key = "scale_replicas";

std::optional<Rule> rule_of(const Reader& reader, const Element& element, const std::map<std::string, Text>& shared) {
  if (element.kind != Element::Kind::map) {
    reader.error(element.at, "expected a rule, such as {alert: WebBusy, expr: load > 20}");
    return std::nullopt;
  }
  const auto alert = reader.text(element, "alert");
  const auto expression = reader.text(element, "expr");
  if (!expression) {
    reader.error(element.at, "the rule has no expr; add the expression that it watches");
    return std::nullopt;
  }
  if (!alert) {
    if (!reader.text(element, "record"))
      reader.error(element.at, "the rule has neither alert nor record; give it a name");
    return std::nullopt;
  }
  Rule rule;
  rule.file = reader.file();
  rule.alert = alert->text;
  rule.at = alert->at;
  rule.expression = expression->text;
  rule.waits = reader.find(element, "for") != nullptr && reader.duration(element, "for") != Duration{0};
  rule.labels = reader.texts(element, "labels");
  rule.labels.insert(shared.begin(), shared.end());
  rule.annotations = reader.texts(element, "annotations");
  return rule;
}

// One rule: what its labels and the routes of the configuration make of it.
class RuleCheck {
 public:
  RuleCheck(const Rule& rule, const Settings& settings, Findings& findings)
      : rule_(rule), settings_(settings), findings_(findings) {
    known_.labels.emplace("alertname", rule.alert);
    for (const auto& [name, value] : rule.labels) {
      if (!is_template(value.text)) known_.labels.emplace(name, value.text);
    }
  }

  // Absent: it asks for nothing.
  std::optional<ScalingAlert> check() {
    const AlertRoute* route = nullptr;
    for (const AlertRoute& candidate : settings_.routes) {
      const auto matched = known_.match(candidate.matchers);
      if (!matched) break;  // whether a later one counts depends on it
      if (*matched) {
        route = &candidate;
        break;
      }
    }
    const Text* const action = label(settings_.labels.action);
    const Text* const target = label(settings_.labels.target);
    if (route == nullptr && action == nullptr && target == nullptr) return std::nullopt;

    ScalingAlert alert{rule_.alert, rule_.file, rule_.at, known_, rule_.expression, {}, {}, false, rule_.waits};
    if (route != nullptr) {
      alert.action = route->action;
      const Text* const named = route->target.empty() ? label(route->target_label) : nullptr;
      alert.target = route->target;
      if (named != nullptr && !is_template(named->text)) alert.target = TargetName{named->text};
      alert.target_varies = route->target.empty() && (named == nullptr || is_template(named->text));
      if (named != nullptr && !alert.target_varies && !settings_.targets.contains(alert.target)) {
        unknown_target(*named, alert);
      }
    } else {
      check_instruction(action, target, alert);
    }
    check_labels();
    check_parameters(alert);
    if (needs_for(alert)) {
      findings_.warning(rule_.file, rule_.at,
                        rule_.alert +
                            " has no `for`: one evaluation above its threshold is enough to act; add for: 30s, " +
                            "or as long as the signal takes to mean something");
    }
    return alert;
  }

 private:
  [[nodiscard]] const Text* label(const std::string& name) const {
    const auto found = rule_.labels.find(name);
    return found == rule_.labels.end() || found->second.text.empty() ? nullptr : &found->second;
  }

  void check_instruction(const Text* action, const Text* target, ScalingAlert& alert) {
    const InstructionLabels& names = settings_.labels;
    if (action == nullptr) {
      findings_.error(rule_.file, target->at,
                      rule_.alert + " has the label " + names.target + " but no " + names.action + ": add " +
                          names.action + " with up, down, to, drain or hold");
    } else if (is_template(action->text)) {
      findings_.warning(
          rule_.file, action->at,
          names.action + " of " + rule_.alert + " is a template, so that what it asks for cannot be checked");
    } else if (alert.action = parse_alert_action(action->text); !alert.action) {
      static const std::vector<std::string> actions = {"up", "down", "to", "drain", "hold"};
      findings_.error(rule_.file, action->at,
                      names.action + " of " + rule_.alert + " is " + text::json_quote(action->text) +
                          ": use up, down, to, drain or hold" + meant(action->text, actions));
    }
    if (target == nullptr) {
      findings_.error(rule_.file, action->at,
                      rule_.alert + " has the label " + names.action + " but no " + names.target + ": add " +
                          names.target + " with the name of a target");
    } else if (is_template(target->text)) {
      alert.target_varies = true;
    } else if (alert.target = TargetName{target->text}; !settings_.targets.contains(alert.target)) {
      unknown_target(*target, alert);
    }
  }

  static std::string meant(const std::string& word, const std::vector<std::string>& candidates) {
    const auto nearest = word.size() > 64 ? std::nullopt : text::nearest(word, candidates);
    return nearest ? "; did you mean " + *nearest + "?" : "";
  }

  void unknown_target(const Text& name, ScalingAlert& alert) {
    constexpr std::size_t listed_max = 10;
    std::vector<std::string> names;
    for (const auto& [known, target] : settings_.targets) names.push_back(known.text);
    std::string hint = meant(name.text, names);
    if (hint.empty()) {
      const bool all = names.size() <= listed_max;
      if (!all) names.resize(listed_max);
      hint = "; the configuration has " + text::join(names, ", ") + (all ? "" : ", …");
    }
    findings_.error(rule_.file, name.at,
                    rule_.alert + " is for the target " + text::json_quote(name.text) +
                        ", which the configuration does not have" + hint);
    alert.target = {};
  }

  void check_labels() {
    for (const auto& [name, value] : rule_.labels) {
      if (!prints_the_value(value.text)) continue;
      findings_.error(rule_.file, value.at,
                      "the label " + name + " of " + rule_.alert +
                          " has the alert's value in it, so that each evaluation makes another "
                          "alert while the ones before still count; put it into an annotation");
    }
  }

  // scale_step and scale_replicas as the program itself reads them, with a number in place of each template.
  void check_parameters(const ScalingAlert& alert) {
    if (!alert.action) return;
    Settings settings;  // without routes, so that the labels below count
    settings.targets = settings_.targets;
    // A target that is not known may be any that takes every action.
    auto known = settings.targets.find(alert.target);
    if (known == settings.targets.end()) {
      known = std::find_if(settings.targets.begin(), settings.targets.end(),
                           [](const auto& item) { return has_count(item.second.backend); });
    }
    if (known == settings.targets.end()) return;
    const Target& target = known->second;
    Labels instruction = {{settings.labels.action, std::string(to_string(*alert.action))},
                          {settings.labels.target, target.name.text}};
    // Which node it is comes with the series.
    if (const std::string* node_label = node_label_of(target.backend)) instruction.emplace(*node_label, "node");
    const std::string_view key = *alert.action == AlertAction::to ? replicas_key : step_key;
    Labels annotations;
    config::Mark at = rule_.at;
    std::string condition;
    for (const auto* texts : {&rule_.annotations, &rule_.labels}) {
      const auto found = texts->find(std::string(key));
      if (found == texts->end() || !annotations.empty()) continue;
      at = found->second.at;
      if (prints_units(found->second.text)) {
        findings_.error(rule_.file, at,
                        std::string(key) + " of " + rule_.alert +
                            " is formatted for people, which is no number for every value: "
                            "use '{{ $value }}' or '{{ printf \"%.0f\" $value }}'");
        return;
      }
      if (is_template(found->second.text)) condition = "for a value of 1, ";
      annotations.emplace(key, with_numbers(found->second.text));
    }
    const auto mapped = decide::map_alert(settings, instruction, annotations);
    if (mapped) return;
    constexpr std::string_view unnamed = "an alert without a name: ";
    std::string why = mapped.error().message;
    if (why.starts_with(unnamed)) why.erase(0, unnamed.size());
    findings_.error(rule_.file, at, rule_.alert + ": " + condition + why);
  }

  static bool needs_for(const ScalingAlert& alert) {
    const bool acts_at_once =
        alert.action == AlertAction::up || alert.action == AlertAction::down || alert.action == AlertAction::drain;
    return acts_at_once && !alert.waits;
  }

  const Rule& rule_;
  const Settings& settings_;
  Findings& findings_;
  KnownLabels known_;
};

}  // namespace

std::optional<bool> KnownLabels::match(std::span<const Matcher> matchers) const {
  bool unknown = false;
  for (const Matcher& matcher : matchers) {
    if (!labels.contains(matcher.name)) {
      unknown = true;
    } else if (!matcher.matches(labels)) {
      return false;
    }
  }
  return unknown ? std::nullopt : std::optional(true);
}

std::vector<Rule> rules_of(const Document& document, Findings& findings) {
  const Reader reader(document.file, findings);
  std::vector<Rule> rules;
  const Element& root = document.root;
  if (reader.find(root, "tests") != nullptr && reader.find(root, "groups") == nullptr) return rules;
  const Element* groups = reader.list(root, "groups");
  if (groups == nullptr) {
    if (reader.find(root, "groups") == nullptr) reader.error(root.at, "the file has no groups; is it a file of rules?");
    return rules;
  }
  for (const Element& group : groups->items) {
    if (group.kind != Element::Kind::map) {
      reader.error(group.at, "expected a group, such as {name: web, rules: [...]}");
      continue;
    }
    const auto shared = reader.texts(group, "labels");
    const Element* list = reader.list(group, "rules");
    if (list == nullptr) continue;
    for (const Element& element : list->items) {
      if (auto rule = rule_of(reader, element, shared)) rules.push_back(*std::move(rule));
    }
  }
  return rules;
}

std::vector<ScalingAlert> check_rules(const std::vector<Rule>& rules, const Settings& settings, Findings& findings) {
  std::vector<ScalingAlert> alerts;
  for (const Rule& rule : rules) {
    if (auto alert = RuleCheck(rule, settings, findings).check()) alerts.push_back(*std::move(alert));
  }
  return alerts;
}

}  // namespace alertscaler::check
