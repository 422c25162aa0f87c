#include "receive/authenticator.h"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <set>
#include <utility>

#include <openssl/evp.h>

#include "base/log.h"
#include "base/text.h"
#include "receive/basic_auth.h"
#include "receive/bearer_tokens.h"

namespace alertscaler::receive {
namespace {

using Verdict = Admission::Verdict;

// What follows the scheme, which is in lower case here; absent: the header is of another scheme.
std::optional<std::string_view> after_scheme(std::string_view authorization, std::string_view scheme) {
  if (text::to_lower(authorization.substr(0, scheme.size())) != scheme) return std::nullopt;
  return text::trim(authorization.substr(scheme.size()));
}

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

void say(const std::vector<std::string>& warnings) {
  for (const std::string& warning : warnings) log::warn("web_config.doubtful", {{"text", warning}});
}

class Nobody final : public Authenticator {
 public:
  [[nodiscard]] Admission admits(std::optional<std::string_view>) override { return {Verdict::admitted}; }
  [[nodiscard]] std::function<bool()> watch(std::optional<std::string_view>) override { return {}; }
  [[nodiscard]] std::vector<std::string> troubles() override { return {}; }
  [[nodiscard]] std::vector<std::string> warnings() override { return {}; }
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
    bool others_write = false;  // there is a user who may, or somebody who signs
  };
  explicit Credentials(Known known) : known_(std::move(known)) {
    for (const BearerTokens* tokens : {known_.tokens.get(), known_.read_only_tokens.get()}) {
      if (tokens != nullptr) token_files_ += (token_files_.empty() ? "" : " and ") + tokens->key();
    }
  }

  [[nodiscard]] Admission admits(std::optional<std::string_view> authorization) override {
    if (!authorization) return {};
    if (const auto token = after_scheme(*authorization, "bearer "); token && !token_files_.empty()) {
      return unless_unsure(by(digest_of(*token)));
    }
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

  // Users are read once, and stay.
  [[nodiscard]] std::function<bool()> watch(std::optional<std::string_view> authorization) override {
    const auto token = authorization ? after_scheme(*authorization, "bearer ") : std::nullopt;
    if (!token) return {};
    return [this, digest = digest_of(*token)] { return static_cast<bool>(by(digest)); };
  }

  [[nodiscard]] std::vector<std::string> troubles() override {
    std::vector<std::string> all;
    for (BearerTokens* tokens : {known_.tokens.get(), known_.read_only_tokens.get()}) {
      if (tokens == nullptr) continue;
      if (std::string trouble = tokens->trouble(); !trouble.empty()) all.push_back(std::move(trouble));
    }
    return all;
  }

  [[nodiscard]] std::vector<std::string> warnings() override {
    if (!known_.tokens || !known_.read_only_tokens) return {};
    const std::vector<KnownToken> writers = known_.tokens->tokens();
    const std::vector<KnownToken> lookers = known_.read_only_tokens->tokens();
    std::vector<std::string> lines;
    for (const KnownToken& writer : writers) {
      const bool looks = std::any_of(lookers.begin(), lookers.end(),
                                     [&](const KnownToken& looker) { return looker.digest == writer.digest; });
      if (looks) lines.push_back(std::to_string(writer.line));
    }
    if (lines.empty()) return {};
    std::vector<std::string> all{lines.size() == 1
                                     ? "bearer_token_file: the token in line " + lines.front() +
                                           " stands in read_only_token_file, too, so it may only look"
                                     : "bearer_token_file: the tokens in lines " + text::join(lines, ", ") +
                                           " stand in read_only_token_file, too, so they may only look"};
    if (lines.size() == writers.size() && !known_.others_write) {
      all.emplace_back("bearer_token_file: it has no token that may change something, so nobody could send alerts");
    }
    return all;
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
  // One that stands in both files may only look, also when the file that says so cannot be used any more. Both are
  // asked, so that the time tells nothing.
  Admission by(const TokenDigest& token) {
    const auto writes = known_.tokens ? known_.tokens->find(token) : BearerTokens::Found{};
    const auto looks = known_.read_only_tokens ? known_.read_only_tokens->find(token) : BearerTokens::Found{};
    const std::uint64_t read = writes.version + looks.version;
    if (told_of_.exchange(read) != read) say(warnings());
    return {writes.valid || looks.valid ? Verdict::admitted : Verdict::refused, "", writes.valid && !looks.known};
  }

  Admission unless_unsure(Admission found) {
    if (found) return found;
    std::string trouble = text::join(troubles(), "; ");
    if (trouble.empty()) return found;
    return {Verdict::unsure, "", true, std::move(trouble)};
  }

  Known known_;
  std::string token_files_;                // by their keys, for people; empty: there are no tokens
  std::atomic<std::uint64_t> told_of_{0};  // how often the files had been read when their warnings were told
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
  const bool others_write = !config.grafana_hmac_secret_file.empty() ||
                            std::any_of(config.basic_auth_users.begin(), config.basic_auth_users.end(),
                                        [&](const auto& user) { return !config.read_only_users.contains(user.first); });
  return std::make_unique<Credentials>(Credentials::Known{std::move(*tokens), std::move(*read_only_tokens),
                                                          std::move(users), config.read_only_users, others_write});
}

}  // namespace alertscaler::receive
