// Alertmanager's matchers: conditions on the labels of an alert.
// https://prometheus.io/docs/alerting/latest/configuration/#matcher
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/regex.h"
#include "model/alert.h"

namespace alertscaler {

enum class MatchOperator { equal, not_equal, regex, not_regex };
[[nodiscard]] std::string_view to_string(MatchOperator op);  // "=", "!=", "=~", "!~"

// Thread-safe once made.
struct Matcher {
  std::string name;
  MatchOperator op = MatchOperator::equal;
  std::string value;
  std::optional<Regex> pattern;  // present exactly for regex and not_regex

  // A label that is missing is the same as an empty one. A pattern matches the whole value or not at all.
  [[nodiscard]] bool matches(const Labels& labels) const;
  bool operator==(const Matcher& other) const { return name == other.name && op == other.op && value == other.value; }
};
// invalid: the value is no regular expression, where the operator needs one.
[[nodiscard]] Result<Matcher> make_matcher(std::string name, MatchOperator op, std::string value);
[[nodiscard]] std::string to_string(const Matcher& matcher);  // severity=~"warning|critical"

[[nodiscard]] bool all_match(std::span<const Matcher> matchers, const Labels& labels);

// One text of a list of matchers: one matcher or several with commas, in braces or not. As Alertmanager by default, the
// classic syntax counts, and where a text is none of that, the UTF-8 one (https://prometheus.io/docs/alerting/latest/
// configuration/#label-matchers). No matcher at all in it is no error. invalid: "character 10: expected …, found …",
// counted from 1.
[[nodiscard]] Result<std::vector<Matcher>> parse_matchers(std::string_view text);

}  // namespace alertscaler
