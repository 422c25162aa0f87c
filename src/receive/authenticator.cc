#include "receive/authenticator.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <mutex>
#include <utility>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/sha.h>

#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "receive/basic_auth.h"
#include "receive/watched_file.h"

namespace alertscaler::receive {
namespace {

using Verdict = Admission::Verdict;

// Tokens are compared and kept as digests: all have one length, and what is read from memory is of no use.
using Digest = std::array<unsigned char, SHA256_DIGEST_LENGTH>;

Digest digest_of(std::string_view token) {
  Digest digest{};
  ::SHA256(reinterpret_cast<const unsigned char*>(token.data()), token.size(), digest.data());
  return digest;
}

// RFC 6750, 2.1, widened to everything that a header can carry without quoting.
bool is_token(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7F; });
}

Result<std::vector<Digest>> read_tokens(const std::filesystem::path& path) {
  auto content = read_file(path);
  if (!content) return fail(std::move(content).error().wrap("bearer_token_file"));
  std::vector<Digest> tokens;
  int line_number = 0;
  for (const std::string& line : text::split(*content, '\n')) {
    ++line_number;
    const std::string_view token = text::trim(line);
    if (token.empty() || token.starts_with('#')) continue;
    if (!is_token(token)) {
      return fail(ErrorKind::invalid, "bearer_token_file: " + path.string() + ":" + std::to_string(line_number) +
                                          ": expected one token a line, without blanks and of ASCII characters");
    }
    tokens.push_back(digest_of(token));
  }
  if (tokens.empty()) {
    return fail(ErrorKind::invalid, "bearer_token_file: " + path.string() +
                                        " holds no token; put one in a line of its own (openssl rand -hex 32)");
  }
  return tokens;
}

// What follows the scheme, which is in lower case here; absent: the header is of another scheme.
std::optional<std::string_view> after_scheme(std::string_view authorization, std::string_view scheme) {
  if (text::to_lower(authorization.substr(0, scheme.size())) != scheme) return std::nullopt;
  return text::trim(authorization.substr(scheme.size()));
}

class BearerTokens {
 public:
  BearerTokens(WatchedFile file, std::vector<Digest> tokens) : file_(std::move(file)), tokens_(std::move(tokens)) {}

  [[nodiscard]] bool has(std::string_view token) {
    const Digest given = digest_of(token);
    const std::lock_guard lock(mutex_);
    reread_if_changed();
    int found = 0;
    for (const Digest& each : tokens_) {  // all of them, so that the time tells nothing
      found |= ::CRYPTO_memcmp(each.data(), given.data(), given.size()) == 0 ? 1 : 0;
    }
    return found != 0;
  }

 private:
  // REQUIRES: mutex_ is held. What cannot be used changes nothing, so that a half-written file locks nobody out.
  void reread_if_changed() {
    if (!file_.changed()) return;
    auto tokens = read_tokens(file_.path());
    if (!tokens) {
      log::warn("tokens.kept", {{"error", tokens.error().message}, {"text", "the tokens known before stay valid"}});
      return;
    }
    tokens_ = std::move(*tokens);
    log::info("tokens.loaded", {{"file", file_.path().string()}, {"count", tokens_.size()}});
  }

  std::mutex mutex_;
  WatchedFile file_;
  std::vector<Digest> tokens_;
};

// "user:password" from the base64 that Basic carries.
std::optional<std::pair<std::string, std::string>> decode_basic(std::string_view encoded) {
  if (encoded.empty() || encoded.size() % 4 != 0) return std::nullopt;
  std::string decoded(encoded.size() / 4 * 3, '\0');
  const int length =
      ::EVP_DecodeBlock(reinterpret_cast<unsigned char*>(decoded.data()),
                        reinterpret_cast<const unsigned char*>(encoded.data()), static_cast<int>(encoded.size()));
  if (length < 0) return std::nullopt;
  const std::size_t padding = encoded.ends_with("==") ? 2 : encoded.ends_with('=') ? 1 : 0;
  decoded.resize(static_cast<std::size_t>(length) - padding);
  const std::size_t colon = decoded.find(':');
  if (colon == std::string::npos) return std::nullopt;
  return std::pair{decoded.substr(0, colon), decoded.substr(colon + 1)};
}

class Nobody final : public Authenticator {
 public:
  [[nodiscard]] Admission admits(std::optional<std::string_view>) override { return {Verdict::admitted}; }
  [[nodiscard]] std::vector<std::string> challenges() const override { return {}; }
  [[nodiscard]] std::string hint(bool) const override { return ""; }
};

// Either is enough.
class Credentials final : public Authenticator {
 public:
  Credentials(std::unique_ptr<BearerTokens> tokens, std::unique_ptr<BasicUsers> users)
      : tokens_(std::move(tokens)), users_(std::move(users)) {}

  [[nodiscard]] Admission admits(std::optional<std::string_view> authorization) override {
    if (!authorization) return {};
    if (const auto token = after_scheme(*authorization, "bearer "); token && tokens_) {
      return {tokens_->has(*token) ? Verdict::admitted : Verdict::refused};
    }
    const auto encoded = after_scheme(*authorization, "basic ");
    const auto given = encoded && users_ ? decode_basic(*encoded) : std::nullopt;
    if (!given) return {};
    switch (users_->check(given->first, given->second)) {
      case BasicUsers::Verdict::right:
        return {Verdict::admitted, given->first};
      case BasicUsers::Verdict::busy:
        return {Verdict::busy};
      case BasicUsers::Verdict::wrong:
        break;
    }
    return {};
  }

  [[nodiscard]] std::vector<std::string> challenges() const override {
    std::vector<std::string> all;
    if (users_) all.emplace_back(R"(Basic realm="alertscaler", charset="UTF-8")");
    if (tokens_) all.emplace_back("Bearer");
    return all;
  }

  [[nodiscard]] std::string hint(bool brought_something) const override {
    if (users_ && tokens_) {
      return brought_something
                 ? "the credentials are none of those in basic_auth_users and bearer_token_file"
                 : "expected the user name and password of one of basic_auth_users, or the header \"Authorization: "
                   "Bearer TOKEN\" with one of the tokens in bearer_token_file";
    }
    if (users_) {
      return brought_something ? "the user name or the password is wrong"
                               : "expected the user name and password of one of basic_auth_users";
    }
    return brought_something ? "the token is none of those in bearer_token_file"
                             : "expected the header \"Authorization: Bearer TOKEN\" with one of the tokens in "
                               "bearer_token_file";
  }

 private:
  const std::unique_ptr<BearerTokens> tokens_;  // null: not configured
  const std::unique_ptr<BasicUsers> users_;     // likewise
};

}  // namespace

Result<std::unique_ptr<Authenticator>> Authenticator::open(const WebConfig& config, const Clock& clock) {
  std::unique_ptr<BearerTokens> bearer;
  if (!config.bearer_token_file.empty()) {
    WatchedFile file(config.bearer_token_file, clock);
    auto tokens = read_tokens(file.path());
    if (!tokens) return fail(std::move(tokens).error());
    bearer = std::make_unique<BearerTokens>(std::move(file), std::move(*tokens));
  }
  std::unique_ptr<BasicUsers> users;
  if (!config.basic_auth_users.empty()) users = std::make_unique<BasicUsers>(config.basic_auth_users);
  if (!bearer && !users) return std::make_unique<Nobody>();
  return std::make_unique<Credentials>(std::move(bearer), std::move(users));
}

}  // namespace alertscaler::receive
