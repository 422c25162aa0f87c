#include "decide/map.h"

#include "base/text.h"
#include "support/catch.h"

using namespace alertscaler;

namespace {

Settings settings_with(std::initializer_list<std::string> names) {
  Settings settings;
  for (const std::string& name : names) {
    settings.targets.emplace(TargetName{name}, Target{TargetName{name}, Policy{}, Simulated{}});
  }
  return settings;
}

const Settings& settings() {
  static const Settings value = settings_with({"web", "jobs", "checkout-api"});
  return value;
}

Result<std::optional<Mapping>> map(Labels labels, const Labels& annotations = {}) {
  labels.emplace("alertname", "HighLoad");
  return decide::map_alert(settings(), labels, annotations);
}

Mapping mapping(const std::string& action) {
  Mapping out;
  out.target = TargetName{"web"};
  out.action = parse_alert_action(action).value();
  return out;
}

}  // namespace

TEST_CASE("an alert without an instruction is none of ours") {
  const auto labels = GENERATE(values<Labels>({{},
                                               {{"severity", "page"}},
                                               {{"scale_step", "2"}},
                                               {{"scale_action", ""}, {"scale_target", ""}},
                                               {{"Scale_action", "up"}}}));
  const auto mapped = map(labels);
  REQUIRE(mapped.has_value());
  CHECK_FALSE(mapped->has_value());
}

TEST_CASE("an instruction in the annotations is none: they are free text") {
  const auto mapped = map({}, {{"scale_action", "up"}, {"scale_target", "web"}});
  REQUIRE(mapped.has_value());
  CHECK_FALSE(mapped->has_value());
}

TEST_CASE("the labels select the action and the target") {
  const auto action = GENERATE(values<std::string>({"up", "down", "drain", "hold"}));
  CAPTURE(action);
  CHECK(map({{"scale_action", action}, {"scale_target", "web"}}).value() == mapping(action));
}

TEST_CASE("the configuration names the labels") {
  Settings renamed = settings();
  renamed.labels = {"autoscale", "service"};
  CHECK(decide::map_alert(renamed, {{"autoscale", "up"}, {"service", "web"}}, {}).value() == mapping("up"));
  const auto mapped = decide::map_alert(renamed, {{"scale_action", "up"}, {"scale_target", "web"}}, {});
  REQUIRE(mapped.has_value());
  CHECK_FALSE(mapped->has_value());
}

TEST_CASE("an instruction that cannot be used is refused with the alert named and the reason") {
  struct Case {
    std::string name;
    Labels labels;
    Labels annotations;
    std::string reason;
  };
  const Labels up = {{"scale_action", "up"}, {"scale_target", "web"}};
  const Labels to = {{"scale_action", "to"}, {"scale_target", "web"}};
  const auto c = GENERATE_COPY(values<Case>({
      {"an action that is nearly one",
       {{"scale_action", "upp"}, {"scale_target", "web"}},
       {},
       "scale_action is \"upp\": expected up, down, to, drain or hold; did you mean \"up\"?"},
      {"actions are lower case",
       {{"scale_action", "Drain"}, {"scale_target", "web"}},
       {},
       "scale_action is \"Drain\": expected up, down, to, drain or hold; did you mean \"drain\"?"},
      {"an action that is none",
       {{"scale_action", "explode"}, {"scale_target", "web"}},
       {},
       "scale_action is \"explode\": expected up, down, to, drain or hold"},
      {"a target that is nearly one",
       {{"scale_action", "up"}, {"scale_target", "checkout_api"}},
       {},
       "scale_target is \"checkout_api\": no such target is configured; did you mean \"checkout-api\"?"},
      {"a target that is none",
       {{"scale_action", "up"}, {"scale_target", "database"}},
       {},
       "scale_target is \"database\": no such target is configured"},
      {"no target",
       {{"scale_action", "up"}},
       {},
       "it has the label scale_action but no label scale_target that says what to scale"},
      {"an empty target",
       {{"scale_action", "up"}, {"scale_target", ""}},
       {},
       "it has the label scale_action but no label scale_target that says what to scale"},
      {"no action",
       {{"scale_target", "web"}},
       {},
       "it has the label scale_target but no label scale_action that says what to do"},
      {"to without a number", to, {}, "the action to needs an annotation or label scale_replicas"},
      {"many replicas", to, {{"scale_replicas", "many"}}, "scale_replicas is \"many\": expected a number of replicas"},
      {"empty replicas", to, {{"scale_replicas", ""}}, "scale_replicas is \"\": expected a number of replicas"},
      {"replicas with a unit",
       to,
       {{"scale_replicas", "1.5k"}},
       "scale_replicas is \"1.5k\": expected a number of replicas"},
      {"replicas of a percentage",
       to,
       {{"scale_replicas", "50%"}},
       "scale_replicas is \"50%\": expected a number of replicas"},
      {"NaN replicas", to, {{"scale_replicas", "NaN"}}, "scale_replicas is \"NaN\": not a number"},
      {"infinite replicas", to, {{"scale_replicas", "+Inf"}}, "scale_replicas is \"+Inf\": it is infinite"},
      {"minus infinity", to, {{"scale_replicas", "-Inf"}}, "scale_replicas is \"-Inf\": it is negative"},
      {"negative replicas", to, {{"scale_replicas", "-1"}}, "scale_replicas is \"-1\": it is negative"},
      {"a little negative", to, {{"scale_replicas", "-1e-9"}}, "scale_replicas is \"-1e-9\": it is negative"},
      {"beyond int", to, {{"scale_replicas", "2147483648"}}, "scale_replicas is \"2147483648\": it is too large"},
      {"beyond int once rounded",
       to,
       {{"scale_replicas", "2147483647.5"}},
       "scale_replicas is \"2147483647.5\": it is too large"},
      {"beyond double", to, {{"scale_replicas", "1e999"}}, "scale_replicas is \"1e999\": it is infinite"},
      {"a step of nothing", up, {{"scale_step", "0"}}, "scale_step is \"0\": a step is at least 1"},
      {"a percentage of nothing", up, {{"scale_step", "0%"}}, "scale_step is \"0%\": a step is at least 1"},
      {"a negative step", up, {{"scale_step", "-2"}}, "scale_step is \"-2\": it is negative"},
      {"a NaN step", up, {{"scale_step", "NaN"}}, "scale_step is \"NaN\": not a number"},
      {"an infinite step", up, {{"scale_step", "+Inf%"}}, "scale_step is \"+Inf%\": it is infinite"},
      {"a step of words", up, {{"scale_step", "two"}}, "scale_step is \"two\": expected a step such as 2 or 50%"},
      {"a step of percents", up, {{"scale_step", "5%%"}}, "scale_step is \"5%%\": expected a step such as 2 or 50%"},
      {"only the sign", up, {{"scale_step", "%"}}, "scale_step is \"%\": expected a step such as 2 or 50%"},
      {"an empty step does not mean the policy's",
       up,
       {{"scale_step", ""}},
       "scale_step is \"\": expected a step such as 2 or 50%"},
  }));
  CAPTURE(c.name);
  const auto mapped = map(c.labels, c.annotations);
  REQUIRE_FALSE(mapped.has_value());
  CHECK(mapped.error().kind == ErrorKind::invalid);
  CHECK(mapped.error().message == "alert \"HighLoad\": " + c.reason);
}

TEST_CASE("an alert without a name is said to have none") {
  const auto mapped = decide::map_alert(settings(), {{"scale_action", "up"}}, {});
  REQUIRE_FALSE(mapped.has_value());
  CHECK_THAT(mapped.error().message, ContainsSubstring("an alert without a name: it has the label scale_action"));
}

TEST_CASE("replicas are rounded up from whatever a template prints") {
  struct Case {
    std::string text;
    int replicas;
  };
  const auto c = GENERATE(values<Case>({{"3", 3},
                                        {"0", 0},
                                        {"-0", 0},
                                        {"+4", 4},
                                        {" 5\n", 5},
                                        {"2.0000001", 3},
                                        {"1e-320", 1},
                                        {"1.795e+01", 18},
                                        {"2147483647", 2'147'483'647},
                                        {"2.147483647e+09", 2'147'483'647}}));
  CAPTURE(c.text);
  Mapping expected = mapping("to");
  expected.replicas = c.replicas;
  CHECK(map({{"scale_action", "to"}, {"scale_target", "web"}}, {{"scale_replicas", c.text}}).value() == expected);
}

TEST_CASE("steps are numbers or percentages, rounded up") {
  struct Case {
    std::string text;
    Step step;
  };
  const auto c = GENERATE(values<Case>({{"2", {2, false}},
                                        {"50%", {50, true}},
                                        {" 50 % ", {50, true}},
                                        {"0.2", {1, false}},
                                        {"1.25e+01%", {13, true}},
                                        {"1.795e+01", {18, false}}}));
  const auto action = GENERATE(values<std::string>({"up", "down"}));
  CAPTURE(c.text, action);
  Mapping expected = mapping(action);
  expected.step = c.step;
  CHECK(map({{"scale_action", action}, {"scale_target", "web"}}, {{"scale_step", c.text}}).value() == expected);
}

TEST_CASE("an annotation goes before a label of the same name") {
  Mapping expected = mapping("to");
  expected.replicas = 7;
  const Labels labels = {{"scale_action", "to"}, {"scale_target", "web"}, {"scale_replicas", "7"}};
  CHECK(map(labels).value() == expected);
  expected.replicas = 9;
  CHECK(map(labels, {{"scale_replicas", "9"}}).value() == expected);
  CHECK_FALSE(map(labels, {{"scale_replicas", "many"}}).has_value());  // it does not fall back to the label
}

TEST_CASE("a parameter that the action does not use does not matter") {
  const Labels annotations = {{"scale_step", "many"}, {"scale_replicas", "many"}};
  CHECK(map({{"scale_action", "hold"}, {"scale_target", "web"}}, annotations).value() == mapping("hold"));
  CHECK(map({{"scale_action", "drain"}, {"scale_target", "web"}}, annotations).value() == mapping("drain"));
  Mapping up = mapping("up");
  up.step = Step{2, false};
  CHECK(map({{"scale_action", "up"}, {"scale_target", "web"}}, {{"scale_step", "2"}, {"scale_replicas", "many"}})
            .value() == up);
}

TEST_CASE("what a sender writes is repeated only in part, and on one line") {
  const std::string large(100'000, 'w');
  const auto bad = GENERATE_COPY(values<Labels>({{{"scale_action", large}, {"scale_target", "web"}},
                                                 {{"scale_action", "up"}, {"scale_target", large}},
                                                 {{"scale_action", "up"}, {"scale_target", "a\nb\x1B[31m" + large}}}));
  const auto mapped = map(bad);
  REQUIRE_FALSE(mapped.has_value());
  CHECK(mapped.error().message.size() < 400);
  CHECK(mapped.error().message.find('\n') == std::string::npos);
  CHECK(mapped.error().message.find('\x1B') == std::string::npos);
}

TEST_CASE("among very many targets the search for a near name is bounded, and still answers") {
  Settings many;
  for (int i = 0; i < 20'000; ++i) {
    const TargetName name{"service-" + std::to_string(i)};
    many.targets.emplace(name, Target{name, Policy{}, Simulated{}});
  }
  const auto mapped = decide::map_alert(many, {{"scale_action", "up"}, {"scale_target", "sevice-1"}}, {});
  REQUIRE_FALSE(mapped.has_value());
  CHECK_THAT(mapped.error().message, ContainsSubstring("did you mean \"service-1"));
}

namespace {

Settings settings_with_routes() {
  Settings settings = settings_with({"web", "jobs", "api"});
  const auto add = [&](const std::string& matchers, AlertAction action, const std::string& target,
                       const std::string& target_label = {}) {
    settings.routes.push_back({parse_matchers(matchers).value(), action, TargetName{target}, target_label});
  };
  add(R"({alertname="NodeDown", severity=~"warning|critical"})", AlertAction::drain, "web");
  add(R"(team="shop")", AlertAction::to, "", "service");
  add(R"(team!="")", AlertAction::hold, "jobs");
  add(R"(queue=~".+")", AlertAction::down, "jobs");
  return settings;
}

}  // namespace

TEST_CASE("the search for a near name is bounded by its work, for a notification holds many alerts") {
  const std::string last(60, 'z');
  const auto suggests = [&](const Settings& among) {
    const auto mapped = decide::map_alert(among, {{"scale_action", "up"}, {"scale_target", last.substr(1)}}, {});
    REQUIRE_FALSE(mapped.has_value());
    return mapped.error().message.find("did you mean") != std::string::npos;
  };
  Settings many = settings_with({last});
  CHECK(suggests(many));
  for (int i = 100; i < 300; ++i) {
    const TargetName name{std::string(57, 'a') + std::to_string(i)};
    many.targets.emplace(name, Target{name, Policy{}, Simulated{}});
  }
  CHECK_FALSE(suggests(many));
}

TEST_CASE("the first route that matches counts, before the alert's own labels") {
  struct Case {
    std::string name;
    Labels labels;
    std::optional<Mapping> mapping;
  };
  const auto mapped_to = [](const std::string& target, const std::string& action) {
    Mapping out = mapping(action);
    out.target = TargetName{target};
    return out;
  };
  const auto with = [](Mapping mapping, std::optional<Step> step, std::optional<int> replicas) {
    mapping.step = step;
    mapping.replicas = replicas;
    return mapping;
  };
  const auto c = GENERATE_COPY(values<Case>({
      {"a route", {{"alertname", "NodeDown"}, {"severity", "critical"}}, mapped_to("web", "drain")},
      {"not all matchers of it", {{"alertname", "NodeDown"}, {"severity", "info"}}, std::nullopt},
      {"the first of two",
       {{"alertname", "NodeDown"}, {"severity", "warning"}, {"team", "ops"}},
       mapped_to("web", "drain")},
      {"the second", {{"alertname", "NodeDown"}, {"team", "ops"}}, mapped_to("jobs", "hold")},
      {"a route before own labels",
       {{"scale_action", "up"}, {"scale_target", "api"}, {"team", "ops"}},
       mapped_to("jobs", "hold")},
      {"own labels without a route", {{"scale_action", "up"}, {"scale_target", "api"}}, mapped_to("api", "up")},
      {"the target in a label",
       {{"team", "shop"}, {"service", "api"}, {"scale_replicas", "1.5"}},
       with(mapped_to("api", "to"), std::nullopt, 2)},
      {"a step of its own",
       {{"queue", "mail"}, {"scale_step", "50%"}},
       with(mapped_to("jobs", "down"), Step{50, true}, std::nullopt)},
  }));
  CAPTURE(c.name);
  CHECK(decide::map_alert(settings_with_routes(), c.labels, {}).value() == c.mapping);
}

TEST_CASE("a route that matches and cannot be used is an error, not a way to the next one") {
  struct Case {
    Labels labels;
    std::string message;
  };
  const auto c = GENERATE(values<Case>({
      {{{"team", "shop"}}, "a route matches it, but it has no label service that says what to scale"},
      {{{"team", "shop"}, {"service", ""}}, "a route matches it, but it has no label service that says what to scale"},
      {{{"team", "shop"}, {"service", "wep"}},
       "service is \"wep\": no such target is configured; did you mean \"web\"?"},
      {{{"team", "shop"}, {"service", "web"}}, "the action to needs an annotation or label scale_replicas"},
      {{{"team", "shop"}, {"service", "web"}, {"scale_replicas", "many"}},
       "scale_replicas is \"many\": expected a number of replicas"},
  }));
  CAPTURE(c.message);
  Labels labels = c.labels;
  labels.emplace("alertname", "HighLoad");
  const auto mapped = decide::map_alert(settings_with_routes(), labels, {});
  REQUIRE_FALSE(mapped.has_value());
  CHECK(mapped.error().message == "alert \"HighLoad\": " + c.message);
}

TEST_CASE("that Grafana knows nothing is a hold, whatever is asked for") {
  const auto name = GENERATE(values<std::string>({"DatasourceNoData", "DatasourceError"}));
  const auto action = GENERATE(values<std::string>({"up", "down", "to", "drain", "hold", "sideways"}));
  CAPTURE(name, action);
  const Labels labels = {{"alertname", name}, {"scale_action", action}, {"scale_target", "web"}};
  CHECK(map(labels).value() == mapping("hold"));
  CHECK(map(labels, {{"scale_replicas", "NaN"}, {"scale_step", "none"}}).value() == mapping("hold"));
  CHECK_FALSE(map({{"alertname", name}, {"scale_action", action}, {"scale_target", "wep"}}).has_value());
}

TEST_CASE("an alert for a target of nodes names the node, by the label that the target or the route says") {
  Settings with_nodes = settings_with({"web"});
  const auto add = [&](const std::string& name, const std::string& label) {
    with_nodes.targets[TargetName{name}] = {TargetName{name}, Policy{}, KubernetesNodes{"", label}};
  };
  add("node", "node");
  add("host", "instance");
  DockerNodes pool;
  pool.name_prefix = "worker-";
  with_nodes.targets[TargetName{"pool"}] = {TargetName{"pool"}, Policy{}, pool};
  AlertRoute route;
  route.matchers = parse_matchers("alertname=\"NodeDown\"").value();
  route.action = AlertAction::drain;
  route.target = TargetName{"node"};
  route.node_label = "kubernetes_node";
  with_nodes.routes = {route};
  struct Case {
    std::string name;
    Labels labels;
    std::string node;
    std::string error;  // a part of it; empty: it can be used
  };
  const auto c = GENERATE(values<Case>({
      {"by the target's label", {{"scale_action", "drain"}, {"scale_target", "node"}, {"node", "n1"}}, "n1", ""},
      {"host:port is the host",
       {{"scale_action", "drain"}, {"scale_target", "host"}, {"instance", "n1:9100"}},
       "n1",
       ""},
      {"an address of version 6 with a port",
       {{"scale_action", "drain"}, {"scale_target", "host"}, {"instance", "[fd00::7]:9100"}},
       "fd00::7",
       ""},
      {"an address of version 6",
       {{"scale_action", "drain"}, {"scale_target", "host"}, {"instance", "fd00::7"}},
       "fd00::7",
       ""},
      {"by the route's label", {{"alertname", "NodeDown"}, {"kubernetes_node", "n2"}, {"node", "n1"}}, "n2", ""},
      {"none is named",
       {{"scale_action", "drain"}, {"scale_target", "node"}, {"instance", "n1:9100"}},
       "",
       "it has no label node that says which node of node to drain"},
      {"the route's label is missing", {{"alertname", "NodeDown"}, {"node", "n1"}}, "", "no label kubernetes_node"},
      {"nothing before the port",
       {{"scale_action", "drain"}, {"scale_target", "host"}, {"instance", ":9100"}},
       "",
       "it has no label instance"},
      {"a hold needs none", {{"scale_action", "hold"}, {"scale_target", "node"}}, "", ""},
      {"no other action",
       {{"scale_action", "up"}, {"scale_target", "node"}, {"node", "n1"}},
       "",
       "the action up is nothing for node, a target of nodes: they can be drained or held"},
      {"a pool is scaled, too, which says nothing of a node",
       {{"scale_action", "up"}, {"scale_target", "pool"}, {"node", "worker-1"}},
       "",
       ""},
      {"a node of a pool", {{"scale_action", "drain"}, {"scale_target", "pool"}, {"node", "worker-1"}}, "worker-1", ""},
      {"a pool is never drained as a whole",
       {{"scale_action", "drain"}, {"scale_target", "pool"}},
       "",
       "it has no label node that says which node of pool to drain"},
      {"what is no target of nodes takes no notice",
       {{"scale_action", "drain"}, {"scale_target", "web"}, {"node", "n1"}},
       "",
       ""},
  }));
  CAPTURE(c.name);
  const auto mapped = decide::map_alert(with_nodes, c.labels, {});
  if (c.error.empty()) {
    REQUIRE(mapped.has_value());
    CHECK(mapped->value().node == c.node);
  } else {
    REQUIRE_FALSE(mapped.has_value());
    CHECK_THAT(mapped.error().message, ContainsSubstring(c.error));
  }
}
