#include "base/encoding.h"

#include <cctype>

#include "base/text.h"

namespace alertscaler::text {
namespace {

// The six bits that a character stands for; absent when it is none of either alphabet.
std::optional<unsigned> base64_value(char c) {
  if (c >= 'A' && c <= 'Z') return static_cast<unsigned>(c - 'A');
  if (c >= 'a' && c <= 'z') return static_cast<unsigned>(c - 'a') + 26;
  if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0') + 52;
  if (c == '+' || c == '-') return 62;
  if (c == '/' || c == '_') return 63;
  return std::nullopt;
}

}  // namespace

std::string percent_encode(std::string_view text, std::string_view keep) {
  constexpr std::string_view hex = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte < 0x80 && std::isalnum(byte) != 0) || std::string_view("-._~").find(c) != std::string_view::npos ||
        keep.find(c) != std::string_view::npos) {
      out += c;
    } else {
      out += {'%', hex[byte >> 4U], hex[byte & 0xFU]};
    }
  }
  return out;
}

std::optional<std::string> from_base64(std::string_view encoded) {
  std::string out;
  unsigned bits = 0;
  unsigned count = 0;
  std::size_t digits = 0;
  bool padded = false;
  for (const char c : encoded) {
    if (c == ' ' || c == '\n' || c == '\r' || c == '\t') continue;
    if (c == '=') {
      padded = true;
      continue;
    }
    const auto value = base64_value(c);
    if (!value || padded) return std::nullopt;
    ++digits;
    bits = (bits << 6U) | *value;
    count += 6;
    if (count >= 8) {
      count -= 8;
      out += static_cast<char>((bits >> count) & 0xFFU);
    }
  }
  if (digits % 4 == 1) return std::nullopt;  // six bits are no byte
  return out;
}

std::string to_base64(std::string_view bytes) {
  constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const auto byte = [&](std::size_t at) { return at < bytes.size() ? static_cast<unsigned char>(bytes[at]) : 0U; };
    const unsigned bits = (byte(i) << 16U) | (byte(i + 1) << 8U) | byte(i + 2);
    out += alphabet[bits >> 18U];
    out += alphabet[(bits >> 12U) & 63U];
    out += i + 1 < bytes.size() ? alphabet[(bits >> 6U) & 63U] : '=';
    out += i + 2 < bytes.size() ? alphabet[bits & 63U] : '=';
  }
  return out;
}

std::string without_tags(std::string_view html) {
  std::string out;
  bool inside = false;
  for (const char c : html) {
    const bool blank = c == '<' || c == '\n' || c == '\r' || c == ' ';
    if (blank && !out.empty() && out.back() != ' ') out += ' ';
    if (c == '<' || c == '>') {
      inside = c == '<';
    } else if (!inside && !blank) {
      out += c;
    }
  }
  return std::string(trim(out));
}

}  // namespace alertscaler::text
