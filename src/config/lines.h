// The lines of a text: positions that people can use, and what no YAML library should have to see.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/report.h"

namespace alertscaler::config {

class Lines {
 public:
  // REQUIRES: `text` outlives this.
  explicit Lines(std::string_view text);

  // A line and a byte of it, both from 0, as a position in characters from 1; the end of the text for what is behind
  // it.
  [[nodiscard]] Mark mark(int line, int byte) const;
  // The rest of the line from there on.
  [[nodiscard]] std::string_view at(int line, int byte) const;
  // Whether a null value is spelled out there.
  [[nodiscard]] bool has_null_word(int line, int byte) const;

  struct Unreadable {
    Mark at;
    std::string message;
  };
  // The first byte that is no UTF-8 or a control character.
  [[nodiscard]] std::optional<Unreadable> first_unreadable() const;
  // The first tab before the first character of a line that has one and is no comment.
  [[nodiscard]] std::optional<Mark> first_indenting_tab() const;

 private:
  [[nodiscard]] std::string_view line(std::size_t index) const;

  std::string_view text_;
  std::vector<std::size_t> starts_;
};

}  // namespace alertscaler::config
