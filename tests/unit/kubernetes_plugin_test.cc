#include <algorithm>
#include <filesystem>
#include <fstream>

#include "act/kubernetes/credential_plugin.h"
#include "act/kubernetes/credentials.h"
#include "act/kubernetes/json.h"
#include "base/file.h"
#include "base/text.h"
#include "support/catch.h"
#include "support/clock.h"
#include "support/scratch_dir.h"

using namespace alertscaler;
using namespace alertscaler::kubernetes;
using namespace std::chrono_literals;

namespace {

constexpr const char* v1 = "client.authentication.k8s.io/v1";

// A plugin that is a script, and counts how often it ran.
struct Script {
  explicit Script(const std::string& body) {
    const auto file = dir.path() / "plugin";
    std::ofstream(file) << "#!/bin/sh\necho run >> " << (dir.path() / "runs").string() << "\n" << body << "\n";
    std::filesystem::permissions(file, std::filesystem::perms::owner_all);
    access.origin = "the test";
    access.server = "http://127.0.0.1:1";
    access.plugin = CredentialPlugin{v1, {file.string(), "first argument"}, {{"COLOUR", "blue"}}, false, "get it"};
  }
  [[nodiscard]] int runs() const {
    const auto text = read_file(dir.path() / "runs");
    return text ? static_cast<int>(std::count(text->begin(), text->end(), '\n')) : 0;
  }
  // Prints an ExecCredential with this status.
  static std::string printing(const std::string& status) {
    return std::string("cat <<END\n{\"kind\":\"ExecCredential\",\"apiVersion\":\"") + v1 + "\",\"status\":" + status +
           "}\nEND";
  }

  const test::ScratchDir dir;
  KubernetesAccess access;
};

}  // namespace

TEST_CASE("a plugin gives a token, and is told what kubectl tells it") {
  Script script(
      "printf '%s|%s|%s' \"$1\" \"$COLOUR\" \"$KUBERNETES_EXEC_INFO\" > \"${0%plugin}told\"\n"
      "read -r line || echo closed >> \"${0%plugin}told\"\n" +
      Script::printing(R"({"token":"abc","expirationTimestamp":"2026-01-02T03:04:05Z"})"));
  const auto given = run_plugin(script.access, "", {});
  REQUIRE(given.has_value());
  CHECK(given->token.reveal() == "abc");
  CHECK(given->expires == text::parse_time("2026-01-02T03:04:05Z").value());
  const std::string told = read_file(script.dir.path() / "told").value();
  CHECK(told.find("first argument|blue|{\"apiVersion\":\"client.authentication.k8s.io/v1\"") == 0);
  CHECK(told.find("closed") != std::string::npos);  // there is nobody to ask at stdin
}

TEST_CASE("the cluster is told only to a plugin that wants to know") {
  KubernetesAccess access;
  access.server = "https://h:1";
  access.tls_server_name = "k";
  access.plugin = CredentialPlugin{v1, {"x"}, {}, false, ""};
  CHECK(Json::parse(exec_info(access, "PEM")) ==
        Json{{"kind", "ExecCredential"}, {"apiVersion", v1}, {"spec", {{"interactive", false}}}});
  access.plugin->provide_cluster_info = true;
  CHECK(Json::parse(exec_info(access, "PEM"))["spec"]["cluster"] ==
        Json{{"server", "https://h:1"}, {"tls-server-name", "k"}, {"certificate-authority-data", "UEVN"}});
}

TEST_CASE("what is no ExecCredential is refused, and never shown") {
  const std::string head = std::string(R"({"kind":"ExecCredential","apiVersion":")") + v1 + R"(","status":)";
  const auto text = GENERATE_COPY(values<std::string>({
      "hunter2",
      R"({"token":"hunter2"})",
      R"({"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1beta1","status":{"token":"hunter2"}})",
      head + "{}}",
      head + R"({"token":"hunter2\n"}})",
      head + R"({"clientCertificateData":"hunter2"}})",
      head + R"({"token":"hunter2","expirationTimestamp":"tomorrow"}})",
  }));
  CAPTURE(text);
  const auto given = read_exec_credential(text, v1);
  REQUIRE_FALSE(given.has_value());
  CHECK(given.error().kind == ErrorKind::refused);
  CHECK(given.error().message.find("hunter2") == std::string::npos);
}

TEST_CASE("a certificate of a plugin") {
  const auto given = read_exec_credential(std::string(R"({"kind":"ExecCredential","apiVersion":")") + v1 +
                                              R"(","status":{"clientCertificateData":"C","clientKeyData":"K"}})",
                                          v1);
  REQUIRE(given.has_value());
  CHECK(given->cert_pem == "C");
  CHECK(given->key_pem.reveal() == "K");
  CHECK_FALSE(given->expires.has_value());
}

TEST_CASE("a plugin that fails says why, without what it printed") {
  Script script("echo hunter2; echo 'not logged in' >&2; exit 3");
  const auto given = run_plugin(script.access, "", {});
  REQUIRE_FALSE(given.has_value());
  CHECK(given.error().kind == ErrorKind::unreachable);
  CHECK(given.error().message.find("exit status 3") != std::string::npos);
  CHECK(given.error().message.find("not logged in") != std::string::npos);
  CHECK(given.error().message.find("hunter2") == std::string::npos);
  script.access.plugin->command = {"no-such-plugin-here"};
  const auto missing = run_plugin(script.access, "", {});
  REQUIRE_FALSE(missing.has_value());
  CHECK(missing.error().kind == ErrorKind::refused);
  CHECK(missing.error().message.find("; get it") != std::string::npos);
}

TEST_CASE("what a plugin gave is kept until it expires") {
  const Script script(Script::printing(R"({"token":"abc","expirationTimestamp":"2026-01-01T01:00:00Z"})"));
  test::ManualClock clock;
  Credentials credentials(script.access, clock);
  for (int i = 0; i < 3; ++i) CHECK(credentials.current({}).value().token.reveal() == "abc");
  CHECK(script.runs() == 1);
  clock.advance(61min);
  CHECK(credentials.current({}).has_value());
  CHECK(script.runs() == 2);
}

TEST_CASE("a plugin that fails is left alone for a while") {
  const Script script("exit 1");
  test::ManualClock clock;
  Credentials credentials(script.access, clock);
  for (int i = 0; i < 3; ++i) CHECK_FALSE(credentials.current({}).has_value());
  CHECK(script.runs() == 1);
  clock.advance(11s);
  CHECK_FALSE(credentials.current({}).has_value());
  CHECK(script.runs() == 2);
}

TEST_CASE("after a 401 the plugin runs again, but not for every request") {
  const Script script("n=$(wc -l < \"${0%plugin}runs\")\n" + Script::printing(R"({"token":"t$n"})"));
  test::ManualClock clock;
  Credentials credentials(script.access, clock);
  const Identity first = credentials.current({}).value();
  CHECK_FALSE(credentials.renew(first, {}));  // it has just run
  CHECK(script.runs() == 1);
  clock.advance(11s);
  CHECK(credentials.renew(first, {}));
  CHECK(credentials.renew(first, {}));  // another request with the old one: there is a new one already
  CHECK(script.runs() == 2);
  CHECK(credentials.current({}).value().token.reveal() == "t2");
}
