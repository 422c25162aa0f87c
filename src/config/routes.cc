#include "config/routes.h"

#include <algorithm>

#include "base/text.h"
#include "config/fields.h"

namespace alertscaler::config {
namespace {

constexpr std::size_t shown_bytes_max = 60;
constexpr std::string_view matchers_example = "a list of matchers such as ['alertname=\"HighLoad\"', 'severity!=\"\"']";

struct RouteDraft {
  AlertRoute route;
  std::optional<Value> target;
  std::optional<Value> target_label;
  std::optional<Value> action;
  std::optional<Value> node_label;
};

void read_matchers(const Value& value, RouteDraft& draft) {
  constexpr std::string_view example = "a matcher such as severity=~\"warning|critical\"";
  for (const Value& item : value.items(matchers_example, {.least = 1, .most = any_length})) {
    std::string text;
    if (!item.read_raw(text, example)) continue;
    auto parsed = parse_matchers(text);
    if (!parsed) {
      item.problem(parsed.error().message);
    } else if (parsed->empty()) {
      item.expected(example);
    } else {
      for (Matcher& matcher : *parsed) draft.route.matchers.push_back(std::move(matcher));
    }
  }
}

void read_action(const Value& value, RouteDraft& draft) {
  static constexpr std::array<Choice<AlertAction>, 5> choices = {{{"up", AlertAction::up},
                                                                  {"down", AlertAction::down},
                                                                  {"to", AlertAction::to},
                                                                  {"drain", AlertAction::drain},
                                                                  {"hold", AlertAction::hold}}};
  draft.action = value;
  value.read_choice<AlertAction>(draft.route.action, choices);
}

void read_target(const Value& value, RouteDraft& draft) {
  draft.target = value;
  std::string name;
  if (value.read_text(name, "the name of a target")) draft.route.target = TargetName{name};
}

void read_target_label(const Value& value, RouteDraft& draft) {
  draft.target_label = value;
  value.read_text(draft.route.target_label, "the name of a label");
}

constexpr std::array<Field<RouteDraft>, 5> route_fields = {{
    {"matchers", read_matchers, "All must match, in Alertmanager's syntax: severity=~\"warning|critical\""},
    {"action", read_action, "What the alert asks for"},
    {"target", read_target, "Of which target, by its name"},
    {"target_label", read_target_label, "Or the label of the alert whose value is the target's name"},
    {"node_label",
     [](const Value& v, RouteDraft& d) {
       d.node_label = v;
       v.read_text(d.route.node_label, "the name of a label");
     },
     "Of a target of nodes: the label of the alert that names the node; left out: the target's own node_label"},
}};

// A route to a target of nodes names one and drains it; other targets have none.
void check_nodes(const RouteDraft& draft, const Target& target) {
  const bool of_nodes = node_label_of(target.backend) != nullptr;
  const AlertAction action = draft.route.action;
  const bool of_nodes_alone = !has_count(target.backend);
  if (!of_nodes && draft.node_label) {
    draft.node_label->problem("names the node of a target of nodes, and " + target.name.text +
                              " is none; leave it out");
  }
  if (of_nodes_alone && draft.action && action != AlertAction::drain && action != AlertAction::hold) {
    draft.action->problem(target.name.text + " is a target of nodes: expected drain or hold");
  }
}

void check_target(const Value& value, const RouteDraft& draft, const std::map<TargetName, Target>* targets) {
  const TargetName& name = draft.route.target;
  if (draft.target && draft.target_label) {
    draft.target_label->problem("the route has target, which names the target already; leave one of the two out");
  } else if (!draft.target && !draft.target_label) {
    value.problem("the route has no target: add target, a name, or target_label, the label whose value is the name");
  } else if (!name.empty() && targets != nullptr && !targets->contains(name)) {
    std::vector<std::string> names;
    for (const auto& [known, target] : *targets) names.push_back(known.text);
    draft.target->problem("no target has the name " + text::json_quote(text::shorten(name.text, shown_bytes_max)) +
                          did_you_mean(meant_by(name.text, names)));
  } else if (!name.empty() && targets != nullptr) {
    check_nodes(draft, targets->at(name));
  }
}

}  // namespace

std::vector<AlertRoute> read_routes(const Value& value, const std::map<TargetName, Target>* targets) {
  constexpr std::string_view example = "{matchers: ['alertname=\"HighLoad\"'], action: up, target: web}";
  std::vector<AlertRoute> routes;
  if (value.left_empty()) return routes;
  for (const Value& item : value.items("a list of routes, such as [" + std::string(example) + "]")) {
    if (item.node().kind != Element::Kind::map) {
      item.expected("a map such as " + std::string(example));
      continue;
    }
    RouteDraft draft;
    MapReader map(item, example);
    map.take(route_fields, draft);
    const std::vector<std::string> misspelt = map.finish({"matchers", "action"});
    if (map.shape() != nullptr) map.shape()->exactly_one = {"target", "target_label"};
    const bool target_misspelt =
        std::any_of(misspelt.begin(), misspelt.end(), [](const std::string& key) { return key.starts_with("target"); });
    if (!target_misspelt) check_target(item, draft, targets);
    routes.push_back(std::move(draft.route));
  }
  return routes;
}

}  // namespace alertscaler::config
