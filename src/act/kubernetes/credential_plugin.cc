#include "act/kubernetes/credential_plugin.h"

#include <algorithm>

#include <unistd.h>

#include "act/kubernetes/json.h"
#include "act/process.h"
#include "base/encoding.h"
#include "base/text.h"

namespace alertscaler::kubernetes {
namespace {

constexpr Duration time_max = std::chrono::seconds{30};
constexpr std::size_t printed_bytes_max = 1U << 20U;

// The whole of ours, as kubectl gives it: clouds' plugins read their settings from there.
std::map<std::string, std::string> our_environment() {
  std::map<std::string, std::string> environment;
  for (char** entry = ::environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    const std::size_t equals = text.find('=');
    if (equals == std::string_view::npos) continue;
    environment.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  return environment;
}

// What a program wrote to its stderr may come from anywhere, but its stdout holds the credentials.
Error failed(const KubernetesAccess& access, ProcessEnd end) {
  end.out = {};
  const std::string plugin = "the credential plugin " + access.plugin->command.front() + " of " + access.origin;
  switch (end.why) {
    case ProcessEnd::Why::stopped:
      return {ErrorKind::cancelled, "stop was requested"};
    case ProcessEnd::Why::deadline:
      return {ErrorKind::unreachable, plugin + " did not end within " + text::format_duration(time_max)};
    case ProcessEnd::Why::exited:
    case ProcessEnd::Why::signalled:
      break;
  }
  return {ErrorKind::unreachable, plugin + " failed: " + to_words(end)};
}

}  // namespace

std::string exec_info(const KubernetesAccess& access, const std::string& ca_pem) {
  Json info = {
      {"apiVersion", access.plugin->api_version}, {"kind", "ExecCredential"}, {"spec", {{"interactive", false}}}};
  if (access.plugin->provide_cluster_info) {
    Json cluster = {{"server", access.server}};
    if (!access.tls_server_name.empty()) cluster["tls-server-name"] = access.tls_server_name;
    if (access.insecure_skip_verify) cluster["insecure-skip-tls-verify"] = true;
    if (!ca_pem.empty()) cluster["certificate-authority-data"] = text::to_base64(ca_pem);
    if (!access.proxy_url.empty()) cluster["proxy-url"] = access.proxy_url;
    info["spec"]["cluster"] = std::move(cluster);
  }
  return dump(info);
}

Result<PluginCredentials> read_exec_credential(std::string_view printed, std::string_view api_version) {
  const auto document = parse_json(printed);
  if (!document || string_at(*document, "kind") != "ExecCredential") {
    return fail(ErrorKind::refused, "it did not print an ExecCredential in JSON");
  }
  if (const std::string found = string_at(*document, "apiVersion"); found != api_version) {
    return fail(ErrorKind::refused, "it printed an ExecCredential of " + text::json_quote(text::shorten(found, 60)) +
                                        " where the kubeconfig says " + std::string(api_version));
  }
  PluginCredentials given;
  const std::string token = string_at(*document, "status", "token");
  if (std::any_of(token.begin(), token.end(), [](char c) { return static_cast<unsigned char>(c) <= 0x20; })) {
    return fail(ErrorKind::refused, "its token has blanks or control characters");
  }
  given.token = Secret(token);
  given.cert_pem = string_at(*document, "status", "clientCertificateData");
  given.key_pem = Secret(string_at(*document, "status", "clientKeyData"));
  if (given.cert_pem.empty() != given.key_pem.empty()) {
    return fail(ErrorKind::refused, "clientCertificateData and clientKeyData belong together, and it gave one of them");
  }
  if (given.token.empty() && given.cert_pem.empty()) {
    return fail(ErrorKind::refused, "it gave neither a token nor a certificate");
  }
  if (const std::string expires = string_at(*document, "status", "expirationTimestamp"); !expires.empty()) {
    const auto time = text::parse_time(expires);
    if (!time) return fail(ErrorKind::refused, "its expirationTimestamp is no time in RFC 3339");
    given.expires = *time;
  }
  return given;
}

Result<PluginCredentials> run_plugin(const KubernetesAccess& access, const std::string& ca_pem,
                                     const std::stop_token& stop) {
  const CredentialPlugin& plugin = *access.plugin;
  ProcessSpec spec;
  spec.argv = plugin.command;
  spec.environment = our_environment();
  for (const auto& [name, value] : plugin.env) spec.environment[name] = value;
  spec.environment["KUBERNETES_EXEC_INFO"] = exec_info(access, ca_pem);
  spec.deadline = time_max;
  spec.out_bytes_max = printed_bytes_max;
  const std::string doing = "the credential plugin " + plugin.command.front() + " of " + access.origin;
  const auto end = run_process(spec, stop);
  if (!end) {
    Error error = end.error();
    if (error.kind == ErrorKind::not_found) {
      error.kind = ErrorKind::refused;
      if (!plugin.install_hint.empty()) error.message += "; " + text::shorten(text::trim(plugin.install_hint), 300);
    }
    return fail(std::move(error).wrap(doing));
  }
  if (!end->succeeded()) return fail(failed(access, *end));
  auto given = read_exec_credential(end->out.text(), plugin.api_version);
  if (!given) return fail(std::move(given).error().wrap(doing));
  return given;
}

}  // namespace alertscaler::kubernetes
