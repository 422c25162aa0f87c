#include "config/value.h"

#include <algorithm>
#include <array>
#include <filesystem>

#include "base/text.h"

namespace alertscaler::config {
namespace {

constexpr std::size_t shown_bytes_max = 60;
constexpr std::string_view duration_form = "a duration such as 30s, 5m or 1h30m";
constexpr std::string_view step_form = "a step of at least 1 or 1%, such as 2 or 50%";

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

bool is_control(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == 0x7F;
}

bool has_control(std::string_view text) {
  return std::any_of(text.begin(), text.end(), is_control);
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

bool Value::read(int& out, IntRange range) const {
  if (shape_ != nullptr) return note(range, std::to_string(out));
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

bool says_true(const Element& element) {
  return element.kind == Element::Kind::scalar && !element.quoted && is_one_of(element.text, {"true", "True", "TRUE"});
}

bool Value::read(bool& out) const {
  if (shape_ != nullptr) return note(Shape::Kind::boolean, out ? "true" : "false");
  const bool plain = node().kind == Element::Kind::scalar && !node().quoted;
  const bool is_true = says_true(node());
  if (!is_true && (!plain || !is_one_of(node().text, {"false", "False", "FALSE"}))) return expected("true or false");
  out = is_true;
  return true;
}

bool Value::read(Duration& out, AtLeast least) const {
  if (shape_ != nullptr) return note(least, text::format_duration(out));
  if (node().kind != Element::Kind::scalar) return expected(duration_form);
  const auto duration = text::parse_duration(node().text);
  if (!duration && text::parse_number(node().text)) {
    return problem("expected " + std::string(duration_form) + ", found " + shown(node()) + " without a unit");
  }
  if (!duration) return problem(duration.error().message);
  if (least == AtLeast::one && *duration == Duration{0}) return expected("a duration longer than 0");
  out = *duration;
  return true;
}

bool Value::read(Step& out) const {
  if (shape_ != nullptr) return note(Shape::Kind::step, to_string(out));
  if (node().kind != Element::Kind::scalar) return expected(step_form);
  const auto step = parse_step(node().text);
  if (!step) return expected(step_form);
  if (step->amount > replicas_max) return expected("a step of at most " + std::to_string(replicas_max));
  out = *step;
  return true;
}

bool Value::read(std::optional<int>& out, IntRange range) const {
  if (shape_ != nullptr) return note(range, "");
  int number = 0;
  if (!read(number, range)) return false;
  out = number;
  return true;
}

bool Value::read(std::optional<bool>& out) const {
  if (shape_ != nullptr) return note(Shape::Kind::boolean, "");
  bool flag = false;
  if (!read(flag)) return false;
  out = flag;
  return true;
}

bool Value::read(std::optional<Duration>& out, AtLeast least) const {
  if (shape_ != nullptr) return note(least, "");
  Duration duration{0};
  if (!read(duration, least)) return false;
  out = duration;
  return true;
}

bool Value::read_text(std::string& out, std::string_view what) const {
  if (shape_ != nullptr) return note_text(out, nullptr);
  if (!is_text(what)) return false;
  out = node().text;
  return true;
}

bool Value::read_text(std::string& out, std::string_view what, const Form& form, std::string_view formed) const {
  if (shape_ != nullptr) return note_text(out, &form);
  if (!is_text(what)) return false;
  if (!form.fits(node().text)) return expected(formed.empty() ? what : formed);
  out = node().text;
  return true;
}

bool Value::read_text_like(std::string& out, std::string_view what, const Form& form) const {
  return shape_ != nullptr ? note_text(out, &form) : read_text(out, what);
}

bool Value::is_text(std::string_view what) const {
  if (node().kind != Element::Kind::scalar || node().text.empty()) return expected(what);
  return !has_control(node().text) || expected(std::string(what) + " on one line and without control characters");
}

bool Value::read_raw(std::string& out, std::string_view what) const {
  if (shape_ != nullptr) return note(Shape::Kind::text, out);
  if (node().kind != Element::Kind::scalar) return expected(what);
  if (node().text.find('\0') != std::string::npos) return expected("a text without a zero byte");
  out = node().text;
  return true;
}

bool Value::read_secret(Secret& out) const {
  if (shape_ != nullptr) return note_text("", nullptr);
  if (node().kind != Element::Kind::scalar || node().text.empty()) {
    const bool shown_kind = node().kind == Element::Kind::map || node().kind == Element::Kind::list;
    return problem("expected a secret text, found " + (shown_kind ? shown(node()) : "nothing"));
  }
  if (has_control(node().text)) {
    return problem("expected a secret text on one line and without control characters");
  }
  out = Secret(node().text);
  return true;
}

bool Value::read_path(std::string& out) const {
  std::string path = shape_ != nullptr ? out : std::string();
  if (!read_text(path, "the path of a file")) return false;
  out = report_->folder().empty() ? path : (report_->folder() / path).string();
  return true;
}

bool Value::none_of(std::vector<std::string> words, std::string_view fallback) const {
  if (shape_ != nullptr) {
    shape_->words = std::move(words);
    return note(Shape::Kind::choice, std::string(fallback));
  }
  const auto meant = node().kind == Element::Kind::scalar ? meant_by(node().text, words) : std::nullopt;
  return problem("expected " + alternatives(words) + ", found " + shown(node()) + did_you_mean(meant));
}

bool Value::left_empty() const {
  if (shape_ != nullptr) shape_->may_be_empty = true;
  return node().kind == Element::Kind::nothing;
}

std::vector<Value> Value::items(std::string_view what, IntRange size) const {
  if (shape_ != nullptr) {
    shape_->kind = Shape::Kind::list;
    shape_->least = size.least;
    shape_->most = size.most == any_length ? 0 : size.most;
    return {part(shape_->items)};
  }
  std::vector<Value> all;
  const auto count = static_cast<std::int64_t>(node().items.size());
  if (node().kind != Element::Kind::list || count < size.least || count > size.most) {
    expected(what);
    return all;
  }
  for (std::size_t i = 0; i < node().items.size(); ++i) all.push_back(item(i));
  return all;
}

std::vector<Value> Value::one_or_items(std::string_view what, IntRange size) const {
  if (shape_ != nullptr) {
    shape_->or_one = true;
  } else if (node().kind != Element::Kind::list) {
    return {*this};
  }
  return items(what, size);
}

std::vector<Value::Member> Value::members(std::string_view what) const {
  std::vector<Member> all;
  if (shape_ != nullptr) {
    shape_->kind = Shape::Kind::map;
    all.push_back({"", {}, part(shape_->others)});
  } else if (node().kind != Element::Kind::map) {
    expected(what);
  } else {
    for (const Entry& each : node().entries) all.push_back({each.key, each.at, entry(each)});
  }
  return all;
}

bool Value::excludes(const Form& form, std::string_view text, const std::string& message) const {
  if (shape_ != nullptr) {
    shape_->excluded = form.pattern();
    return false;
  }
  return form.fits(text) && !problem(message);
}

void Value::refuse(const std::string& message) const {
  if (shape_ != nullptr) shape_->never = true;
  problem(message);
}

Value Value::describing(Shape& shape, Report& report) {
  static const Element nothing_there = [] {
    Element map;
    map.kind = Element::Kind::map;
    return map;
  }();
  Value value(nothing_there, "", report);
  value.shape_ = &shape;
  return value;
}

Value Value::part(std::list<Shape>& parts, std::string key) const {
  Shape& shape = parts.emplace_back();
  shape.key = std::move(key);
  return describing(shape, *report_);
}

bool Value::note(Shape::Kind kind, std::string fallback) const {
  shape_->kind = kind;
  shape_->fallback = std::move(fallback);
  return false;
}

bool Value::note(IntRange range, std::string fallback) const {
  shape_->least = range.least;
  shape_->most = range.most;
  return note(Shape::Kind::number, std::move(fallback));
}

bool Value::note(AtLeast least, std::string fallback) const {
  shape_->least = least == AtLeast::one ? 1 : 0;
  return note(Shape::Kind::duration, std::move(fallback));
}

bool Value::note_text(std::string fallback, const Form* form) const {
  if (form != nullptr) shape_->pattern = form->pattern();
  shape_->one_line = form == nullptr;
  return note(Shape::Kind::text, std::move(fallback));
}

}  // namespace alertscaler::config
