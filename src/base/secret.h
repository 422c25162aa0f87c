// A value that no log line, error or dump can show.
#pragma once

#include <string>
#include <utility>

namespace alertscaler {

class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string value) : value_(std::move(value)) {}

  // The one way to the value; call it only where it is sent or compared.
  [[nodiscard]] const std::string& reveal() const { return value_; }
  [[nodiscard]] bool empty() const { return value_.empty(); }
  bool operator==(const Secret&) const = default;

 private:
  std::string value_;
};

[[nodiscard]] inline std::string to_string(const Secret&) {
  return "<secret>";
}

}  // namespace alertscaler
