#include <variant>

#include "app/address.h"
#include "app/installation.h"
#include "app/options.h"
#include "support/catch.h"
#include "support/memory_keep.h"

using namespace alertscaler;
using namespace alertscaler::app;

TEST_CASE("listen addresses") {
  struct Case {
    std::string in, host;
    int port;
    bool loopback;
  };
  const auto c = GENERATE(values<Case>({{"127.0.0.1:9095", "127.0.0.1", 9095, true},
                                        {"127.8.0.1:0", "127.8.0.1", 0, true},
                                        {"[::1]:9095", "::1", 9095, true},
                                        {"localhost:1", "localhost", 1, true},
                                        {"0.0.0.0:9095", "0.0.0.0", 9095, false},
                                        {":9095", "", 9095, false},
                                        {"[::]:9095", "::", 9095, false},
                                        {"10.1.2.3:80", "10.1.2.3", 80, false},
                                        {"scaler.example:80", "scaler.example", 80, false}}));
  CAPTURE(c.in);
  const auto address = parse_address(c.in);
  REQUIRE(address.has_value());
  CHECK(address->host == c.host);
  CHECK(address->port == c.port);
  CHECK(is_loopback(*address) == c.loopback);
}

TEST_CASE("what is no listen address is refused with a reason") {
  const auto in = GENERATE(
      values<std::string>({"", "9095", "127.0.0.1", "127.0.0.1:", "127.0.0.1:http", "127.0.0.1:70000", "::1:9095"}));
  CAPTURE(in);
  REQUIRE_FALSE(parse_address(in).has_value());
  CHECK_THAT(parse_address(in).error().message, ContainsSubstring("expected HOST:PORT"));
}

TEST_CASE("flags without a command are those of serve") {
  const char* argv[] = {"alertscaler", "--config.file=x.yml", "--dry-run", "--log.format=json",
                        "--web.read-timeout=5s"};
  const Command command = parse_command_line(5, argv);
  REQUIRE(std::holds_alternative<ServeOptions>(command));
  const auto& options = std::get<ServeOptions>(command);
  CHECK(options.config_file == "x.yml");
  CHECK(options.dry_run);
  CHECK(options.log_format == log::Format::json);
  CHECK(options.read_timeout == std::chrono::seconds{5});
  CHECK(options.listen_address == "127.0.0.1:9095");
}

TEST_CASE("there may be several external URLs") {
  const char* argv[] = {"alertscaler", "--web.external-url=https://alerts.example", "--web.external-url",
                        "http://nas.example:9095/x", "--dry-run"};
  const auto command = parse_command_line(5, argv);
  const auto* serve = std::get_if<app::ServeOptions>(&command);
  REQUIRE(serve != nullptr);
  CHECK(serve->dry_run);
  REQUIRE(serve->external_urls.size() == 2);
  CHECK(serve->external_urls[0].origin == "https://alerts.example");
  CHECK(serve->external_urls[1].host == "nas.example");
}

TEST_CASE("a wrong command line exits with 2, a question with 0") {
  struct Case {
    std::vector<const char*> argv;
    int status;
  };
  const auto c = GENERATE(values<Case>({{{"alertscaler", "--no-such-flag"}, 2},
                                        {{"alertscaler", "no-such-command"}, 2},
                                        {{"alertscaler", "serve", "--log.level=loud"}, 2},
                                        {{"alertscaler", "--web.read-timeout=soon"}, 2},
                                        {{"alertscaler", "--web.read-timeout=0"}, 2},
                                        {{"alertscaler", "--web.external-url=alerts.example"}, 2},
                                        {{"alertscaler", "--storage.path=", "--dry-run"}, 2},
                                        {{"alertscaler", "serve", "--config.file=", "x.yml"}, 2},
                                        {{"alertscaler", "--help"}, 0},
                                        {{"alertscaler", "serve", "--help"}, 0},
                                        {{"alertscaler", "--version"}, 0}}));
  const Command command = parse_command_line(static_cast<int>(c.argv.size()), c.argv.data());
  REQUIRE(std::holds_alternative<Exit>(command));
  CHECK(std::get<Exit>(command).status == c.status);
}

TEST_CASE(
    "an installation is named after what does not change: its StatefulSet's pod, its Deployment, or host and storage") {
  struct Case {
    std::string pod_namespace, pod, name;
  };
  const auto c = GENERATE(values<Case>({{"alertscaler", "alertscaler-0", "alertscaler/alertscaler-0"},
                                        {"ops", "scaler-7d4f9c5b6c-x2x5z", "ops/scaler"},
                                        {"ops", "my-scaler-5c8b9-x2x5z", "ops/my-scaler"},
                                        {"ops", "scaler-eu-prod1", "ops/scaler-eu-prod1"},
                                        {"ops", "scaler", "ops/scaler"},
                                        {"ops", "x2x5z", "ops/x2x5z"},
                                        {"", "scaler-0", "ops-1:/var/lib/alertscaler"},
                                        {"ops", "", "ops-1:/var/lib/alertscaler"}}));
  CAPTURE(c.pod);
  CHECK(name_for({c.pod_namespace, c.pod, "ops-1", "/var/lib/alertscaler"}) == c.name);
}

TEST_CASE("an installation keeps the name that its storage was given first") {
  test::MemoryKeep keep;
  CHECK(installation(keep, {"", "", "3f9a1c2e7b10", "/data"}) == "3f9a1c2e7b10:/data");
  CHECK(installation(keep, {"", "", "0123456789ab", "/data"}) == "3f9a1c2e7b10:/data");
  test::MemoryKeep full;
  full.error = "the disk is full";
  CHECK(installation(full, {"ops", "scaler-0", "", ""}) == "ops/scaler-0");
}
