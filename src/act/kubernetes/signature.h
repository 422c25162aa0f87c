// Whose hand a mark on an object of a cluster shows: which target's, of which installation of this program. Pure.
#pragma once

#include <string>
#include <string_view>

namespace alertscaler::kubernetes {

struct Signature {
  std::string target;
  std::string installation;  // "alertscaler/alertscaler-0"; empty: not known, as in the marks of older versions
  bool operator==(const Signature&) const = default;

  // "node@alertscaler/alertscaler-0"; "node" without an installation.
  [[nodiscard]] std::string text() const;
};
[[nodiscard]] Signature read_signature(std::string_view mark);

// May the mark be of the same installation as `own`? Where either is not known, it may.
[[nodiscard]] bool same_installation(const Signature& mark, const Signature& own);

}  // namespace alertscaler::kubernetes
