// Columns of text that fit a terminal.
#pragma once

#include <string>
#include <vector>

namespace alertscaler::client {

// What standard output is.
struct Terminal {
  bool colours = false;     // a terminal, and NO_COLOR is not set
  std::size_t columns = 0;  // 0: no terminal, lines may have any length
};
[[nodiscard]] Terminal standard_output();

struct Cell {
  std::string text;
  enum class Colour { none, good, warning, bad, dim } colour = Colour::none;
};

// A header and rows of as many cells. The last column is cut where the terminal ends; no line ends in blanks.
class Table {
 public:
  explicit Table(std::vector<std::string> header) : header_(std::move(header)) {}
  void add(std::vector<Cell> row) { rows_.push_back(std::move(row)); }
  [[nodiscard]] std::string text(const Terminal& terminal, bool with_header = true) const;
  // The widths that the table has now, for rows that are printed later on their own.
  void keep_widths() { kept_ = widths(); }
  void clear() { rows_.clear(); }

 private:
  [[nodiscard]] std::vector<std::size_t> widths() const;

  std::vector<std::string> header_;
  std::vector<std::vector<Cell>> rows_;
  std::vector<std::size_t> kept_;
};

}  // namespace alertscaler::client
