#include "base/log.h"

#include "support/catch.h"

using namespace alertscaler;

TEST_CASE("logfmt quotes only what needs it") {
  CHECK(log::render(
            log::Format::logfmt, "T", log::Level::info, "action.end",
            {{"target", "web"}, {"to", 4}, {"text", "two words"}, {"quote", "a\"b"}, {"empty", ""}, {"dry", true}}) ==
        R"(ts=T level=info event=action.end target=web to=4 text="two words" quote="a\"b" dry=true)");
}

TEST_CASE("json lines escape every control character and keep numbers bare") {
  CHECK(log::render(log::Format::json, "T", log::Level::warn, "e", {{"n", 4}, {"s", "a\n\x01\"\\"}, {"bad", "\xFF"}}) ==
        "{\"ts\":\"T\",\"level\":\"warn\",\"event\":\"e\",\"n\":4,\"s\":\"a\\n\\u0001\\\"\\\\\",\"bad\":"
        "\"\xEF\xBF\xBD\"}");
}

TEST_CASE("a line break cannot forge a second line") {
  const std::string line = log::render(log::Format::logfmt, "T", log::Level::info, "e", {{"s", "a\nlevel=error"}});
  CHECK(line.find('\n') == std::string::npos);
}

TEST_CASE("levels and formats are named exactly") {
  CHECK(log::parse_level("warn").value() == log::Level::warn);
  CHECK(log::parse_level("WARN").error().message == "expected debug, info, warn or error, found \"WARN\"");
  CHECK(log::parse_format("json").value() == log::Format::json);
  CHECK_FALSE(log::parse_format("text").has_value());
}
