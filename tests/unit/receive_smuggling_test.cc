// What a client sends as a body is never taken for a request, whoever wrote the answer: a page in the operator's
// browser chooses the body, and the browser says nothing of that page in a request that hides there.
#include <string>
#include <vector>

#include "support/catch.h"
#include "support/receiver.h"

using namespace alertscaler;
using test::RawHttp;
using test::Receiver;

namespace {

const std::string hidden =
    "PUT /api/v1/targets/web/replicas HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nContent-Length: "
    "14\r\n\r\n{\"replicas\":7}";

std::string request(const std::string& line, const std::string& headers = "", const std::string& host = "h") {
  return line + " HTTP/1.1\r\nHost: " + host + "\r\n" + headers;
}

}  // namespace

TEST_CASE("a request hidden in the body of another is not executed") {
  struct Case {
    std::string name;
    std::string head;
    int status;
  };
  const std::string replicas = "PUT /api/v1/targets/web/replicas";
  const auto c = GENERATE_COPY(values<Case>({
      {"a query that is longer as the library reads it", request("POST /?" + std::string(4000, '?')), 414},
      {"one that is not too long", request("POST /?" + std::string(2600, '?')), 405},
      {"a host longer than the library takes", request("POST /webhook", "", std::string(9000, 'a')), 400},
      {"a host longer than the library takes, and no use for a body",
       request("GET /-/healthy", "", std::string(9000, 'a')), 200},
      {"no host in it", request("GET /-/healthy", "", ""), 200},
      {"no use for a body", request("GET /-/healthy"), 200},
      {"no such path", request("POST /nothing"), 404},
      {"a path that cannot be decoded", request("POST /%zz%00"), 404},
      {"a method that does not fit", request("DELETE /webhook"), 405},
      {"a method nobody knows", request("BREW /webhook"), 501},
      {"every path", request("OPTIONS *"), 404},
      {"a parameter nobody knows", request("POST /webhook?nonsense=1"), 400},
      {"an encoding", request("POST /webhook", "Content-Encoding: gzip\r\n"), 400},
      {"no type", request(replicas), 415},
      {"a page elsewhere", request(replicas, "Content-Type: application/json\r\nOrigin: http://evil.example\r\n"), 403},
      {"an expectation nobody knows", request("POST /webhook", "Expect: 200-ok\r\n"), 417},
  }));
  const bool chunked = GENERATE(false, true);
  CAPTURE(c.name, chunked);
  Receiver receiver;
  RawHttp client = receiver.connect();
  const std::string length = chunked ? "Transfer-Encoding: chunked\r\n\r\nffff\r\n"
                                     : "Content-Length: " + std::to_string(hidden.size()) + "\r\n\r\n";
  client.send(c.head + length + hidden);
  client.finish_sending();
  const auto reply = client.reply();
  if (chunked && c.status == 400 && !reply) return;  // it waited for the rest of the body
  REQUIRE(reply);
  CHECK(reply->status == c.status);
  CHECK_FALSE(client.reply());
  CHECK(receiver.controller.orders().empty());
}
