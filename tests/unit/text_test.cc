#include "base/text.h"

#include <limits>

#include "support/catch.h"

using namespace alertscaler;
using namespace std::chrono_literals;

TEST_CASE("durations are Prometheus'") {
  struct Case {
    std::string in;
    Duration out;
    std::string back;
  };
  const auto c = GENERATE(values<Case>({{"0", 0ms, "0s"},
                                        {"500ms", 500ms, "500ms"},
                                        {"90s", 90s, "1m30s"},
                                        {"1h30m", 90min, "1h30m"},
                                        {"1d", 24h, "1d"},
                                        {"2w", 336h, "14d"},
                                        {"1y", 8760h, "365d"},
                                        {"1m1ms", 60'001ms, "1m1ms"}}));
  CAPTURE(c.in);
  REQUIRE(text::parse_duration(c.in).has_value());
  CHECK(text::parse_duration(c.in).value() == c.out);
  CHECK(text::format_duration(c.out) == c.back);
}

TEST_CASE("what is no duration is refused with what was expected") {
  const auto in = GENERATE(values<std::string>(
      {"", "5", "m", "5x", "-5m", "5m ", "1m1h", "1m1m", "1.5h", "5 m", "99999999999999999999s", "300y"}));
  CAPTURE(in);
  REQUIRE_FALSE(text::parse_duration(in).has_value());
  CHECK_THAT(text::parse_duration(in).error().message, ContainsSubstring(in));
}

TEST_CASE("times are RFC 3339 and come back in UTC") {
  struct Case {
    std::string in, out;
  };
  const auto c = GENERATE(values<Case>({{"2026-01-02T03:04:05Z", "2026-01-02T03:04:05Z"},
                                        {"2026-01-02T03:04:05.678901234Z", "2026-01-02T03:04:05.678Z"},
                                        {"2026-01-02T05:04:05+02:00", "2026-01-02T03:04:05Z"},
                                        {"2026-01-01T23:34:05-03:30", "2026-01-02T03:04:05Z"},
                                        {"1969-12-31T23:59:59.5Z", "1969-12-31T23:59:59.500Z"},
                                        {"0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"},
                                        {"2024-02-29t00:00:00z", "2024-02-29T00:00:00Z"}}));
  CAPTURE(c.in);
  REQUIRE(text::parse_time(c.in).has_value());
  CHECK(text::format_time(text::parse_time(c.in).value()) == c.out);
}

TEST_CASE("what is no time is refused") {
  const auto in = GENERATE(values<std::string>({"", "now", "2026-01-02", "2026-13-02T03:04:05Z", "2026-02-30T03:04:05Z",
                                                "2026-01-02T24:04:05Z", "2026-01-02T03:60:05Z", "2026-01-02T03:04:05",
                                                "2026-01-02T03:04:05.Z", "2026-01-02T03:04:05Zx",
                                                "2026-01-02T03:04:05+25:00", "99999-01-01T00:00:00Z"}));
  CAPTURE(in);
  CHECK_FALSE(text::parse_time(in).has_value());
}

TEST_CASE("only year one is the zero time") {
  CHECK(text::is_zero_time(text::parse_time("0001-01-01T00:00:00Z").value()));
  CHECK_FALSE(text::is_zero_time(text::parse_time("1970-01-01T00:00:00Z").value()));
}

TEST_CASE("numbers are read as Go prints them") {
  CHECK(text::parse_number("3").value() == 3);
  CHECK(text::parse_number("1.795e+01").value() == 17.95);
  CHECK(text::parse_number("-2").value() == -2);
  CHECK(text::parse_number("+Inf").value() == std::numeric_limits<double>::infinity());
  CHECK(text::parse_number("NaN").has_value());
  CHECK_FALSE(text::parse_number("many").has_value());
  CHECK_FALSE(text::parse_number("").has_value());
  CHECK_FALSE(text::parse_number("3 replicas").has_value());
  CHECK_FALSE(text::parse_int("3.0").has_value());
  CHECK_FALSE(text::parse_int("99999999999").has_value());
  CHECK(text::parse_int("-7").value() == -7);
}

TEST_CASE("a misspelt word finds the one that was meant, a foreign one finds none") {
  const std::vector<std::string> known{"cooldown", "stabilization", "step", "min", "max"};
  CHECK(text::nearest("cooldwon", known).value() == "cooldown");
  CHECK(text::nearest("Stabilisation", known).value() == "stabilization");
  CHECK(text::nearest("mix", known).has_value());
  CHECK_FALSE(text::nearest("zebra", known).has_value());
}

TEST_CASE("a long text is cut between characters") {
  CHECK(text::shorten("web", 3) == "web");
  CHECK(text::shorten("webs", 3) == "web\xE2\x80\xA6");
  CHECK(text::shorten("w\xC3\xA4g", 2) == "w\xE2\x80\xA6");
  CHECK(text::shorten("\x80\x80\x80", 2) == "\xE2\x80\xA6");
}

TEST_CASE("only whole and shortest forms are UTF-8") {
  struct Case {
    std::string bytes;
    std::size_t length;
  };
  const auto c = GENERATE(values<Case>({{"a", 1},
                                        {"\xC3\xA4", 2},
                                        {"\xE2\x82\xAC", 3},
                                        {"\xF0\x9F\x90\x8B", 4},
                                        {"\xC3", 0},
                                        {"\x80", 0},
                                        {"\xC0\xAF", 0},
                                        {"\xE0\x80\xAF", 0},
                                        {"\xED\xA0\x80", 0},
                                        {"\xF4\x90\x80\x80", 0},
                                        {"\xFF", 0}}));
  CAPTURE(text::json_quote(c.bytes));
  CHECK(text::utf8_length(c.bytes, 0) == c.length);
}
