// A YAML file as a tree in which every value knows its place. The only part of the program that knows the YAML
// library; what the library's versions do differently ends here.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/report.h"

namespace alertscaler::config {

struct Entry;

struct Element {
  enum class Kind { nothing, scalar, list, map };

  Kind kind = Kind::nothing;
  bool quoted = false;  // a scalar that is text even if it looks like a number
  Mark at;
  std::string text;            // of a scalar
  std::vector<Element> items;  // of a list
  std::vector<Entry> entries;  // of a map: in the file's order, each key once
};

struct Entry {
  std::string key;
  Mark at;
  Element value;
};

// The one document in `text`; `nothing` when there is none. Aliases are replaced by what they stand for and merge keys
// (`<<`) by the entries that they bring. Absent: it cannot be read at all, and `report` says where and why. Problems
// that leave the rest readable (a key given twice, an unknown tag) are reported, too.
// Bounds: 64 levels deep, 1 000 000 values with aliases counted as often as they are used.
[[nodiscard]] std::optional<Element> parse_yaml(std::string_view text, Report& report);

}  // namespace alertscaler::config
