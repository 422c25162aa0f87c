#include "config/kubernetes.h"

#include <filesystem>
#include <optional>
#include <utility>

#include "base/file.h"
#include "base/text.h"
#include "config/fields.h"
#include "config/kubeconfig.h"

namespace alertscaler::config {
namespace {

std::string variable(const Environment& environment, const std::string& name) {
  const auto found = environment.find(name);
  return found == environment.end() ? std::string{} : found->second;
}

tl::unexpected<NoAccess> nothing(std::string why_not) {
  return tl::unexpected<NoAccess>(NoAccess{{}, std::move(why_not)});
}

tl::expected<KubernetesAccess, NoAccess> from_file(const std::string& file, const std::string& context) {
  const auto text = read_file(file);
  if (!text && text.error().kind == ErrorKind::not_found) return nothing("there is no file " + file);
  if (!text) return tl::unexpected<NoAccess>(NoAccess{{{file, 0, 0, text.error().message}}, ""});
  auto access = parse_kubeconfig(*text, file, context);
  if (!access) return tl::unexpected<NoAccess>(NoAccess{std::move(access).error(), ""});
  return *std::move(access);
}

bool exists(const std::string& file) {
  std::error_code ignored;
  return std::filesystem::exists(file, ignored);
}

bool is_in_cluster(const Environment& environment) {
  return !variable(environment, "KUBERNETES_SERVICE_HOST").empty() &&
         !variable(environment, "KUBERNETES_SERVICE_PORT").empty();
}

KubernetesAccess in_cluster(const Environment& environment, const std::string& folder) {
  KubernetesAccess access;
  access.origin = "the cluster that it runs in";
  const std::string host = variable(environment, "KUBERNETES_SERVICE_HOST");
  const bool ip6 = host.find(':') != std::string::npos;
  access.server = "https://" + (ip6 ? "[" + host + "]" : host) + ":" + variable(environment, "KUBERNETES_SERVICE_PORT");
  access.token_file = folder + "/token";
  if (exists(folder + "/ca.crt")) access.ca_file = folder + "/ca.crt";
  if (const auto name_space = read_file(folder + "/namespace")) access.default_namespace = text::trim(*name_space);
  return access;
}

}  // namespace

void read_kubernetes(const Value& value, KubernetesEndpoint& out) {
  static constexpr std::array<Field<KubernetesEndpoint>, 2> fields = {{
      {"kubeconfig", [](const Value& v, KubernetesEndpoint& e) { v.read_path(e.kubeconfig); }, "A kubeconfig file"},
      {"context",
       [](const Value& v, KubernetesEndpoint& e) { v.read_text(e.context, "the name of a context of the kubeconfig"); },
       "Which context of the kubeconfig; left out: its current one"},
  }};
  MapReader map(value, "a map such as {kubeconfig: /etc/alertscaler/kubeconfig, context: prod}");
  map.take(fields, out);
  map.finish();
}

tl::expected<KubernetesAccess, NoAccess> kubernetes_access(const KubernetesEndpoint& endpoint,
                                                           const Environment& environment,
                                                           const std::string& pod_folder) {
  if (!endpoint.kubeconfig.empty()) return from_file(endpoint.kubeconfig, endpoint.context);
  std::string looked;
  if (endpoint.context.empty() && is_in_cluster(environment)) {
    if (exists(pod_folder + "/token")) return in_cluster(environment, pod_folder);
    looked = "it runs in a cluster without the token of a service account (" + pod_folder +
             "/token; is automountServiceAccountToken false?); ";
  }
  for (const std::string& file : text::split(variable(environment, "KUBECONFIG"), ':')) {
    if (!file.empty() && exists(file)) return from_file(file, endpoint.context);
  }
  if (const std::string home = variable(environment, "HOME"); !home.empty()) {
    const std::string file = home + "/.kube/config";
    if (exists(file)) return from_file(file, endpoint.context);
    looked += "there is no " + file;
  } else {
    looked += "HOME is not set";
  }
  return nothing("there is no Kubernetes cluster: " + looked +
                 (variable(environment, "KUBECONFIG").empty() ? ", and KUBECONFIG is not set"
                                                              : ", and no file of KUBECONFIG exists") +
                 "; name a kubeconfig file in kubernetes.kubeconfig, or run it in a pod with a service account");
}

}  // namespace alertscaler::config
