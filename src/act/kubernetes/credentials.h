// Who we are to an API server: read from where the access says, and read again when it may have changed.
#pragma once

#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "act/http_client.h"
#include "act/kubernetes/credential_plugin.h"
#include "base/clock.h"
#include "base/guarded.h"
#include "base/result.h"
#include "model/kubernetes_access.h"

namespace alertscaler::kubernetes {

// What is needed for a connection and a request now. PEM texts, never paths: what changed shows.
struct Identity {
  std::string ca_pem;  // empty: the system's authorities
  std::string cert_pem;
  Secret key_pem;
  Secret token;
  std::string username;
  Secret password;
  bool operator==(const Identity&) const = default;

  [[nodiscard]] bool same_connection(const Identity& other) const {
    return ca_pem == other.ca_pem && cert_pem == other.cert_pem && key_pem == other.key_pem;
  }
};

[[nodiscard]] HttpPeer peer_of(const KubernetesAccess& access, const Identity& identity);
// Puts who we are, and whom we act for, into the request.
void put_identity(const KubernetesAccess& access, const Identity& identity, HttpRequest& request);

// Thread-safe. Files are read again when they were read a minute ago; as long as that fails, what is known stays. A
// plugin runs when there is nothing of it yet, or it has expired; whoever needs it meanwhile waits.
class Credentials {
 public:
  Credentials(KubernetesAccess access, const Clock& clock);

  // refused, not_found or invalid: a file that was never read cannot be, with its path and what to do. Of a plugin:
  // as run_plugin() says.
  [[nodiscard]] Result<Identity> current(const std::stop_token& stop);
  // The server answered 401 to this identity: reads everything anew. Is there another one now?
  [[nodiscard]] bool renew(const Identity& not_accepted, const std::stop_token& stop);

 private:
  struct Known {
    std::optional<Identity> files;
    Instant files_read;
    std::optional<PluginCredentials> given;  // by the plugin
    Instant given_at;
    std::optional<Error> failed;  // the plugin, at given_at
  };
  [[nodiscard]] Result<Identity> read_files() const;
  [[nodiscard]] Status refresh_files(Known& known, bool anyway) const;
  [[nodiscard]] Status refresh_plugin(Known& known, bool anyway, const std::stop_token& stop) const;
  [[nodiscard]] Result<Identity> refreshed(Known& known, bool anyway, const std::stop_token& stop) const;
  [[nodiscard]] static Identity identity_of(const Known& known);

  const KubernetesAccess access_;
  const Clock& clock_;
  Guarded<Known> known_{};
};

}  // namespace alertscaler::kubernetes
