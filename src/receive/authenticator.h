// Who may speak to us.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "model/settings.h"

namespace alertscaler::receive {

struct Admission {
  enum class Verdict {
    admitted,
    refused,
    busy,    // too many passwords are being checked; the same may be admitted later
    unsure,  // a file that may have the token cannot be used; likewise
  };
  Verdict verdict = Verdict::refused;
  std::string user{};     // of basic_auth_users; empty: no name is known
  bool may_write = true;  // false: may look at everything, and change nothing
  std::string trouble{};  // of unsure: the files, for people

  explicit operator bool() const { return verdict == Verdict::admitted; }
};

// Thread-safe.
class Authenticator {
 public:
  virtual ~Authenticator() = default;

  // invalid, not_found, refused: the token file cannot be used, with its path and what to do.
  [[nodiscard]] static Result<std::unique_ptr<Authenticator>> open(const WebConfig& config, const Clock& clock);

  // `authorization` is the header of that name; absent: there was none.
  [[nodiscard]] virtual Admission admits(std::optional<std::string_view> authorization) = 0;
  // Whether who was admitted with this still would be, to be asked again and again; empty: always. Valid as long as
  // this object is.
  [[nodiscard]] virtual std::function<bool()> watch(std::optional<std::string_view> authorization) = 0;
  // What cannot be used of the files that tell who is admitted, a line each; nothing that is a secret.
  [[nodiscard]] virtual std::vector<std::string> troubles() = 0;
  // What is probably not meant, likewise. Those of files that have changed are in the log, too.
  [[nodiscard]] virtual std::vector<std::string> warnings() = 0;
  // What a refused client is told to bring, as WWW-Authenticate headers; and the same for people.
  [[nodiscard]] virtual std::vector<std::string> challenges() const = 0;
  [[nodiscard]] virtual std::string hint(bool brought_something) const = 0;
};

}  // namespace alertscaler::receive
