#include "act/docker/words.h"
#include "support/catch.h"

using namespace alertscaler;
using namespace alertscaler::docker;
using Why = HttpError::Why;

namespace {

const DockerEndpoint local{"unix:///var/run/docker.sock", "", "", ""};
const DockerEndpoint remote{"tcp://build.example:2376", "ca.pem", "cert.pem", "key.pem"};

Error words(Why why, const DockerEndpoint& endpoint, const std::string& message = "libcurl's words") {
  return no_answer({why, false, message}, endpoint, "998");
}

HttpResponse response(int code, const std::string& body) {
  HttpResponse made;
  made.code = code;
  made.body = body;
  return made;
}

}  // namespace

TEST_CASE("an endpoint names its peer") {
  const HttpPeer unix_peer = peer_of(local).value();
  CHECK(unix_peer.unix_socket == "/var/run/docker.sock");
  CHECK(unix_peer.base_url == "http://localhost");
  const HttpPeer tls_peer = peer_of(remote).value();
  CHECK(tls_peer.unix_socket.empty());
  CHECK(tls_peer.base_url == "https://build.example:2376");
  CHECK(tls_peer.ca_file == "ca.pem");
  CHECK(tls_peer.key_file == "key.pem");
  CHECK(peer_of({"tcp://127.0.0.1:2375", "", "", ""}).value().base_url == "http://127.0.0.1:2375");
}

TEST_CASE("what is no endpoint is refused with what was expected") {
  const auto host =
      GENERATE(values<std::string>({"", "unix://", "unix://docker.sock", "tcp://", "ssh://me@host", "/x"}));
  CAPTURE(host);
  const auto peer = peer_of({host, "", "", ""});
  REQUIRE_FALSE(peer.has_value());
  CHECK_THAT(peer.error().message, ContainsSubstring("\"" + host + "\": expected unix://"));
}

TEST_CASE("no answer: the words say what to do") {
  struct Case {
    Why why;
    DockerEndpoint endpoint;
    ErrorKind kind;
    std::string part;
  };
  const auto c = GENERATE(values<Case>({
      {Why::no_socket, local, ErrorKind::unreachable, "no socket /var/run/docker.sock: is the engine running"},
      {Why::not_permitted, local, ErrorKind::refused, "group 998 (in compose: group_add: [\"998\"]"},
      {Why::refused, local, ErrorKind::unreachable, "the engine is not running"},
      {Why::not_connected, remote, ErrorKind::unreachable, "cannot connect to the engine at tcp://build.example:2376"},
      {Why::not_trusted, remote, ErrorKind::refused, "docker.tls_config.ca_file"},
      {Why::tls, remote, ErrorKind::refused, "TLS with the engine at tcp://build.example:2376 failed"},
      {Why::timeout, local, ErrorKind::unreachable, "did not answer in time"},
      {Why::cancelled, local, ErrorKind::cancelled, "stop was requested"},
      {Why::too_large, local, ErrorKind::invalid, "answered too much"},
      {Why::broken, local, ErrorKind::unreachable, "broke: libcurl's words"},
      {Why::broken, remote, ErrorKind::unreachable, "broke: libcurl's words; if it does so again, it wants a client"},
      {Why::misconfigured, remote, ErrorKind::refused, "docker.tls_config"},
  }));
  CAPTURE(c.part);
  const Error error = words(c.why, c.endpoint);
  CHECK(error.kind == c.kind);
  CHECK_THAT(error.message, ContainsSubstring(c.part));
}

TEST_CASE("TLS failures that have a known cure name it") {
  CHECK_THAT(words(Why::tls, remote, "error:0A000412:SSL routines::sslv3 alert bad certificate").message,
             ContainsSubstring("set docker.tls_config.cert_file and key_file"));
  CHECK_THAT(words(Why::tls, remote, "error:0A00010B:SSL routines::wrong version number").message,
             ContainsSubstring("does not speak TLS on this port"));
}

TEST_CASE("permission without a known group still says what to do") {
  CHECK_THAT(no_answer({Why::not_permitted, false, ""}, local, "").message, ContainsSubstring("group_add"));
}

TEST_CASE("what engines and proxies say is found") {
  struct Case {
    std::string body, expected;
  };
  const auto c = GENERATE(values<Case>({
      {R"({"message":"No such container: x"})", "No such container: x"},
      {R"({"cause":"no such container","message":"no container with name x","response":404})",
       "no container with name x"},
      {"client version 1.23 is too old\n", "client version 1.23 is too old"},
      {"<html><body><h1>403 Forbidden</h1>\nRequest forbidden by administrative rules.\n</body></html>\n",
       "403 Forbidden Request forbidden by administrative rules."},
      {"", "HTTP 500"},
      {"[1,2]", "[1,2]"},
  }));
  CHECK(said(response(500, c.body)) == c.expected);
}

TEST_CASE("the kind of a bad answer says what may be done about it") {
  struct Case {
    int code;
    bool changes;
    ErrorKind kind;
  };
  const auto c = GENERATE(values<Case>({{400, true, ErrorKind::invalid},
                                        {401, false, ErrorKind::refused},
                                        {403, false, ErrorKind::refused},
                                        {404, false, ErrorKind::not_found},
                                        {409, true, ErrorKind::conflict},
                                        {429, true, ErrorKind::busy},
                                        {500, false, ErrorKind::busy},
                                        {500, true, ErrorKind::refused},
                                        {502, true, ErrorKind::unreachable},
                                        {503, false, ErrorKind::unreachable}}));
  CAPTURE(c.code, c.changes);
  const Error error = bad_answer(response(c.code, R"({"message":"words"})"), "POST /x", c.changes);
  CHECK(error.kind == c.kind);
  CHECK_THAT(error.message, ContainsSubstring("POST /x: ") && ContainsSubstring("words"));
}

TEST_CASE("some bad answers need an explanation") {
  CHECK_THAT(bad_answer(response(403, "<h1>403 Forbidden</h1>"), "POST /x", true).message,
             ContainsSubstring("it must allow CONTAINERS, NETWORKS, IMAGES and POST"));
  const Error plain =
      bad_answer(response(400, "Client sent an HTTP request to an HTTPS server.\n"), "GET /_ping", false);
  CHECK(plain.kind == ErrorKind::refused);
  CHECK_THAT(plain.message, ContainsSubstring("set docker.tls_config"));
  const std::string too_new = "client version 1.99 is too new. Maximum supported API version is 1.41";
  CHECK(bad_answer(response(400, R"({"message":")" + too_new + R"("})"), "GET /x", false).kind ==
        ErrorKind::unreachable);
}
