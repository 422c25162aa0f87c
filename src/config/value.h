// Reading one value of the file into a variable. Whatever does not fit is reported with its place, what was expected
// and what was found, and leaves the variable as it was.
#pragma once

#include <initializer_list>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/regex.h"
#include "base/secret.h"
#include "config/shape.h"
#include "config/yaml.h"
#include "model/policy.h"

namespace alertscaler::config {

inline constexpr int replicas_max = 100'000;                        // more than any engine holds: a slip of the finger
inline constexpr int any_length = std::numeric_limits<int>::max();  // of a list

struct IntRange {
  int least = 0;
  int most = replicas_max;
};

enum class AtLeast { zero, one };  // of a duration: whether it may be 0

template <class Enum>
struct Choice {
  std::string_view word;
  Enum value;
};

// The form of a text: a regular expression that all of it matches, in what RE2 and the schemas of editors (ECMA 262)
// have in common.
class Form {
 public:
  // REQUIRES: `pattern` is one.
  explicit Form(std::string_view pattern) : pattern_(pattern), regex_(Regex::compile(pattern).value()) {}

  [[nodiscard]] bool fits(std::string_view text) const { return regex_.matches(text); }
  [[nodiscard]] const std::string& pattern() const { return pattern_; }

 private:
  std::string pattern_;
  Regex regex_;
};

// Is it what reads as true? YAML has three spellings.
[[nodiscard]] bool says_true(const Element& element);

// A node together with the path that leads to it: "targets[0].up.step". Cheap to copy; refers to the tree and the
// report. Each read says whether it could.
//
// One that describes stands for no node: each read notes in the shape what it would take (the variable has the
// default), and says that it could not read it.
class Value {
 public:
  Value(const Element& node, std::string path, Report& report)
      : node_(&node), path_(std::move(path)), report_(&report) {}
  // Problems that are found with nothing there go to `report`, and mean nothing.
  [[nodiscard]] static Value describing(Shape& shape, Report& report);

  [[nodiscard]] const Element& node() const { return *node_; }  // an empty map when it describes
  [[nodiscard]] Mark at() const { return node_->at; }
  [[nodiscard]] Report& report() const { return *report_; }
  [[nodiscard]] Shape* shape() const { return shape_; }  // null: it reads
  [[nodiscard]] Value entry(const Entry& entry) const;
  [[nodiscard]] Value item(std::size_t index) const;

  // Reports at this value, or at a place near it; always false, so that a read can return it.
  bool problem(const std::string& message) const { return problem_at(at(), message); }
  bool problem_at(Mark at, const std::string& message) const;
  bool expected(std::string_view what) const;  // "expected WHAT, found …"

  // Nothing stands there, and that is allowed.
  [[nodiscard]] bool left_empty() const;
  // The items of a list that has so many; else `what` was expected, and there are none.
  [[nodiscard]] std::vector<Value> items(std::string_view what, IntRange size = {.most = any_length}) const;
  // Likewise; one that is no list is its own item.
  [[nodiscard]] std::vector<Value> one_or_items(std::string_view what, IntRange size) const;
  struct Member;
  // The entries of a map whose keys may be anything; else `what` was expected, and there are none.
  [[nodiscard]] std::vector<Member> members(std::string_view what) const;

  bool read(int& out, IntRange range = {}) const;
  bool read(bool& out) const;
  bool read(Duration& out, AtLeast least) const;
  bool read(Step& out) const;
  // Of what has no default.
  bool read(std::optional<int>& out, IntRange range = {}) const;
  bool read(std::optional<bool>& out) const;
  bool read(std::optional<Duration>& out, AtLeast least) const;
  // Not empty, and without control characters. `what`: "a name", for the message.
  bool read_text(std::string& out, std::string_view what) const;
  // Likewise, and of this form: `formed` says it in words, where it is more than `what`.
  bool read_text(std::string& out, std::string_view what, const Form& form, std::string_view formed = {}) const;
  // Any such text: the caller looks closer than the form, and says more. It is for who describes.
  bool read_text_like(std::string& out, std::string_view what, const Form& form) const;
  // Reports `message` for text of this form, and says whether it has.
  bool excludes(const Form& form, std::string_view text, const std::string& message) const;
  // Any text that has no zero byte.
  bool read_raw(std::string& out, std::string_view what) const;
  // Text that a header can carry. No problem that is reported shows it.
  bool read_secret(Secret& out) const;
  bool read_path(std::string& out) const;  // relative to the report's folder
  template <class Enum>
  bool read_choice(Enum& out, std::span<const Choice<Enum>> choices) const {
    std::vector<std::string> words;
    std::string_view fallback;
    for (const Choice<Enum>& choice : choices) {
      if (shape_ == nullptr && node().kind == Element::Kind::scalar && node().text == choice.word) {
        out = choice.value;
        return true;
      }
      if (choice.value == out) fallback = choice.word;
      words.emplace_back(choice.word);
    }
    return none_of(std::move(words), fallback);
  }
  // What never stands here, though people may think so; `message` says where it belongs.
  void refuse(const std::string& message) const;

 private:
  // Reading: reports that it is none of them. Describing: notes them.
  bool none_of(std::vector<std::string> words, std::string_view fallback) const;
  [[nodiscard]] bool is_text(std::string_view what) const;
  [[nodiscard]] Value part(std::list<Shape>& parts, std::string key = {}) const;
  bool note(Shape::Kind kind, std::string fallback) const;
  bool note(IntRange range, std::string fallback) const;
  bool note(AtLeast least, std::string fallback) const;
  bool note_text(std::string fallback, const Form* form) const;

  friend class MapReader;

  const Element* node_;
  std::string path_;
  Report* report_;
  Shape* shape_ = nullptr;
};

struct Value::Member {
  std::string key;
  Mark at;  // of the key
  Value value;
};

// The candidate that `word` was most likely meant to be, and the end of a message that asks so.
[[nodiscard]] std::optional<std::string> meant_by(std::string_view word, std::span<const std::string> candidates);
[[nodiscard]] std::string did_you_mean(const std::optional<std::string>& meant);

}  // namespace alertscaler::config
