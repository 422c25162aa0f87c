#include "client/table.h"

#include <algorithm>
#include <cstdlib>

#include <sys/ioctl.h>
#include <unistd.h>

#include "base/text.h"

namespace alertscaler::client {
namespace {

constexpr std::size_t gap = 2;
constexpr std::size_t last_column_min = 12;

// Characters, each taken for one column wide; what is no UTF-8 counts by bytes.
std::size_t width_of(std::string_view text) {
  std::size_t width = 0;
  for (std::size_t at = 0; at < text.size(); ++width) at += std::max<std::size_t>(1, text::utf8_length(text, at));
  return width;
}

std::string cut(const std::string& text, std::size_t width) {
  if (width_of(text) <= width) return text;
  std::string out;
  std::size_t at = 0;
  for (std::size_t count = 0; count + 1 < width; ++count) {
    const std::size_t length = std::max<std::size_t>(1, text::utf8_length(text, at));
    out.append(text, at, length);
    at += length;
  }
  return out + "…";
}

// Whatever a label or a reason holds, it is shown and never obeyed by the terminal.
std::string printable(const std::string& text) {
  std::string out = text;
  std::replace_if(
      out.begin(), out.end(), [](char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7f'; }, ' ');
  return out;
}

std::string_view code_of(Cell::Colour colour) {
  switch (colour) {
    case Cell::Colour::good:
      return "\x1b[32m";
    case Cell::Colour::warning:
      return "\x1b[33m";
    case Cell::Colour::bad:
      return "\x1b[31m";
    case Cell::Colour::dim:
      return "\x1b[2m";
    case Cell::Colour::none:
      break;
  }
  return "";
}

std::string line_of(const std::vector<Cell>& row, const std::vector<std::size_t>& widths, const Terminal& terminal) {
  std::string out;
  std::size_t column = 0;
  for (std::size_t i = 0; i < row.size(); ++i) {
    std::string text = printable(row[i].text);
    const bool last = i + 1 == row.size();
    if (last && terminal.columns > 0) {
      text = cut(text, std::max(last_column_min, terminal.columns - std::min(terminal.columns, column)));
    }
    const std::string_view code = terminal.colours ? code_of(row[i].colour) : "";
    const std::size_t width = width_of(text);
    out.append(code).append(text).append(code.empty() ? "" : "\x1b[0m");
    if (!last) out.append(widths[i] - std::min(widths[i], width) + gap, ' ');
    column += std::max(widths[i], width) + gap;
  }
  while (out.ends_with(' ')) out.pop_back();
  return out + "\n";
}

}  // namespace

Terminal standard_output() {
  Terminal terminal;
  if (::isatty(STDOUT_FILENO) == 0) return terminal;
  const char* no_color = std::getenv("NO_COLOR");  // https://no-color.org: any value but the empty one
  terminal.colours = no_color == nullptr || *no_color == '\0';
  winsize size{};
  terminal.columns = ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
  return terminal;
}

std::vector<std::size_t> Table::widths() const {
  std::vector<std::size_t> widths = kept_;
  widths.resize(header_.size(), 0);
  for (std::size_t i = 0; i < header_.size(); ++i) {
    widths[i] = std::max(widths[i], width_of(header_[i]));
    for (const auto& row : rows_) widths[i] = std::max(widths[i], width_of(printable(row.at(i).text)));
  }
  return widths;
}

std::string Table::text(const Terminal& terminal, bool with_header) const {
  const std::vector<std::size_t> columns = widths();
  std::string out;
  if (with_header) {
    std::vector<Cell> header;
    for (const std::string& each : header_) header.push_back({each});
    out += line_of(header, columns, terminal);
  }
  for (const auto& row : rows_) out += line_of(row, columns, terminal);
  return out;
}

}  // namespace alertscaler::client
