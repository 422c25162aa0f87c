#include "check/check.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "base/file.h"
#include "base/text.h"
#include "check/expression.h"
#include "check/template.h"
#include "support/catch.h"
#include "support/scratch_dir.h"

using namespace alertscaler;
namespace fs = std::filesystem;

namespace {

const fs::path tests = ALERTSCALER_TESTS_DIR;
const fs::path source = ALERTSCALER_SOURCE_DIR;

std::vector<fs::path> sets_of(const fs::path& folder) {
  std::vector<fs::path> sets;
  for (const auto& entry : fs::directory_iterator(folder)) sets.push_back(entry.path());
  std::sort(sets.begin(), sets.end());
  return sets;
}

check::Input input_of(const fs::path& set) {
  check::Input input;
  input.config_file = set / "alertscaler.yml";
  if (fs::exists(set / "rules.yml")) input.rules = {(set / "rules.yml").string()};
  if (fs::exists(set / "alertmanager.yml")) input.alertmanager_file = set / "alertmanager.yml";
  return input;
}

std::string text_of(const check::Input& input, const fs::path& folder) {
  std::string text = check::as_text(check::check_files(input));
  const std::string prefix = folder.string() + "/";
  for (auto at = text.find(prefix); at != std::string::npos; at = text.find(prefix, at)) text.erase(at, prefix.size());
  return text;
}

// The file `expected` of the set, or with ALERTSCALER_UPDATE_GOLDEN=1 what is then written there.
std::string expected_of(const fs::path& set, const std::string& actual) {
  if (std::getenv("ALERTSCALER_UPDATE_GOLDEN") != nullptr) std::ofstream(set / "expected") << actual;
  return read_file(set / "expected").value_or("");
}

bool has(const std::vector<check::Finding>& findings, check::Severity severity) {
  return std::any_of(findings.begin(), findings.end(), [&](const auto& f) { return f.severity == severity; });
}

// The first YAML example with this key at its top level.
std::string example(const std::string& document, const std::string& key) {
  const std::string fence = "```yaml\n";
  for (auto at = document.find(fence); at != std::string::npos; at = document.find(fence, at + 1)) {
    const auto from = at + fence.size();
    const std::string block = document.substr(from - 1, document.find("```", from) - from + 1);
    if (block.find("\n" + key + ":") != std::string::npos) return block;
  }
  FAIL("no example has the key " << key);
  return {};
}

}  // namespace

TEST_CASE("each set of files with a mistake has that one, said in these words") {
  const auto sets = sets_of(tests / "check_bad");
  REQUIRE(sets.size() > 40);
  for (const fs::path& set : sets) {
    const std::string name = set.filename();
    CAPTURE(name);
    const std::string text = text_of(input_of(set), set);
    CHECK(text == expected_of(set, text));
    const auto findings = check::check_files(input_of(set));
    CHECK((has(findings, check::Severity::error) || has(findings, check::Severity::warning)));
  }
}

TEST_CASE("what may look like a mistake and is none") {
  const auto sets = sets_of(tests / "check_good");
  REQUIRE(sets.size() > 5);
  for (const fs::path& set : sets) {
    const std::string name = set.filename();
    CAPTURE(name);
    const std::string text = text_of(input_of(set), set);
    CHECK_THAT(text, ContainsSubstring("0 errors, 0 warnings"));
    CHECK(text == expected_of(set, text));
  }
}

TEST_CASE("the shipped rules and alertmanager.yml have no mistake, with each shipped configuration") {
  for (const fs::path& config : sets_of(source / "compose/alertscaler")) {
    if (config.filename().string().starts_with("web-")) continue;
    const std::vector<std::string> rules{source / "rules/web.yml", source / "rules/alertscaler.yml"};
    check::Input input{config, rules, source / "alertmanager/alertmanager.yml", 9095};
    const std::string text = text_of(input, source);
    CAPTURE(config.string(), text);
    CHECK_THAT(text, ContainsSubstring("0 errors, 0 warnings"));
    CHECK_THAT(text, ContainsSubstring("web: Alertmanager sends the first alert of a group after 5s"));
    CHECK_THAT(text, ContainsSubstring("fires is sent every 30s"));
  }
}

TEST_CASE("the examples of the README have no mistake together") {
  const std::string readme = read_file(source / "README.md").value();
  const test::ScratchDir scratch;
  const fs::path folder = scratch.path();
  std::ofstream(folder / "alertscaler.yml") << example(readme, "targets");
  std::ofstream(folder / "rules.yml") << example(readme, "groups");
  std::ofstream(folder / "alertmanager.yml") << example(readme, "route");
  const std::string text = text_of(input_of(folder), folder);
  CAPTURE(text);
  CHECK_THAT(text, ContainsSubstring("0 errors, 0 warnings"));
}

TEST_CASE("a pattern without a file, and files that are not there, are errors") {
  const test::ScratchDir scratch;
  const fs::path folder = scratch.path();
  check::Input input{folder / "alertscaler.yml", {(folder / "*.rules").string()}, folder / "alertmanager.yml", {}};
  const std::string text = text_of(input, folder);
  CHECK_THAT(text, ContainsSubstring("alertscaler.yml: error: cannot be read: "));
  CHECK_THAT(text, ContainsSubstring("*.rules: error: no file has such a name"));
  CHECK_THAT(text, ContainsSubstring("alertmanager.yml: error: cannot be read: "));
  CHECK_THAT(text, ContainsSubstring("3 errors, 0 warnings\n"));
}

TEST_CASE("with the address, only a webhook with its port is alertscaler's") {
  check::Input input = input_of(tests / "check_good/plain");
  CHECK_FALSE(check::has_errors(check::check_files(input)));
  input.port = 9095;
  CHECK_FALSE(check::has_errors(check::check_files(input)));
  input.port = 9096;
  const auto findings = check::check_files(input);
  REQUIRE(check::has_errors(findings));
  CHECK_THAT(check::as_text(findings), ContainsSubstring("no receiver has a webhook of alertscaler"));
}

TEST_CASE("findings as JSON") {
  std::vector<check::Finding> findings;
  CHECK(check::as_json(findings) == "{\n  \"findings\": [],\n  \"errors\": 0,\n  \"warnings\": 0\n}\n");
  findings.push_back({check::Severity::error, "a.yml", {3, 7}, "say \"so\""});
  findings.push_back({check::Severity::warning, "b.yml", {}, "why"});
  const std::string json = check::as_json(findings);
  CHECK_THAT(json, ContainsSubstring("\"line\": 3,\n      \"column\": 7,\n      \"message\": \"say \\\"so\\\"\""));
  CHECK_THAT(json, ContainsSubstring("\"line\": null,\n      \"column\": null,"));
  CHECK_THAT(json, ContainsSubstring("\"errors\": 1,\n  \"warnings\": 1"));
}

TEST_CASE("what two conditions have in common") {
  struct Case {
    std::string a, b, values;  // empty: nothing
  };
  const auto c = GENERATE(values<Case>({
      {"x > 20", "x < 25", "above 20 and below 25"},
      {"x > 20", "x < 20", ""},
      {"x >= 20", "x <= 20", "20"},
      {"x >= 20", "x < 20", ""},
      {"x > 20", "x == 20", ""},
      {"x > 20", "x == 21", "21"},
      {"x > 20", "x > 30", "above 30"},
      {"x < 1e3", "x > -5", "above -5 and below 1000"},
      {"x > 20", "y < 25", ""},
      {"20 < x", "x<25", "above 20 and below 25"},
      {"(x > 20)", "((x) < 25)", ""},  // (x) is written as another expression
      {"(x > 20)", "(x < 25)", "above 20 and below 25"},
      // blanks, line breaks and comments do not matter
      {"sum by (job) (rate(x[1m])) > 20", "sum  by(job)\n# low\n(rate( x[1m] ))<25", "above 20 and below 25"},
      {"rate(x{a=\"# >\"}[1m]) > 20", "rate(x{a='# >'}[1m]) < 25", ""},
      {"rate(x{a=\"# >\"}[1m]) > 20", "rate(x{ a = \"# >\" }[1m]) < 25", "above 20 and below 25"},
      // all conditions of both must hold
      {"x > 20 and y > 1", "x < 25 and y < 1", ""},
      {"x > 20 and y > 1", "x < 25 and y < 2", "above 20 and below 25"},
      {"x > 20 and on (job) y > 1", "y < 2", "above 1 and below 2"},
      {"x > 20 and (y > 1 and z > 1)", "z < 2", "above 1 and below 2"},
      // what is not understood says nothing
      {"x > 20 or y > 1", "x < 25", ""},
      {"x > 20 unless y", "x < 25", ""},
      {"x > bool 20", "x < 25", ""},
      {"x > y", "x < 25", ""},
      {"x != 3", "x < 25", ""},
      {"x", "x < 25", ""},
      {"", "x < 25", ""},
      {"x > 20 (", "x < 25", ""},
      {"x > 'a", "x < 25", ""},
  }));
  CAPTURE(c.a, c.b);
  for (const auto& [a, b] : {std::pair(c.a, c.b), std::pair(c.b, c.a)}) {
    const auto both = check::overlap(check::condition_of(a), check::condition_of(b));
    CHECK((both ? both->values : "") == c.values);
  }
}

TEST_CASE("an expression of brackets alone is left alone") {
  const std::string deep(1'000'000, '(');
  CHECK_FALSE(check::overlap(check::condition_of(deep + "x > 1"), check::condition_of("x < 2")));
  const std::string closed = std::string(1000, '(') + "x > 1" + std::string(1000, ')');
  CHECK_FALSE(check::overlap(check::condition_of(closed), check::condition_of("x < 2")));
}

TEST_CASE("templates") {
  CHECK(check::is_template("a {{ $value }}"));
  CHECK_FALSE(check::is_template("{ $value }"));
  CHECK(check::prints_the_value("{{ printf \"%.0f\" $value }}"));
  CHECK(check::prints_the_value("{{ .Value }}"));
  CHECK_FALSE(check::prints_the_value("$value of {{ $labels.job }}"));
  CHECK(check::prints_units("{{ $value | humanizePercentage }}"));
  CHECK(check::with_numbers("{{ $value }}") == "1");
  CHECK(check::with_numbers("{{ $value }}0{{ $x }}%") == "101%");
  CHECK(check::with_numbers("a {{ never closed") == "a 1");
  CHECK(check::with_numbers("plain") == "plain");
}
