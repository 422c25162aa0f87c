// Regular expressions in RE2's syntax, which is that of Prometheus and Alertmanager.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace alertscaler {

// Cheap to copy; thread-safe. Time is linear in the text, whatever the pattern.
class Regex {
 public:
  // invalid: the pattern is none; the text says why.
  [[nodiscard]] static Result<Regex> compile(std::string_view pattern);

  // The whole text, as if the pattern were ^(?:pattern)$.
  [[nodiscard]] bool matches(std::string_view text) const;

 private:
  struct Compiled;
  explicit Regex(std::shared_ptr<const Compiled> compiled) : compiled_(std::move(compiled)) {}

  std::shared_ptr<const Compiled> compiled_;
};

}  // namespace alertscaler
