#include "base/text.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <limits>
#include <numeric>

namespace alertscaler {

std::string_view to_string(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::invalid:
      return "invalid";
    case ErrorKind::not_found:
      return "not_found";
    case ErrorKind::conflict:
      return "conflict";
    case ErrorKind::busy:
      return "busy";
    case ErrorKind::unreachable:
      return "unreachable";
    case ErrorKind::refused:
      return "refused";
    case ErrorKind::storage:
      return "storage";
    case ErrorKind::cancelled:
      return "cancelled";
  }
  return "unknown";
}

namespace text {
namespace {

struct Unit {
  std::string_view name;
  std::int64_t milliseconds;
};
constexpr std::array<Unit, 7> units = {{{"y", 365LL * 86'400'000},
                                        {"w", 7LL * 86'400'000},
                                        {"d", 86'400'000},
                                        {"h", 3'600'000},
                                        {"m", 60'000},
                                        {"s", 1'000},
                                        {"ms", 1}}};
// A century: far beyond any sensible setting, and safe to add to any time.
constexpr std::int64_t duration_ms_max = 100LL * 365 * 86'400'000;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

tl::unexpected<Error> not_a_duration(std::string_view text) {
  return fail(ErrorKind::invalid, "expected a duration such as 30s, 5m or 1h30m, found \"" + std::string(text) + "\"");
}

// Exactly `width` digits at `at`, which moves past them.
std::optional<int> digits(std::string_view text, std::size_t& at, std::size_t width) {
  if (at + width > text.size()) return std::nullopt;
  int value = 0;
  for (std::size_t i = 0; i < width; ++i) {
    if (!is_digit(text[at + i])) return std::nullopt;
    value = value * 10 + (text[at + i] - '0');
  }
  at += width;
  return value;
}

bool take(std::string_view text, std::size_t& at, char c) {
  if (at >= text.size() || std::toupper(static_cast<unsigned char>(text[at])) != c) return false;
  ++at;
  return true;
}

// "Z", "+02:00" or "-07:00" up to the end of the text.
std::optional<std::chrono::minutes> offset(std::string_view text, std::size_t& at) {
  if (take(text, at, 'Z')) return std::chrono::minutes{0};
  if (at >= text.size() || (text[at] != '+' && text[at] != '-')) return std::nullopt;
  const int sign = text[at++] == '+' ? 1 : -1;
  const auto hours = digits(text, at, 2);
  if (!hours || !take(text, at, ':')) return std::nullopt;
  const auto minutes = digits(text, at, 2);
  if (!minutes || *hours > 23 || *minutes > 59) return std::nullopt;
  return std::chrono::minutes{sign * (*hours * 60 + *minutes)};
}

std::size_t edits(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0]++;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
    }
  }
  return row[b.size()];
}

}  // namespace

Result<Duration> parse_duration(std::string_view text) {
  if (text == "0") return Duration{0};
  std::int64_t total = 0;
  std::size_t at = 0;
  std::size_t next_unit = 0;
  while (at < text.size()) {
    std::int64_t amount = 0;
    const auto [end, error] = std::from_chars(text.data() + at, text.data() + text.size(), amount);
    if (error != std::errc{} || !is_digit(text[at])) return not_a_duration(text);
    at = static_cast<std::size_t>(end - text.data());
    std::size_t unit_end = at;
    while (unit_end < text.size() && !is_digit(text[unit_end])) ++unit_end;
    const std::string_view name = text.substr(at, unit_end - at);
    const auto unit = std::find_if(units.begin() + static_cast<std::ptrdiff_t>(next_unit), units.end(),
                                   [&](const Unit& u) { return u.name == name; });
    if (unit == units.end()) return not_a_duration(text);
    if (amount > (duration_ms_max - total) / unit->milliseconds) {
      return fail(ErrorKind::invalid, "duration \"" + std::string(text) + "\" is longer than 100 years");
    }
    total += amount * unit->milliseconds;
    next_unit = static_cast<std::size_t>(unit - units.begin()) + 1;
    at = unit_end;
  }
  if (text.empty()) return not_a_duration(text);
  return Duration{total};
}

std::string format_duration(Duration duration) {
  std::int64_t rest = duration.count();
  std::string out;
  if (rest < 0) {
    out = "-";
    rest = -rest;
  }
  if (rest == 0) return "0s";
  for (const Unit& unit : units) {
    if (unit.name == "y" || unit.name == "w") continue;  // days read better: 30d, not 4w2d
    const std::int64_t amount = rest / unit.milliseconds;
    if (amount == 0) continue;
    out += std::to_string(amount);
    out += unit.name;
    rest -= amount * unit.milliseconds;
  }
  return out;
}

Result<Instant> parse_time(std::string_view text) {
  const auto wrong = [&] {
    return fail(ErrorKind::invalid,
                "expected an RFC 3339 time such as 2026-01-02T03:04:05Z, found \"" + std::string(text) + "\"");
  };
  std::size_t at = 0;
  const auto year = digits(text, at, 4);
  if (!year || !take(text, at, '-')) return wrong();
  const auto month = digits(text, at, 2);
  if (!month || !take(text, at, '-')) return wrong();
  const auto day = digits(text, at, 2);
  if (!day || !(take(text, at, 'T') || take(text, at, ' '))) return wrong();
  const auto hour = digits(text, at, 2);
  if (!hour || !take(text, at, ':')) return wrong();
  const auto minute = digits(text, at, 2);
  if (!minute || !take(text, at, ':')) return wrong();
  const auto second = digits(text, at, 2);
  if (!second) return wrong();
  int millis = 0;
  if (take(text, at, '.')) {
    std::size_t count = 0;
    for (int scale = 100; at < text.size() && is_digit(text[at]); ++at, ++count, scale /= 10) {
      millis += (text[at] - '0') * scale;
    }
    if (count == 0) return wrong();
  }
  const auto zone = offset(text, at);
  const std::chrono::year_month_day date{std::chrono::year{*year}, std::chrono::month{static_cast<unsigned>(*month)},
                                         std::chrono::day{static_cast<unsigned>(*day)}};
  // 60 is a leap second.
  if (!zone || at != text.size() || !date.ok() || *hour > 23 || *minute > 59 || *second > 60) return wrong();
  return Instant{std::chrono::sys_days{date} + std::chrono::hours{*hour} + std::chrono::minutes{*minute} +
                 std::chrono::seconds{*second} + std::chrono::milliseconds{millis} - *zone};
}

std::string format_time(Instant time) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date{day};
  const std::chrono::hh_mm_ss clock{time - day};
  std::array<char, 48> buffer{};
  const auto millis = static_cast<int>(clock.subseconds().count());
  int length = std::snprintf(buffer.data(), buffer.size(), "%04d-%02u-%02uT%02d:%02d:%02d",
                             static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                             static_cast<unsigned>(date.day()), static_cast<int>(clock.hours().count()),
                             static_cast<int>(clock.minutes().count()), static_cast<int>(clock.seconds().count()));
  std::string out(buffer.data(), static_cast<std::size_t>(length));
  if (millis != 0) {
    length = std::snprintf(buffer.data(), buffer.size(), ".%03d", millis);
    out.append(buffer.data(), static_cast<std::size_t>(length));
  }
  return out + "Z";
}

bool is_zero_time(Instant time) {
  constexpr auto zero = std::chrono::sys_days{std::chrono::year{1} / std::chrono::January / 1};
  return time == zero;
}

std::optional<int> parse_int(std::string_view text) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<double> parse_number(std::string_view text) {
  text = trim(text);
  if (text.starts_with('+')) text.remove_prefix(1);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (end != text.data() + text.size() || text.empty()) return std::nullopt;
  if (error == std::errc::result_out_of_range) return std::numeric_limits<double>::infinity();
  if (error != std::errc{}) return std::nullopt;
  return value;
}

std::optional<std::string> nearest(std::string_view word, std::span<const std::string> candidates) {
  std::optional<std::string> best;
  std::size_t best_edits = std::max<std::size_t>(2, word.size() / 3) + 1;
  for (const std::string& candidate : candidates) {
    const std::size_t distance = edits(to_lower(word), to_lower(candidate));
    if (distance < best_edits && distance < candidate.size()) {
      best = candidate;
      best_edits = distance;
    }
  }
  return best;
}

std::string_view trim(std::string_view text) {
  constexpr std::string_view blanks = " \t\r\n";
  const std::size_t first = text.find_first_not_of(blanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

std::string to_lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return out;
}

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  std::size_t start = 0;
  for (std::size_t end = text.find(separator); end != std::string_view::npos; end = text.find(separator, start)) {
    parts.emplace_back(text.substr(start, end - start));
    start = end + 1;
  }
  parts.emplace_back(text.substr(start));
  return parts;
}

std::string join(std::span<const std::string> parts, std::string_view separator) {
  std::string out;
  for (const std::string& part : parts) {
    if (!out.empty()) out += separator;
    out += part;
  }
  return out;
}

std::string shorten(std::string_view text, std::size_t bytes_max) {
  if (text.size() <= bytes_max) return std::string(text);
  std::size_t end = bytes_max;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
  return std::string(text.substr(0, end)) + "\xE2\x80\xA6";
}

std::size_t utf8_length(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(at);
  const std::size_t length = lead < 0x80                   ? 1
                             : lead >= 0xC2 && lead < 0xE0 ? 2
                             : lead >= 0xE0 && lead < 0xF0 ? 3
                             : lead >= 0xF0 && lead < 0xF5 ? 4
                                                           : 0;
  if (length == 0 || at + length > text.size()) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(at + i) & 0xC0U) != 0x80U) return 0;
  }
  if (length > 2) {  // overlong forms, surrogates and what lies beyond U+10FFFF
    const unsigned char second = byte(at + 1);
    if ((lead == 0xE0 && second < 0xA0) || (lead == 0xED && second > 0x9F) || (lead == 0xF0 && second < 0x90) ||
        (lead == 0xF4 && second > 0x8F)) {
      return 0;
    }
  }
  return length;
}

std::string json_quote(std::string_view text) {
  constexpr std::string_view hex = "0123456789abcdef";
  const auto plain = [](char c) { return c >= ' ' && c < '\x7F' && c != '"' && c != '\\'; };
  std::string out = "\"";
  out.reserve(text.size() + 2);
  for (std::size_t at = 0; at < text.size();) {
    std::size_t end = at;
    while (end < text.size() && plain(text[end])) ++end;
    out += text.substr(at, end - at);  // nearly always all of it
    at = end;
    if (at == text.size()) break;
    const std::size_t length = utf8_length(text, at);
    const char c = text[at];
    if (length == 0) {
      out += "\xEF\xBF\xBD";
      ++at;
      continue;
    }
    if (length > 1) {
      out += text.substr(at, length);
    } else if (c == '"' || c == '\\') {
      out += {'\\', c};
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (c == '\r') {
      out += "\\r";
    } else if (static_cast<unsigned char>(c) < 0x20) {
      out += "\\u00";
      out += {hex[static_cast<unsigned char>(c) >> 4U], hex[static_cast<unsigned char>(c) & 0xFU]};
    } else {
      out += c;
    }
    at += length;
  }
  return out + "\"";
}

}  // namespace text
}  // namespace alertscaler
