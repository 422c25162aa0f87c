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

#include "base/clock.h"
#include "base/secret.h"
#include "config/yaml.h"
#include "model/policy.h"

namespace alertscaler::config {

inline constexpr int replicas_max = 100'000;  // more than any engine holds: a slip of the finger

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

// A node together with the path that leads to it: "targets[0].up.step". Cheap to copy; refers to the tree and the
// report. Each read says whether it could.
class Value {
 public:
  Value(const Element& node, std::string path, Report& report)
      : node_(&node), path_(std::move(path)), report_(&report) {}

  [[nodiscard]] const Element& node() const { return *node_; }
  [[nodiscard]] Mark at() const { return node_->at; }
  [[nodiscard]] Report& report() const { return *report_; }
  [[nodiscard]] Value entry(const Entry& entry) const;
  [[nodiscard]] Value item(std::size_t index) const;

  // Reports at this value, or at a place near it; always false, so that a read can return it.
  bool problem(const std::string& message) const { return problem_at(at(), message); }
  bool problem_at(Mark at, const std::string& message) const;
  bool expected(std::string_view what) const;  // "expected WHAT, found …"

  bool read(int& out, IntRange range = {}) const;
  bool read(bool& out) const;
  bool read(Duration& out, AtLeast least) const;
  bool read(Step& out) const;
  // Not empty, and without control characters. `what`: "a name", for the message.
  bool read_text(std::string& out, std::string_view what) const;
  // Text that a header can carry. No problem that is reported shows it.
  bool read_secret(Secret& out) const;
  bool read_path(std::string& out) const;  // relative to the report's folder
  template <class Enum>
  bool read_choice(Enum& out, std::span<const Choice<Enum>> choices) const {
    std::vector<std::string> words;
    for (const Choice<Enum>& choice : choices) {
      if (node().kind == Element::Kind::scalar && node().text == choice.word) {
        out = choice.value;
        return true;
      }
      words.emplace_back(choice.word);
    }
    return none_of(words);
  }

 private:
  bool none_of(const std::vector<std::string>& words) const;

  const Element* node_;
  std::string path_;
  Report* report_;
};

// The candidate that `word` was most likely meant to be, and the end of a message that asks so.
[[nodiscard]] std::optional<std::string> meant_by(std::string_view word, std::span<const std::string> candidates);
[[nodiscard]] std::string did_you_mean(const std::optional<std::string>& meant);

}  // namespace alertscaler::config
