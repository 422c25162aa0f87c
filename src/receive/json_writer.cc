#include "receive/json_writer.h"

#include <array>
#include <cstdio>

#include "base/text.h"

namespace alertscaler::receive {
namespace {

bool is_plain(char c) {
  return c >= ' ' && c < 0x7F && c != '"' && c != '\\';
}

}  // namespace

void JsonWriter::separate() {
  if (out_.empty()) return;
  const char last = out_.back();  // a string ends with a quote, so these are structure
  if (last != '{' && last != '[' && last != ':') out_ += ',';
}

void JsonWriter::quote(std::string_view text) {
  out_ += '"';
  std::size_t at = 0;
  while (at < text.size()) {
    std::size_t end = at;
    while (end < text.size() && is_plain(text[end])) ++end;
    out_.append(text, at, end - at);
    at = end;
    if (at == text.size()) break;
    // One character that needs care, as json_quote writes it, without its quotes.
    const std::size_t length = std::max<std::size_t>(1, text::utf8_length(text, at));
    const std::string quoted = text::json_quote(text.substr(at, length));
    out_.append(quoted, 1, quoted.size() - 2);
    at += length;
  }
  out_ += '"';
}

JsonWriter& JsonWriter::key(std::string_view name) {
  separate();
  quote(name);
  out_ += ':';
  return *this;
}

JsonWriter& JsonWriter::value(std::string_view text) {
  separate();
  quote(text);
  return *this;
}

JsonWriter& JsonWriter::value(Instant time) {
  return value(text::format_time(time));
}

JsonWriter& JsonWriter::value(const Labels& labels) {
  begin_object();
  for (const auto& [name, content] : labels) key(name).value(content);
  return end_object();
}

JsonWriter& JsonWriter::seconds(Duration duration) {
  std::array<char, 32> buffer{};
  const auto length = std::snprintf(buffer.data(), buffer.size(), "%.3f", static_cast<double>(duration.count()) / 1000);
  std::string_view number(buffer.data(), static_cast<std::size_t>(length));
  while (number.ends_with('0')) number.remove_suffix(1);
  if (number.ends_with('.')) number.remove_suffix(1);
  return raw(number);
}

JsonWriter& JsonWriter::raw(std::string_view text) {
  separate();
  out_ += text;
  return *this;
}

JsonWriter& JsonWriter::open(char bracket) {
  separate();
  out_ += bracket;
  return *this;
}

JsonWriter& JsonWriter::close(char bracket) {
  out_ += bracket;
  return *this;
}

}  // namespace alertscaler::receive
