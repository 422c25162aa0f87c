#include "config/value.h"

#include <algorithm>
#include <array>
#include <filesystem>

#include "base/text.h"

namespace alertscaler::config {
namespace {

constexpr std::size_t shown_bytes_max = 60;

bool is_one_of(std::string_view text, std::initializer_list<std::string_view> words) {
  return std::find(words.begin(), words.end(), text) != words.end();
}

std::string shown(const Element& node) {
  switch (node.kind) {
    case Element::Kind::nothing:
      return "nothing";
    case Element::Kind::list:
      return "a list";
    case Element::Kind::map:
      return "a map";
    case Element::Kind::scalar:
      break;
  }
  const bool number = !node.quoted && text::parse_number(node.text).has_value();
  const std::string text = text::shorten(node.text, shown_bytes_max);
  return number ? text : text::json_quote(text);
}

// "up, down or to"
std::string alternatives(const std::vector<std::string>& words) {
  std::string out;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i > 0) out += i + 1 == words.size() ? " or " : ", ";
    out += words[i];
  }
  return out;
}

// YAML 1.1 reads 010 as eight and YAML 1.2 as ten, so it is neither here.
std::optional<int> whole_number(std::string_view text) {
  const std::string_view digits = text.starts_with('-') ? text.substr(1) : text;
  if (digits.size() > 1 && digits.starts_with('0')) return std::nullopt;
  return text::parse_int(text);
}

}  // namespace

std::optional<std::string> meant_by(std::string_view word, std::span<const std::string> candidates) {
  constexpr std::size_t word_bytes_max = 64;  // no candidate is near one that is longer
  return word.size() > word_bytes_max ? std::nullopt : text::nearest(word, candidates);
}

std::string did_you_mean(const std::optional<std::string>& meant) {
  return meant ? "; did you mean " + *meant + "?" : std::string{};
}

Value Value::entry(const Entry& entry) const {
  const std::string key = text::shorten(entry.key, shown_bytes_max);
  return {entry.value, path_.empty() ? key : path_ + "." + key, *report_};
}

Value Value::item(std::size_t index) const {
  return {node_->items[index], path_ + "[" + std::to_string(index) + "]", *report_};
}

bool Value::problem_at(Mark at, const std::string& message) const {
  report_->add(at, path_.empty() ? message : path_ + ": " + message);
  return false;
}

bool Value::expected(std::string_view what) const {
  return problem("expected " + std::string(what) + ", found " + shown(node()));
}

bool Value::none_of(const std::vector<std::string>& words) const {
  const auto meant = node().kind == Element::Kind::scalar ? meant_by(node().text, words) : std::nullopt;
  return problem("expected " + alternatives(words) + ", found " + shown(node()) + did_you_mean(meant));
}

bool Value::read(int& out, IntRange range) const {
  const std::string bounds = range.most == replicas_max
                                 ? "of at least " + std::to_string(range.least)
                                 : "from " + std::to_string(range.least) + " to " + std::to_string(range.most);
  const bool plain = node().kind == Element::Kind::scalar && !node().quoted;
  const auto number = whole_number(plain ? std::string_view(node().text) : std::string_view());
  if (node().kind == Element::Kind::scalar && node().quoted && whole_number(node().text)) {
    return problem("expected a whole number " + bounds + ", found the text " + shown(node()) +
                   "; leave the quotes out");
  }
  if (number && *number > range.most && range.most == replicas_max) {
    return problem("expected a whole number of at most " + std::to_string(range.most) + ", found " + shown(node()));
  }
  if (!number || *number < range.least || *number > range.most) return expected("a whole number " + bounds);
  out = *number;
  return true;
}

bool Value::read(bool& out) const {
  const bool plain = node().kind == Element::Kind::scalar && !node().quoted;
  if (!plain || !is_one_of(node().text, {"true", "True", "TRUE", "false", "False", "FALSE"})) {
    return expected("true or false");
  }
  out = node().text.front() == 't' || node().text.front() == 'T';
  return true;
}

bool Value::read(Duration& out, AtLeast least) const {
  if (node().kind != Element::Kind::scalar) return expected("a duration such as 30s, 5m or 1h30m");
  const auto duration = text::parse_duration(node().text);
  if (!duration && text::parse_number(node().text)) {
    return problem("expected a duration such as 30s, 5m or 1h30m, found " + shown(node()) + " without a unit");
  }
  if (!duration) return problem(duration.error().message);
  if (least == AtLeast::one && *duration == Duration{0}) return expected("a duration longer than 0");
  out = *duration;
  return true;
}

bool Value::read(Step& out) const {
  if (node().kind != Element::Kind::scalar) return expected("a step of at least 1 or 1%, such as 2 or 50%");
  const auto step = parse_step(node().text);
  if (!step) return expected("a step of at least 1 or 1%, such as 2 or 50%");
  if (step->amount > replicas_max) return expected("a step of at most " + std::to_string(replicas_max));
  out = *step;
  return true;
}

bool Value::read_text(std::string& out, std::string_view what) const {
  if (node().kind != Element::Kind::scalar || node().text.empty()) return expected(what);
  const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; };
  if (std::any_of(node().text.begin(), node().text.end(), is_control)) {
    return expected(std::string(what) + " on one line and without control characters");
  }
  out = node().text;
  return true;
}

bool Value::read_secret(Secret& out) const {
  const std::string& text = node().text;
  if (node().kind != Element::Kind::scalar || text.empty()) {
    const bool shown_kind = node().kind == Element::Kind::map || node().kind == Element::Kind::list;
    return problem("expected a secret text, found " + (shown_kind ? shown(node()) : "nothing"));
  }
  const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; };
  if (std::any_of(text.begin(), text.end(), is_control)) {
    return problem("expected a secret text on one line and without control characters");
  }
  out = Secret(text);
  return true;
}

bool Value::read_path(std::string& out) const {
  std::string path;
  if (!read_text(path, "the path of a file")) return false;
  out = report_->folder().empty() ? path : (report_->folder() / path).string();
  return true;
}

}  // namespace alertscaler::config
