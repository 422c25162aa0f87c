// Where the objects of a kind are: the path of a kind is nowhere but in the API server's own list.
#pragma once

#include <map>
#include <stop_token>
#include <string>

#include "act/kubernetes/api_server.h"
#include "model/target.h"

namespace alertscaler::kubernetes {

// "/apis/apps/v1", of the core group "/api/v1".
[[nodiscard]] std::string group_path(const std::string& api_version);
// Is it one of the kinds whose path and status everybody knows?
[[nodiscard]] bool is_built_in(const KubernetesWorkload& workload);

// Of one target. The path of a kind that had to be asked for is kept until forget().
class Discovery {
 public:
  explicit Discovery(ApiServer& server) : server_(server) {}

  // The path of the workload, whose namespace is not empty: "/apis/apps/v1/namespaces/demo/deployments/web". not_found:
  // the server does not know the kind; refused: the kind has no scale subresource.
  [[nodiscard]] Result<std::string> path_of(const KubernetesWorkload& workload, const std::stop_token& stop);
  // The path may have become another: the definition of the kind was replaced.
  void forget() { known_.clear(); }

 private:
  [[nodiscard]] Result<std::string> ask(const KubernetesWorkload& workload, const std::stop_token& stop);

  ApiServer& server_;
  std::string known_;
};

}  // namespace alertscaler::kubernetes
