#include "receive/basic_auth.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <utility>

#include <crypt.h>
#include <openssl/crypto.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

namespace alertscaler::receive {
namespace {

using namespace std::chrono_literals;

constexpr int running_max = 2;
constexpr int waiting_max = 16;
constexpr auto patience = 5s;
constexpr std::size_t remembered_max = 100;

bool matches(const std::string& password, const std::string& hash) {
  const auto data = std::make_unique<crypt_data>();
  const char* computed = ::crypt_r(password.c_str(), hash.c_str(), data.get());
  const std::string_view result = computed == nullptr ? std::string_view() : std::string_view(computed);
  const bool same = result.size() == hash.size() && ::CRYPTO_memcmp(result.data(), hash.data(), hash.size()) == 0;
  ::OPENSSL_cleanse(data.get(), sizeof(crypt_data));
  return same;
}

std::string cost_of(const std::string& hash) {
  return hash.substr(4, 2);
}

}  // namespace

BasicUsers::BasicUsers(std::map<std::string, Secret> hashes) : hashes_(std::move(hashes)) {
  for (const auto& [user, hash] : hashes_) {
    if (costliest_.empty() || cost_of(hash.reveal()) > cost_of(costliest_)) costliest_ = hash.reveal();
  }
  ::RAND_bytes(key_.data(), static_cast<int>(key_.size()));
}

BasicUsers::Digest BasicUsers::digest_of(std::string_view user, std::string_view password) const {
  // A colon is in no user name.
  std::string text = std::string(user) + ":" + std::string(password);
  Digest digest{};
  unsigned int length = 0;
  ::HMAC(::EVP_sha256(), key_.data(), static_cast<int>(key_.size()),
         reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data(), &length);
  ::OPENSSL_cleanse(text.data(), text.size());
  return digest;
}

void BasicUsers::remember(Digests& digests, const Digest& digest) {
  if (std::find(digests.begin(), digests.end(), digest) != digests.end()) return;
  digests.push_back(digest);
  if (digests.size() > remembered_max) digests.pop_front();
}

// False: too many wait already, or it took too long.
bool BasicUsers::take_turn(std::unique_lock<std::mutex>& lock) {
  if (running_ >= running_max) {
    if (waiting_ >= waiting_max) return false;
    ++waiting_;
    const bool free = turn_ended_.wait_for(lock, patience, [&] { return running_ < running_max; });
    --waiting_;
    if (!free) return false;
  }
  ++running_;
  return true;
}

BasicUsers::Verdict BasicUsers::check(const std::string& user, const std::string& password) {
  const Digest digest = digest_of(user, password);
  const auto known = [&](const Digests& digests) {
    return std::find(digests.begin(), digests.end(), digest) != digests.end();
  };
  std::unique_lock lock(mutex_);
  if (known(right_)) return Verdict::right;
  if (known(wrong_)) return Verdict::wrong;
  if (!take_turn(lock)) return Verdict::busy;
  lock.unlock();

  const auto found = hashes_.find(user);
  const bool exists = found != hashes_.end();
  const bool same = matches(password, exists ? found->second.reveal() : costliest_);
  // crypt() reads up to the first null byte and would take what follows for nothing.
  const bool right = same && exists && password.find('\0') == std::string::npos;

  lock.lock();
  ++computed_;
  --running_;
  turn_ended_.notify_one();
  remember(right ? right_ : wrong_, digest);
  return right ? Verdict::right : Verdict::wrong;
}

std::size_t BasicUsers::computed() const {
  const std::lock_guard lock(mutex_);
  return computed_;
}

}  // namespace alertscaler::receive
