#include "check/expression.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>

#include "base/text.h"

namespace alertscaler::check {
namespace {

constexpr int depth_max = 64;  // of brackets around a condition

using Tokens = std::span<const std::string>;

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == ':' || c == '.';
}

// Words, quoted texts with their quotes, and operators; blanks and comments are gone.
std::vector<std::string> tokens_of(std::string_view text) {
  constexpr std::array<std::string_view, 6> pairs = {"==", "!=", ">=", "<=", "=~", "!~"};
  std::vector<std::string> tokens;
  for (std::size_t i = 0; i < text.size();) {
    const char c = text[i];
    std::size_t end = i + 1;
    if (c == '#') {
      i = std::min(text.find('\n', i), text.size());
      continue;
    }
    if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
      ++i;
      continue;
    }
    if (c == '"' || c == '\'' || c == '`') {
      while (end < text.size() && text[end] != c) end += text[end] == '\\' && c != '`' ? 2 : 1;
      end = std::min(end + 1, text.size());
    } else if (is_word(c)) {
      while (end < text.size() && is_word(text[end])) ++end;
    } else if (std::find(pairs.begin(), pairs.end(), text.substr(i, 2)) != pairs.end()) {
      ++end;
    }
    tokens.emplace_back(text.substr(i, end - i));
    i = end;
  }
  return tokens;
}

// As one would write it: the same for all ways to write the same tokens.
std::string joined(Tokens tokens) {
  constexpr std::string_view close = "([{)]},=";
  std::string out;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    const char first = tokens[i].front();
    const char before = out.empty() ? '(' : out.back();
    const bool matcher = tokens[i] == "=~" || tokens[i] == "!~" || tokens[i] == "!=" || before == '~';
    const bool apart =
        close.find(first) == std::string_view::npos && std::string_view("([{=").find(before) == std::string_view::npos;
    if (apart && !matcher) out += ' ';
    out += tokens[i];
  }
  return out;
}

int depth_change(const std::string& token) {
  if (token == "(" || token == "{" || token == "[") return 1;
  if (token == ")" || token == "}" || token == "]") return -1;
  return 0;
}

// The positions of the tokens outside of all brackets that are one of `words`.
template <std::size_t N>
std::vector<std::size_t> top_level(Tokens tokens, const std::array<std::string_view, N>& words) {
  std::vector<std::size_t> found;
  int depth = 0;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    depth += depth_change(tokens[i]);
    const std::string word = text::to_lower(tokens[i]);
    if (depth == 0 && std::find(words.begin(), words.end(), word) != words.end()) found.push_back(i);
  }
  return found;
}

// Where the bracket that opens at 0 closes; the end when it does not.
std::size_t closing(Tokens tokens) {
  int depth = 0;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    depth += depth_change(tokens[i]);
    if (depth == 0) return i;
  }
  return tokens.size();
}

std::optional<double> number_of(Tokens tokens) {
  std::string text;
  for (const std::string& token : tokens) text += token;
  const auto number = text::parse_number(text);
  return number && std::isfinite(*number) ? number : std::nullopt;
}

std::string turned(const std::string& op) {
  if (op.front() == '>') return "<" + op.substr(1);
  if (op.front() == '<') return ">" + op.substr(1);
  return op;
}

void add_conditions(Tokens tokens, int depth, Condition& out);

// What stands between two `and`.
void add_one(Tokens tokens, int depth, Condition& out) {
  if (tokens.size() > 2 && (tokens[0] == "on" || tokens[0] == "ignoring") && tokens[1] == "(") {
    tokens = tokens.subspan(std::min(tokens.size(), closing(tokens.subspan(1)) + 2));
  }
  if (depth < depth_max && !tokens.empty() && tokens[0] == "(" && closing(tokens) + 1 == tokens.size()) {
    add_conditions(tokens.subspan(1, tokens.size() - 2), depth + 1, out);
    return;
  }
  constexpr std::array<std::string_view, 6> operators = {">", ">=", "<", "<=", "==", "!="};
  const auto found = top_level(tokens, operators);
  if (found.size() == 1) {
    const Tokens left = tokens.first(found[0]);
    const Tokens right = tokens.subspan(found[0] + 1);
    const std::string& op = tokens[found[0]];
    if (const auto number = number_of(right); number && !left.empty() && !number_of(left)) {
      out.comparisons.push_back({joined(left), op, *number});
      return;
    }
    if (const auto number = number_of(left); number && !right.empty() && right[0] != "bool") {
      out.comparisons.push_back({joined(right), turned(op), *number});
      return;
    }
  }
  out.more = true;
}

void add_conditions(Tokens tokens, int depth, Condition& out) {
  constexpr std::array<std::string_view, 2> alternatives = {"or", "unless"};
  constexpr std::array<std::string_view, 1> conjunction = {"and"};
  if (!top_level(tokens, alternatives).empty()) {
    out.more = true;
    return;
  }
  std::size_t start = 0;
  for (const std::size_t end : top_level(tokens, conjunction)) {
    add_one(tokens.subspan(start, end - start), depth, out);
    start = end + 1;
  }
  add_one(tokens.subspan(start), depth, out);
}

std::string shown(double number) {
  std::array<char, 32> buffer{};
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), number).ptr;
  return {buffer.data(), end};
}

struct Range {
  double low = -std::numeric_limits<double>::infinity();
  double high = std::numeric_limits<double>::infinity();
  bool low_excluded = true;
  bool high_excluded = true;

  void narrow(const Comparison& c) {
    const bool strict = c.op == ">" || c.op == "<";
    if ((c.op.front() == '>' || c.op == "==") && (c.number > low || (c.number == low && strict))) {
      low = c.number;
      low_excluded = strict;
    }
    if ((c.op.front() == '<' || c.op == "==") && (c.number < high || (c.number == high && strict))) {
      high = c.number;
      high_excluded = strict;
    }
  }
  [[nodiscard]] bool empty() const { return low > high || (low == high && (low_excluded || high_excluded)); }
  [[nodiscard]] std::string text() const {
    if (low == high) return shown(low);
    std::string out;
    if (std::isfinite(low)) out = (low_excluded ? "above " : "at least ") + shown(low);
    if (std::isfinite(high)) {
      out += (out.empty() ? "" : " and ") + std::string(high_excluded ? "below " : "at most ") + shown(high);
    }
    return out;
  }
};

}  // namespace

Condition condition_of(std::string_view expression) {
  Condition out;
  const std::vector<std::string> tokens = tokens_of(expression);
  add_conditions(tokens, 0, out);
  return out;
}

std::optional<Overlap> overlap(const Condition& a, const Condition& b) {
  std::optional<Overlap> out;
  for (const Comparison& first : a.comparisons) {
    const auto same = [&](const Comparison& c) { return c.expression == first.expression && c.op != "!="; };
    if (first.op == "!=" || std::none_of(b.comparisons.begin(), b.comparisons.end(), same)) continue;
    Range range;
    for (const auto* side : {&a, &b}) {
      for (const Comparison& comparison : side->comparisons) {
        if (same(comparison)) range.narrow(comparison);
      }
    }
    if (range.empty()) return std::nullopt;
    if (!out) out = Overlap{first.expression, range.text()};
  }
  return out;
}

std::vector<std::string> jobs_of(std::string_view expression) {
  std::vector<std::string> jobs;
  const std::vector<std::string> tokens = tokens_of(expression);
  for (std::size_t i = 0; i + 2 < tokens.size(); ++i) {
    const std::string& value = tokens[i + 2];
    if (tokens[i] == "job" && tokens[i + 1] == "=" && value.size() >= 2)
      jobs.push_back(value.substr(1, value.size() - 2));
  }
  return jobs;
}

bool may_hold_without_series(std::string_view expression) {
  constexpr std::array<std::string_view, 5> words = {"absent", "absent_over_time", "or", "vector", "unless"};
  const std::vector<std::string> tokens = tokens_of(expression);
  return std::any_of(tokens.begin(), tokens.end(), [&](const std::string& token) {
    return std::find(words.begin(), words.end(), text::to_lower(token)) != words.end();
  });
}

}  // namespace alertscaler::check
