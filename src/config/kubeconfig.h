// A kubeconfig file (https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/), as far as one context needs it.
#pragma once

#include <string>
#include <string_view>

#include "config/load.h"
#include "model/kubernetes_access.h"

namespace alertscaler::config {

// Pure. YAML or JSON; keys that mean nothing to us may stand in it, as they do for kubectl. `context`: empty for the
// current one. Relative paths are taken from the file's folder. No problem shows a secret.
[[nodiscard]] Loaded<KubernetesAccess> parse_kubeconfig(std::string_view text, const std::string& file,
                                                        const std::string& context);

}  // namespace alertscaler::config
