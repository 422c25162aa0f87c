#include "act/docker/log_stream.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/text.h"

namespace alertscaler::docker {
namespace {

constexpr std::size_t header_bytes = 8;

unsigned byte_at(std::string_view text, std::size_t at) {
  return static_cast<unsigned char>(text[at]);
}

// The length of the frame that begins here; absent when none does.
std::optional<std::size_t> frame_bytes(std::string_view rest) {
  if (rest.size() < header_bytes || byte_at(rest, 0) > 2) return std::nullopt;
  if (byte_at(rest, 1) != 0 || byte_at(rest, 2) != 0 || byte_at(rest, 3) != 0) return std::nullopt;
  std::size_t length = 0;
  for (std::size_t i = 4; i < header_bytes; ++i) length = length << 8U | byte_at(rest, i);
  return length;
}

// Terminals' colours ("ESC [ 31 m") and other control characters.
std::string printable(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\x1b' && i + 1 < text.size() && text[i + 1] == '[') {
      i += 2;
      while (i < text.size() && (text[i] < '@' || text[i] > '~')) ++i;
    } else if (c == '\n' || static_cast<unsigned char>(c) >= 0x20) {
      out += c == '\x7f' ? ' ' : c;
    } else if (c == '\t') {
      out += ' ';
    }
  }
  return out;
}

}  // namespace

std::string read_log(std::string_view body) {
  std::string text;
  while (!body.empty()) {
    const auto length = frame_bytes(body);
    if (!length) return printable(text.append(body));
    text.append(body.substr(header_bytes, *length));
    body.remove_prefix(std::min(body.size(), header_bytes + *length));
  }
  return printable(text);
}

std::string last_lines(std::string_view log, std::size_t lines_max, std::size_t bytes_max) {
  std::vector<std::string> lines;
  for (const std::string& line : text::split(log, '\n')) {
    const std::string_view trimmed = text::trim(line);
    // Who tries again and again says the same again and again.
    if (!trimmed.empty() && (lines.empty() || lines.back() != trimmed)) lines.emplace_back(trimmed);
  }
  if (lines.size() > lines_max) lines.erase(lines.begin(), lines.end() - static_cast<std::ptrdiff_t>(lines_max));
  // The last one says most: it is the first that gets its share.
  std::string out;
  for (auto line = lines.rbegin(); line != lines.rend(); ++line) {
    const std::string joined = out.empty() ? *line : *line + " | " + out;
    if (joined.size() > bytes_max) return out.empty() ? text::shorten(*line, bytes_max) : out;
    out = joined;
  }
  return out;
}

}  // namespace alertscaler::docker
