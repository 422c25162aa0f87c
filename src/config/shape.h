// What a value of a configuration file may be. Nobody writes it down: the readers that read the file are run once
// without one, and say what they would have taken. A schema for editors is made of it.
#pragma once

#include <list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace alertscaler::config {

// Of a map: where the one key is there and matches, the other must be there and match. A key may be one of a map
// further in: "http_config.tls_config". A pattern is for the whole text, or for one item of a list; empty: whatever is
// there. What is left empty is not there. Readers check files by it, and schemas say it.
struct Dependency {
  std::string when;
  std::string is;
  std::string then;
  std::string be;

  static constexpr std::string_view yes = "true";  // as a pattern: of a boolean
};

struct Shape {
  enum class Kind { anything, map, list, text, number, boolean, duration, step, choice };

  std::string key;    // in the map that it stands in; empty: in none
  std::string about;  // for people, one line
  Kind kind = Kind::anything;
  bool never = false;         // it never stands there
  bool may_be_empty = false;  // it may be left empty, as a map that needs nothing may
  std::string fallback;       // what counts when it is left out, as the file would have it; empty: nothing

  std::string pattern;             // of text: all of it must match; empty: any text
  std::string excluded;            // of text: what must not match
  bool one_line = false;           // of text without a pattern: not empty, and no control characters
  std::vector<std::string> words;  // of a choice
  int least = 0;                   // of a number; of a list, its length; of a duration 1: more than 0
  int most = 0;                    // likewise; of a list 0: any

  std::list<Shape> items;  // of a list: one, what each of them may be
  bool or_one = false;     // of a list: one item may stand there without the list
  std::string mentioned;   // of a list: what one of the items, which are text, has in it; empty: nothing

  std::list<Shape> keys;              // of a map, in the order in which they are read
  std::list<Shape> others;            // of a map: one, what any other key may have; none: there are no others
  std::vector<std::string> required;  // keys
  std::vector<std::string> exactly_one;
  std::vector<std::vector<std::string>> at_least_one;
  std::vector<std::pair<std::string, std::string>> never_both;
  std::vector<std::pair<std::string, std::vector<std::string>>>
      only_with;  // a key and those of which one is there, too
  std::vector<std::pair<std::string, std::vector<std::string>>> never_with;  // a key, and those that mean nothing then
  std::vector<Dependency> dependencies;
};

// Of the configuration file, and of the web configuration file.
[[nodiscard]] Shape settings_shape();
[[nodiscard]] Shape web_config_shape();

}  // namespace alertscaler::config
