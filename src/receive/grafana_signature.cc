#include "receive/grafana_signature.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <mutex>
#include <utility>
#include <vector>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include "base/file.h"
#include "base/log.h"
#include "base/secret.h"
#include "base/text.h"
#include "receive/watched_file.h"

namespace alertscaler::receive {
namespace {

constexpr std::size_t digest_bytes = 32;
constexpr std::string_view file_key = "grafana_hmac_secret_file";

Result<std::vector<Secret>> read_secrets(const std::filesystem::path& path) {
  auto content = read_file(path);
  if (!content) return fail(std::move(content).error().wrap(std::string(file_key)));
  std::vector<Secret> secrets;
  for (const std::string& line : text::split(*content, '\n')) {
    const std::string_view secret = text::trim(line);
    if (!secret.empty() && !secret.starts_with('#')) secrets.emplace_back(std::string(secret));
  }
  if (secrets.empty()) {
    return fail(ErrorKind::invalid, std::string(file_key) + ": " + path.string() +
                                        " holds no secret; put one in a line of its own (openssl rand -hex 32)");
  }
  return secrets;
}

struct FreeMac {
  void operator()(EVP_MAC* mac) const { ::EVP_MAC_free(mac); }
  void operator()(EVP_MAC_CTX* context) const { ::EVP_MAC_CTX_free(context); }
};

// Hexadecimal HMAC-SHA256 of the parts one after the other; empty: the library cannot.
std::string hmac_of(const std::string& secret, std::initializer_list<std::string_view> parts) {
  const std::unique_ptr<EVP_MAC, FreeMac> mac(::EVP_MAC_fetch(nullptr, "HMAC", nullptr));
  if (!mac) return "";
  const std::unique_ptr<EVP_MAC_CTX, FreeMac> context(::EVP_MAC_CTX_new(mac.get()));
  if (!context) return "";
  std::array<char, 7> hash{"SHA256"};
  const std::array<OSSL_PARAM, 2> params{
      ::OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, hash.data(), hash.size() - 1),
      ::OSSL_PARAM_construct_end()};
  const auto bytes = [](std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); };
  bool done = ::EVP_MAC_init(context.get(), bytes(secret), secret.size(), params.data()) == 1;
  for (const std::string_view part : parts) {
    done = done && ::EVP_MAC_update(context.get(), bytes(part), part.size()) == 1;
  }
  std::array<unsigned char, digest_bytes> digest{};
  std::size_t size = 0;
  done = done && ::EVP_MAC_final(context.get(), digest.data(), &size, digest.size()) == 1 && size == digest.size();
  if (!done) return "";
  constexpr std::string_view digits = "0123456789abcdef";
  std::string hex;
  for (const unsigned char byte : digest) {
    hex += digits[byte >> 4U];
    hex += digits[byte & 0xFU];
  }
  return hex;
}

std::string lower_case(std::string_view name) {
  return text::to_lower(name);
}

class Secrets final : public GrafanaSignature {
 public:
  Secrets(WatchedFile file, std::vector<Secret> secrets, const Clock& clock)
      : clock_(clock), file_(std::move(file)), secrets_(std::move(secrets)) {}

  [[nodiscard]] std::optional<Refusal> wrong(const Head& head, std::string_view body) override {
    const std::string given =
        text::to_lower(text::trim(head.find(lower_case(signature_header)).value_or(std::string_view{})));
    const auto time = head.find(lower_case(signature_time_header));
    const std::string_view time_text = time ? text::trim(*time) : std::string_view{};
    const std::vector<Secret> known = secrets();
    if (known.empty()) {
      return Refusal{503, std::string(file_key) + " cannot be used at the moment; the log says why"};
    }
    int found = 0;
    for (const Secret& secret : known) {  // all of them, so that the time tells nothing
      const std::string expected = time ? hmac_of(secret.reveal(), {time_text, ":", body})  //
                                        : hmac_of(secret.reveal(), {body});
      if (expected.empty() || expected.size() != given.size()) continue;
      found |= ::CRYPTO_memcmp(expected.data(), given.data(), given.size()) == 0 ? 1 : 0;
    }
    if (found == 0) {
      if (const std::string trouble = replaced(); !trouble.empty()) return Refusal{503, trouble};
      return Refusal{401, "the signature in " + std::string(signature_header) +
                              " is not that of this body with a secret of " + std::string(file_key) +
                              "; if the contact point has a timestamp header, its name has to be " +
                              std::string(signature_time_header)};
    }
    auto late = time ? wrong_time(time_text) : std::nullopt;
    if (!late) return std::nullopt;
    return Refusal{401, std::move(*late)};
  }
  [[nodiscard]] std::vector<std::string> troubles() override {
    if (secrets().empty()) {
      return {std::string(file_key) + " cannot be used, so no notification of Grafana is taken; the log says why"};
    }
    std::string trouble = replaced();
    if (trouble.empty()) return {};
    return {std::move(trouble)};
  }

 private:
  [[nodiscard]] std::optional<std::string> wrong_time(std::string_view time_text) const {
    std::int64_t seconds = 0;
    const auto [end, error] = std::from_chars(time_text.data(), time_text.data() + time_text.size(), seconds);
    constexpr std::int64_t seconds_max = 1'000'000'000'000;
    const bool whole = error == std::errc{} && end == time_text.data() + time_text.size();
    if (!whole || seconds < 0 || seconds > seconds_max) {
      return std::string(signature_time_header) + ": expected seconds since 1970, found " +
             text::json_quote(text::shorten(time_text, 32));
    }
    const Duration age = clock_.now().time_since_epoch() - std::chrono::seconds{seconds};
    if (age <= signature_lasts && age >= -signature_lasts) return std::nullopt;
    const Duration whole_age = std::chrono::duration_cast<std::chrono::seconds>(age < Duration{0} ? -age : age);
    return "the signature was made " + text::format_duration(whole_age) + (age < Duration{0} ? " ahead" : " ago") +
           ", more than " + text::format_duration(signature_lasts) +
           ": a notification is good only once; do the clocks differ?";
  }

  // A line for people; empty: the file is the one that has the name.
  [[nodiscard]] std::string replaced() {
    const std::lock_guard lock(mutex_);
    return file_.replaced() ? std::string(file_key) + ": " + std::string(WatchedFile::replaced_text) : "";
  }

  // Empty: the file cannot be used any more. A secret that was taken out of it is not valid for that.
  [[nodiscard]] std::vector<Secret> secrets() {
    const std::lock_guard lock(mutex_);
    if (!file_.changed()) return secrets_;
    auto read = read_secrets(file_.path());
    if (!read) {
      file_.look_again();
      if (read.error().message == unusable_) return {};
      unusable_ = read.error().message;
      secrets_.clear();
      log::error("secrets.unusable",
                 {{"error", unusable_}, {"text", "no signature is right until the file holds a secret again"}});
      return {};
    }
    secrets_ = std::move(*read);
    unusable_.clear();
    log::info("secrets.loaded", {{"file", file_.path().string()}, {"count", secrets_.size()}});
    return secrets_;
  }

  const Clock& clock_;
  std::mutex mutex_;
  WatchedFile file_;
  std::vector<Secret> secrets_;
  std::string unusable_;  // why the file is, as it was last told
};

}  // namespace

Result<std::unique_ptr<GrafanaSignature>> GrafanaSignature::open(const WebConfig& config, const Clock& clock) {
  if (config.grafana_hmac_secret_file.empty()) return std::unique_ptr<GrafanaSignature>();
  WatchedFile file(config.grafana_hmac_secret_file, clock);
  auto secrets = read_secrets(file.path());
  if (!secrets) return fail(std::move(secrets).error());
  return std::make_unique<Secrets>(std::move(file), std::move(*secrets), clock);
}

bool GrafanaSignature::given(const Head& head) {
  return head.find(lower_case(signature_header)).has_value();
}

}  // namespace alertscaler::receive
