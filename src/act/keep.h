// A place for the few things that backends must find again after a restart.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace alertscaler {

// Thread-safe. Values may hold secrets (a container's environment): they are kept in a file that only our user reads.
class Keep {
 public:
  virtual ~Keep() = default;
  [[nodiscard]] virtual std::optional<std::string> get(std::string_view key) const = 0;
  // Durable when it returns.
  [[nodiscard]] virtual Status put(std::string_view key, std::string value) = 0;
};

}  // namespace alertscaler
