// A Keep that a test can look into, and that fails when it is told to.
#pragma once

#include <map>
#include <string>
#include <utility>

#include "act/keep.h"

namespace alertscaler::test {

class MemoryKeep final : public Keep {
 public:
  [[nodiscard]] std::optional<std::string> get(std::string_view key) const override {
    const auto found = values.find(std::string(key));
    return found == values.end() ? std::nullopt : std::optional(found->second);
  }
  [[nodiscard]] Status put(std::string_view key, std::string value) override {
    if (!error.empty()) return fail(ErrorKind::storage, error);
    values[std::string(key)] = std::move(value);
    ++puts;
    return {};
  }
  std::map<std::string, std::string> values;
  std::string error;
  int puts = 0;
};

}  // namespace alertscaler::test
