// The server's side of TLS: certificates and rules from the web configuration. The files are read again when they
// change. A certificate or key that cannot be used then is not taken, and the one before stays; the authorities of
// clients count as they are, and while they cannot be used no client's certificate is a good one.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "model/web_security.h"
#include "receive/channel.h"
#include "receive/once.h"
#include "receive/watched_file.h"

struct ssl_ctx_st;  // OpenSSL's SSL_CTX

namespace alertscaler::receive {

struct FreeSslContext {
  void operator()(ssl_ctx_st* context) const noexcept;
};
using SslContext = std::unique_ptr<ssl_ctx_st, FreeSslContext>;

// Thread-safe. Outlives what accept() gives.
class Tls {
 public:
  // invalid, not_found, refused: a file cannot be used, with its key, its path and what to do.
  [[nodiscard]] static Result<std::unique_ptr<Tls>> open(const TlsServerConfig& config, const Clock& clock);
  Tls(const Tls&) = delete;
  Tls& operator=(const Tls&) = delete;

  // For one connection; null: out of memory.
  [[nodiscard]] SslHandle accept();
  // What cannot be used of the files, a line each.
  [[nodiscard]] std::vector<std::string> troubles();
  // A line in the log, now and then.
  void say_failed(std::string_view client, std::string_view why);

 private:
  Tls(const TlsServerConfig& config, const Clock& clock);
  // `certified`: whose certificate to take; null: that of the files.
  [[nodiscard]] Result<SslContext> load(ssl_ctx_st* certified) const;
  void reload_if_changed();

  const TlsServerConfig config_;
  Seldom say_failed_;
  std::mutex mutex_;
  SslContext context_;
  std::vector<WatchedFile> files_;
  std::string unusable_;  // why the files are, as it was last told; empty: they are not
  bool nobody_is_known_ = false;
};

}  // namespace alertscaler::receive
