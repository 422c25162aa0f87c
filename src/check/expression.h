// As much of PromQL as two rules' thresholds need to be compared. Pure. Whatever is not understood is left out, so that
// nothing is said that is not so.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace alertscaler::check {

// "EXPRESSION > NUMBER"; equal ones on the other side are turned around.
struct Comparison {
  std::string expression;  // without comments and needless blanks
  std::string op;          // > >= < <= == !=
  double number = 0;
};

struct Condition {
  std::vector<Comparison> comparisons;  // all of them must hold
  bool more = false;                    // and others that are not in the list
};
// What must hold for an alert with this expression to fire.
[[nodiscard]] Condition condition_of(std::string_view expression);

// The values of one expression at which two conditions hold together.
struct Overlap {
  std::string expression;
  std::string values;  // "above 8 and below 20"
};
// Absent: they share no expression, or they exclude each other.
[[nodiscard]] std::optional<Overlap> overlap(const Condition& a, const Condition& b);

// The values of equality matchers on the label `job`, such as web in up{job="web"}.
[[nodiscard]] std::vector<std::string> jobs_of(std::string_view expression);
// Whether the expression may be true although the series in it are gone: absent(), or, vector().
[[nodiscard]] bool may_hold_without_series(std::string_view expression);

}  // namespace alertscaler::check
