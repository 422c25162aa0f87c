#include "receive/authenticator.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <mutex>
#include <set>
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

// `key`: which of the configuration names the file.
Result<std::vector<Digest>> read_tokens(const std::string& key, const std::filesystem::path& path) {
  auto content = read_file(path);
  if (!content) return fail(std::move(content).error().wrap(key));
  std::vector<Digest> tokens;
  int line_number = 0;
  for (const std::string& line : text::split(*content, '\n')) {
    ++line_number;
    const std::string_view token = text::trim(line);
    if (token.empty() || token.starts_with('#')) continue;
    if (!is_token(token)) {
      return fail(ErrorKind::invalid, key + ": " + path.string() + ":" + std::to_string(line_number) +
                                          ": expected one token a line, without blanks and of ASCII characters");
    }
    tokens.push_back(digest_of(token));
  }
  if (tokens.empty()) {
    return fail(ErrorKind::invalid,
                key + ": " + path.string() + " holds no token; put one in a line of its own (openssl rand -hex 32)");
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
  // Null: there is no such file. Else as Authenticator::open().
  static Result<std::unique_ptr<BearerTokens>> open(std::string key, const std::string& path, const Clock& clock) {
    if (path.empty()) return nullptr;
    WatchedFile file(path, clock);
    auto tokens = read_tokens(key, file.path());
    if (!tokens) return fail(std::move(tokens).error());
    return std::make_unique<BearerTokens>(std::move(key), std::move(file), std::move(*tokens));
  }
  BearerTokens(std::string key, WatchedFile file, std::vector<Digest> tokens)
      : key_(std::move(key)), file_(std::move(file)), tokens_(std::move(tokens)) {}

  [[nodiscard]] const std::string& key() const { return key_; }
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
    auto tokens = read_tokens(key_, file_.path());
    if (!tokens) {
      log::warn("tokens.kept", {{"error", tokens.error().message}, {"text", "the tokens known before stay valid"}});
      return;
    }
    tokens_ = std::move(*tokens);
    log::info("tokens.loaded", {{"file", file_.path().string()}, {"count", tokens_.size()}});
  }

  const std::string key_;
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
  struct Known {
    std::unique_ptr<BearerTokens> tokens;            // null: not configured
    std::unique_ptr<BearerTokens> read_only_tokens;  // likewise
    std::unique_ptr<BasicUsers> users;               // likewise
    std::set<std::string> read_only_users;
  };
  explicit Credentials(Known known) : known_(std::move(known)) {
    for (const BearerTokens* tokens : {known_.tokens.get(), known_.read_only_tokens.get()}) {
      if (tokens != nullptr) token_files_ += (token_files_.empty() ? "" : " and ") + tokens->key();
    }
  }

  [[nodiscard]] Admission admits(std::optional<std::string_view> authorization) override {
    if (!authorization) return {};
    if (const auto token = after_scheme(*authorization, "bearer "); token && !token_files_.empty()) return by(*token);
    const auto encoded = after_scheme(*authorization, "basic ");
    const auto given = encoded && known_.users ? decode_basic(*encoded) : std::nullopt;
    if (!given) return {};
    switch (known_.users->check(given->first, given->second)) {
      case BasicUsers::Verdict::right:
        return {Verdict::admitted, given->first, !known_.read_only_users.contains(given->first)};
      case BasicUsers::Verdict::busy:
        return {Verdict::busy};
      case BasicUsers::Verdict::wrong:
        break;
    }
    return {};
  }

  [[nodiscard]] std::vector<std::string> challenges() const override {
    std::vector<std::string> all;
    if (known_.users) all.emplace_back(R"(Basic realm="alertscaler", charset="UTF-8")");
    if (!token_files_.empty()) all.emplace_back("Bearer");
    return all;
  }

  [[nodiscard]] std::string hint(bool brought_something) const override {
    const std::string bring_token =
        "the header \"Authorization: Bearer TOKEN\" with one of the tokens in " + token_files_;
    if (known_.users && !token_files_.empty()) {
      return brought_something ? "the credentials are none of those in basic_auth_users and " + token_files_
                               : "expected the user name and password of one of basic_auth_users, or " + bring_token;
    }
    if (known_.users) {
      return brought_something ? "the user name or the password is wrong"
                               : "expected the user name and password of one of basic_auth_users";
    }
    return brought_something ? "the token is none of those in " + token_files_ : "expected " + bring_token;
  }

 private:
  // One that stands in both files may only look. Both are asked, so that the time tells nothing.
  Admission by(std::string_view token) {
    const bool may_write = known_.tokens && known_.tokens->has(token);
    const bool may_look = known_.read_only_tokens && known_.read_only_tokens->has(token);
    return {may_write || may_look ? Verdict::admitted : Verdict::refused, "", !may_look};
  }

  const Known known_;
  std::string token_files_;  // by their keys, for people; empty: there are no tokens
};

}  // namespace

Result<std::unique_ptr<Authenticator>> Authenticator::open(const WebConfig& config, const Clock& clock) {
  auto tokens = BearerTokens::open("bearer_token_file", config.bearer_token_file, clock);
  if (!tokens) return fail(std::move(tokens).error());
  auto read_only_tokens = BearerTokens::open("read_only_token_file", config.read_only_token_file, clock);
  if (!read_only_tokens) return fail(std::move(read_only_tokens).error());
  std::unique_ptr<BasicUsers> users;
  if (!config.basic_auth_users.empty()) users = std::make_unique<BasicUsers>(config.basic_auth_users);
  if (!*tokens && !*read_only_tokens && !users) return std::make_unique<Nobody>();
  return std::make_unique<Credentials>(
      Credentials::Known{std::move(*tokens), std::move(*read_only_tokens), std::move(users), config.read_only_users});
}

}  // namespace alertscaler::receive
