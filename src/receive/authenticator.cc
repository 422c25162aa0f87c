#include "receive/authenticator.h"

#include <algorithm>
#include <cstdint>
#include <tuple>
#include <utility>

#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/log.h"
#include "base/text.h"

namespace alertscaler::receive {
namespace {

using namespace std::chrono_literals;

constexpr auto recheck_after = 1s;

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

// What tells one state of a file from another without reading it.
struct FileState {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::int64_t size = -1;  // -1: there is none
  std::int64_t changed_s = 0;
  std::int64_t changed_ns = 0;
  bool operator==(const FileState&) const = default;
};

FileState state_of(const std::filesystem::path& path) {
  struct stat found {};
  if (::stat(path.c_str(), &found) != 0) return {};
  return {found.st_dev, found.st_ino, found.st_size, found.st_mtim.tv_sec, found.st_mtim.tv_nsec};
}

class Nobody final : public Authenticator {
 public:
  [[nodiscard]] bool admits(std::optional<std::string_view>) override { return true; }
  [[nodiscard]] std::string challenge() const override { return ""; }
};

class BearerTokens final : public Authenticator {
 public:
  BearerTokens(std::filesystem::path path, FileState state, std::vector<Digest> tokens, const Clock& clock)
      : path_(std::move(path)), clock_(clock), checked_(clock.now()), state_(state), tokens_(std::move(tokens)) {}

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
    const Instant now = clock_.now();
    if (now >= checked_ && now < checked_ + recheck_after) return;
    checked_ = now;
    const FileState state = state_of(path_);
    if (state == state_) return;
    state_ = state;
    auto tokens = read_tokens(path_);
    if (!tokens) {
      log::warn("tokens.kept", {{"error", tokens.error().message}, {"text", "the tokens known before stay valid"}});
      return;
    }
    tokens_ = std::move(*tokens);
    log::info("tokens.loaded", {{"file", path_.string()}, {"count", tokens_.size()}});
  }

  const std::filesystem::path path_;
  const Clock& clock_;
  std::mutex mutex_;
  Instant checked_;
  FileState state_;
  std::vector<Digest> tokens_;
};

}  // namespace

Result<std::unique_ptr<Authenticator>> Authenticator::open(const WebConfig& config, const Clock& clock) {
  if (config.bearer_token_file.empty()) return std::make_unique<Nobody>();
  const FileState state = state_of(config.bearer_token_file);
  auto tokens = read_tokens(config.bearer_token_file);
  if (!tokens) return fail(std::move(tokens).error());
  return std::make_unique<BearerTokens>(config.bearer_token_file, state, std::move(*tokens), clock);
}

}  // namespace alertscaler::receive
