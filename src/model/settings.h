// The whole configuration as values. What the file leaves out has its default here.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/secret.h"
#include "model/kubernetes_access.h"
#include "model/route.h"
#include "model/target.h"
#include "model/web_security.h"

namespace alertscaler {

// Which alert labels carry the instruction.
struct InstructionLabels {
  std::string action = "scale_action";
  std::string target = "scale_target";
  bool operator==(const InstructionLabels&) const = default;
};

// Where the engine is and how to trust it.
struct DockerEndpoint {
  std::string host = "unix:///var/run/docker.sock";  // unix://PATH, tcp://HOST:PORT (TLS when ca_file is set)
  std::string ca_file;
  std::string cert_file;
  std::string key_file;
  bool operator==(const DockerEndpoint&) const = default;
};

// Which cluster, as the configuration says it. Both empty: the cluster that we run in; else what KUBECONFIG or
// ~/.kube/config say.
struct KubernetesEndpoint {
  std::string kubeconfig;  // a file
  std::string context;     // of that file; empty: its current one
  bool operator==(const KubernetesEndpoint&) const = default;
};

// The cluster that was found there, when a target needs one.
struct KubernetesCluster {
  std::optional<KubernetesAccess> access;
  std::string why_not;  // for people, when nothing was found; a file that is there and broken is a problem of loading
  bool operator==(const KubernetesCluster&) const = default;
};

// Where the workload is. Empty: it does not say, and the cluster that would is not known.
[[nodiscard]] std::string namespace_of(const KubernetesWorkload& workload, const KubernetesCluster& cluster);

// How to show an HTTP server who we are, and how to trust it: Alertmanager's http_config. Files are read when they are
// needed, so that they can change.
struct HttpConfig {
  std::string authorization_type;  // "Bearer"; empty: no such header, unless there is a user
  Secret credentials;
  std::string credentials_file;  // in place of credentials
  std::string username;          // basic authentication; empty: none
  Secret password;
  std::string password_file;  // in place of password
  std::string ca_file;        // empty: the system's authorities
  std::string cert_file;      // ours; empty: none
  std::string key_file;
  std::string server_name;  // whose certificate to expect; empty: the host of the URL
  bool insecure_skip_verify = false;
  bool operator==(const HttpConfig&) const = default;
};

// Those to ask which alerts fire.
struct Alertmanagers {
  std::vector<std::string> urls;  // without a slash at the end; empty: none is asked
  Duration resync_interval = std::chrono::seconds{30};
  HttpConfig http;
  bool operator==(const Alertmanagers&) const = default;
};

struct Settings {
  Alertmanagers alertmanager;
  InstructionLabels labels;
  DockerEndpoint docker;
  KubernetesEndpoint kubernetes;
  KubernetesCluster cluster;  // at `kubernetes`; empty when no target needs it
  int max_parallel = 8;       // passes at the same time
  Duration stale_after = std::chrono::hours{5};
  Duration history_retention = std::chrono::hours{24 * 30};
  std::map<TargetName, Target> targets;
  std::vector<AlertRoute> routes;  // the first that matches an alert counts, before the alert's own labels
};

// From --web.config.file.
struct WebConfig {
  std::string bearer_token_file;                               // one token a line
  std::string read_only_token_file{};                          // likewise, of those who may only look
  std::string grafana_hmac_secret_file{};                      // one secret a line; empty: signatures are not looked at
  std::map<std::string, Secret> basic_auth_users{};            // bcrypt hashes by user name
  std::set<std::string> read_only_users{};                     // those of them who may only look
  std::optional<TlsServerConfig> tls{};                        // absent: in the clear
  std::vector<std::pair<std::string, std::string>> headers{};  // of every answer

  // Does a client have to show who it is before it may do anything?
  [[nodiscard]] bool authenticates() const {
    return !bearer_token_file.empty() || !read_only_token_file.empty() || !basic_auth_users.empty() ||
           (tls && tls->client_auth == ClientAuth::require_and_verify);
  }
};

}  // namespace alertscaler
