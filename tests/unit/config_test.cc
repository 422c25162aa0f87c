#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>

#include <sys/stat.h>

#include "base/file.h"
#include "base/text.h"
#include "config/load.h"
#include "support/catch.h"
#include "support/scratch_dir.h"

using namespace alertscaler;
using namespace std::chrono_literals;

namespace {

const std::filesystem::path tests = ALERTSCALER_TESTS_DIR;

std::vector<std::filesystem::path> files_of(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() == ".yml") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

// Files named web* are web configurations, the others settings.
std::vector<config::Problem> problems_of(const std::string& name, const std::string& yaml) {
  if (name.starts_with("web")) {
    const auto loaded = config::parse_web_config(yaml, name);
    return loaded ? std::vector<config::Problem>{} : loaded.error();
  }
  const auto loaded = config::parse_settings(yaml, name);
  return loaded ? std::vector<config::Problem>{} : loaded.error();
}

// As they are shown, without the name of the file.
std::vector<std::string> shown(const std::vector<config::Problem>& problems) {
  std::vector<std::string> lines;
  for (const config::Problem& problem : problems) {
    std::string line = config::to_string(problem).substr(problem.file.size() + 1);
    lines.push_back(line.starts_with(' ') ? line.substr(1) : line);
  }
  return lines;
}

std::vector<std::string> expectations(const std::string& yaml) {
  constexpr std::string_view mark = "# expect ";
  std::vector<std::string> lines;
  for (std::string& line : text::split(yaml, '\n')) {
    if (!line.starts_with(mark)) break;
    lines.push_back(line.substr(mark.size()));
  }
  return lines;
}

Settings settings_of(std::string_view yaml, const config::Environment& environment = {}) {
  const auto loaded = config::parse_settings(yaml, "test.yml", environment);
  for (const std::string& problem : loaded ? std::vector<std::string>{} : shown(loaded.error())) UNSCOPED_INFO(problem);
  REQUIRE(loaded.has_value());
  return *loaded;
}

std::vector<std::string> problems_in(std::string_view yaml, const config::Environment& environment = {}) {
  const auto loaded = config::parse_settings(yaml, "test.yml", environment);
  return loaded ? std::vector<std::string>{} : shown(loaded.error());
}

const Target& target(const Settings& settings, const std::string& name) {
  return settings.targets.at(TargetName{name});
}

constexpr std::string_view one_service = "targets: [{name: web, docker_compose: {project: shop, service: web}}]\n";
constexpr std::string_view one_simulated = "targets: [{name: web, simulated: {}}]\n";

}  // namespace

TEST_CASE("each wrong configuration has exactly the problems that it says it has") {
  const auto files = files_of(tests / "config_bad");
  REQUIRE(files.size() > 100);
  for (const auto& file : files) {
    const std::string name = file.filename().string();
    const std::string yaml = read_file(file).value();
    CAPTURE(name);
    CHECK_FALSE(expectations(yaml).empty());
    CHECK(shown(problems_of(name, yaml)) == expectations(yaml));
  }
}

TEST_CASE("each good configuration has no problem") {
  const auto files = files_of(tests / "config_good");
  REQUIRE(files.size() > 10);
  for (const auto& file : files) {
    const std::string name = file.filename().string();
    CAPTURE(name);
    CHECK(shown(problems_of(name, read_file(file).value())).empty());
  }
}

TEST_CASE("the examples of the reference are good configurations") {
  const std::string readme = read_file(std::filesystem::path(ALERTSCALER_SOURCE_DIR) / "src/config/README.md").value();
  constexpr std::string_view fence = "```yaml\n";
  int examples = 0;
  for (std::size_t at = readme.find(fence); at != std::string::npos; at = readme.find(fence, at + 1)) {
    const std::size_t start = at + fence.size();
    const std::string example = readme.substr(start, readme.find("```", start) - start);
    CAPTURE(example);
    CHECK(shown(problems_of(example.starts_with("bearer_token_file") ? "web" : "settings", example)).empty());
    ++examples;
  }
  CHECK(examples >= 3);
}

TEST_CASE("the reference has every key") {
  const std::string readme = read_file(std::filesystem::path(ALERTSCALER_SOURCE_DIR) / "src/config/README.md").value();
  // A foreign key is answered with the ones that are known in its place.
  const auto yaml = GENERATE(values<std::string>({
      "zebra: 1",
      "labels: {zebra: 1}",
      "alertmanager: {zebra: 1}",
      "alertmanager: {url: 'http://a', http_config: {zebra: 1}}",
      "alertmanager: {url: 'http://a', http_config: {authorization: {zebra: 1}}}",
      "alertmanager: {url: 'http://a', http_config: {basic_auth: {zebra: 1}}}",
      "alertmanager: {url: 'http://a', http_config: {tls_config: {zebra: 1}}}",
      "docker: {zebra: 1}",
      "kubernetes: {zebra: 1}",
      "docker: {host: 'tcp://e', tls_config: {ca_file: ca, zebra: 1}}",
      "targets: [{name: a, simulated: {}, zebra: 1}]",
      "targets: [{name: a, simulated: {zebra: 1}}]",
      "targets: [{name: a, docker_swarm: {service: a, zebra: 1}}]",
      "targets: [{name: a, command: {observe: [a], scale: ['{replicas}'], zebra: 1}}]",
      "targets: [{name: a, docker_compose: {project: p, service: s, zebra: 1}}]",
      "targets: [{name: a, kubernetes: {kind: Deployment, name: b, zebra: 1}}]",
      "defaults: {zebra: 1}",
      "defaults: {up: {zebra: 1}}",
      "defaults: {down: {zebra: 1}}",
      "defaults: {drain: {zebra: 1}}",
      "targets: [{name: a, kubernetes_node: {zebra: 1}}]",
      "routes: [{zebra: 1}]",
  }));
  CAPTURE(yaml);
  constexpr std::string_view lead = "the keys here are ";
  std::vector<std::string> keys;
  for (const std::string& problem : problems_in(yaml)) {
    if (const std::size_t at = problem.find(lead); at != std::string::npos) {
      keys = text::split(problem.substr(at + lead.size()), ',');
    }
  }
  REQUIRE_FALSE(keys.empty());
  for (const std::string& key : keys) {
    const std::string name(text::trim(key));
    CAPTURE(name);
    const bool found = readme.find("`" + name + "`") != std::string::npos ||  // also as part of `up.step`
                       readme.find("." + name + "`") != std::string::npos;
    CHECK(found);
  }
}

TEST_CASE("how to reach Alertmanager: each way to show who we are arrives") {
  const auto http_of = [](const std::string& http) {
    return settings_of("alertmanager: {url: 'https://a', http_config: {" + http + "}}\n" + std::string(one_simulated))
        .alertmanager.http;
  };
  HttpConfig expected;
  CHECK(http_of("") == expected);
  expected.authorization_type = "Bearer";
  expected.credentials = Secret("hunter2");
  CHECK(http_of("authorization: {credentials: hunter2}") == expected);
  expected.credentials = Secret();
  expected.credentials_file = "token";
  CHECK(http_of("bearer_token_file: token") == expected);
  expected = HttpConfig{};
  expected.username = "u";
  expected.password = Secret("hunter2");
  CHECK(http_of("basic_auth: {username: u, password: hunter2}") == expected);
  expected.password = Secret();
  expected.password_file = "p";
  CHECK(http_of("basic_auth: {username: u, password_file: p}") == expected);
}

TEST_CASE("no problem of a configuration shows a secret") {
  for (const auto& file : files_of(tests / "config_bad")) {
    const std::string yaml = read_file(file).value();
    if (yaml.find("hunter2") == std::string::npos) continue;
    for (const std::string& problem : shown(problems_of(file.filename().string(), yaml))) {
      CAPTURE(problem);
      CHECK(problem.find("hunter") == std::string::npos);
    }
  }
}

TEST_CASE("the shortest configuration has the documented defaults") {
  const Settings settings = settings_of(read_file(tests / "config_good/minimal.yml").value());
  CHECK(settings.labels == InstructionLabels{"scale_action", "scale_target"});
  CHECK(settings.docker.host == "unix:///var/run/docker.sock");
  CHECK(settings.docker.ca_file.empty());
  CHECK(settings.alertmanager == Alertmanagers{});
  CHECK(settings.max_parallel == 8);
  CHECK(settings.stale_after == 5h);
  CHECK(settings.history_retention == 720h);
  REQUIRE(settings.targets.size() == 1);
  const Target web = target(settings, "web");
  CHECK(web.name == TargetName{"web"});
  CHECK(web.backend == BackendRef{ComposeService{"shop", "web", {}}});
  CHECK(web.policy == Policy{});
}

TEST_CASE("every key arrives where it belongs") {
  const Settings settings = settings_of(read_file(tests / "config_good/everything.yml").value());
  CHECK(settings.labels == InstructionLabels{"autoscale", "service"});
  CHECK(settings.docker ==
        DockerEndpoint{"tcp://engine.example:2376", "tls/ca.pem", "tls/cert.pem", "/etc/engine/key.pem"});
  Alertmanagers alertmanager;
  alertmanager.urls = {"http://one:9093", "https://two.example/alertmanager"};
  alertmanager.resync_interval = 10s;
  alertmanager.http.authorization_type = "Token";
  alertmanager.http.credentials_file = "token";
  alertmanager.http.ca_file = "tls/am.pem";
  alertmanager.http.cert_file = "tls/cert.pem";
  alertmanager.http.key_file = "tls/key.pem";
  alertmanager.http.server_name = "alertmanager";
  alertmanager.http.insecure_skip_verify = true;
  CHECK(settings.alertmanager == alertmanager);
  CHECK(settings.max_parallel == 3);
  CHECK(settings.stale_after == 2min);
  CHECK(settings.history_retention == 168h);
  REQUIRE(settings.targets.size() == 8);

  Policy defaults;
  defaults.min = 2;
  defaults.max = 20;
  defaults.up_step = {50, true};
  defaults.up_cooldown = 45s;
  defaults.down_step = {3, false};
  defaults.down_cooldown = 10min;
  defaults.down_stabilization = 90s;
  defaults.on_resolve = OnResolve::restore;
  defaults.drain_on_resolve = OnResolve::restore;
  defaults.repeat = Repeat::once;
  defaults.timeout = 5min;
  defaults.dry_run = true;
  CHECK(target(settings, "web").policy == defaults);
  CHECK(target(settings, "web").backend ==
        BackendRef{ComposeService{"shop", "web", {"/etc/app.conf", "/var/lib/app/with space"}}});

  Policy batch = defaults;  // what it does not say itself stays as the defaults have it
  batch.min = 0;
  batch.max = 4;
  batch.up_step = {1, false};
  batch.down_step = {100, true};
  batch.down_stabilization = 0s;
  batch.on_resolve = OnResolve::stay;
  batch.drain_on_resolve = OnResolve::stay;
  batch.repeat = Repeat::while_firing;
  batch.timeout = 500ms;
  batch.dry_run = false;
  CHECK(target(settings, "batch").policy == batch);

  CHECK(target(settings, "lab").backend == BackendRef{Simulated{0, 3s}});
  CHECK(target(settings, "lab").policy.on_resolve == OnResolve::min);
  CHECK(target(settings, "agents").backend == BackendRef{Advisory{5}});
  CHECK(target(settings, "jobs").backend == BackendRef{SwarmService{"shop_jobs"}});
  CommandTarget legacy;
  legacy.observe = {"./count", "--of", "{target}"};
  legacy.scale = {"ansible-playbook", "scale.yml", "-e", R"({"replicas": {replicas}, "pool": "{target}"})", ""};
  legacy.env = {{"ANSIBLE_CONFIG", "/etc/ansible/ansible.cfg"}, {"COUNT", "5"}, {"EMPTY", ""}};
  legacy.deadline = 3s;
  CHECK(target(settings, "legacy").backend == BackendRef{legacy});
  CHECK(target(settings, "api").backend ==
        BackendRef{KubernetesWorkload{"prod", "apps/v1", "Deployment", "api", HpaMode::ignore}});
  CHECK(target(settings, "pool").backend ==
        BackendRef{KubernetesWorkload{"", "example.io/v1alpha1", "Pool", "pool.eu-1", HpaMode::refuse}});
}

TEST_CASE("on_resolve says what becomes of a drain, too") {
  struct Case {
    std::string name, defaults, own;
    OnResolve alerts, drain;
  };
  const auto c = GENERATE(values<Case>({
      {"said nowhere, a drain restores", "{}", "", OnResolve::stay, OnResolve::restore},
      {"an explicit stay is for both", "{}", "on_resolve: stay", OnResolve::stay, OnResolve::stay},
      {"restore", "{}", "on_resolve: restore", OnResolve::restore, OnResolve::restore},
      {"min is for alerts, a drain restores", "{}", "on_resolve: min", OnResolve::min, OnResolve::restore},
      {"an explicit stay of the defaults", "{on_resolve: stay}", "", OnResolve::stay, OnResolve::stay},
      {"the target's word wins", "{on_resolve: stay}", "on_resolve: min", OnResolve::min, OnResolve::restore},
  }));
  CAPTURE(c.name);
  const Settings settings =
      settings_of("defaults: " + c.defaults + "\ntargets: [{name: web, simulated: {}, " + c.own + "}]\n");
  CHECK(target(settings, "web").policy.on_resolve == c.alerts);
  CHECK(target(settings, "web").policy.drain_on_resolve == c.drain);
}

TEST_CASE("an advisory target that is not told where to begin begins inside its bounds") {
  struct Case {
    std::string keys;
    int initial;
  };
  const auto c = GENERATE(
      values<Case>({{"", 1}, {"min: 3", 3}, {"min: 0", 1}, {"min: 0, initial: 0", 0}, {"max: 5, initial: 5", 5}}));
  CAPTURE(c.keys);
  const Settings settings = settings_of("targets: [{name: web, advisory: {}, " + c.keys + "}]\n");
  CHECK(std::get<Advisory>(target(settings, "web").backend).initial == c.initial);
}

TEST_CASE("a map's own keys go before merged ones, and earlier merged ones before later") {
  const Settings settings = settings_of(read_file(tests / "config_good/merge_keys.yml").value());
  CHECK(target(settings, "second").policy.max == 4);
  CHECK(target(settings, "third").policy.max == 8);
  CHECK(target(settings, "third").policy.min == 3);
  CHECK(target(settings, "third").policy.up_step == Step{3, false});
  CHECK(target(settings, "third").policy.up_cooldown == 1min);
  CHECK(target(settings, "fourth").policy.repeat == Repeat::once);
}

TEST_CASE("an engine's address gets the port that Docker would take") {
  struct Case {
    std::string in, out;
  };
  const auto c = GENERATE(values<Case>({
      {"unix:///run/user/1000/docker.sock", "unix:///run/user/1000/docker.sock"},
      {"tcp://engine", "tcp://engine:2375"},
      {"tcp://engine:1234", "tcp://engine:1234"},
      {"tcp://engine:2375/", "tcp://engine:2375"},
      {"tcp://192.0.2.1:2375", "tcp://192.0.2.1:2375"},
      {"tcp://[2001:db8::1]", "tcp://[2001:db8::1]:2375"},
      {"tcp://[::1]:99", "tcp://[::1]:99"},
  }));
  CAPTURE(c.in);
  const Settings settings = settings_of(std::string(one_service) + "docker: {host: \"" + c.in + "\"}\n");
  CHECK(settings.docker.host == c.out);
  CHECK(config::docker_endpoint_from({{"DOCKER_HOST", c.in}}).value().host == c.out);
}

TEST_CASE("with TLS the default port is the other one") {
  const Settings settings =
      settings_of(std::string(one_service) + "docker: {host: \"tcp://engine\", tls_config: {ca_file: ca.pem}}\n");
  CHECK(settings.docker == DockerEndpoint{"tcp://engine:2376", "ca.pem", "", ""});
}

TEST_CASE("the environment names the engine as it does for docker") {
  struct Case {
    std::string name;
    config::Environment environment;
    DockerEndpoint endpoint;
  };
  const DockerEndpoint local;
  const auto c = GENERATE_COPY(values<Case>({
      {"nothing", {}, local},
      {"empty", {{"DOCKER_HOST", ""}}, local},
      {"TLS without a host is for nobody", {{"DOCKER_TLS_VERIFY", "1"}, {"DOCKER_CERT_PATH", "/c"}}, local},
      {"a host", {{"DOCKER_HOST", "tcp://engine:2375"}}, {"tcp://engine:2375", "", "", ""}},
      {"a socket has no TLS",
       {{"DOCKER_HOST", "unix:///run/d.sock"}, {"DOCKER_TLS_VERIFY", "1"}},
       {"unix:///run/d.sock", "", "", ""}},
      {"certificates without TLS_VERIFY",
       {{"DOCKER_HOST", "tcp://engine"}, {"DOCKER_CERT_PATH", "/certs"}},
       {"tcp://engine:2375", "", "", ""}},
      {"TLS",
       {{"DOCKER_HOST", "tcp://engine"}, {"DOCKER_TLS_VERIFY", "1"}, {"DOCKER_CERT_PATH", "/certs"}},
       {"tcp://engine:2376", "/certs/ca.pem", "/certs/cert.pem", "/certs/key.pem"}},
      {"TLS with the certificates of the home folder",
       {{"DOCKER_HOST", "tcp://engine"}, {"DOCKER_TLS_VERIFY", "1"}, {"HOME", "/home/me"}},
       {"tcp://engine:2376", "/home/me/.docker/ca.pem", "/home/me/.docker/cert.pem", "/home/me/.docker/key.pem"}},
  }));
  CAPTURE(c.name);
  const auto endpoint = config::docker_endpoint_from(c.environment);
  REQUIRE(endpoint.has_value());
  CHECK(*endpoint == c.endpoint);
  CHECK(settings_of(one_service, c.environment).docker == c.endpoint);
  CHECK(settings_of("targets: [{name: web, docker_swarm: {service: web}}]\n", c.environment).docker == c.endpoint);
  CHECK(settings_of("targets: [{name: node, docker_swarm_node: {}}]\n", c.environment).docker == c.endpoint);
}

TEST_CASE("the file goes before the environment, whole") {
  const config::Environment environment = {{"DOCKER_HOST", "tcp://other:1"}};
  CHECK(settings_of(std::string(one_service) + "docker: {}\n", environment).docker == DockerEndpoint{});
  CHECK(settings_of(std::string(one_service) + "docker:\n", environment).docker.host == "tcp://other:1");
}

TEST_CASE("a wrong environment is a problem only for those who need an engine from it") {
  const config::Environment environment = {{"DOCKER_HOST", "ssh://engine"}};
  CHECK(problems_in(one_simulated, environment).empty());
  CHECK(problems_in(std::string(one_service) + "docker: {}\n", environment).empty());
  const auto loaded = config::parse_settings(one_service, "test.yml", environment);
  REQUIRE_FALSE(loaded.has_value());
  REQUIRE(loaded.error().size() == 1);
  CHECK_THAT(config::to_string(loaded.error().front()),
             ContainsSubstring("environment: DOCKER_HOST: expected unix:///PATH or tcp://HOST:PORT"));
  const auto no_folder = config::docker_endpoint_from({{"DOCKER_HOST", "tcp://engine"}, {"DOCKER_TLS_VERIFY", "1"}});
  REQUIRE_FALSE(no_folder.has_value());
  CHECK_THAT(no_folder.error().message, ContainsSubstring("DOCKER_CERT_PATH"));
}

TEST_CASE("the process' environment is read by name") {
  REQUIRE(::setenv("DOCKER_HOST", "tcp://from-the-process:2375", 1) == 0);
  const config::Environment environment = config::process_environment();
  REQUIRE(::unsetenv("DOCKER_HOST") == 0);
  CHECK(environment.at("DOCKER_HOST") == "tcp://from-the-process:2375");
  CHECK_FALSE(config::process_environment().contains("DOCKER_HOST"));
}

TEST_CASE("nothing at all is told apart from nothing to scale in no way that matters") {
  const std::vector<std::string> expected = {
      "no target to scale; add at least one, such as targets: [{name: web, docker_compose: {project: shop, service: "
      "web}}]"};
  CHECK(problems_in("") == expected);
  CHECK(problems_in("\n\n") == expected);
  CHECK(problems_in("\xEF\xBB\xBF") == expected);
  CHECK(problems_in("{}") == expected);
}

TEST_CASE("another encoding is named by its first byte that is no UTF-8") {
  CHECK(problems_in(std::string("\xFF\xFEt\0a\0", 6)) ==
        std::vector<std::string>{"1:1: the byte 0xFF is not UTF-8; save the file as UTF-8"});
}

TEST_CASE("columns count characters, not bytes") {
  CHECK(problems_in("labels: {action: größe, target: größe, möhre: 1}\n" + std::string(one_simulated)) ==
        std::vector<std::string>{"1:9: labels: action and target need two different labels",
                                 "1:40: labels: unknown key \"möhre\"; the keys here are action, target"});
}

TEST_CASE("a problem without a place is the file's") {
  CHECK(config::to_string({"alertscaler.yml", 12, 7, "wrong"}) == "alertscaler.yml:12:7: wrong");
  CHECK(config::to_string({"alertscaler.yml", 0, 0, "wrong"}) == "alertscaler.yml: wrong");
}

TEST_CASE("two targets on one object are found, though one leaves its namespace to the context") {
  const test::ScratchDir scratch;
  const std::filesystem::path file = scratch.path() / "kubeconfig";
  const auto with_namespace = [&](const std::string& context) {
    std::ofstream(file) << "current-context: c\n"
                           "contexts: [{name: c, context: {cluster: k, user: u"
                        << context << "}}]\n"
                        << "clusters: [{name: k, cluster: {server: 'http://127.0.0.1:1'}}]\n"
                           "users: [{name: u, user: {token: t}}]\n";
  };
  const auto found = [&](const std::string& name_space) {
    return problems_in(
        "targets:\n"
        "  - {name: web, kubernetes: {kind: Deployment, name: web}}\n"
        "  - {name: front, kubernetes: {namespace: " +
            name_space + ", kind: Deployment, name: web}}\n",
        {{"KUBECONFIG", file.string()}});
  };
  with_namespace(", namespace: shop");
  CHECK(found("shop") == std::vector<std::string>{"3:5: targets[1]: front and web (line 2) are the same object, "
                                                  "Deployment web (apps) in namespace shop, the namespace of the "
                                                  "context c of " +
                                                  file.string() + "; one target can have several alerts"});
  CHECK(found("default").empty());
  with_namespace("");
  CHECK(found("default").size() == 1);
  CHECK(found("shop").empty());
}

TEST_CASE("ten thousand targets are read, and what two of them share is found") {
  std::string yaml = "targets:\n";
  for (int i = 0; i < 10'000; ++i) {
    const std::string n = std::to_string(i == 9'999 ? 17 : i);
    yaml.append("  - {name: t").append(n).append(", docker_compose: {project: p, service: s").append(n);
    yaml.append("}, max: 3}\n");
  }
  CHECK(problems_in(yaml) ==
        std::vector<std::string>{
            "10001:12: targets[9999]: the name t17 on line 10001 is taken by the target on line 19"});
}

TEST_CASE("files are read from disk, and their relative paths from their folder") {
  const test::ScratchDir scratch;
  const auto path = scratch.path() / "alertscaler.yml";
  std::ofstream(path) << one_service << "docker: {host: \"tcp://e\", tls_config: {ca_file: tls/ca.pem}}\n";
  const auto settings = config::load_settings(path.string(), {});
  REQUIRE(settings.has_value());
  CHECK(settings->docker.ca_file == (scratch.path() / "tls/ca.pem").string());

  const auto web_path = scratch.path() / "web.yml";
  std::ofstream(web_path) << "bearer_token_file: tokens\n";
  CHECK(config::load_web_config(web_path.string()).value().bearer_token_file == (scratch.path() / "tokens").string());
  std::ofstream(web_path) << "bearer_token_file: /run/secrets/tokens\n";
  CHECK(config::load_web_config(web_path.string()).value().bearer_token_file == "/run/secrets/tokens");
}

TEST_CASE("a file that cannot be read is one problem with its path and reason") {
  const test::ScratchDir scratch;
  const std::string missing = (scratch.path() / "missing.yml").string();
  const auto settings = config::load_settings(missing, {});
  REQUIRE_FALSE(settings.has_value());
  REQUIRE(settings.error().size() == 1);
  CHECK(config::to_string(settings.error().front()) == missing + ": cannot be read: No such file or directory");
  const auto web = config::load_web_config(scratch.path().string());
  REQUIRE_FALSE(web.has_value());
  CHECK(config::to_string(web.error().front()) == scratch.path().string() + ": cannot be read: Is a directory");
}

TEST_CASE("a target of nodes: which ones, which label names them, and how they are drained") {
  const Settings settings = settings_of(read_file(tests / "config_good/nodes.yml").value());
  const Target node = target(settings, "node");
  CHECK(node.backend == BackendRef{KubernetesNodes{"node-role.kubernetes.io/worker=,zone in (a, b)", "instance"}});
  CHECK(target(settings, "any").backend == BackendRef{KubernetesNodes{"", "node"}});
  DrainPolicy drain;
  drain.grace_period = 30s;
  drain.delete_emptydir_data = drain.force = true;
  drain.on_failure = DrainFailure::uncordon;
  drain.timeout = 20min;  // these two from the defaults
  drain.max_unavailable = {25, true};
  CHECK(node.policy.drain == drain);
  CHECK(node.policy.drain_on_resolve == OnResolve::stay);
  CHECK(target(settings, "any").policy.drain_on_resolve == OnResolve::restore);
  CHECK(settings.routes.at(0).node_label == "kubernetes_node");
}

TEST_CASE("a pool of nodes is read with all its keys") {
  const Settings settings = settings_of(R"(
targets:
  - name: workers
    node_label: host
    docker_nodes:
      image: node:1
      name_prefix: w-
      network: k3s
      networks: [storage]
      entrypoint: [/bin/k3s]
      command: [agent, "--v=2"]
      env: {URL: "https://s:6443", TOKEN_FILE: /run/secrets/token, CA_FILE: /etc/node/ca.pem, LOG_FILE: node.log}
      mounts: ["/etc/node:/etc/node:ro", "cache:/cache"]
      tmpfs: [/run, "/tmp:size=64m"]
      ulimits: {nofile: 1024, nproc: -1}
      labels: {team: platform}
      privileged: true
      init: true
    drain: {replace: true}
)");
  const Target& target = settings.targets.at(TargetName{"workers"});
  DockerNodes expected;
  expected.image = "node:1";
  expected.name_prefix = "w-";
  expected.networks = {"k3s", "storage"};
  expected.entrypoint = {"/bin/k3s"};
  expected.command = {"agent", "--v=2"};
  expected.env = {{"URL", "https://s:6443"},
                  {"TOKEN_FILE", "/run/secrets/token"},
                  {"CA_FILE", "/etc/node/ca.pem"},
                  {"LOG_FILE", "node.log"}};
  // The file of a variable comes from the same path, unless a mount brings it already.
  expected.mounts = {
      {"/etc/node", "/etc/node", true}, {"cache", "/cache", false}, {"/run/secrets/token", "/run/secrets/token", true}};
  expected.tmpfs = {{"/run", ""}, {"/tmp", "size=64m"}};
  expected.ulimits = {{"nofile", 1024, 1024}, {"nproc", -1, -1}};
  expected.labels = {{"team", "platform"}};
  expected.privileged = true;
  expected.init = true;
  expected.node_label = "host";
  CHECK(std::get<DockerNodes>(target.backend) == expected);
  CHECK(target.policy.drain.replace);
  CHECK((settings.cluster.access || !settings.cluster.why_not.empty()));  // the cluster was looked for
  CHECK(backend_name(target.backend) == "docker_nodes");
  CHECK(describe(target.backend).front() == std::pair<std::string, std::string>{"image", "node:1"});
}

TEST_CASE("hpa of the defaults counts for the kubernetes targets that have none of their own") {
  const Settings settings = settings_of(
      "defaults: {hpa: refuse}\n"
      "targets:\n"
      "  - {name: lab, simulated: {}}\n"
      "  - {name: api, kubernetes: {kind: Deployment, name: api}}\n"
      "  - {name: own, kubernetes: {kind: Deployment, name: own}, hpa: ignore}\n");
  CHECK(std::get<KubernetesWorkload>(target(settings, "api").backend).hpa == HpaMode::refuse);
  CHECK(std::get<KubernetesWorkload>(target(settings, "own").backend).hpa == HpaMode::ignore);
}

TEST_CASE("who may only look is named in the web configuration") {
  const std::string yaml = read_file(tests / "config_good/web_read_only.yml").value();
  const WebConfig web = config::parse_web_config(yaml, "web.yml").value();
  CHECK(web.read_only_users == std::set<std::string>{"carol"});
  CHECK(web.read_only_token_file == "lookers");
  CHECK(web.authenticates());
}
