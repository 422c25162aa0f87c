#include "check/template.h"

#include <algorithm>
#include <vector>

namespace alertscaler::check {
namespace {

constexpr std::string_view opening = "{{";
constexpr std::string_view closing = "}}";

// What stands in {{ … }}; with `between`, what stands outside is given to it.
template <class Between>
std::vector<std::string_view> templates_of(std::string_view text, Between between) {
  std::vector<std::string_view> found;
  while (true) {
    const std::size_t start = text.find(opening);
    between(text.substr(0, start));
    if (start == std::string_view::npos) return found;
    const std::size_t end = std::min(text.find(closing, start), text.size());
    found.push_back(text.substr(start + opening.size(), end - start - opening.size()));
    text.remove_prefix(std::min(end + closing.size(), text.size()));
  }
}

bool any_has(std::string_view text, std::string_view word) {
  const auto found = templates_of(text, [](std::string_view) {});
  return std::any_of(found.begin(), found.end(),
                     [&](std::string_view inside) { return inside.find(word) != std::string_view::npos; });
}

}  // namespace

bool is_template(std::string_view text) {
  return text.find(opening) != std::string_view::npos;
}

bool prints_the_value(std::string_view text) {
  return any_has(text, "$value") || any_has(text, ".Value");
}

bool prints_units(std::string_view text) {
  return any_has(text, "humanize");
}

std::string with_numbers(std::string_view text) {
  std::string out;
  bool first = true;
  (void)templates_of(text, [&](std::string_view between) {
    if (!first) out += "1";
    out += between;
    first = false;
  });
  return out;
}

}  // namespace alertscaler::check
