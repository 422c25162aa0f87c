// How to reach a Kubernetes API server and who we are there: what a kubeconfig file, or the cluster that we run in,
// says.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/secret.h"

namespace alertscaler {

// A program that gives credentials (https://kubernetes.io/docs/reference/access-authn-authz/authentication/
// #client-go-credential-plugins).
struct CredentialPlugin {
  std::string api_version;  // client.authentication.k8s.io/v1 or v1beta1
  std::vector<std::string> command;
  std::map<std::string, std::string> env;
  bool provide_cluster_info = false;
  std::string install_hint;  // for people, when the program is not there
  bool operator==(const CredentialPlugin&) const = default;
};

// Paths are absolute. Files are read when they are needed, so that they can change.
struct KubernetesAccess {
  std::string origin;  // for people: "the context prod of /etc/alertscaler/kubeconfig", "the cluster that it runs in"
  std::string server;  // "https://10.0.0.1:6443", without a slash at the end
  std::string ca_file;
  std::string ca_data;  // PEM, in place of the file; both empty: the system's authorities
  bool insecure_skip_verify = false;
  std::string tls_server_name;  // whose certificate to expect; empty: the host of the server
  std::string proxy_url;        // empty: none, whatever the environment says
  Secret token;
  std::string token_file;  // in place of token
  std::string client_certificate_file;
  std::string client_certificate_data;  // PEM, in place of the file
  std::string client_key_file;
  Secret client_key_data;
  std::string username;
  Secret password;
  std::string impersonate_user;
  std::vector<std::string> impersonate_groups;
  std::optional<CredentialPlugin> plugin;
  std::string default_namespace;  // of the context, or of our pod; empty: none is known
  bool operator==(const KubernetesAccess&) const = default;
};

}  // namespace alertscaler
