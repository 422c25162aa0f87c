#include "model/matcher.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/text.h"

namespace alertscaler {
namespace {

constexpr std::size_t shown_bytes_max = 60;
constexpr std::string_view operators_in_words = "an operator (=, !=, =~ or !~)";

// --- the classic syntax ---------------------------------------------------------------------------------------------

bool is_classic_space(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\f' || c == '\r';
}

std::string_view trim_classic(std::string_view text) {
  while (!text.empty() && is_classic_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_classic_space(text.back())) text.remove_suffix(1);
  return text;
}

// Cut at commas outside of quotes; what follows the last one counts only if it is not blank.
std::vector<std::string_view> classic_parts(std::string_view text) {
  if (text.starts_with('{')) text.remove_prefix(1);
  if (text.ends_with('}')) text.remove_suffix(1);
  std::vector<std::string_view> parts;
  bool inside = false;
  bool escaped = false;
  std::size_t start = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == ',') {  // a backslash before it still counts for what follows it, as there
      if (inside) continue;
      parts.push_back(text.substr(start, i - start));
      start = i + 1;
      continue;
    }
    if (c == '"' && !escaped) inside = !inside;
    escaped = c == '\\' && !escaped;
  }
  if (!trim_classic(text.substr(start)).empty()) parts.push_back(text.substr(start));
  return parts;
}

// Absent: a quote stands where none may.
std::optional<std::string> classic_value(std::string_view raw) {
  bool quoted = raw.starts_with('"');
  if (quoted) raw.remove_prefix(1);
  std::string value;
  for (std::size_t i = 0; i < raw.size(); ++i) {
    const bool last = i + 1 == raw.size();
    if (raw[i] == '\\' && !last) {
      const char next = raw[++i];
      if (next == 'n') {
        value += '\n';
      } else {
        if (next != '"' && next != '\\') value += '\\';
        value += next;
      }
    } else if (raw[i] == '"') {
      if (!quoted || !last) return std::nullopt;
      quoted = false;
    } else {
      value += raw[i];
    }
  }
  if (quoted) return std::nullopt;
  return value;
}

std::optional<MatchOperator> take_operator(std::string_view& text) {
  constexpr std::pair<std::string_view, MatchOperator> operators[] = {{"=~", MatchOperator::regex},
                                                                      {"=", MatchOperator::equal},
                                                                      {"!=", MatchOperator::not_equal},
                                                                      {"!~", MatchOperator::not_regex}};
  for (const auto& [sign, op] : operators) {
    if (!text.starts_with(sign)) continue;
    text.remove_prefix(sign.size());
    return op;
  }
  return std::nullopt;
}

std::optional<Matcher> classic_matcher(std::string_view text) {
  const auto starts_name = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == ':';
  };
  const auto continues_name = [&](char c) { return starts_name(c) || (c >= '0' && c <= '9'); };
  text = trim_classic(text);
  if (text.empty() || !starts_name(text.front())) return std::nullopt;
  const auto end = std::find_if_not(text.begin(), text.end(), continues_name);
  const std::string name(text.begin(), end);
  text = trim_classic(text.substr(name.size()));
  const auto op = take_operator(text);
  if (!op) return std::nullopt;
  auto value = classic_value(trim_classic(text));
  if (!value) return std::nullopt;
  auto matcher = make_matcher(name, *op, *std::move(value));
  if (!matcher) return std::nullopt;
  return *std::move(matcher);
}

std::optional<std::vector<Matcher>> parse_classic(std::string_view text) {
  std::vector<Matcher> matchers;
  for (const std::string_view part : classic_parts(text)) {
    auto matcher = classic_matcher(part);
    if (!matcher) return std::nullopt;
    matchers.push_back(*std::move(matcher));
  }
  return matchers;
}

// --- the UTF-8 syntax -----------------------------------------------------------------------------------------------

char32_t decode(std::string_view character) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(character[i]); };
  if (character.size() == 1) return byte(0);
  char32_t code = byte(0) & (0x7FU >> character.size());
  for (std::size_t i = 1; i < character.size(); ++i) code = (code << 6U) | (byte(i) & 0x3FU);
  return code;
}

void encode(char32_t code, std::string& out) {
  if (code < 0x80) {
    out += static_cast<char>(code);
    return;
  }
  constexpr std::array<char32_t, 4> leads = {0, 0xC0, 0xE0, 0xF0};
  unsigned more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
  out += static_cast<char>(leads[more] | (code >> (6 * more)));
  while (more-- > 0) out += static_cast<char>(0x80U | ((code >> (6 * more)) & 0x3FU));
}

bool is_space(char32_t c) {
  return (c >= 0x09 && c <= 0x0D) || c == ' ' || c == 0x85 || c == 0xA0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

bool is_reserved(char32_t c) {
  return is_space(c) || (c < 0x80 && std::string_view("{}!=~,\\\"'`").find(static_cast<char>(c)) != std::string::npos);
}

// REQUIRES: the text is valid UTF-8.
class Utf8Parser {
 public:
  explicit Utf8Parser(std::string_view text) : text_(text) {}

  Result<std::vector<Matcher>> parse() {
    std::vector<Matcher> matchers;
    const bool braces = take('{');
    while (true) {
      skip_space();
      if (at_ == text_.size() || text_[at_] == '}') break;
      auto matcher = one();
      if (!matcher) return tl::unexpected(matcher.error());
      matchers.push_back(*std::move(matcher));
      if (!take(',')) break;
    }
    skip_space();
    if (braces && !take('}')) return expected(matchers.empty() ? "the name of a label or }" : "a comma or }");
    skip_space();
    if (at_ != text_.size()) return expected(braces ? "nothing after }" : "a comma");
    return matchers;
  }

 private:
  Result<Matcher> one() {
    const auto name = token("the name of a label");
    if (!name) return tl::unexpected(name.error());
    if (name->empty()) return expected("the name of a label that is not empty before this");
    skip_space();
    std::string_view rest = text_.substr(at_);
    const auto op = take_operator(rest);
    if (!op) return expected(operators_in_words);
    at_ = text_.size() - rest.size();
    skip_space();
    const std::size_t value_at = at_;
    auto value = token("a value; an empty one is written \"\"");
    if (!value) return tl::unexpected(value.error());
    auto matcher = make_matcher(*name, *op, *std::move(value));
    if (!matcher) return failed(value_at, matcher.error().message);
    return matcher;
  }

  Result<std::string> token(std::string_view what) {
    if (at_ < text_.size() && text_[at_] == '"') return quoted();
    const std::size_t start = at_;
    while (at_ < text_.size() && !is_reserved(decode(character()))) at_ += character().size();
    if (at_ == start) return expected(what);
    return std::string(text_.substr(start, at_ - start));
  }

  // As a string of the Go language.
  Result<std::string> quoted() {
    const std::size_t opened = at_++;
    std::string out;
    while (at_ < text_.size() && text_[at_] != '"') {
      if (text_[at_] == '\n') return failed(at_, "a line break inside of quotes is written \\n");
      if (text_[at_] != '\\') {
        out += text_[at_++];
      } else if (const Status taken = escape(out); !taken) {
        return tl::unexpected(taken.error());
      }
    }
    if (at_ == text_.size()) return failed(opened, "the quote that opens here is not closed");
    ++at_;
    for (std::size_t i = 0; i < out.size();) {
      const std::size_t length = text::utf8_length(out, i);
      if (length == 0) return failed(opened, "the escapes in here make bytes that are not UTF-8");
      i += length;
    }
    return out;
  }

  Status escape(std::string& out) {
    constexpr std::string_view letters = "abfnrtv\\\"";
    constexpr std::string_view meanings = "\a\b\f\n\r\t\v\\\"";
    const std::size_t start = at_++;
    const char c = at_ < text_.size() ? text_[at_] : '\0';
    if (const auto i = letters.find(c); c != '\0' && i != std::string_view::npos) {
      out += meanings[i];
      ++at_;
      return {};
    }
    const bool octal = c >= '0' && c <= '7';
    const std::size_t digits = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : octal ? 3 : 0;
    if (!octal && digits > 0) ++at_;
    char32_t code = 0;
    const std::string_view written = text_.substr(at_, digits);
    for (const char digit : written) {
      const auto value = std::string_view("0123456789abcdef").find(text::to_lower({&digit, 1}));
      if (value == std::string_view::npos || (octal && value > 7)) return no_escape(start);
      code = code * (octal ? 8 : 16) + static_cast<char32_t>(value);
    }
    const bool byte = octal || c == 'x';
    const bool outside = byte ? code > 0xFF : code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF);
    if (digits == 0 || written.size() < digits || outside) return no_escape(start);
    at_ += digits;
    if (byte) {
      out += static_cast<char>(code);
    } else {
      encode(code, out);
    }
    return {};
  }

  tl::unexpected<Error> no_escape(std::size_t start) {
    return failed(start, "this is no escape: a backslash itself is written \\\\");
  }

  [[nodiscard]] std::string_view character() const { return text_.substr(at_, text::utf8_length(text_, at_)); }

  void skip_space() {
    while (at_ < text_.size() && is_space(decode(character()))) at_ += character().size();
  }
  bool take(char c) {
    skip_space();
    if (at_ == text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  [[nodiscard]] tl::unexpected<Error> expected(std::string_view what) const {
    const std::string found =
        at_ == text_.size() ? "the end" : text::json_quote(text::shorten(text_.substr(at_), shown_bytes_max));
    return failed(at_, "expected " + std::string(what) + ", found " + found);
  }
  [[nodiscard]] tl::unexpected<Error> failed(std::size_t at, const std::string& message) const {
    std::size_t number = 1;
    for (std::size_t i = 0; i < at; i += text::utf8_length(text_, i)) ++number;
    return fail(ErrorKind::invalid, "character " + std::to_string(number) + ": " + message);
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace

std::string_view to_string(MatchOperator op) {
  switch (op) {
    case MatchOperator::equal:
      return "=";
    case MatchOperator::not_equal:
      return "!=";
    case MatchOperator::regex:
      return "=~";
    case MatchOperator::not_regex:
      return "!~";
  }
  return "";
}

Result<Matcher> make_matcher(std::string name, MatchOperator op, std::string value) {
  Matcher matcher{std::move(name), op, std::move(value), std::nullopt};
  if (op == MatchOperator::regex || op == MatchOperator::not_regex) {
    auto pattern = Regex::compile(matcher.value);
    if (!pattern) {
      return fail(ErrorKind::invalid, text::json_quote(text::shorten(matcher.value, shown_bytes_max)) +
                                          " is no regular expression: " + pattern.error().message);
    }
    matcher.pattern = *std::move(pattern);
  }
  return matcher;
}

std::string to_string(const Matcher& matcher) {
  return matcher.name + std::string(to_string(matcher.op)) + text::json_quote(matcher.value);
}

bool Matcher::matches(const Labels& labels) const {
  const auto found = labels.find(name);
  const std::string_view text = found == labels.end() ? std::string_view{} : std::string_view(found->second);
  switch (op) {
    case MatchOperator::equal:
      return text == value;
    case MatchOperator::not_equal:
      return text != value;
    case MatchOperator::regex:
      return pattern && pattern->matches(text);
    case MatchOperator::not_regex:
      return pattern && !pattern->matches(text);
  }
  return false;
}

bool all_match(std::span<const Matcher> matchers, const Labels& labels) {
  return std::all_of(matchers.begin(), matchers.end(), [&](const Matcher& m) { return m.matches(labels); });
}

Result<std::vector<Matcher>> parse_matchers(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t length = text::utf8_length(text, i);
    if (length == 0) return fail(ErrorKind::invalid, "character " + std::to_string(i + 1) + ": not UTF-8");
    i += length;
  }
  if (auto matchers = parse_classic(text)) return *std::move(matchers);
  return Utf8Parser(text).parse();  // its errors have a place
}

}  // namespace alertscaler
