// Programs that give credentials, as kubectl runs them
// (https://kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins).
#pragma once

#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "base/secret.h"
#include "model/kubernetes_access.h"

namespace alertscaler::kubernetes {

struct PluginCredentials {
  Secret token;
  std::string cert_pem;
  Secret key_pem;
  std::optional<Instant> expires;  // absent: until the server refuses them
};

// Takes half a minute at most. unreachable: it failed, or took too long, with what it said; refused: it is not there,
// or what it printed is no ExecCredential; cancelled. REQUIRES: access.plugin
[[nodiscard]] Result<PluginCredentials> run_plugin(const KubernetesAccess& access, const std::string& ca_pem,
                                                   const std::stop_token& stop);

// What the plugin is told in KUBERNETES_EXEC_INFO. REQUIRES: access.plugin
[[nodiscard]] std::string exec_info(const KubernetesAccess& access, const std::string& ca_pem);
// The ExecCredential that it printed. No error shows any of it.
[[nodiscard]] Result<PluginCredentials> read_exec_credential(std::string_view printed, std::string_view api_version);

}  // namespace alertscaler::kubernetes
