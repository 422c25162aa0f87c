#include "act/kubernetes/signature.h"

namespace alertscaler::kubernetes {

std::string Signature::text() const {
  return target + (installation.empty() ? "" : "@") + installation;
}

// No target's name has an "@".
Signature read_signature(std::string_view mark) {
  const std::size_t at = mark.find('@');
  if (at == std::string_view::npos) return {std::string(mark), ""};
  return {std::string(mark.substr(0, at)), std::string(mark.substr(at + 1))};
}

bool same_installation(const Signature& mark, const Signature& own) {
  return mark.installation.empty() || own.installation.empty() || mark.installation == own.installation;
}

}  // namespace alertscaler::kubernetes
