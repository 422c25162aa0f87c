#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "receive/external_url.h"
#include "receive/origin.h"
#include "support/catch.h"
#include "support/receiver.h"
#include "support/scratch_dir.h"

using namespace alertscaler;
using receive::ExternalUrl;
using receive::Head;
using receive::Names;
using receive::parse_external_url;
using test::Reply;

namespace {

Head head_of(std::string method, std::vector<std::pair<std::string, std::string>> headers) {
  Head head;
  head.method = std::move(method);
  head.headers = std::move(headers);
  return head;
}

// What browsers send with a GET of the same site, over http.
Head browsed(const std::string& host) {
  return head_of("GET", {{"host", host}, {"user-agent", "Mozilla/5.0"}, {"accept-language", "en"}});
}

Names names(std::vector<std::string> urls = {}) {
  std::vector<ExternalUrl> external;
  for (const std::string& url : urls) external.push_back(parse_external_url(url).value());
  return {std::move(external), "Nas.Home.example", true};
}

constexpr const char* rebound = "Host: evil.example:9095\r\nUser-Agent: Mozilla/5.0\r\nAccept-Language: en\r\n";

Reply ask(const test::Receiver& receiver, const std::string& line, const std::string& headers,
          const std::string& body = "") {
  test::RawHttp client = receiver.connect();
  client.send(line + " HTTP/1.1\r\nConnection: close\r\n" + headers +
              (body.empty() ? "" : "Content-Length: " + std::to_string(body.size()) + "\r\n") + "\r\n" + body);
  auto reply = client.reply();
  REQUIRE(reply);
  return *reply;
}

}  // namespace

TEST_CASE("a URL has an origin as browsers say it") {
  struct Case {
    std::string url;
    std::string origin;
    std::string host;
  };
  const auto c = GENERATE(values<Case>({
      {"https://alerts.example", "https://alerts.example", "alerts.example"},
      {"HTTPS://Alerts.Example:443/scaler/?x#y", "https://alerts.example", "alerts.example"},
      {"http://alerts.example:80", "http://alerts.example", "alerts.example"},
      {"https://alerts.example:80", "https://alerts.example:80", "alerts.example"},
      {"http://nas:9095/", "http://nas:9095", "nas"},
      {"http://[::1]:9095", "http://[::1]:9095", "::1"},
      {"http://[fe80::1]", "http://[fe80::1]", "fe80::1"},
  }));
  CAPTURE(c.url);
  const auto url = parse_external_url(c.url);
  REQUIRE(url);
  CHECK(url->origin == c.origin);
  CHECK(url->host == c.host);
}

TEST_CASE("what is no URL is told so") {
  const std::string bad =
      GENERATE("", "alerts.example", "ftp://alerts.example", "http://", "http:///x", "http://:9095", "http://a b",
               "http://a:b@c", "http://alerts.example:0", "http://alerts.example:99999",
               "http://alerts.example:", "http://[::1", "http://[::1]x", "http://[evil.example]", "http://\xC3\xA4");
  CAPTURE(bad);
  const auto url = parse_external_url(bad);
  REQUIRE_FALSE(url);
  CHECK_THAT(url.error().message, ContainsSubstring("expected a URL such as https://alerts.example"));
}

TEST_CASE("a browser is answered at a name that is surely ours") {
  const std::string host =
      GENERATE("localhost", "localhost:9095", "LocalHost.:9095", "app.localhost:9095", "127.0.0.1", "127.0.0.1:9095",
               "[::1]:9095", "10.0.0.7:9095", "[fe80::1]", "alertscaler:9095", "nas.home.example:9095",
               "NAS.home.example.", "alerts.example", "Alerts.Example:8443");
  CAPTURE(host);
  CHECK_FALSE(names({"https://alerts.example"}).check_host(browsed(host)));
}

TEST_CASE("a browser is refused at a name that may be anybody's") {
  const std::string host =
      GENERATE("evil.example", "evil.example:9095", "127.0.0.1.evil.example", "localhost.evil.example",
               "evil.localhost.example", "nas.evil.example", "alerts.example.evil.example", "a.alerts.example",
               "[evil.example]", "alertscaler.default.svc");
  CAPTURE(host);
  const auto refused = names({"https://alerts.example"}).check_host(browsed(host));
  REQUIRE(refused);
  CHECK(refused->status == 403);
  CHECK_THAT(refused->message, ContainsSubstring("--web.external-url=http://"));
}

TEST_CASE("each of what a browser sends tells that it is one") {
  const auto mark = GENERATE(values<std::pair<std::string, std::string>>({
      {"accept-language", ""},  // a page may empty it, and not take it away
      {"origin", "http://evil.example"},
      {"sec-fetch-site", "same-origin"},
      {"referer", "http://evil.example/"},
      {"cookie", "a=b"},
      {"user-agent", "Mozilla/5.0 (X11)"},
  }));
  CAPTURE(mark.first);
  CHECK(names().check_host(head_of("GET", {{"host", "evil.example"}, mark})));
}

TEST_CASE("programs are answered whatever name they know us by") {
  const std::string agent = GENERATE("Alertmanager/0.27.0", "Prometheus/2.42.0", "curl/7.88.1", "Go-http-client/1.1",
                                     "Grafana", "vmalert", "");
  const std::string host = GENERATE("alertscaler.default.svc:9095", "alertscaler.prod.svc.cluster.local",
                                    "host.docker.internal:9095", "alerts.corp.example");
  CAPTURE(agent, host);
  const Head head =
      head_of("POST", {{"host", host}, {"user-agent", agent}, {"accept", "*/*"}, {"accept-encoding", "gzip"}});
  CHECK_FALSE(names().check_host(head));
  CHECK_FALSE(names().check_origin(head));
}

TEST_CASE("behind a proxy that changes Host the origin of the external URL counts") {
  const auto sent = [](const std::string& origin) {
    return head_of("POST", {{"host", "127.0.0.1:9095"}, {"origin", origin}, {"sec-fetch-site", "same-origin"}});
  };
  CHECK_FALSE(names({"https://alerts.example/scaler"}).check_origin(sent("https://alerts.example")));
  for (const std::string other : {"http://alerts.example", "https://alerts.example:8443", "https://evil.example"}) {
    CAPTURE(other);
    CHECK(names({"https://alerts.example"}).check_origin(sent(other)));
  }
  const auto refused = names().check_origin(sent("https://alerts.example"));
  REQUIRE(refused);
  CHECK_THAT(refused->message, ContainsSubstring("--web.external-url=https://alerts.example"));
}

TEST_CASE("a page whose name leads to us can neither read nor scale") {
  const test::Receiver receiver;
  for (const std::string path : {"/api/v1/targets", "/api/v1/targets/web", "/api/v1/alerts", "/api/v1/history",
                                 "/api/v1/status", "/api/v1/events", "/metrics", "/api/v2/status", "/nowhere"}) {
    CAPTURE(path);
    const Reply refused = ask(receiver, "GET " + path, rebound);
    CHECK(refused.status == 403);
    CHECK_THAT(refused.body, ContainsSubstring("at the name \\\"evil.example:9095\\\""));
  }
  const std::string as_page =
      std::string(rebound) + "Origin: http://evil.example:9095\r\nContent-Type: application/json\r\n";
  const std::string alerts = test::notification_of({test::alert_of("A")}).dump();
  for (const std::string line : {"POST /api/v1/pause", "PUT /api/v1/targets/web/replicas", "POST /-/reload",
                                 "POST /webhook", "POST /webhook?dry_run=true", "POST /api/v2/alerts"}) {
    CAPTURE(line);
    CHECK(ask(receiver, line, as_page, line.find("/webhook") == std::string::npos ? "{}" : alerts).status == 403);
  }
  CHECK(receiver.controller.orders().empty());
  CHECK(receiver.store.active_alerts().empty());
  CHECK(ask(receiver, "GET /-/healthy", rebound).status == 200);  // it tells nothing
}

TEST_CASE("a page elsewhere takes no place among those who listen, and shows nothing of ours in a frame") {
  const test::Receiver receiver({}, test::two_targets(), {.listeners_max = 1});
  const std::string browser = "Host: 127.0.0.1:9095\r\nUser-Agent: Mozilla/5.0\r\nAccept-Language: en\r\n";
  for (const std::string elsewhere :
       {"Sec-Fetch-Site: cross-site\r\n", "Sec-Fetch-Site: same-site\r\n", "Origin: http://evil.example\r\n"}) {
    CAPTURE(elsewhere);
    CHECK(ask(receiver, "GET /api/v1/events", browser + elsewhere).status == 403);
  }
  test::RawHttp ours = receiver.connect();
  ours.send("GET /api/v1/events HTTP/1.1\r\n" + browser + "Sec-Fetch-Site: same-origin\r\n\r\n");
  REQUIRE(ours.answer_begins());
  CHECK(ask(receiver, "GET /api/v1/events", browser).status == 503);  // that was the only place
  for (const std::string path : {"/", "/api/v1/alerts", "/-/healthy", "/nowhere"}) {
    CAPTURE(path);
    CHECK(ask(receiver, "GET " + path, browser).header("x-frame-options") == "deny");
  }
  receive::ServerOptions options;
  options.web.headers = {{"X-Frame-Options", "sameorigin"}};
  CHECK(test::Receiver(std::move(options)).get("/").header("x-frame-options") == "sameorigin");
}

TEST_CASE("the name of the external URL is one of ours, and with authentication every name is") {
  test::ScratchDir scratch;
  receive::ServerOptions options;
  if (GENERATE(true, false)) {
    options.external_urls = {parse_external_url("http://evil.example:9095").value()};
    const test::Receiver receiver(std::move(options));
    CHECK(ask(receiver, "GET /api/v1/alerts", rebound).status == 200);
    CHECK(ask(receiver, "POST /api/v1/pause",
              std::string(rebound) + "Origin: http://evil.example:9095\r\nContent-Type: application/json\r\n", "{}")
              .status == 200);
  } else {
    const std::string path = (scratch.path() / "tokens").string();
    std::ofstream(path) << "token\n";
    options.web.bearer_token_file = path;
    const test::Receiver receiver(std::move(options));
    CHECK(ask(receiver, "GET /api/v1/alerts", rebound).status == 401);
    CHECK(ask(receiver, "GET /api/v1/alerts", std::string(rebound) + "Authorization: Bearer token\r\n").status == 200);
  }
}
