// One line per event, logfmt or JSON, to stderr: an event's name and pairs, never assembled prose.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "base/result.h"

namespace alertscaler::log {

enum class Level { debug, info, warn, error };
enum class Format { logfmt, json };

struct Field {
  std::string_view key;
  std::string value;
  bool bare = false;  // a number or boolean: JSON writes it without quotes

  Field(std::string_view k, std::string v) : key(k), value(std::move(v)) {}
  Field(std::string_view k, std::string_view v) : key(k), value(v) {}
  Field(std::string_view k, const char* v) : key(k), value(v) {}
  Field(std::string_view k, bool v) : key(k), value(v ? "true" : "false"), bare(true) {}
  template <class T>
  requires(std::is_integral_v<T> && !std::is_same_v<T, bool>) Field(std::string_view k, T v)
      : key(k), value(std::to_string(v)), bare(true) {}
};
using Fields = std::initializer_list<Field>;

// Call once, before the first line and before any thread starts. The default is info and logfmt.
void configure(Level level, Format format);
[[nodiscard]] Result<Level> parse_level(std::string_view text);
[[nodiscard]] Result<Format> parse_format(std::string_view text);

// Thread-safe. A pair without a value is left out. `event` is a dotted name ("action.end"); info: something changed in
// the world; warn: with consequence and next step, once per change of state and not once per pass.
void write(Level level, std::string_view event, Fields fields);
inline void debug(std::string_view event, Fields fields = {}) {
  write(Level::debug, event, fields);
}
inline void info(std::string_view event, Fields fields = {}) {
  write(Level::info, event, fields);
}
inline void warn(std::string_view event, Fields fields = {}) {
  write(Level::warn, event, fields);
}
inline void error(std::string_view event, Fields fields = {}) {
  write(Level::error, event, fields);
}

// One line without its end, exactly as write() prints it after the time; apart so that tests can see it.
[[nodiscard]] std::string render(Format format, std::string_view time, Level level, std::string_view event,
                                 Fields fields);

}  // namespace alertscaler::log
