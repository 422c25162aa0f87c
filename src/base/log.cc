#include "base/log.h"

#include <algorithm>
#include <memory>

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include "base/text.h"

namespace alertscaler::log {
namespace {

struct Output {
  Format format = Format::logfmt;
  std::shared_ptr<spdlog::logger> logger = [] {
    auto made = std::make_shared<spdlog::logger>("alertscaler", std::make_shared<spdlog::sinks::stderr_sink_mt>());
    made->set_pattern("%v");
    made->set_level(spdlog::level::info);
    made->flush_on(spdlog::level::debug);
    return made;
  }();
};

// The one global: the logger, as style allows.
Output& output() {
  static Output instance;
  return instance;
}

spdlog::level::level_enum to_spdlog(Level level) {
  switch (level) {
    case Level::debug:
      return spdlog::level::debug;
    case Level::info:
      return spdlog::level::info;
    case Level::warn:
      return spdlog::level::warn;
    case Level::error:
      return spdlog::level::err;
  }
  return spdlog::level::err;
}

std::string_view name_of(Level level) {
  switch (level) {
    case Level::debug:
      return "debug";
    case Level::info:
      return "info";
    case Level::warn:
      return "warn";
    case Level::error:
      return "error";
  }
  return "error";
}

bool needs_quotes(std::string_view value) {
  return std::any_of(value.begin(), value.end(), [](char c) {
    return c <= ' ' || c == '=' || c == '"' || c == '\\' || static_cast<unsigned char>(c) >= 0x7F;
  });
}

}  // namespace

void configure(Level level, Format format) {
  output().format = format;
  output().logger->set_level(to_spdlog(level));
}

Result<Level> parse_level(std::string_view text) {
  for (const Level level : {Level::debug, Level::info, Level::warn, Level::error}) {
    if (name_of(level) == text) return level;
  }
  return fail(ErrorKind::invalid, "expected debug, info, warn or error, found \"" + std::string(text) + "\"");
}

Result<Format> parse_format(std::string_view text) {
  if (text == "logfmt") return Format::logfmt;
  if (text == "json") return Format::json;
  return fail(ErrorKind::invalid, "expected logfmt or json, found \"" + std::string(text) + "\"");
}

void write(Level level, std::string_view event, Fields fields) {
  Output& out = output();
  if (!out.logger->should_log(to_spdlog(level))) return;
  out.logger->log(to_spdlog(level), "{}",
                  render(out.format, text::format_time(SystemClock{}.now()), level, event, fields));
}

std::string render(Format format, std::string_view time, Level level, std::string_view event, Fields fields) {
  std::string line;
  if (format == Format::json) {
    line = "{\"ts\":" + text::json_quote(time) + ",\"level\":" + text::json_quote(name_of(level)) +
           ",\"event\":" + text::json_quote(event);
    for (const Field& field : fields) {
      if (field.value.empty()) continue;
      line += "," + text::json_quote(field.key) + ":" + (field.bare ? field.value : text::json_quote(field.value));
    }
    return line + "}";
  }
  line = "ts=" + std::string(time) + " level=" + std::string(name_of(level)) + " event=" + std::string(event);
  for (const Field& field : fields) {
    if (field.value.empty()) continue;
    line += " " + std::string(field.key) + "=" +
            (field.bare || !needs_quotes(field.value) ? field.value : text::json_quote(field.value));
  }
  return line;
}

}  // namespace alertscaler::log
