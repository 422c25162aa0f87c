#include "config/kubeconfig.h"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <utility>
#include <vector>

#include "base/encoding.h"
#include "base/text.h"
#include "config/fields.h"

namespace alertscaler::config {
namespace {

constexpr std::string_view auth_provider_words =
    "auth-provider is gone since Kubernetes 1.26: use exec with the provider's plugin, a client certificate or a token";

const Entry* entry_of(const Element& map, std::string_view key) {
  const auto found = std::find_if(map.entries.begin(), map.entries.end(), [&](const Entry& e) { return e.key == key; });
  return found == map.entries.end() ? nullptr : &*found;
}

// The value of `inner` in the item of the list `list` that has this name. Absent: it is not there, which is reported at
// `asked`, or it is no map.
std::optional<Value> named(const Value& root, std::string_view list, std::string_view inner, const std::string& name,
                           const Value& asked) {
  const Entry* const entry = entry_of(root.node(), list);
  std::vector<std::string> names;
  const std::size_t count = entry == nullptr ? 0 : entry->value.items.size();
  for (std::size_t i = 0; i < count; ++i) {
    const Value item = root.entry(*entry).item(i);
    const Entry* const label = entry_of(item.node(), "name");
    if (label == nullptr) continue;
    names.push_back(label->value.text);
    if (label->value.text != name) continue;
    const Entry* const found = entry_of(item.node(), inner);
    if (found != nullptr && found->value.kind == Element::Kind::map) return item.entry(*found);
    item.problem("expected a map with the key " + std::string(inner));
    return std::nullopt;
  }
  const std::string there =
      names.empty() ? "; there is none in this file"
                    : "; there " + std::string(names.size() == 1 ? "is " : "are ") + text::join(names, ", ");
  asked.problem("there is no " + std::string(inner) + " " + text::json_quote(name) + there);
  return std::nullopt;
}

// PEM text in base64.
void read_pem(const Value& value, std::string& out) {
  const auto pem = value.node().kind == Element::Kind::scalar ? text::from_base64(value.node().text) : std::nullopt;
  if (!pem || pem->find("-----BEGIN ") == std::string::npos) {
    value.problem("expected a PEM text (-----BEGIN …) in base64");
  } else {
    out = *pem;
  }
}

void read_url(const Value& value, std::string& out, std::initializer_list<std::string_view> schemes) {
  std::vector<std::string> forms;
  for (const std::string_view scheme : schemes) forms.push_back(std::string(scheme) + "HOST:PORT");
  const std::string what = "a URL such as " + text::join(forms, " or ");
  std::string url;
  if (!value.read_text(url, what)) return;
  const auto scheme =
      std::find_if(schemes.begin(), schemes.end(), [&](std::string_view s) { return url.starts_with(s); });
  if (scheme == schemes.end() || url.size() == scheme->size() || url.find_first_of(" ?#") != std::string::npos) {
    value.problem("expected " + what);  // a proxy's URL may hold a password
    return;
  }
  while (url.ends_with('/')) url.pop_back();
  out = url;
}

constexpr std::array<Field<KubernetesAccess>, 6> cluster_fields = {{
    {"server",
     [](const Value& v, KubernetesAccess& a) {
       read_url(v, a.server, {"https://", "http://"});
     }},
    {"certificate-authority", [](const Value& v, KubernetesAccess& a) { v.read_path(a.ca_file); }},
    {"certificate-authority-data", [](const Value& v, KubernetesAccess& a) { read_pem(v, a.ca_data); }},
    {"insecure-skip-tls-verify", [](const Value& v, KubernetesAccess& a) { v.read(a.insecure_skip_verify); }},
    {"tls-server-name",
     [](const Value& v, KubernetesAccess& a) { v.read_text(a.tls_server_name, "the name of a host"); }},
    {"proxy-url",
     [](const Value& v, KubernetesAccess& a) {
       read_url(v, a.proxy_url, {"http://", "https://", "socks5://"});
     }},
}};

void read_groups(const Value& value, KubernetesAccess& out) {
  if (value.node().kind != Element::Kind::list) {
    value.expected("a list of groups");
    return;
  }
  for (std::size_t i = 0; i < value.node().items.size(); ++i) {
    std::string group;
    if (value.item(i).read_text(group, "the name of a group")) out.impersonate_groups.push_back(group);
  }
}

void read_command(const Value& value, CredentialPlugin& out) {
  std::string command;
  if (!value.read_text(command, "the name of a program")) return;
  // A name alone is looked for in PATH; a path is relative to the kubeconfig.
  if (command.find('/') != std::string::npos) command = (value.report().folder() / command).lexically_normal().string();
  out.command.insert(out.command.begin(), command);
}

void read_arguments(const Value& value, CredentialPlugin& out) {
  if (value.node().kind == Element::Kind::nothing) return;
  if (value.node().kind != Element::Kind::list) {
    value.expected("a list of arguments");
    return;
  }
  for (std::size_t i = 0; i < value.node().items.size(); ++i) {
    if (value.node().items[i].kind != Element::Kind::scalar) value.item(i).expected("an argument");
    out.command.push_back(value.node().items[i].text);
  }
}

void read_variables(const Value& value, CredentialPlugin& out) {
  if (value.node().kind == Element::Kind::nothing) return;
  if (value.node().kind != Element::Kind::list) {
    value.expected("a list such as [{name: AWS_PROFILE, value: prod}]");
    return;
  }
  for (std::size_t i = 0; i < value.node().items.size(); ++i) {
    const Value item = value.item(i);
    const Entry* const name = entry_of(item.node(), "name");
    const Entry* const content = entry_of(item.node(), "value");
    if (name == nullptr || name->value.text.empty() || name->value.text.find('=') != std::string::npos) {
      item.problem("expected a map such as {name: AWS_PROFILE, value: prod}");
      continue;
    }
    out.env[name->value.text] = content == nullptr ? "" : content->value.text;
  }
}

void read_api_version(const Value& value, CredentialPlugin& out) {
  constexpr std::string_view v1 = "client.authentication.k8s.io/v1";
  constexpr std::string_view v1beta1 = "client.authentication.k8s.io/v1beta1";
  const std::string& text = value.node().text;
  if (text == v1 || text == v1beta1) {
    out.api_version = text;
  } else if (text == "client.authentication.k8s.io/v1alpha1") {
    value.problem("v1alpha1 is gone since Kubernetes 1.24: update the plugin, and this entry to v1 or v1beta1");
  } else {
    value.expected(std::string(v1) + " or " + std::string(v1beta1));
  }
}

void read_exec(const Value& value, KubernetesAccess& out) {
  static constexpr std::array<Field<CredentialPlugin>, 7> fields = {{
      {"command", read_command},
      {"args", read_arguments},
      {"env", read_variables},
      {"apiVersion", read_api_version},
      {"provideClusterInfo", [](const Value& v, CredentialPlugin& p) { v.read(p.provide_cluster_info); }},
      {"installHint", [](const Value& v, CredentialPlugin& p) { p.install_hint = v.node().text; }},
      {"interactiveMode",
       [](const Value& v, CredentialPlugin&) {
         if (v.node().text == "Always") v.problem("this plugin asks at a terminal, and there is none here");
       }},
  }};
  CredentialPlugin plugin;
  MapReader map(value, "a map such as {apiVersion: client.authentication.k8s.io/v1, command: PROGRAM}");
  map.take(fields, plugin);
  if (!map.is_map()) return;
  for (const std::string_view key : {"command", "apiVersion"}) {
    if (entry_of(value.node(), key) == nullptr) value.problem(std::string(key) + " is missing");
  }
  out.plugin = std::move(plugin);
}

constexpr std::array<Field<KubernetesAccess>, 14> user_fields = {{
    {"token", [](const Value& v, KubernetesAccess& a) { v.read_secret(a.token); }},
    {"tokenFile", [](const Value& v, KubernetesAccess& a) { v.read_path(a.token_file); }},
    {"client-certificate", [](const Value& v, KubernetesAccess& a) { v.read_path(a.client_certificate_file); }},
    {"client-certificate-data", [](const Value& v, KubernetesAccess& a) { read_pem(v, a.client_certificate_data); }},
    {"client-key", [](const Value& v, KubernetesAccess& a) { v.read_path(a.client_key_file); }},
    {"client-key-data",
     [](const Value& v, KubernetesAccess& a) {
       std::string pem;
       read_pem(v, pem);
       a.client_key_data = Secret(pem);
     }},
    {"username", [](const Value& v, KubernetesAccess& a) { v.read_text(a.username, "the name of a user"); }},
    {"password", [](const Value& v, KubernetesAccess& a) { v.read_secret(a.password); }},
    {"as", [](const Value& v, KubernetesAccess& a) { v.read_text(a.impersonate_user, "the name of a user"); }},
    {"as-groups", read_groups},
    {"as-uid", [](const Value& v, KubernetesAccess&) { v.problem("as-uid is not supported here"); }},
    {"as-user-extra", [](const Value& v, KubernetesAccess&) { v.problem("as-user-extra is not supported here"); }},
    {"auth-provider", [](const Value& v, KubernetesAccess&) { v.problem(std::string(auth_provider_words)); }},
    {"exec", read_exec},
}};

bool is_loopback(std::string_view url) {
  const std::string_view host = url.substr(std::string_view("http://").size());
  return host.starts_with("127.") || host.starts_with("localhost") || host.starts_with("[::1]");
}

// What fits into each key and still not together.
void check_user(const Value& cluster, const Value& user, const KubernetesAccess& access) {
  const bool certificate = !access.client_certificate_file.empty() || !access.client_certificate_data.empty();
  const bool key = !access.client_key_file.empty() || !access.client_key_data.empty();
  if (certificate != key) {
    user.problem("client-certificate and client-key belong together, and only one of them is here");
  }
  if (!access.impersonate_groups.empty() && access.impersonate_user.empty()) {
    user.problem("as-groups needs as, too");
  }
  const bool shows_secrets =
      !access.token.empty() || !access.token_file.empty() || !access.password.empty() || access.plugin;
  if (access.server.starts_with("http://") && !is_loopback(access.server) && shows_secrets) {
    cluster.problem("the server is reached over http://, where anybody on the way could read the token; use https://");
  }
}

// "text" with the indentation of some JSON writers, which YAML does not know.
std::string without_tabs(std::string_view text) {
  std::string out(text);
  if (text::trim(text).starts_with('{')) std::replace(out.begin(), out.end(), '\t', ' ');
  return out;
}

KubernetesAccess access_of(const Value& root, const std::string& file, const std::string& wanted) {
  KubernetesAccess access;
  std::string name = wanted;
  const Entry* const current = entry_of(root.node(), "current-context");
  if (name.empty() && current != nullptr) name = current->value.text;
  if (name.empty()) {
    root.problem("current-context is missing; set it (kubectl config use-context NAME), or kubernetes.context");
    return access;
  }
  access.origin = "the context " + name + " of " + file;
  const bool by_file = wanted.empty() && current != nullptr;
  const auto context = named(root, "contexts", "context", name, by_file ? root.entry(*current) : root);
  if (!context) return access;
  const auto reference = [&](std::string_view key) -> std::optional<Value> {
    const Entry* const entry = entry_of(context->node(), key);
    std::string ignored;
    if (entry == nullptr) {
      context->problem(std::string(key) + " is missing");
      return std::nullopt;
    }
    if (!context->entry(*entry).read_text(ignored, "a name")) return std::nullopt;
    return context->entry(*entry);
  };
  const auto cluster_name = reference("cluster");
  const auto user_name = reference("user");
  if (const Entry* const name_space = entry_of(context->node(), "namespace")) {
    access.default_namespace = name_space->value.text;
  }
  if (!cluster_name || !user_name) return access;
  const auto cluster = named(root, "clusters", "cluster", cluster_name->node().text, *cluster_name);
  const auto user = named(root, "users", "user", user_name->node().text, *user_name);
  if (!cluster || !user) return access;
  MapReader(*cluster, "a cluster").take(cluster_fields, access);
  MapReader(*user, "a user").take(user_fields, access);
  if (entry_of(cluster->node(), "server") == nullptr) cluster->problem("server is missing");
  check_user(*cluster, *user, access);
  return access;
}

}  // namespace

Loaded<KubernetesAccess> parse_kubeconfig(std::string_view text, const std::string& file, const std::string& context) {
  std::error_code ignored;
  Report report(file, std::filesystem::absolute(file, ignored).parent_path());
  const auto root = parse_yaml(without_tabs(text), report);
  if (!root || !report.empty()) return tl::unexpected(report.take());
  if (root->kind != Element::Kind::map) {
    Value(*root, "", report).problem("expected a kubeconfig: a map with clusters, contexts and users");
    return tl::unexpected(report.take());
  }
  KubernetesAccess access = access_of(Value(*root, "", report), file, context);
  if (!report.empty()) return tl::unexpected(report.take());
  return access;
}

}  // namespace alertscaler::config
