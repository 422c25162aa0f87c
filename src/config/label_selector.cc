#include "config/label_selector.h"

#include <algorithm>
#include <vector>

#include "base/text.h"

// https://github.com/kubernetes/apimachinery/blob/master/pkg/labels/selector.go
namespace alertscaler::config {
namespace {

constexpr std::size_t name_bytes_max = 63;
constexpr std::size_t prefix_bytes_max = 253;
constexpr std::string_view space = " \t\r\n";
constexpr std::string_view special = "=!(),><";

bool is_lower_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

bool is_letter_or_digit(char c) {
  return is_lower_or_digit(c) || (c >= 'A' && c <= 'Z');
}

// The part of a key after its prefix, and a value.
bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= name_bytes_max && is_letter_or_digit(text.front()) &&
         is_letter_or_digit(text.back()) && std::all_of(text.begin(), text.end(), [](char c) {
           return is_letter_or_digit(c) || c == '-' || c == '_' || c == '.';
         });
}

bool is_prefix(std::string_view text) {
  const std::vector<std::string> labels = text::split(text, '.');
  return text.size() <= prefix_bytes_max && std::all_of(labels.begin(), labels.end(), [](const std::string& label) {
           return !label.empty() && label.size() <= name_bytes_max && is_lower_or_digit(label.front()) &&
                  is_lower_or_digit(label.back()) &&
                  std::all_of(label.begin(), label.end(), [](char c) { return is_lower_or_digit(c) || c == '-'; });
         });
}

bool is_key(std::string_view text) {
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos) return is_name(text);
  return is_prefix(text.substr(0, slash)) && is_name(text.substr(slash + 1));
}

bool is_number(std::string_view text) {
  return text::parse_int(text).has_value();
}

// Signs ("!=", "(") and words; the empty token is the end.
class Tokens {
 public:
  explicit Tokens(std::string_view text) : text_(text) { next(); }

  [[nodiscard]] std::string_view now() const { return now_; }
  [[nodiscard]] bool at_end() const { return now_.empty(); }
  [[nodiscard]] bool is_word() const { return !at_end() && special.find(now_.front()) == std::string_view::npos; }
  std::string_view take() {
    const std::string_view taken = now_;
    next();
    return taken;
  }
  [[nodiscard]] std::string found() const { return at_end() ? "the end" : "\"" + std::string(now_) + "\""; }

 private:
  void next() {
    text_.remove_prefix(std::min(text_.find_first_not_of(space), text_.size()));
    std::size_t size = std::min<std::size_t>(1, text_.size());
    if (!text_.empty() && special.find(text_.front()) == std::string_view::npos) {
      size = text_.find_first_of("=!(),>< \t\r\n");
    } else if (text_.starts_with("==") || text_.starts_with("!=")) {
      size = 2;
    }
    now_ = text_.substr(0, size);
    text_.remove_prefix(now_.size());
  }

  std::string_view text_;
  std::string_view now_;
};

std::string bad_value(std::string_view value) {
  return "\"" + std::string(value) +
         "\" is no value of a label, which has at most 63 letters, digits, \"-\", \"_\" and \".\", and begins and ends "
         "with a letter or digit";
}

class Parser {
 public:
  explicit Parser(std::string_view selector) : tokens_(selector) {}

  std::optional<std::string> parse() {
    while (!tokens_.at_end()) {
      if (auto wrong = requirement()) return wrong;
      if (tokens_.at_end()) break;
      if (tokens_.now() != ",") return "expected \",\" or the end, found " + tokens_.found();
      tokens_.take();
      if (tokens_.at_end()) return "expected another requirement after the last \",\"";
    }
    return std::nullopt;
  }

 private:
  std::optional<std::string> requirement() {
    const bool absent = tokens_.now() == "!";
    if (absent) tokens_.take();
    if (!tokens_.is_word()) return "expected the name of a label, found " + tokens_.found();
    const std::string_view key = tokens_.take();
    if (!is_key(key)) {
      return "\"" + std::string(key) +
             "\" is no name of a label, such as role or example.io/role: at most 63 letters, digits, \"-\", \"_\" and "
             "\".\", after a domain and \"/\" if it has one";
    }
    if (absent || tokens_.at_end() || tokens_.now() == ",") return std::nullopt;
    const std::string_view sign = tokens_.take();
    if (sign == "in" || sign == "notin") return values(sign);
    if (sign == "=" || sign == "==" || sign == "!=") return value();
    if (sign == ">" || sign == "<") return number();
    return "expected =, !=, in or notin after " + std::string(key) + ", found \"" + std::string(sign) + "\"";
  }

  // May be empty: "node-role.kubernetes.io/worker=".
  std::optional<std::string> value() {
    if (tokens_.at_end() || tokens_.now() == ",") return std::nullopt;
    if (!tokens_.is_word()) return "expected the value of a label, found " + tokens_.found();
    const std::string_view value = tokens_.take();
    return is_name(value) ? std::nullopt : std::optional(bad_value(value));
  }

  std::optional<std::string> number() {
    if (!tokens_.is_word() || !is_number(tokens_.now())) return "expected a whole number, found " + tokens_.found();
    tokens_.take();
    return std::nullopt;
  }

  std::optional<std::string> values(std::string_view sign) {
    if (tokens_.now() != "(") return "expected \"(\" after " + std::string(sign) + ", found " + tokens_.found();
    tokens_.take();
    if (tokens_.now() == ")") return std::string(sign) + " needs at least one value between its parentheses";
    while (tokens_.now() != ")") {
      if (tokens_.is_word()) {
        const std::string_view value = tokens_.take();
        if (!is_name(value)) return bad_value(value);
        if (tokens_.now() == ")") break;
      }
      if (tokens_.now() != ",") return "expected \",\" or \")\", found " + tokens_.found();
      tokens_.take();
    }
    tokens_.take();
    return std::nullopt;
  }

  Tokens tokens_;
};

}  // namespace

std::optional<std::string> wrong_with_selector(std::string_view selector) {
  return Parser(selector).parse();
}

}  // namespace alertscaler::config
