// The table of matchers: what Alertmanager's documentation and its two parsers say, in cases of our own.
#include "model/matcher.h"

#include "base/regex.h"
#include "support/catch.h"

using namespace alertscaler;

namespace {

std::string parsed(const std::string& text) {
  const auto matchers = parse_matchers(text);
  if (!matchers) return "error: " + matchers.error().message;
  std::string out;
  for (const Matcher& matcher : *matchers) out += (out.empty() ? "" : " ") + to_string(matcher);
  return out;
}

bool matches(const std::string& text, const Labels& labels) {
  const auto matchers = parse_matchers(text);
  REQUIRE(matchers.has_value());
  REQUIRE(!matchers->empty());
  return all_match(*matchers, labels);
}

struct Case {
  std::string text, result;
};

}  // namespace

TEST_CASE("matchers in the classic syntax") {
  const auto c = GENERATE(values<Case>({
      {R"(foo="bar")", R"(foo="bar")"},
      {R"(foo!="bar")", R"(foo!="bar")"},
      {R"(foo=~"bar")", R"(foo=~"bar")"},
      {R"(foo!~"bar")", R"(foo!~"bar")"},
      // quotes are optional, blanks around do not matter, inside they do
      {"foo=bar", R"(foo="bar")"},
      {"  foo \t=~  bar.* \n", R"(foo=~"bar.*")"},
      {"foo = bar baz ", R"(foo="bar baz")"},
      {R"(foo=" bar ")", R"(foo=" bar ")"},
      {"foo=", R"(foo="")"},
      {R"(foo="")", R"(foo="")"},
      {"foo==bar", R"(foo="=bar")"},
      {"foo=!bar", R"(foo="!bar")"},
      {"_f1:x=bar", R"(_f1:x="bar")"},
      {"foo=bär", R"(foo="bär")"},
      // escapes: a quote, a backslash and a line break; any other backslash is one
      {R"(foo="a\"b\\c\nd")", R"(foo="a\"b\\c\nd")"},
      {R"(foo=~"\d+\.\w")", R"(foo=~"\\d+\\.\\w")"},
      {R"(foo=bar\)", R"(foo="bar\\")"},
      // several, in braces or not; a comma at the end is allowed
      {R"(foo="bar",baz!~"q.*")", R"(foo="bar" baz!~"q.*")"},
      {R"({foo="bar", baz="qux"})", R"(foo="bar" baz="qux")"},
      {R"({foo="a,b", baz="}"})", R"(foo="a,b" baz="}")"},
      {"foo=bar, ", R"(foo="bar")"},
      {"{foo=bar", R"(foo="bar")"},
      {"foo=bar}", R"(foo="bar")"},
      {"foo={}", R"(foo="{")"},  // as there: a brace at the end is taken off first
      {"", ""},
      {"{}", ""},
      {"{", ""},
      {"  ", ""},
  }));
  CAPTURE(c.text);
  CHECK(parsed(c.text) == c.result);
}

TEST_CASE("matchers in the UTF-8 syntax, where the classic one cannot read them") {
  const auto c = GENERATE(values<Case>({
      {R"("foo"="bar")", R"(foo="bar")"},
      {R"("foo bar" =~ "baz|qux")", R"(foo bar=~"baz|qux")"},
      {R"("größe"="1")", R"(größe="1")"},
      {R"(größe!="1")", R"(größe!="1")"},
      {"größe=groß", R"(größe="groß")"},
      {R"("温度"!~"\\d+")", R"(温度!~"\\d+")"},
      {R"(foo.bar="1")", R"(foo.bar="1")"},
      {R"(0foo=1)", R"(0foo="1")"},
      {R"("a,b"="c", d=e)", R"(a,b="c" d="e")"},
      {R"({"foo"="bar", "b z"!="q",})", R"(foo="bar" b z!="q")"},
      {R"( { "foo" = "bar" } )", R"(foo="bar")"},
      {R"("🙂"="\U0001F642")", "🙂=\"🙂\""},
      {R"("f"="A\x42\103\t\"\\")", "f=\"ABC\\t\\\"\\\\\""},
      {R"("f"="\xc3\xbc \u00fc")", R"(f="ü ü")"},
      {"\"f\"\xC2\xA0=\xE3\x80\x80g", R"(f="g")"},  // blanks of other scripts
      {R"("f"="{}!=~,'`")", R"(f="{}!=~,'`")"},
  }));
  CAPTURE(c.text);
  CHECK(parsed(c.text) == c.result);
}

TEST_CASE("what is no matcher is refused with the place and what was expected there") {
  const auto c = GENERATE(values<Case>({
      {"foo", "character 4: expected an operator (=, !=, =~ or !~), found the end"},
      {"foo bar", "character 5: expected an operator (=, !=, =~ or !~), found \"bar\""},
      {"foo!bar", "character 4: expected an operator (=, !=, =~ or !~), found \"!bar\""},
      {"foo~bar", "character 4: expected an operator (=, !=, =~ or !~), found \"~bar\""},
      {"größe > 5", "character 7: expected an operator (=, !=, =~ or !~), found \"> 5\""},
      {"=bar", "character 1: expected the name of a label, found \"=bar\""},
      {R"(""="bar")",
       "character 3: expected the name of a label that is not empty before this, found \"=\\\"bar\\\"\""},
      {"größe=", "character 7: expected a value; an empty one is written \"\", found the end"},
      {R"(foo="bar)", "character 5: the quote that opens here is not closed"},
      {R"(foo=bar")", "character 8: expected a comma, found \"\\\"\""},
      {R"(foo="b"ar")", "character 8: expected a comma, found \"ar\\\"\""},
      {R"("foo="bar")", "character 7: expected an operator (=, !=, =~ or !~), found \"bar\\\"\""},
      {R"(foo='bar'x")", "character 5: expected a value; an empty one is written \"\", found \"'bar'x\\\"\""},
      {R"("f"="\d+")", "character 6: this is no escape: a backslash itself is written \\\\"},
      {R"("f"="\x4")", "character 6: this is no escape: a backslash itself is written \\\\"},
      {R"("f"="\400")", "character 6: this is no escape: a backslash itself is written \\\\"},
      {R"("f"="\ud800")", "character 6: this is no escape: a backslash itself is written \\\\"},
      {R"("f"="\U00110000")", "character 6: this is no escape: a backslash itself is written \\\\"},
      {R"("f"="\)", "character 6: this is no escape: a backslash itself is written \\\\"},
      {R"("f"="\xff")", "character 5: the escapes in here make bytes that are not UTF-8"},
      {"\"f\"=\"a\nb\"", "character 7: a line break inside of quotes is written \\n"},
      {R"({"f"="g")", "character 9: expected a comma or }, found the end"},
      {R"("f"="g"})", "character 8: expected a comma, found \"}\""},
      {R"({"f"="g"} x)", "character 11: expected nothing after }, found \"x\""},
      {",foo=bar", "character 1: expected the name of a label, found \",foo=bar\""},
      {"foo=bar,,baz=1", "character 9: expected the name of a label, found \",baz=1\""},
      {"foo=~(", "character 6: \"(\" is no regular expression: missing ): ("},
      {R"(foo!~"[b-a]")", "character 6: \"[b-a]\" is no regular expression: invalid character class range: b-a"},
      {R"(foo=~"a{1001}")", "character 6: \"a{1001}\" is no regular expression: invalid repetition size: {1001}"},
      {R"-(foo=~"(?!x)")-", "character 6: \"(?!x)\" is no regular expression: invalid perl operator: (?!"},
      {"foo=\"\xFF\"", "character 6: not UTF-8"},
  }));
  CAPTURE(c.text);
  CHECK(parsed(c.text) == "error: " + c.result);
}

TEST_CASE("what matches what") {
  struct Match {
    std::string matcher;
    Labels labels;
    bool result;
  };
  const auto c = GENERATE(values<Match>({
      {R"(foo="bar")", {{"foo", "bar"}}, true},
      {R"(foo="bar")", {{"foo", "Bar"}}, false},
      {R"(foo="bar")", {}, false},
      {R"(foo!="bar")", {{"foo", "baz"}}, true},
      {R"(foo!="bar")", {{"foo", "bar"}}, false},
      {R"(foo!="bar")", {}, true},
      {R"(foo=~"b.r")", {{"foo", "bar"}}, true},
      {R"(foo!~"b.r")", {{"foo", "bar"}}, false},
      // a label that is missing is an empty one
      {R"(foo="")", {}, true},
      {R"(foo="")", {{"foo", ""}}, true},
      {R"(foo="")", {{"foo", "x"}}, false},
      {R"(foo!="")", {}, false},
      {R"(foo=~".*")", {}, true},
      {R"(foo=~".+")", {}, false},
      {R"(foo!~".+")", {}, true},
      // expressions are anchored, alternatives as a whole
      {R"(foo=~"ba")", {{"foo", "bar"}}, false},
      {R"(foo=~"ar")", {{"foo", "bar"}}, false},
      {R"(foo=~"bar|baz")", {{"foo", "baz"}}, true},
      {R"(foo=~"bar|baz")", {{"foo", "bar2"}}, false},
      {R"(foo=~"bar|baz")", {{"foo", "xbaz"}}, false},
      {R"(foo!~"bar|baz")", {{"foo", "xbaz"}}, true},
      {R"(foo=~"a.b")", {{"foo", "a\nb"}}, false},
      {R"(foo=~"(?s)a.b")", {{"foo", "a\nb"}}, true},
      {R"(foo=~"(?i)BAR")", {{"foo", "bar"}}, true},
      {R"(foo=~"b.r")", {{"foo", "bär"}}, true},  // a dot is a character, not a byte
      {R"(foo=~"\\pL+")", {{"foo", "größe"}}, true},
      {R"("größe"="1")", {{"größe", "1"}}, true},
      // all of them
      {R"({a="1", b!="2"})", {{"a", "1"}}, true},
      {R"({a="1", b!="2"})", {{"a", "1"}, {"b", "2"}}, false},
  }));
  CAPTURE(c.matcher);
  CHECK(matches(c.matcher, c.labels) == c.result);
}

TEST_CASE("no expression makes a text expensive") {
  const auto regex = Regex::compile("(a*)*(a|aa)*b");
  REQUIRE(regex.has_value());
  CHECK_FALSE(regex->matches(std::string(1'000'000, 'a')));
}
