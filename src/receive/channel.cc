#include "receive/channel.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <sys/socket.h>

namespace alertscaler::receive {
namespace {

int int_size(std::size_t size) {
  return static_cast<int>(std::min<std::size_t>(size, INT_MAX));
}

// What went wrong first is what matters.
std::string take_tls_error(const char* otherwise) {
  const unsigned long code = ::ERR_get_error();
  const char* reason = code == 0 ? nullptr : ::ERR_reason_error_string(code);
  ::ERR_clear_error();
  return reason == nullptr ? otherwise : reason;
}

}  // namespace

void FreeSsl::operator()(ssl_st* ssl) const noexcept {
  ::SSL_free(ssl);
}

Channel::~Channel() {
  if (!ssl_ || !secured_ || !socket_.valid()) return;
  ::ERR_clear_error();
  ::SSL_shutdown(ssl_.get());  // goodbye, if there is room for it
  ::ERR_clear_error();
}

Received Channel::peek(std::span<char> into, SteadyTime deadline) const {
  while (true) {
    const ssize_t count = ::recv(socket_.fd(), into.data(), into.size(), MSG_PEEK);
    if (count > 0) return {Io::done, static_cast<std::size_t>(count)};
    if (count == 0) return {Io::closed, 0};
    if (errno == EINTR) continue;
    if (errno != EAGAIN) return {Io::closed, 0};
    const Io waited = wait_for(socket_.fd(), POLLIN, deadline);
    if (waited != Io::done) return {waited, 0};
  }
}

Io Channel::secure(SslHandle ssl, SteadyTime deadline) {
  ssl_ = std::move(ssl);
  if (!ssl_ || ::SSL_set_fd(ssl_.get(), socket_.fd()) != 1) {
    problem_ = take_tls_error("out of memory");
    return Io::closed;
  }
  while (true) {
    ::ERR_clear_error();
    const int result = ::SSL_accept(ssl_.get());
    if (result == 1) {
      secured_ = true;
      return Io::done;
    }
    const long verified = ::SSL_get_verify_result(ssl_.get());
    const Received step = moved(result);
    if (step.io == Io::closed) {
      if (verified != X509_V_OK) {
        problem_ = std::string("the client's certificate: ") + ::X509_verify_cert_error_string(verified);
      }
      return Io::closed;
    }
    const Io waited = wait_for(socket_.fd(), awaits_, deadline);
    if (waited == Io::timeout) problem_ = "it took too long";
    if (waited != Io::done) return waited;
  }
}

std::string Channel::client_name() const {
  if (!secured_ || ::SSL_get_verify_mode(ssl_.get()) == SSL_VERIFY_NONE) return "";
  if (::SSL_get_verify_result(ssl_.get()) != X509_V_OK) return "";
  const std::unique_ptr<X509, decltype(&::X509_free)> certificate(::SSL_get1_peer_certificate(ssl_.get()),
                                                                  &::X509_free);
  if (!certificate) return "";
  std::array<char, 256> name{};
  const int length = ::X509_NAME_get_text_by_NID(::X509_get_subject_name(certificate.get()), NID_commonName,
                                                 name.data(), static_cast<int>(name.size()));
  return length > 0 ? std::string(name.data(), static_cast<std::size_t>(length)) : "";
}

Received Channel::moved(int result) {
  switch (::SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_WANT_READ:
      awaits_ = POLLIN;
      return {Io::timeout, 0};
    case SSL_ERROR_WANT_WRITE:
      awaits_ = POLLOUT;
      return {Io::timeout, 0};
    default:
      secured_ = false;  // after an error there is no goodbye
      problem_ = take_tls_error("the client closed the connection");
      return {Io::closed, 0};
  }
}

Received Channel::try_receive(std::span<char> into) {
  if (ssl_) {
    ::ERR_clear_error();
    const int count = ::SSL_read(ssl_.get(), into.data(), int_size(into.size()));
    if (count > 0) return {Io::done, static_cast<std::size_t>(count)};
    if (::SSL_get_error(ssl_.get(), count) == SSL_ERROR_ZERO_RETURN) return {Io::closed, 0};
    return moved(count);
  }
  while (true) {
    const ssize_t count = ::recv(socket_.fd(), into.data(), into.size(), 0);
    if (count > 0) return {Io::done, static_cast<std::size_t>(count)};
    if (count == 0) return {Io::closed, 0};
    if (errno == EINTR) continue;
    awaits_ = POLLIN;
    return {errno == EAGAIN ? Io::timeout : Io::closed, 0};
  }
}

Received Channel::try_send(std::string_view bytes) {
  if (ssl_) {
    ::ERR_clear_error();
    const int count = ::SSL_write(ssl_.get(), bytes.data(), int_size(bytes.size()));
    if (count > 0) return {Io::done, static_cast<std::size_t>(count)};
    return moved(count);
  }
  while (true) {
    const ssize_t count = ::send(socket_.fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count >= 0) return {Io::done, static_cast<std::size_t>(count)};
    if (errno == EINTR) continue;
    awaits_ = POLLOUT;
    return {errno == EAGAIN ? Io::timeout : Io::closed, 0};
  }
}

Io Channel::wait_readable(SteadyTime deadline) {
  if (ssl_ && ::SSL_has_pending(ssl_.get()) == 1) return Io::done;
  return wait_for(socket_.fd(), POLLIN, deadline);
}

Received Channel::receive_some(std::span<char> into, SteadyTime deadline) {
  while (true) {
    const Received got = try_receive(into);
    // Whoever always has something to send must not outrun the clock.
    if (got.io == Io::done && std::chrono::steady_clock::now() > deadline) return {Io::timeout, 0};
    if (got.io != Io::timeout) return got;
    const Io waited = wait_for(socket_.fd(), awaits_, deadline);
    if (waited != Io::done) return {waited, 0};
  }
}

Io Channel::send_all(std::string_view bytes, SteadyTime deadline) {
  while (!bytes.empty()) {
    const Received sent = try_send(bytes);
    if (sent.io == Io::closed) return Io::closed;
    if (sent.io == Io::done) {
      bytes.remove_prefix(sent.count);
      if (!bytes.empty() && std::chrono::steady_clock::now() > deadline) return Io::timeout;
      continue;
    }
    const Io waited = wait_for(socket_.fd(), awaits_, deadline);
    if (waited != Io::done) return waited;
  }
  return Io::done;
}

void Channel::finish_sending() {
  if (ssl_ && secured_) {
    ::ERR_clear_error();
    ::SSL_shutdown(ssl_.get());
    ::ERR_clear_error();
  }
  ::shutdown(socket_.fd(), SHUT_WR);
}

}  // namespace alertscaler::receive
