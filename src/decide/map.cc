#include "decide/map.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/text.h"

namespace alertscaler::decide {
namespace {

constexpr std::string_view step_key = "scale_step";
constexpr std::string_view replicas_key = "scale_replicas";

// Senders choose the texts of their alerts, so whatever is searched or repeated is bounded.
constexpr std::size_t shown_bytes_max = 80;
constexpr std::size_t word_bytes_max = 64;
constexpr std::size_t comparisons_max = 20'000;  // of characters, for one alert: a notification holds many

// Null when it is not there; an empty label is none, as everywhere in Prometheus.
const std::string* label(const Labels& labels, const std::string& name) {
  const auto found = labels.find(name);
  return found == labels.end() || found->second.empty() ? nullptr : &found->second;
}

std::string in_quotes(std::string_view text) {
  return text::json_quote(text::shorten(text, shown_bytes_max));
}

std::string did_you_mean(std::string_view word, std::span<const std::string> candidates) {
  const auto meant = text::nearest(word, candidates);
  return meant ? "; did you mean " + text::json_quote(*meant) + "?" : std::string{};
}

std::string nearest_action(std::string_view word) {
  static const std::vector<std::string> actions = {"up", "down", "to", "drain", "hold"};
  return word.size() > word_bytes_max ? std::string{} : did_you_mean(word, actions);
}

std::string nearest_target(std::string_view word, const Settings& settings) {
  if (word.size() > word_bytes_max) return {};
  std::vector<std::string> candidates;
  std::size_t comparisons = 0;
  for (const auto& [name, target] : settings.targets) {
    const std::size_t longer = std::max(name.text.size(), word.size());
    const std::size_t shorter = std::min(name.text.size(), word.size());
    if (longer - shorter > word_bytes_max / 3) continue;  // no such difference is a slip
    comparisons += name.text.size() * word.size();
    if (comparisons > comparisons_max) break;
    candidates.push_back(name.text);
  }
  return did_you_mean(word, candidates);
}

// A parameter of the instruction with the name that it has in the alert.
struct Parameter {
  std::string_view key;
  std::string_view text;
};

std::optional<Parameter> parameter(std::string_view key, const Labels& labels, const Labels& annotations) {
  const std::string name(key);
  if (const auto found = annotations.find(name); found != annotations.end()) return Parameter{key, found->second};
  if (const std::string* text = label(labels, name)) return Parameter{key, *text};
  return std::nullopt;
}

tl::unexpected<Error> unusable(const Parameter& parameter, std::string_view what) {
  return fail(ErrorKind::invalid,
              std::string(parameter.key) + " is " + in_quotes(parameter.text) + ": " + std::string(what));
}

// A number as a rule's template prints it, rounded up: "3", "1.795e+01".
Result<int> count_from(const Parameter& parameter, std::string_view number_text, std::string_view expected) {
  const auto number = text::parse_number(number_text);
  if (!number) return unusable(parameter, expected);
  if (std::isnan(*number)) return unusable(parameter, "not a number");
  if (*number < 0) return unusable(parameter, "it is negative");
  if (std::isinf(*number)) return unusable(parameter, "it is infinite");
  const double rounded = std::ceil(*number);
  if (rounded > std::numeric_limits<int>::max()) return unusable(parameter, "it is too large");
  return static_cast<int>(rounded);
}

Result<Step> step_from(const Parameter& parameter) {
  constexpr std::string_view expected = "expected a step such as 2 or 50%";
  std::string_view number = text::trim(parameter.text);
  const bool percent = number.ends_with('%');
  if (percent) number = text::trim(number.substr(0, number.size() - 1));
  const auto amount = count_from(parameter, number, expected);
  if (!amount) return tl::unexpected(amount.error());
  if (*amount < 1) return unusable(parameter, "a step is at least 1");
  return Step{*amount, percent};
}

// Grafana's word that it knows nothing: of its rule, whose labels it carries, or of the data behind it.
bool says_no_data(const Labels& labels) {
  const std::string* const name = label(labels, "alertname");
  return name != nullptr && (*name == "DatasourceNoData" || *name == "DatasourceError");
}

Status add_parameters(Mapping& mapping, const Labels& labels, const Labels& annotations) {
  if (says_no_data(labels)) mapping.action = AlertAction::hold;  // whatever the rule asks for
  if (mapping.action == AlertAction::up || mapping.action == AlertAction::down) {
    const auto given = parameter(step_key, labels, annotations);
    if (!given) return {};
    const auto step = step_from(*given);
    if (!step) return tl::unexpected(step.error());
    mapping.step = *step;
  } else if (mapping.action == AlertAction::to) {
    const auto given = parameter(replicas_key, labels, annotations);
    if (!given) {
      return fail(ErrorKind::invalid, "the action to needs an annotation or label " + std::string(replicas_key));
    }
    const auto replicas = count_from(*given, given->text, "expected a number of replicas");
    if (!replicas) return tl::unexpected(replicas.error());
    mapping.replicas = *replicas;
  }
  return {};
}

// What the text of a label or of a route names. `origin` says which: "scale_target".
Status add_target(Mapping& mapping, const std::string& origin, const std::string& name, const Settings& settings) {
  mapping.target = TargetName{name};
  if (settings.targets.contains(mapping.target)) return {};
  return fail(ErrorKind::invalid,
              origin + " is " + in_quotes(name) + ": no such target is configured" + nearest_target(name, settings));
}

// "10.0.0.7:9100" and "[fd00::7]:9100" name what is before the port.
std::string host_of(const std::string& text) {
  if (text.starts_with('[')) {
    const std::size_t end = text.find(']');
    return end == std::string::npos ? text : text.substr(1, end - 1);
  }
  const std::size_t colon = text.rfind(':');
  if (colon == std::string::npos || text.find(':') != colon) return text;  // an IPv6 address has several
  return text.substr(0, colon);
}

// Of a target of nodes: which one. `given_label`: the one that a route says, or empty.
Status add_node(Mapping& mapping, const Settings& settings, const std::string& given_label, const Labels& labels) {
  const std::string* const own_label = node_label_of(settings.targets.at(mapping.target).backend);
  if (own_label == nullptr) return {};
  const std::string& name = mapping.target.text;
  if (mapping.action != AlertAction::drain && mapping.action != AlertAction::hold) {
    if (has_count(settings.targets.at(mapping.target).backend)) return {};
    return fail(ErrorKind::invalid, "the action " + std::string(to_string(mapping.action)) + " is nothing for " + name +
                                        ", a target of nodes: they can be drained or held");
  }
  const std::string& node_label = given_label.empty() ? *own_label : given_label;
  const std::string* const node = label(labels, node_label);
  if (node != nullptr) mapping.node = host_of(*node);
  if (!mapping.node.empty() || mapping.action == AlertAction::hold) return {};
  return fail(ErrorKind::invalid, "it has no label " + node_label + " that says which node of " + name +
                                      " to drain; node_label in the target or in a route names another label");
}

// The first that matches.
auto route_of(const Settings& settings, const Labels& labels) {
  return std::find_if(settings.routes.begin(), settings.routes.end(),
                      [&](const AlertRoute& route) { return all_match(route.matchers, labels); });
}

// By a route of the configuration, which counts even if what it says cannot be used.
Result<Mapping> mapping_by(const AlertRoute& route, const Settings& settings, const Labels& labels,
                           const Labels& annotations) {
  Mapping mapping;
  mapping.action = route.action;
  mapping.target = route.target;
  if (route.target.empty()) {
    const std::string* const name = label(labels, route.target_label);
    if (name == nullptr) {
      return fail(ErrorKind::invalid,
                  "a route matches it, but it has no label " + route.target_label + " that says what to scale");
    }
    const Status added = add_target(mapping, route.target_label, *name, settings);
    if (!added) return tl::unexpected(added.error());
  }
  if (const Status added = add_parameters(mapping, labels, annotations); !added) return tl::unexpected(added.error());
  if (const Status added = add_node(mapping, settings, route.node_label, labels); !added) {
    return tl::unexpected(added.error());
  }
  return mapping;
}

Result<std::optional<Mapping>> mapping_of(const Settings& settings, const Labels& labels, const Labels& annotations) {
  if (const auto route = route_of(settings, labels); route != settings.routes.end()) {
    return mapping_by(*route, settings, labels, annotations);
  }
  const std::string* const action = label(labels, settings.labels.action);
  const std::string* const target = label(labels, settings.labels.target);
  if (action == nullptr && target == nullptr) return std::nullopt;
  if (action == nullptr) {
    return fail(ErrorKind::invalid, "it has the label " + settings.labels.target + " but no label " +
                                        settings.labels.action + " that says what to do");
  }
  if (target == nullptr) {
    return fail(ErrorKind::invalid, "it has the label " + settings.labels.action + " but no label " +
                                        settings.labels.target + " that says what to scale");
  }
  Mapping mapping;
  const auto known = says_no_data(labels) ? AlertAction::hold : parse_alert_action(*action);
  if (!known) {
    return fail(ErrorKind::invalid, settings.labels.action + " is " + in_quotes(*action) +
                                        ": expected up, down, to, drain or hold" + nearest_action(*action));
  }
  mapping.action = *known;
  if (const Status added = add_target(mapping, settings.labels.target, *target, settings); !added) {
    return tl::unexpected(added.error());
  }
  if (const Status added = add_parameters(mapping, labels, annotations); !added) return tl::unexpected(added.error());
  if (const Status added = add_node(mapping, settings, {}, labels); !added) return tl::unexpected(added.error());
  return mapping;
}

}  // namespace

Result<std::optional<Mapping>> map_alert(const Settings& settings, const Labels& labels, const Labels& annotations) {
  auto mapping = mapping_of(settings, labels, annotations);
  if (mapping) return mapping;
  const std::string* const name = label(labels, "alertname");
  return fail(
      std::move(mapping).error().wrap(name == nullptr ? "an alert without a name" : "alert " + in_quotes(*name)));
}

std::string mapped_by(const Settings& settings, const Labels& labels) {
  const auto route = route_of(settings, labels);
  if (route == settings.routes.end()) {
    return "its labels " + settings.labels.action + " and " + settings.labels.target;
  }
  std::string out = "routes[" + std::to_string(route - settings.routes.begin()) + "]:";
  for (const Matcher& matcher : route->matchers) out += " " + to_string(matcher);
  return out;
}

}  // namespace alertscaler::decide
