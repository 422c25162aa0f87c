#include "config/lines.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <limits>

#include "base/text.h"

namespace alertscaler::config {
namespace {

bool continues_character(char c) {
  return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U;
}

}  // namespace

Lines::Lines(std::string_view text) : text_(text), starts_{0} {
  for (std::size_t i = text.find('\n'); i != std::string_view::npos; i = text.find('\n', i + 1)) {
    starts_.push_back(i + 1);
  }
}

std::string_view Lines::line(std::size_t index) const {
  const std::size_t end = index + 1 < starts_.size() ? starts_[index + 1] - 1 : text_.size();
  return text_.substr(starts_[index], end - starts_[index]);
}

std::string_view Lines::at(int line_index, int byte) const {
  if (line_index < 0 || static_cast<std::size_t>(line_index) >= starts_.size()) return {};
  const std::string_view whole = line(static_cast<std::size_t>(line_index));
  return whole.substr(std::min(whole.size(), static_cast<std::size_t>(std::max(byte, 0))));
}

Mark Lines::mark(int line_index, int byte) const {
  if (line_index < 0) return {};
  const std::size_t last = starts_.size() - 1;
  if (static_cast<std::size_t>(line_index) > last) return mark(static_cast<int>(last), std::numeric_limits<int>::max());
  const std::string_view whole = line(static_cast<std::size_t>(line_index));
  const std::size_t length = std::min(whole.size(), static_cast<std::size_t>(std::max(byte, 0)));
  int column = 1;
  for (const char c : whole.substr(0, length)) column += continues_character(c) ? 0 : 1;
  return {line_index + 1, column};
}

bool Lines::has_null_word(int line_index, int byte) const {
  const std::string_view rest = at(line_index, byte);
  if (rest.starts_with('~')) return true;
  constexpr std::array<std::string_view, 3> words = {"null", "Null", "NULL"};
  for (const std::string_view word : words) {
    if (rest.starts_with(word)) {
      const std::string_view after = text::trim(rest.substr(word.size()));
      return !after.starts_with(':');
    }
  }
  return false;
}

std::optional<Lines::Unreadable> Lines::first_unreadable() const {
  for (std::size_t index = 0; index < starts_.size(); ++index) {
    const std::string_view whole = line(index);
    for (std::size_t i = 0; i < whole.size();) {
      const std::size_t length = text::utf8_length(whole, i);
      const auto byte = static_cast<unsigned char>(whole[i]);
      const bool line_end = byte == '\r' && i + 1 == whole.size() && index + 1 < starts_.size();
      const bool control = (byte < 0x20 && byte != '\t' && !line_end) || byte == 0x7F;
      if (length == 0 || control) {
        std::array<char, 8> hex{};
        std::snprintf(hex.data(), hex.size(), "0x%02X", static_cast<unsigned>(byte));
        const Mark where = mark(static_cast<int>(index), static_cast<int>(i));
        if (length == 0)
          return Unreadable{where, std::string("the byte ") + hex.data() + " is not UTF-8; save the file as UTF-8"};
        return Unreadable{where, std::string("a control character (") + hex.data() + ") stands here; remove it"};
      }
      i += length;
    }
  }
  return std::nullopt;
}

std::optional<Mark> Lines::first_indenting_tab() const {
  for (std::size_t index = 0; index < starts_.size(); ++index) {
    const std::string_view whole = line(index);
    const std::size_t first = whole.find_first_not_of(" \t\r");
    if (first == std::string_view::npos || whole[first] == '#') continue;
    if (const std::size_t tab = whole.substr(0, first).find('\t'); tab != std::string_view::npos) {
      return mark(static_cast<int>(index), static_cast<int>(tab));
    }
  }
  return std::nullopt;
}

}  // namespace alertscaler::config
