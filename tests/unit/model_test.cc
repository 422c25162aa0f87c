#include <limits>

#include "model/alert.h"
#include "model/decision.h"
#include "model/policy.h"
#include "support/catch.h"

using namespace alertscaler;

TEST_CASE("fingerprints are those of Prometheus") {
  CHECK(fingerprint_of({{"alertname", "A"}, {"svc", "web"}}).text == "116013f56c4e2583");
  CHECK(fingerprint_of({}).text == "cbf29ce484222325");
  CHECK(fingerprint_of({{"a", "bc"}}) != fingerprint_of({{"ab", "c"}}));
}

TEST_CASE("a percentage step rounds up and is at least one") {
  struct Case {
    std::string step;
    int observed, expected;
  };
  const auto c = GENERATE(values<Case>(
      {{"2", 7, 2}, {"50%", 3, 2}, {"50%", 4, 2}, {"10%", 1, 1}, {"10%", 0, 1}, {"100%", 5, 5}, {"300%", 2, 6}}));
  CAPTURE(c.step, c.observed);
  CHECK(parse_step(c.step).value().of(c.observed) == c.expected);
}

TEST_CASE("a step cannot overflow") {
  CHECK(Step{2'000'000'000, true}.of(2'000'000'000) == std::numeric_limits<int>::max());
}

TEST_CASE("what is no step is refused") {
  const auto in = GENERATE(values<std::string>({"", "0", "0%", "-1", "1.5", "%", "two", "1%%"}));
  CAPTURE(in);
  CHECK_FALSE(parse_step(in).has_value());
}

TEST_CASE("names and values of the contract are the same both ways") {
  CHECK(parse_alert_action("drain") == AlertAction::drain);
  CHECK_FALSE(parse_alert_action("Up").has_value());
  CHECK(parse_action("restore") == Reason::restore);
  CHECK_FALSE(parse_action("cooldown").has_value());
}
