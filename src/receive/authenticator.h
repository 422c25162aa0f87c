// Who may speak to us.
#pragma once

#include <array>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "model/settings.h"

namespace alertscaler::receive {

// Thread-safe.
class Authenticator {
 public:
  virtual ~Authenticator() = default;

  // invalid, not_found, refused: the token file cannot be used, with its path and what to do.
  [[nodiscard]] static Result<std::unique_ptr<Authenticator>> open(const WebConfig& config, const Clock& clock);

  // `authorization` is the header of that name; absent: there was none.
  [[nodiscard]] virtual bool admits(std::optional<std::string_view> authorization) = 0;
  // What a refused client is told to bring, as the WWW-Authenticate header.
  [[nodiscard]] virtual std::string challenge() const = 0;
};

}  // namespace alertscaler::receive
