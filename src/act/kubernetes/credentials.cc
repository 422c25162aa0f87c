#include "act/kubernetes/credentials.h"

#include <algorithm>
#include <utility>

#include "base/file.h"
#include "base/log.h"
#include "base/text.h"

namespace alertscaler::kubernetes {
namespace {

constexpr Duration keep_for = std::chrono::seconds{60};  // as client-go does
constexpr Duration plugin_rest = std::chrono::seconds{10};

Result<Secret> token_of(const KubernetesAccess& access) {
  if (access.token_file.empty()) return access.token;
  const auto content = read_file(access.token_file);
  if (!content) return fail(Error(content.error()).wrap("the token"));
  const std::string_view text = text::trim(*content);
  if (text.empty()) return fail(ErrorKind::invalid, "the token file " + access.token_file + " is empty");
  const auto unfit = [](char c) { return static_cast<unsigned char>(c) <= 0x20 || c == 0x7F; };
  if (std::any_of(text.begin(), text.end(), unfit)) {
    return fail(ErrorKind::invalid,
                "the token file " + access.token_file + ": expected one token without blanks and line ends");
  }
  return Secret(std::string(text));
}

// A PEM text from where it stands, or from its file.
Result<std::string> pem_of(const std::string& data, const std::string& file, std::string_view what) {
  if (!data.empty() || file.empty()) return data;
  auto content = read_file(file);
  if (!content) return fail(Error(content.error()).wrap(what));
  if (content->find("-----BEGIN ") == std::string::npos) {
    return fail(ErrorKind::invalid, std::string(what) + ": " + file + " holds no PEM text (-----BEGIN …)");
  }
  return *std::move(content);
}

}  // namespace

HttpPeer peer_of(const KubernetesAccess& access, const Identity& identity) {
  HttpPeer peer;
  peer.base_url = access.server;
  peer.ca_pem = identity.ca_pem;
  peer.cert_pem = identity.cert_pem;
  peer.key_pem = identity.key_pem;
  peer.server_name = access.tls_server_name;
  peer.insecure_skip_verify = access.insecure_skip_verify;
  peer.proxy = access.proxy_url;
  peer.direct = access.proxy_url.empty();  // https_proxy would catch addresses inside of the cluster
  return peer;
}

void put_identity(const KubernetesAccess& access, const Identity& identity, HttpRequest& request) {
  if (!identity.token.empty()) {
    request.headers.push_back("Authorization: Bearer " + identity.token.reveal());
  } else if (!identity.username.empty()) {
    request.basic_auth = BasicAuth{identity.username, identity.password};
  }
  if (access.impersonate_user.empty()) return;
  request.headers.push_back("Impersonate-User: " + access.impersonate_user);
  for (const std::string& group : access.impersonate_groups) request.headers.push_back("Impersonate-Group: " + group);
}

Credentials::Credentials(KubernetesAccess access, const Clock& clock) : access_(std::move(access)), clock_(clock) {}

Result<Identity> Credentials::read_files() const {
  Identity identity;
  auto ca = pem_of(access_.ca_data, access_.ca_file, "the cluster's certificate authority");
  if (!ca) return fail(std::move(ca).error());
  identity.ca_pem = *std::move(ca);
  auto cert = pem_of(access_.client_certificate_data, access_.client_certificate_file, "the client certificate");
  if (!cert) return fail(std::move(cert).error());
  identity.cert_pem = *std::move(cert);
  auto key = pem_of(access_.client_key_data.reveal(), access_.client_key_file, "the client key");
  if (!key) return fail(std::move(key).error());
  identity.key_pem = Secret(*std::move(key));
  auto token = token_of(access_);
  if (!token) return fail(std::move(token).error());
  identity.token = *std::move(token);
  identity.username = access_.username;
  identity.password = access_.password;
  return identity;
}

// Keeps what is known when what there is now cannot be read: it is being replaced, or still good for a while.
Status Credentials::refresh_files(Known& known, bool anyway) const {
  const Instant now = clock_.now();
  const bool fresh = known.files && now >= known.files_read && now - known.files_read < keep_for;
  if (fresh && !anyway) return {};
  auto read = read_files();
  if (!read && !known.files) return fail(std::move(read).error());
  if (read) {
    known.files = *std::move(read);
  } else {
    log::warn("kubernetes.credentials", {{"origin", access_.origin},
                                         {"error", read.error().message},
                                         {"text", "what was read before is used until this works again"}});
  }
  known.files_read = now;
  return {};
}

// One that has just run, or just failed, would do no better now.
Status Credentials::refresh_plugin(Known& known, bool anyway, const std::stop_token& stop) const {
  if (!access_.plugin) return {};
  const Instant now = clock_.now();
  const bool lately = now >= known.given_at && now - known.given_at < plugin_rest;
  if (known.failed && lately) return fail(*known.failed);
  const bool good = known.given && (!known.given->expires || now < *known.given->expires);
  if (known.given && (lately || (good && !anyway))) return {};
  auto given = run_plugin(access_, known.files->ca_pem, stop);
  if (!given && given.error().kind == ErrorKind::cancelled) return fail(std::move(given).error());
  known.given_at = clock_.now();
  known.failed.reset();
  if (!given) {
    known.given.reset();
    known.failed = given.error();
    return fail(std::move(given).error());
  }
  known.given = *std::move(given);
  return {};
}

Result<Identity> Credentials::refreshed(Known& known, bool anyway, const std::stop_token& stop) const {
  if (Status read = refresh_files(known, anyway); !read) return fail(std::move(read).error());
  if (Status ran = refresh_plugin(known, anyway, stop); !ran) return fail(std::move(ran).error());
  return identity_of(known);
}

Identity Credentials::identity_of(const Known& known) {
  Identity identity = *known.files;
  if (!known.given) return identity;
  if (!known.given->token.empty()) identity.token = known.given->token;
  if (!known.given->cert_pem.empty()) {
    identity.cert_pem = known.given->cert_pem;
    identity.key_pem = known.given->key_pem;
  }
  return identity;
}

Result<Identity> Credentials::current(const std::stop_token& stop) {
  return known_.with([&](Known& known) { return refreshed(known, false, stop); });
}

bool Credentials::renew(const Identity& not_accepted, const std::stop_token& stop) {
  return known_.with([&](Known& known) {
    if (known.files && identity_of(known) != not_accepted) return true;  // somebody was faster
    const auto fresh = refreshed(known, true, stop);
    return fresh && *fresh != not_accepted;
  });
}

}  // namespace alertscaler::kubernetes
