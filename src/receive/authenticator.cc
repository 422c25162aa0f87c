#include "receive/authenticator.h"

#include <algorithm>
#include <utility>

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "receive/watched_file.h"

namespace alertscaler::receive {
namespace {

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

class Nobody final : public Authenticator {
 public:
  [[nodiscard]] bool admits(std::optional<std::string_view>) override { return true; }
  [[nodiscard]] std::string challenge() const override { return ""; }
};

class BearerTokens final : public Authenticator {
 public:
  BearerTokens(WatchedFile file, std::vector<Digest> tokens) : file_(std::move(file)), tokens_(std::move(tokens)) {}

  [[nodiscard]] bool admits(std::optional<std::string_view> authorization) override {
    constexpr std::string_view scheme = "bearer ";
    if (!authorization || text::to_lower(authorization->substr(0, scheme.size())) != scheme) return false;
    const Digest given = digest_of(text::trim(authorization->substr(scheme.size())));
    const std::lock_guard lock(mutex_);
    reread_if_changed();
    int found = 0;
    for (const Digest& token : tokens_) {  // all of them, so that the time tells nothing
      found |= ::CRYPTO_memcmp(token.data(), given.data(), given.size()) == 0 ? 1 : 0;
    }
    return found != 0;
  }

  [[nodiscard]] std::string challenge() const override { return "Bearer"; }

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

}  // namespace

Result<std::unique_ptr<Authenticator>> Authenticator::open(const WebConfig& config, const Clock& clock) {
  if (config.bearer_token_file.empty()) return std::make_unique<Nobody>();
  WatchedFile file(config.bearer_token_file, clock);
  auto tokens = read_tokens(file.path());
  if (!tokens) return fail(std::move(tokens).error());
  return std::make_unique<BearerTokens>(std::move(file), std::move(*tokens));
}

}  // namespace alertscaler::receive
