// A file of tokens, one a line, that is read again when it changes.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "receive/watched_file.h"

namespace alertscaler::receive {

// Tokens are compared and kept as digests: all have one length, and what is read from memory is of no use.
using TokenDigest = std::array<unsigned char, 32>;
[[nodiscard]] TokenDigest digest_of(std::string_view token);

struct KnownToken {
  TokenDigest digest;
  int line = 0;  // of the file, from 1
};

// Thread-safe. A file that is gone, empty or broken admits nobody until it holds tokens again: one that was taken out
// of it must not stay valid because of what else has become of the file.
class BearerTokens {
 public:
  // Null: the configuration names no such file. `key`: which of its keys names it. Errors as Authenticator::open().
  [[nodiscard]] static Result<std::unique_ptr<BearerTokens>> open(std::string key, const std::string& path,
                                                                  const Clock& clock);
  BearerTokens(std::string key, WatchedFile file, std::vector<KnownToken> tokens);

  [[nodiscard]] const std::string& key() const { return key_; }
  struct Found {
    bool known = false;  // it stands in the file, or did when that could last be used
    bool valid = false;
    std::uint64_t version = 0;  // how often the file has been read since it was opened
  };
  [[nodiscard]] Found find(const TokenDigest& given);
  // Why it does not tell who is admitted, a line for people; empty: it does.
  [[nodiscard]] std::string trouble();
  // What the file had when it could last be used.
  [[nodiscard]] std::vector<KnownToken> tokens();

 private:
  void reread_if_changed();  // REQUIRES: mutex_ is held

  const std::string key_;
  std::mutex mutex_;
  WatchedFile file_;
  std::vector<KnownToken> tokens_;
  std::uint64_t version_ = 0;
  std::string unusable_;
};

}  // namespace alertscaler::receive
