#include "receive/chunked.h"
#include "receive/http_head.h"
#include "support/catch.h"

using namespace alertscaler::receive;

namespace {

// What becomes of a request whose head is `text`, all at once.
Refusal outcome_of(const std::string& text, Head& head) {
  HeadScanner scanner;
  const auto length = scanner.scan(text);
  if (scanner.refusal()) return *scanner.refusal();
  if (!length) return {0, "incomplete"};
  return parse_head(std::string_view(text).substr(0, *length), head).value_or(Refusal{200, ""});
}

int status_of(const std::string& text) {
  Head head;
  return outcome_of(text, head).status;
}

const std::string host = "Host: h\r\n";

}  // namespace

TEST_CASE("a head in order is understood") {
  Head head;
  const std::string text =
      "POST /webhook?wait=1s HTTP/1.1\r\nHost: h:9095\r\nUser-Agent: Alertmanager/0.25.0\r\nContent-Length: "
      "12\r\nX-Empty:\r\n\r\n";
  REQUIRE(outcome_of(text, head).status == 200);
  CHECK(head.method == "POST");
  CHECK(head.target == "/webhook?wait=1s");
  CHECK(head.path() == "/webhook");
  CHECK(head.content_length == 12);
  CHECK(head.has_body());
  CHECK(head.keep_alive);
  CHECK(head.find("user-agent") == "Alertmanager/0.25.0");
  CHECK(head.find("x-empty") == "");
  CHECK_FALSE(head.find("x-other"));
}

TEST_CASE("a head that arrives in pieces is found where it ends") {
  const std::string text = "\r\nGET / HTTP/1.1\r\n" + host + "\r\nthe next request";
  HeadScanner scanner;
  const std::size_t end = text.find("\r\n\r\n") + 4;
  for (std::size_t length = 1; length < end; ++length) REQUIRE_FALSE(scanner.scan(text.substr(0, length)));
  CHECK(scanner.scan(text.substr(0, end)) == end);
  Head head;
  CHECK_FALSE(parse_head(text.substr(0, end), head));
}

TEST_CASE("heads that are good") {
  struct Case {
    std::string name;
    std::string text;
    std::string target;
    bool keep_alive;
    bool chunked;
  };
  const auto c = GENERATE_COPY(values<Case>(
      {{"the connection is kept in 1.1", "GET / HTTP/1.1\r\n" + host + "\r\n", "/", true, false},
       {"and not in 1.0", "GET / HTTP/1.0\r\n\r\n", "/", false, false},
       {"unless it is asked for", "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", "/", true, false},
       {"close is heard in a list", "GET / HTTP/1.1\r\n" + host + "Connection: foo, Close\r\n\r\n", "/", false, false},
       {"names are of any case", "GET / HTTP/1.1\r\nhOSt: h\r\ntransfer-ENCODING: Chunked\r\n\r\n", "/", true, true},
       {"an absolute target", "GET http://h:1/metrics HTTP/1.1\r\n" + host + "\r\n", "/metrics", true, false},
       {"one without a path", "GET HTTP://h HTTP/1.1\r\n" + host + "\r\n", "/", true, false},
       {"question marks in a query", "GET /a?b?c=? HTTP/1.1\r\n" + host + "\r\n", "/a?b%3Fc=%3F", true, false},
       {"an asterisk", "OPTIONS * HTTP/1.1\r\n" + host + "\r\n", "*", true, false},
       {"a tab in a value", "GET / HTTP/1.1\r\n" + host + "X: a\tb\r\n\r\n", "/", true, false},
       {"a value of Latin-1", "GET / HTTP/1.1\r\n" + host + "X: \xE9\r\n\r\n", "/", true, false}}));
  CAPTURE(c.name);
  Head head;
  CHECK(outcome_of(c.text, head) == Refusal{200, ""});
  CHECK(head.target == c.target);
  CHECK(head.keep_alive == c.keep_alive);
  CHECK(head.chunked == c.chunked);
}

TEST_CASE("heads that are refused") {
  struct Case {
    std::string name;
    std::string text;
    int status;
  };
  const std::string get = "GET / HTTP/1.1\r\n" + host;
  const std::string post = "POST / HTTP/1.1\r\n" + host;
  const auto c = GENERATE_COPY(values<Case>({
      {"both lengths", post + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
      {"both lengths the other way round", post + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n", 400},
      {"two lengths", post + "Content-Length: 5\r\nContent-Length: 6\r\n\r\n", 400},
      {"two lengths that agree", post + "Content-Length: 5\r\nContent-Length: 5\r\n\r\n", 400},
      {"a list of lengths", post + "Content-Length: 5, 5\r\n\r\n", 400},
      {"a negative length", post + "Content-Length: -5\r\n\r\n", 400},
      {"a signed length", post + "Content-Length: +5\r\n\r\n", 400},
      {"a hexadecimal length", post + "Content-Length: 0x5\r\n\r\n", 400},
      {"a length with a blank", post + "Content-Length: 5 5\r\n\r\n", 400},
      {"no length", post + "Content-Length:\r\n\r\n", 400},
      {"a length beyond 64 bits", post + "Content-Length: 99999999999999999999\r\n\r\n", 413},
      {"two encodings", post + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
      {"an unknown encoding", post + "Transfer-Encoding: gzip, chunked\r\n\r\n", 501},
      {"an encoding with a trick", post + "Transfer-Encoding: xchunked\r\n\r\n", 501},
      {"a vertical tab in an encoding",
       post + "Transfer-Encoding: \x0B"
              "chunked\r\n\r\n",
       400},
      {"an encoding in 1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
      {"a blank before the colon", post + "Content-Length : 5\r\n\r\n", 400},
      {"a folded header", get + "X: a\r\n b\r\n\r\n", 400},
      {"a header without a colon", get + "X\r\n\r\n", 400},
      {"a header without a name", get + ": x\r\n\r\n", 400},
      {"a NUL in a header", get + std::string("X: a\0b\r\n\r\n", 10), 400},
      {"a bare CR in a header", get + "X: a\rY: b\r\n\r\n", 400},
      {"a bare LF after a header", get + "X: a\nY: b\r\n\r\n", 400},
      {"bare LFs alone", "GET / HTTP/1.0\n\n", 400},
      {"a bare LF first", "\nGET / HTTP/1.0\r\n\r\n", 400},
      {"no host", "GET / HTTP/1.1\r\n\r\n", 400},
      {"two hosts", get + host + "\r\n", 400},
      {"an expectation nobody knows", post + "Expect: 200-ok\r\n\r\n", 417},
      {"HTTP/0.9", "GET /\r\n\r\n", 400},
      {"HTTP/2 on this port", "PRI * HTTP/2.0\r\n\r\n", 505},
      {"HTTP/1.2", "GET / HTTP/1.2\r\n" + host + "\r\n", 505},
      {"a version with a blank behind", "GET / HTTP/1.1 \r\n" + host + "\r\n", 400},
      {"a target with a blank", "GET /a b HTTP/1.1\r\n" + host + "\r\n", 400},
      {"a target with a control character", "GET /a\x01 HTTP/1.1\r\n" + host + "\r\n", 400},
      {"a target that is not ASCII", "GET /\xC3\xA9 HTTP/1.1\r\n" + host + "\r\n", 400},
      {"a target without a slash", "GET metrics HTTP/1.1\r\n" + host + "\r\n", 400},
      {"a query that gets too long", "GET /?" + std::string(2700, '?') + " HTTP/1.1\r\n" + host + "\r\n", 414},
      {"a target that is too long", "GET /" + std::string(8001, 'a') + " HTTP/1.1\r\n" + host + "\r\n", 414},
      {"a method that is no token", "G@T / HTTP/1.1\r\n" + host + "\r\n", 400},
      {"a method that is too long", std::string(33, 'A') + " / HTTP/1.1\r\n" + host + "\r\n", 400},
      {"no method", " / HTTP/1.1\r\n" + host + "\r\n", 400},
      {"a TLS handshake", std::string("\x16\x03\x01\x02", 4), 400},
  }));
  CAPTURE(c.name);
  CHECK(status_of(c.text) == c.status);
}

TEST_CASE("the hundredth header is taken, the next is not") {
  std::string text = "GET / HTTP/1.1\r\n" + host;
  for (int i = 0; i < 99; ++i) text += "X: y\r\n";
  CHECK(status_of(text + "\r\n") == 200);
  CHECK(status_of(text + "X: y\r\n\r\n") == 431);
}

TEST_CASE("a chunked body is put together wherever it is cut") {
  const std::string wire = "5;name=value\r\nhello\r\n1\r\n \r\n00A\r\nworld12345\r\n0\r\nTrailer: x\r\n\r\nNEXT";
  const std::size_t cut = GENERATE(range<std::size_t>(1, 60));
  ChunkedBody decoder(100);
  std::string body;
  std::string rest = wire;
  std::string arrived;
  while (!rest.empty() && !decoder.done()) {
    arrived += rest.substr(0, cut);
    rest.erase(0, cut);
    arrived.erase(0, decoder.take(arrived, body));
    REQUIRE_FALSE(decoder.refusal());
  }
  CHECK(decoder.done());
  CHECK(body == "hello world12345");
  CHECK(arrived + rest == "NEXT");
}

TEST_CASE("chunked bodies that are refused") {
  struct Case {
    std::string name;
    std::string wire;
    int status;
  };
  const auto c = GENERATE(values<Case>({
      {"no size", "\r\nhello\r\n", 400},
      {"a size that is no number", "x\r\nhello\r\n", 400},
      {"a signed size", "+5\r\nhello\r\n", 400},
      {"a negative size", "-1\r\nhello\r\n", 400},
      {"a size with 0x", "0x5\r\nhello\r\n", 400},
      {"a size beyond 64 bits", "FFFFFFFFFFFFFFFFF\r\n", 400},
      {"a size that nearly overflows", "FFFFFFFFFFFF\r\n", 413},
      {"a size above the limit", "65\r\n", 413},
      {"sizes that add up to more than the limit", "40\r\n" + std::string(64, 'a') + "\r\n40\r\n", 413},
      {"more than the size says", "2\r\nhello\r\n", 400},
      {"a bare LF", "5\nhello\r\n", 400},
      {"an endless extension", "5;" + std::string(2000, 'a'), 400},
      {"an endless trailer",
       "0\r\n" + std::string(20, 'a') +
           [] {
             std::string lines;
             for (int i = 0; i < 2000; ++i) lines += "X: 1234567890\r\n";
             return lines;
           }(),
       400},
  }));
  CAPTURE(c.name);
  ChunkedBody decoder(100);
  std::string body;
  (void)decoder.take(c.wire, body);
  REQUIRE(decoder.refusal());
  CHECK(decoder.refusal()->status == c.status);
  CHECK(body.size() <= 100);
}
