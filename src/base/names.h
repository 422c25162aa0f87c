// Names of different things that cannot be mistaken for one another.
#pragma once

#include <compare>
#include <functional>
#include <string>
#include <utility>

namespace alertscaler {

template <class Tag>
struct Name {
  std::string text;

  Name() = default;
  explicit Name(std::string t) : text(std::move(t)) {}
  auto operator<=>(const Name&) const = default;
  [[nodiscard]] bool empty() const { return text.empty(); }
};

using TargetName = Name<struct TargetTag>;
using Fingerprint = Name<struct FingerprintTag>;  // 16 hex digits, as Prometheus writes them

}  // namespace alertscaler

template <class Tag>
struct std::hash<alertscaler::Name<Tag>> {
  std::size_t operator()(const alertscaler::Name<Tag>& name) const noexcept {
    return std::hash<std::string>{}(name.text);
  }
};
