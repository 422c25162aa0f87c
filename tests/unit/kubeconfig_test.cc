#include "config/kubeconfig.h"

#include <filesystem>
#include <fstream>

#include "config/kubernetes.h"
#include "config/load.h"
#include "support/catch.h"
#include "support/scratch_dir.h"

using namespace alertscaler;
using config::parse_kubeconfig;

namespace {

// "-----BEGIN CERTIFICATE-----\nA\n"
const std::string pem64 = "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCkEK";
const std::string pem = "-----BEGIN CERTIFICATE-----\nA\n";

std::string with_user(const std::string& user, const std::string& cluster = "{server: 'https://10.0.0.1:6443/'}") {
  return "apiVersion: v1\nkind: Config\npreferences: {colors: true}\ncurrent-context: prod\n"
         "contexts: [{name: prod, context: {cluster: c, user: u, namespace: shop}}]\n"
         "clusters: [{name: c, cluster: " +
         cluster + "}]\nusers: [{name: u, user: " + user + "}]\n";
}

KubernetesAccess access_of(const std::string& text, const std::string& context = "") {
  const auto access = parse_kubeconfig(text, "/etc/kube/config", context);
  if (!access) FAIL(config::to_string(access.error().front()));
  return *access;
}

std::string problem_of(const std::string& text, const std::string& context = "") {
  const auto access = parse_kubeconfig(text, "/k", context);
  if (access) return "none";
  std::string all;
  for (const auto& problem : access.error()) all += (all.empty() ? "" : " | ") + config::to_string(problem);
  return all;
}

void write(const std::filesystem::path& path, const std::string& content) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path) << content;
}

}  // namespace

TEST_CASE("a kubeconfig with everything inline") {
  const auto access = access_of(
      with_user("{token: abc, as: robot, as-groups: [a, b], client-certificate-data: " + pem64 +
                    ", client-key-data: " + pem64 + "}",
                "{server: 'https://10.0.0.1:6443/', certificate-authority-data: " + pem64 +
                    ", tls-server-name: kubernetes, proxy-url: 'http://proxy:3128', extensions: [{name: x}]}"));
  CHECK(access.origin == "the context prod of /etc/kube/config");
  CHECK(access.server == "https://10.0.0.1:6443");
  CHECK(access.ca_data == pem);
  CHECK(access.tls_server_name == "kubernetes");
  CHECK(access.proxy_url == "http://proxy:3128");
  CHECK(access.token.reveal() == "abc");
  CHECK(access.client_certificate_data == pem);
  CHECK(access.client_key_data.reveal() == pem);
  CHECK(access.impersonate_user == "robot");
  CHECK(access.impersonate_groups == std::vector<std::string>{"a", "b"});
  CHECK(access.default_namespace == "shop");
}

TEST_CASE("a kubeconfig with files: relative to it") {
  const auto access =
      access_of(with_user("{tokenFile: token, client-certificate: ../pki/c.pem, client-key: /abs/k.pem}",
                          "{server: 'https://h', certificate-authority: ca.pem}"));
  CHECK(access.ca_file == "/etc/kube/ca.pem");
  CHECK(access.token_file == "/etc/kube/token");
  CHECK(access.client_certificate_file == "/etc/kube/../pki/c.pem");
  CHECK(access.client_key_file == "/abs/k.pem");
}

TEST_CASE("a plugin that gives credentials") {
  const auto access = access_of(
      with_user("{exec: {apiVersion: client.authentication.k8s.io/v1beta1, command: ./get-token, args: [--cluster, "
                "c], env: [{name: A, value: b}], provideClusterInfo: true, interactiveMode: IfAvailable, installHint: "
                "get it}}"));
  REQUIRE(access.plugin.has_value());
  CHECK(access.plugin->command == std::vector<std::string>{"/etc/kube/get-token", "--cluster", "c"});
  CHECK(access.plugin->env == std::map<std::string, std::string>{{"A", "b"}});
  CHECK(access.plugin->api_version == "client.authentication.k8s.io/v1beta1");
  CHECK(access.plugin->provide_cluster_info);
  CHECK(access.plugin->install_hint == "get it");
  const auto by_name = access_of(
      with_user("{exec: {apiVersion: client.authentication.k8s.io/v1, command: aws, args: null, env: null}}"));
  CHECK(by_name.plugin->command == std::vector<std::string>{"aws"});
}

TEST_CASE("JSON is a kubeconfig, too, with tabs") {
  const auto access = access_of(
      "{\n\t\"current-context\": \"a\",\n\t\"contexts\": [{\"name\": \"a\", \"context\": {\"cluster\": \"c\", "
      "\"user\": \"u\"}}],\n\t\"clusters\": [{\"name\": \"c\", \"cluster\": {\"server\": "
      "\"https://h:1\"}}],\n\t\"users\": [{\"name\": \"u\", \"user\": {}}]\n}\n");
  CHECK(access.server == "https://h:1");
}

TEST_CASE("one of several contexts, others may be broken") {
  const std::string text =
      "current-context: a\ncontexts:\n- {name: a, context: {cluster: c, user: gone}}\n"
      "- {name: b, context: {cluster: c, user: u}}\nclusters: [{name: c, cluster: {server: 'https://h'}}]\n"
      "users: [{name: u, user: {username: eve, password: x}}]\n";
  CHECK(access_of(text, "b").username == "eve");
  CHECK(problem_of(text) == R"(/k:3:41: contexts[0].context.user: there is no user "gone"; there is u)");
  CHECK(problem_of(text, "c") == R"(/k:1:1: there is no context "c"; there are a, b)");
}

TEST_CASE("what is wrong with a kubeconfig has its place, and shows no secret") {
  struct Case {
    std::string user;
    std::string problem;
  };
  const Case c = GENERATE(values<Case>({
      {"{auth-provider: {name: gcp}}", "auth-provider is gone since Kubernetes 1.26"},
      {"{token: [hunter2]}", "users[0].user.token: expected a secret text, found a list"},
      {"{token: \"hunter2\\nx\"}", "expected a secret text on one line"},
      {"{client-key-data: hunter2}", "users[0].user.client-key-data: expected a PEM text"},
      {"{client-certificate: c.pem}", "client-certificate and client-key belong together"},
      {"{as-groups: [a]}", "as-groups needs as, too"},
      {"{as: a, as-uid: b}", "as-uid is not supported here"},
      {"{exec: {command: x}}", "users[0].user.exec: apiVersion is missing"},
      {"{exec: {apiVersion: client.authentication.k8s.io/v1alpha1, command: x}}", "v1alpha1 is gone"},
      {"{exec: {apiVersion: client.authentication.k8s.io/v1, command: x, interactiveMode: Always}}", "at a terminal"},
      {"{exec: {apiVersion: client.authentication.k8s.io/v1, command: x, env: [hunter2]}}", "expected a map such as"},
      {"[]", "expected a map with the key user"},
  }));
  CAPTURE(c.user);
  const std::string problem = problem_of(with_user(c.user));
  CHECK(problem.find("/k:7:") == 0);
  CHECK(problem.find(c.problem) != std::string::npos);
  CHECK(problem.find("hunter2") == std::string::npos);
}

TEST_CASE("what is wrong with a cluster") {
  CHECK(problem_of(with_user("{}", "{}")).find("clusters[0].cluster: server is missing") != std::string::npos);
  CHECK(problem_of(with_user("{}", "{server: '10.0.0.1'}")).find("expected a URL such as https://") !=
        std::string::npos);
  CHECK(problem_of(with_user("{}", "{server: 'https://h', proxy-url: 'ftp://u:hunter2@p'}")).find("hunter2") ==
        std::string::npos);
  CHECK(problem_of(with_user("{token: a}", "{server: 'http://10.0.0.1:80'}")).find("use https://") !=
        std::string::npos);
  CHECK(problem_of(with_user("{token: a}", "{server: 'http://127.0.0.1:8001'}")) == "none");
  CHECK(problem_of("[]").find("expected a kubeconfig") != std::string::npos);
  CHECK(problem_of("a: b") ==
        "/k:1:1: current-context is missing; set it (kubectl config use-context NAME), or kubernetes.context");
  CHECK(problem_of("a: {").find("/k:") == 0);
}

TEST_CASE("where the cluster is looked for") {
  const test::ScratchDir dir;
  const std::string folder = dir.path().string();
  const std::string good = with_user("{token: a}");
  const auto origin = [&](const KubernetesEndpoint& endpoint, const config::Environment& environment) {
    const auto access = config::kubernetes_access(endpoint, environment, folder + "/pod");
    if (access) return access->origin;
    return access.error().problems.empty() ? access.error().why_not : to_string(access.error().problems.front());
  };
  config::Environment environment{{"HOME", folder + "/home"}, {"KUBECONFIG", folder + "/no::" + folder + "/two"}};
  CHECK(origin({}, environment).find("there is no " + folder + "/home/.kube/config, and no file of KUBECONFIG") !=
        std::string::npos);
  write(folder + "/home/.kube/config", good);
  CHECK(origin({}, environment) == "the context prod of " + folder + "/home/.kube/config");
  write(folder + "/two", good);
  CHECK(origin({}, environment) == "the context prod of " + folder + "/two");

  environment["KUBERNETES_SERVICE_HOST"] = "fd00::1";
  environment["KUBERNETES_SERVICE_PORT"] = "443";
  CHECK(origin({}, environment) == "the context prod of " + folder + "/two");  // no token is mounted
  write(folder + "/pod/token", "t");
  write(folder + "/pod/namespace", "shop\n");
  CHECK(origin({}, environment) == "the cluster that it runs in");
  const auto pod = config::kubernetes_access({}, environment, folder + "/pod");
  CHECK(pod->server == "https://[fd00::1]:443");
  CHECK(pod->token_file == folder + "/pod/token");
  CHECK(pod->ca_file.empty());
  CHECK(pod->default_namespace == "shop");
  write(folder + "/pod/ca.crt", pem);
  CHECK(config::kubernetes_access({}, environment, folder + "/pod")->ca_file == folder + "/pod/ca.crt");
  CHECK(origin({"", "prod"}, environment) == "the context prod of " + folder + "/two");

  CHECK(origin({folder + "/nosuch", ""}, environment) == "there is no file " + folder + "/nosuch");
  write(folder + "/broken", "current-context: [");
  CHECK(origin({folder + "/broken", ""}, environment).find(folder + "/broken:1") == 0);
  write(folder + "/one", good);
  CHECK(origin({folder + "/one", ""}, environment) == "the context prod of " + folder + "/one");
}

TEST_CASE("the key kubernetes of the configuration") {
  const auto settings = config::parse_settings(
      "targets: [{name: web, simulated: {}}]\nkubernetes: {kubeconfig: /etc/kube/config, context: prod}\n", "a.yml");
  REQUIRE(settings.has_value());
  CHECK(settings->kubernetes == KubernetesEndpoint{"/etc/kube/config", "prod"});
  CHECK(settings->cluster == KubernetesCluster{});  // nobody needs it, so it is not looked at
}
