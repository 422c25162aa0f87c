#include "config/docker.h"

#include <algorithm>

#include "base/text.h"
#include "config/fields.h"
#include "config/load.h"

namespace alertscaler::config {
namespace {

constexpr std::string_view host_form = "unix:///PATH or tcp://HOST:PORT";
constexpr std::size_t shown_bytes_max = 80;

tl::unexpected<Error> no_host(std::string_view text, const std::string& hint) {
  return fail(ErrorKind::invalid, "expected " + std::string(host_form) + ", found " +
                                      text::json_quote(text::shorten(text, shown_bytes_max)) + hint);
}

bool is_port(std::string_view text) {
  const auto port = text::parse_int(text);
  return port && *port >= 1 && *port <= 65'535;
}

bool is_host_name(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-' ||
           c == '_';
  });
}

bool is_ip6(std::string_view text) {
  constexpr std::string_view allowed = "0123456789abcdefABCDEF:.%";
  return text.find(':') != std::string_view::npos && text.find_first_not_of(allowed) == std::string_view::npos;
}

// "tcp://HOST", "tcp://HOST:PORT", "tcp://[IP6]:PORT"; without a port the one that Docker uses.
Result<std::string> tcp_host(std::string_view whole, bool tls) {
  std::string_view address = whole.substr(std::string_view("tcp://").size());
  if (address.ends_with('/')) address.remove_suffix(1);
  std::string_view name;
  std::string_view port;
  bool valid = false;
  if (address.starts_with('[')) {
    const std::size_t end = address.find(']');
    if (end == std::string_view::npos) return no_host(whole, "");
    name = address.substr(0, end + 1);
    port = address.substr(end + 1);
    valid = is_ip6(address.substr(1, end - 1));
  } else {
    const std::size_t colon = std::min(address.find(':'), address.size());
    name = address.substr(0, colon);
    port = address.substr(colon);
    valid = is_host_name(name);
  }
  if (port.empty()) {
    port = tls ? ":2376" : ":2375";
  } else if (!port.starts_with(':') || !is_port(port.substr(1))) {
    valid = false;
  }
  if (!valid) return no_host(whole, "");
  return "tcp://" + std::string(name) + std::string(port);
}

// The host in the form that DockerEndpoint promises.
Result<std::string> engine_host(std::string_view text, bool tls) {
  constexpr std::string_view local = "unix://";
  if (text.starts_with(local)) {
    const std::string_view path = text.substr(local.size());
    if (!path.starts_with('/') || path.size() == 1) return no_host(text, "; the path of the socket is absolute");
    return std::string(text);
  }
  if (text.starts_with("tcp://")) return tcp_host(text, tls);
  if (text.starts_with("ssh://")) {
    return no_host(text, "; forward the socket (ssh -L /run/engine.sock:/var/run/docker.sock HOST) and name that");
  }
  if (text.starts_with('/'))
    return no_host(text, "; did you mean unix://" + text::shorten(text, shown_bytes_max) + "?");
  return no_host(text, "");
}

struct DockerDraft {
  std::string host;
  DockerEndpoint tls;
  bool has_tls = false;
};

void read_tls(const Value& value, DockerDraft& draft) {
  static constexpr std::array<Field<DockerEndpoint>, 3> fields = {{
      {"ca_file", [](const Value& v, DockerEndpoint& e) { v.read_path(e.ca_file); },
       "The authority that signed the engine's certificate"},
      {"cert_file", [](const Value& v, DockerEndpoint& e) { v.read_path(e.cert_file); },
       "The certificate with which alertscaler shows who it is; both or neither"},
      {"key_file", [](const Value& v, DockerEndpoint& e) { v.read_path(e.key_file); }, "Its key"},
  }};
  if (value.left_empty()) return;
  draft.has_tls = true;
  MapReader map(value, "a map such as {ca_file: ca.pem, cert_file: cert.pem, key_file: key.pem}");
  map.take(fields, draft.tls);
  map.finish({"ca_file"});
  map.pair("cert_file", "key_file");
}

void read_host(const Value& value, DockerDraft& draft) {
  std::string text = DockerEndpoint{}.host;
  static const Form form(R"(unix:///.+|tcp://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.%]+\])(:0*[1-9][0-9]{0,4})?/?)");
  if (!value.read_text_like(text, host_form, form)) return;
  const auto host = engine_host(text, draft.has_tls);
  if (!host) {
    value.problem(host.error().message);
    return;
  }
  draft.host = *host;
}

constexpr std::array<Field<DockerDraft>, 2> docker_fields = {{
    {"tls_config", read_tls, "With it the connection to a tcp:// host uses TLS"},
    {"host", read_host, "unix:///PATH or tcp://HOST:PORT (without a port 2375, or 2376 with TLS)"},
}};

std::string variable(const Environment& environment, const std::string& name) {
  const auto found = environment.find(name);
  return found == environment.end() ? std::string{} : found->second;
}

}  // namespace

void read_docker(const Value& value, DockerEndpoint& out) {
  DockerDraft draft;
  MapReader map(value, "a map such as {host: \"unix:///var/run/docker.sock\"}");
  map.take(docker_fields, draft);
  map.finish();
  const bool host_is_wrong = map.has("host") && draft.host.empty();  // which is reported already
  if (map.shape() != nullptr || !host_is_wrong) {
    map.need({{"tls_config", "", "host", "tcp://.*"}}, "tls_config needs a host of the form tcp://HOST:PORT");
  }
  out = draft.tls;
  if (!draft.host.empty()) out.host = draft.host;
}

Result<DockerEndpoint> docker_endpoint_from(const Environment& environment) {
  DockerEndpoint endpoint;
  const std::string named = variable(environment, "DOCKER_HOST");
  if (named.empty()) return endpoint;
  const bool tls = !variable(environment, "DOCKER_TLS_VERIFY").empty();
  const auto host = engine_host(named, tls);
  if (!host) return fail(Error(host.error()).wrap("DOCKER_HOST"));
  endpoint.host = *host;
  if (!tls || host->starts_with("unix://")) return endpoint;

  std::filesystem::path folder = variable(environment, "DOCKER_CERT_PATH");
  if (folder.empty()) {
    const std::string home = variable(environment, "HOME");
    if (home.empty()) {
      return fail(ErrorKind::invalid,
                  "DOCKER_TLS_VERIFY is set: set DOCKER_CERT_PATH to the folder of ca.pem, cert.pem and key.pem, too");
    }
    folder = std::filesystem::path(home) / ".docker";
  }
  endpoint.ca_file = (folder / "ca.pem").string();
  endpoint.cert_file = (folder / "cert.pem").string();
  endpoint.key_file = (folder / "key.pem").string();
  return endpoint;
}

}  // namespace alertscaler::config
