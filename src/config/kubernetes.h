// Where the Kubernetes cluster is: the key `kubernetes`, the pod that we run in, or what the environment says.
#pragma once

#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "config/load.h"
#include "config/value.h"
#include "model/kubernetes_access.h"
#include "model/settings.h"

namespace alertscaler::config {

void read_kubernetes(const Value& value, KubernetesEndpoint& out);

// Why there is no access: what was found cannot be used, or nothing was found.
struct NoAccess {
  std::vector<Problem> problems;  // of a file that is there; empty: there is none
  std::string why_not;            // where it was looked for
};

// The file that `endpoint` names; else, unless it names a context, the cluster that we run in; else the first file of
// KUBECONFIG that exists; else ~/.kube/config. `pod_folder` is where a pod finds its service account.
[[nodiscard]] tl::expected<KubernetesAccess, NoAccess> kubernetes_access(
    const KubernetesEndpoint& endpoint, const Environment& environment,
    const std::string& pod_folder = "/var/run/secrets/kubernetes.io/serviceaccount");

}  // namespace alertscaler::config
