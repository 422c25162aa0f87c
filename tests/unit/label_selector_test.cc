// What a selector of labels may look like: the API server's own parser says so.
#include "config/label_selector.h"

#include "support/catch.h"

using namespace alertscaler;

TEST_CASE("selectors that the API server takes have no problem") {
  const auto selector = GENERATE(values<std::string>({
      "",
      "  ",
      "node-role.kubernetes.io/worker=",
      "role=worker",
      "role==worker",
      "role = worker , zone != a",
      "role!=",
      "gpu",
      "!gpu",
      "! example.io/gpu, role=worker",
      "zone in (a, b),zone notin (c)",
      "zone in(a)",
      "zone in (,a,)",
      "cores>4,cores<64",
      "in=in,notin in (in,notin)",
      "a=1,a.b_c-D=x_Y.z-0",
  }));
  CAPTURE(selector);
  CHECK_FALSE(config::wrong_with_selector(selector).has_value());
}

TEST_CASE("what is no selector is told where it goes wrong") {
  const std::string long_name(64, 'a');
  const auto [selector, part] = GENERATE_COPY(values<std::pair<std::string, std::string>>({
      {"role=worker pool", "expected \",\" or the end, found \"pool\""},
      {"role=worker,", "another requirement after the last \",\""},
      {",role=worker", "the name of a label, found \",\""},
      {"=worker", "the name of a label, found \"=\""},
      {"!", "the name of a label, found the end"},
      {"!gpu=yes", "expected \",\" or the end, found \"=\""},
      {"role===worker", "the value of a label, found \"=\""},
      {"role worker", "expected =, !=, in or notin after role, found \"worker\""},
      {"role IN (a)", "found \"IN\""},
      {"zone in a", "expected \"(\" after in, found \"a\""},
      {"zone in ()", "in needs at least one value"},
      {"zone in (a b)", "expected \",\" or \")\", found \"b\""},
      {"zone in (a", "expected \",\" or \")\", found the end"},
      {"zone in (-a)", "\"-a\" is no value of a label"},
      {"role=" + long_name, "is no value of a label"},
      {long_name, "is no name of a label"},
      {"Example.io/role", "is no name of a label"},
      {"a/b/c", "\"a/b/c\" is no name of a label"},
      {"/role", "is no name of a label"},
      {"rôle", "is no name of a label"},
      {"cores>many", "expected a whole number, found \"many\""},
      {"role=\"worker\"", "is no value of a label"},
  }));
  CAPTURE(selector, part);
  const auto wrong = config::wrong_with_selector(selector);
  REQUIRE(wrong.has_value());
  CHECK_THAT(*wrong, ContainsSubstring(part));
}
