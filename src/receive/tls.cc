#include "receive/tls.h"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <utility>
#include <vector>

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "base/file.h"
#include "base/log.h"
#include "base/text.h"

namespace alertscaler::receive {
namespace {

using namespace std::chrono_literals;

template <auto Free>
struct Freeing {
  template <class T>
  void operator()(T* object) const noexcept {
    Free(object);
  }
};
using Bio = std::unique_ptr<BIO, Freeing<&::BIO_free_all>>;
using Certificate = std::unique_ptr<X509, Freeing<&::X509_free>>;
using Store = std::unique_ptr<X509_STORE, Freeing<&::X509_STORE_free>>;
using Key = std::unique_ptr<EVP_PKEY, Freeing<&::EVP_PKEY_free>>;

std::string tls_error() {
  const unsigned long code = ::ERR_peek_last_error();
  const char* reason = code == 0 ? nullptr : ::ERR_reason_error_string(code);
  ::ERR_clear_error();
  return reason == nullptr ? "unknown error" : reason;
}

tl::unexpected<Error> wrong(std::string_view key, const std::string& what) {
  return fail(ErrorKind::invalid, "tls_server_config: " + std::string(key) + ": " + what);
}

Result<Bio> open_pem(std::string_view key, const std::string& path) {
  auto read = read_file(path);
  if (!read) return fail(std::move(read).error().wrap("tls_server_config: " + std::string(key)));
  std::string& content = *read;
  Bio bio(::BIO_new(::BIO_s_mem()));
  const int size = static_cast<int>(content.size());  // read_file reads 16 MiB at most
  if (!bio || ::BIO_write(bio.get(), content.data(), size) != size) return wrong(key, "out of memory");
  ::OPENSSL_cleanse(content.data(), content.size());
  return bio;
}

Result<std::vector<Certificate>> read_certificates(std::string_view key, const std::string& path) {
  const auto bio = open_pem(key, path);
  if (!bio) return fail(bio.error());
  std::vector<Certificate> all;
  while (Certificate one{::PEM_read_bio_X509(bio->get(), nullptr, nullptr, nullptr)}) all.push_back(std::move(one));
  const unsigned long why = ::ERR_peek_last_error();
  const bool at_end = ERR_GET_LIB(why) == ERR_LIB_PEM && ERR_GET_REASON(why) == PEM_R_NO_START_LINE;
  if (all.empty() && at_end) {
    ::ERR_clear_error();
    return wrong(key, path + " holds no certificate; expected PEM (-----BEGIN CERTIFICATE-----)");
  }
  if (!at_end) {
    return wrong(key, path + ": certificate number " + std::to_string(all.size() + 1) + " is broken: " + tls_error());
  }
  ::ERR_clear_error();
  return all;
}

Result<Key> read_key(const std::string& path) {
  const auto bio = open_pem("key_file", path);
  if (!bio) return fail(bio.error());
  bool asked = false;  // for a passphrase, which nobody is there to type
  const auto ask = [](char*, int, int, void* flag) {
    *static_cast<bool*>(flag) = true;
    return -1;
  };
  Key key{::PEM_read_bio_PrivateKey(bio->get(), nullptr, ask, &asked)};
  ::ERR_clear_error();
  if (key) return key;
  if (asked) {
    return wrong("key_file",
                 path + " is encrypted; expected one without a passphrase (openssl pkey -in " + path + " -out KEY)");
  }
  return wrong("key_file", path + " holds no private key; expected PEM (-----BEGIN PRIVATE KEY-----)");
}

int protocol_of(TlsVersion version) {
  switch (version) {
    case TlsVersion::tls10:
      return TLS1_VERSION;
    case TlsVersion::tls11:
      return TLS1_1_VERSION;
    case TlsVersion::tls12:
      return TLS1_2_VERSION;
    case TlsVersion::tls13:
      return TLS1_3_VERSION;
  }
  return TLS1_2_VERSION;
}

Status use_certificate(SSL_CTX* context, const TlsServerConfig& config) {
  const auto certificates = read_certificates("cert_file", config.cert_file);
  if (!certificates) return fail(certificates.error());
  const auto key = read_key(config.key_file);
  if (!key) return fail(key.error());
  if (::X509_check_private_key(certificates->front().get(), key->get()) != 1) {
    ::ERR_clear_error();
    return wrong("key_file", config.key_file + " is not the key of the first certificate in " + config.cert_file);
  }
  if (::SSL_CTX_use_certificate(context, certificates->front().get()) != 1 ||
      ::SSL_CTX_use_PrivateKey(context, key->get()) != 1) {
    return wrong("cert_file", config.cert_file + " cannot be used: " + tls_error());
  }
  for (auto one = certificates->begin() + 1; one != certificates->end(); ++one) {
    if (::SSL_CTX_add1_chain_cert(context, one->get()) != 1) {
      return wrong("cert_file", config.cert_file + ": its chain cannot be used: " + tls_error());
    }
  }
  return {};
}

// What the other one has already.
Status take_certificate(SSL_CTX* context, SSL_CTX* from) {
  STACK_OF(X509)* chain = nullptr;
  ::SSL_CTX_get0_chain_certs(from, &chain);
  if (::SSL_CTX_use_cert_and_key(context, ::SSL_CTX_get0_certificate(from), ::SSL_CTX_get0_privatekey(from), chain,
                                 1) != 1) {
    return wrong("cert_file", "the certificate from before cannot be used: " + tls_error());
  }
  return {};
}

// The names under which a certificate may be known, in the words of client_allowed_sans.
std::vector<std::string> names_of(X509* certificate) {
  std::vector<std::string> names;
  auto* all = static_cast<GENERAL_NAMES*>(::X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr));
  for (int i = 0; i < sk_GENERAL_NAME_num(all); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(all, i);
    if (name->type == GEN_DNS || name->type == GEN_EMAIL || name->type == GEN_URI) {
      const ASN1_IA5STRING* text = name->d.ia5;
      names.emplace_back(reinterpret_cast<const char*>(::ASN1_STRING_get0_data(text)),
                         static_cast<std::size_t>(::ASN1_STRING_length(text)));
    } else if (name->type == GEN_IPADD) {
      const int length = ::ASN1_STRING_length(name->d.iPAddress);
      std::array<char, INET6_ADDRSTRLEN> text{};
      const int family = length == 4 ? AF_INET : AF_INET6;
      if ((length == 4 || length == 16) &&
          ::inet_ntop(family, ::ASN1_STRING_get0_data(name->d.iPAddress), text.data(), text.size()) != nullptr) {
        names.emplace_back(text.data());
      }
    }
  }
  ::GENERAL_NAMES_free(all);
  return names;
}

// Of the kinds that verify. `argument` is the configuration.
int verify_client(X509_STORE_CTX* store, void* argument) {
  const auto& config = *static_cast<const TlsServerConfig*>(argument);
  if (::X509_verify_cert(store) != 1) return 0;
  if (config.client_allowed_sans.empty()) return 1;
  const auto names = names_of(::X509_STORE_CTX_get0_cert(store));
  const auto& allowed = config.client_allowed_sans;
  if (std::find_first_of(names.begin(), names.end(), allowed.begin(), allowed.end()) != names.end()) return 1;
  ::X509_STORE_CTX_set_error(store, X509_V_ERR_APPLICATION_VERIFICATION);
  return 0;
}

// Of the kinds that take any certificate: the error tells that it says nothing about the client.
int take_any(X509_STORE_CTX* store, void*) {
  ::X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_UNTRUSTED);
  return 1;
}

Status use_client_auth(SSL_CTX* context, const TlsServerConfig& config) {
  const ClientAuth auth = config.client_auth;
  if (auth == ClientAuth::none) return {};
  const bool needed = auth == ClientAuth::require_any || auth == ClientAuth::require_and_verify;
  ::SSL_CTX_set_verify(context, SSL_VERIFY_PEER | (needed ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0), nullptr);
  if (!verifies(auth)) {
    ::SSL_CTX_set_cert_verify_callback(context, &take_any, nullptr);
    return {};
  }
  // OpenSSL takes no pointer to const, and verify_client() changes nothing.
  ::SSL_CTX_set_cert_verify_callback(context, &verify_client, const_cast<TlsServerConfig*>(&config));  // NOLINT
  const auto authorities = read_certificates("client_ca_file", config.client_ca_file);
  if (!authorities) return fail(authorities.error());
  for (const Certificate& one : *authorities) {
    if (::X509_STORE_add_cert(::SSL_CTX_get_cert_store(context), one.get()) != 1 ||
        ::SSL_CTX_add_client_CA(context, one.get()) != 1) {
      return wrong("client_ca_file", config.client_ca_file + " cannot be used: " + tls_error());
    }
  }
  return {};
}

Status use_ciphers(SSL_CTX* context, const TlsServerConfig& config) {
  if (config.min_version < TlsVersion::tls12) ::SSL_CTX_set_security_level(context, 0);  // they need SHA-1
  std::vector<std::string> known;
  for (const std::string& suite : config.cipher_suites) {
    const std::string name = ::OPENSSL_cipher_name(suite.c_str());
    if (name == "(NONE)") return wrong("cipher_suites", "this build of OpenSSL has no " + suite);
    if (!name.starts_with("TLS_")) known.push_back(name);  // those of TLS 1.3 are not chosen from
  }
  if (!known.empty() && ::SSL_CTX_set_cipher_list(context, text::join(known, ":").c_str()) != 1) {
    return wrong("cipher_suites", "OpenSSL refuses them all: " + tls_error());
  }
  const bool only_tls13 = !config.cipher_suites.empty() && known.empty();
  if (only_tls13) ::SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION);
  if (!config.curves.empty() && ::SSL_CTX_set1_groups_list(context, text::join(config.curves, ":").c_str()) != 1) {
    return wrong("curve_preferences", "OpenSSL refuses them: " + tls_error());
  }
  return {};
}

int select_protocol(SSL*, const unsigned char** out, unsigned char* out_length, const unsigned char* offered,
                    unsigned int offered_length, void*) {
  static constexpr std::array<unsigned char, 9> ours = {8, 'h', 't', 't', 'p', '/', '1', '.', '1'};
  unsigned char* selected = nullptr;
  const int found = ::SSL_select_next_proto(&selected, out_length, ours.data(), ours.size(), offered, offered_length);
  *out = selected;
  return found == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

}  // namespace

void FreeSslContext::operator()(ssl_ctx_st* context) const noexcept {
  ::SSL_CTX_free(context);
}

Tls::Tls(const TlsServerConfig& config, const Clock& clock) : config_(config), say_failed_(10s, clock) {
  for (const std::string& path : {config_.cert_file, config_.key_file, config_.client_ca_file}) {
    if (!path.empty()) files_.emplace_back(path, clock);
  }
}

Result<std::unique_ptr<Tls>> Tls::open(const TlsServerConfig& config, const Clock& clock) {
  std::unique_ptr<Tls> tls(new Tls(config, clock));
  auto context = tls->load(nullptr);
  if (!context) return fail(std::move(context).error());
  tls->context_ = *std::move(context);
  return tls;
}

Result<SslContext> Tls::load(SSL_CTX* certified) const {
  SslContext context(::SSL_CTX_new(::TLS_server_method()));
  if (!context) return wrong("cert_file", "OpenSSL cannot be used: " + tls_error());
  SSL_CTX* const raw = context.get();
  ::SSL_CTX_set_min_proto_version(raw, protocol_of(config_.min_version));
  ::SSL_CTX_set_max_proto_version(raw, protocol_of(config_.max_version));
  ::SSL_CTX_set_options(raw, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_NO_TICKET |
                                 SSL_OP_IGNORE_UNEXPECTED_EOF |  // HTTP says itself where a request ends
                                 (config_.prefer_server_cipher_suites ? SSL_OP_CIPHER_SERVER_PREFERENCE : 0));
  // Nobody comes back with what an earlier certificate or authority has vouched for.
  ::SSL_CTX_set_session_cache_mode(raw, SSL_SESS_CACHE_OFF);
  ::SSL_CTX_set_num_tickets(raw, 0);
  ::SSL_CTX_set_mode(raw,
                     SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
  ::SSL_CTX_set_alpn_select_cb(raw, &select_protocol, nullptr);
  if (Status used = use_ciphers(raw, config_); !used) return fail(used.error());
  if (Status used = use_client_auth(raw, config_); !used) return fail(used.error());
  if (Status used = certified == nullptr ? use_certificate(raw, config_) : take_certificate(raw, certified); !used) {
    return fail(used.error());
  }
  return context;
}

// REQUIRES: mutex_ is held.
void Tls::reload_if_changed() {
  bool changed = false;
  for (WatchedFile& file : files_) changed = file.changed() || changed;
  if (!changed) return;
  auto context = load(nullptr);
  if (!context) {
    for (WatchedFile& file : files_) file.look_again();
    // The authorities count as they are now, whatever has become of the certificate.
    auto kept = load(context_.get());
    nobody_is_known_ = !kept;
    if (kept) context_ = *std::move(kept);
    if (context.error().message == unusable_) return;
    unusable_ = context.error().message;
    if (nobody_is_known_) {
      log::error("authorities.unusable",
                 {{"error", unusable_}, {"text", "no client's certificate is taken until the file can be used again"}});
    } else {
      log::warn("certificate.kept", {{"error", unusable_}, {"text", "the certificate known before stays in use"}});
    }
    return;
  }
  unusable_.clear();
  nobody_is_known_ = false;
  context_ = *std::move(context);  // connections that there are keep the old one
  log::info("certificate.loaded", {{"file", config_.cert_file}});
}

SslHandle Tls::accept() {
  const std::lock_guard lock(mutex_);
  reload_if_changed();
  SslHandle ssl(::SSL_new(context_.get()));
  if (!ssl) return ssl;
  if (nobody_is_known_) {
    const Store none(::X509_STORE_new());
    if (!none || ::SSL_set1_verify_cert_store(ssl.get(), none.get()) != 1) return {};
  }
  ::SSL_set_accept_state(ssl.get());
  return ssl;
}

std::vector<std::string> Tls::troubles() {
  const std::lock_guard lock(mutex_);
  reload_if_changed();
  std::vector<std::string> all;
  if (!unusable_.empty()) {
    all.emplace_back(nobody_is_known_
                         ? "client_ca_file cannot be used, so no client's certificate is taken; the log says why"
                         : "tls_server_config cannot be used as its files are now, so the certificate from before "
                           "stays in use; the log says why");
  }
  for (const WatchedFile& file : files_) {
    if (!file.replaced()) continue;
    all.push_back("tls_server_config: " + file.path().string() + ": " + std::string(WatchedFile::replaced_text));
  }
  return all;
}

void Tls::say_failed(std::string_view client, std::string_view why) {
  const auto held_back = say_failed_.now();
  if (!held_back) return;
  log::info("tls.failed", {{"client", client}, {"error", why}, {"held_back", *held_back}});
}

}  // namespace alertscaler::receive
