#include "receive/bearer_tokens.h"

#include <algorithm>
#include <utility>

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include "base/file.h"
#include "base/log.h"
#include "base/text.h"

namespace alertscaler::receive {
namespace {

static_assert(std::tuple_size_v<TokenDigest> == SHA256_DIGEST_LENGTH);

// RFC 6750, 2.1, widened to everything that a header can carry without quoting.
bool is_token(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7F; });
}

Result<std::vector<KnownToken>> read_tokens(const std::string& key, const std::filesystem::path& path) {
  auto content = read_file(path);
  if (!content) return fail(std::move(content).error().wrap(key));
  std::vector<KnownToken> tokens;
  int line_number = 0;
  for (const std::string& line : text::split(*content, '\n')) {
    ++line_number;
    const std::string_view token = text::trim(line);
    if (token.empty() || token.starts_with('#')) continue;
    if (!is_token(token)) {
      return fail(ErrorKind::invalid, key + ": " + path.string() + ":" + std::to_string(line_number) +
                                          ": expected one token a line, without blanks and of ASCII characters");
    }
    tokens.push_back({digest_of(token), line_number});
  }
  if (tokens.empty()) {
    return fail(ErrorKind::invalid,
                key + ": " + path.string() + " holds no token; put one in a line of its own (openssl rand -hex 32)");
  }
  return tokens;
}

}  // namespace

TokenDigest digest_of(std::string_view token) {
  TokenDigest digest{};
  ::SHA256(reinterpret_cast<const unsigned char*>(token.data()), token.size(), digest.data());
  return digest;
}

Result<std::unique_ptr<BearerTokens>> BearerTokens::open(std::string key, const std::string& path, const Clock& clock) {
  if (path.empty()) return nullptr;
  WatchedFile file(path, clock);
  auto tokens = read_tokens(key, file.path());
  if (!tokens) return fail(std::move(tokens).error());
  return std::make_unique<BearerTokens>(std::move(key), std::move(file), std::move(*tokens));
}

BearerTokens::BearerTokens(std::string key, WatchedFile file, std::vector<KnownToken> tokens)
    : key_(std::move(key)), file_(std::move(file)), tokens_(std::move(tokens)) {}

BearerTokens::Found BearerTokens::find(const TokenDigest& given) {
  const std::lock_guard lock(mutex_);
  reread_if_changed();
  int found = 0;
  for (const KnownToken& each : tokens_) {  // all of them, so that the time tells nothing
    found |= ::CRYPTO_memcmp(each.digest.data(), given.data(), given.size()) == 0 ? 1 : 0;
  }
  return {found != 0, found != 0 && unusable_.empty(), version_};
}

std::string BearerTokens::trouble() {
  const std::lock_guard lock(mutex_);
  reread_if_changed();
  if (!unusable_.empty()) return key_ + " cannot be used, so it admits nobody; the log says why";
  return file_.replaced() ? key_ + ": " + std::string(WatchedFile::replaced_text) : "";
}

std::vector<KnownToken> BearerTokens::tokens() {
  const std::lock_guard lock(mutex_);
  return tokens_;
}

void BearerTokens::reread_if_changed() {
  if (!file_.changed()) return;
  auto tokens = read_tokens(key_, file_.path());
  if (!tokens) {
    file_.look_again();
    if (tokens.error().message == unusable_) return;
    unusable_ = tokens.error().message;
    log::error("tokens.unusable",
               {{"error", unusable_}, {"text", "nobody is admitted by this file until it holds tokens again"}});
    return;
  }
  tokens_ = std::move(*tokens);
  unusable_.clear();
  ++version_;
  log::info("tokens.loaded", {{"file", file_.path().string()}, {"count", tokens_.size()}});
}

}  // namespace alertscaler::receive
