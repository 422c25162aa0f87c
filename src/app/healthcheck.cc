#include "app/healthcheck.h"

#include <cstdio>

#include "act/http_client.h"

namespace alertscaler::app {

int healthcheck(const HealthcheckOptions& options) {
  HttpRequest request;
  request.path = "/-/healthy";
  request.timeout = std::chrono::seconds{3};
  HttpPeer peer;
  peer.base_url = options.url.ends_with('/') ? options.url.substr(0, options.url.size() - 1) : options.url;
  const HttpResult answer = HttpClient(peer).send(request, {});
  if (answer && answer->code == 200) return 0;
  const std::string why = answer ? "it answered " + std::to_string(answer->code) : answer.error().message;
  std::fprintf(stderr, "alertscaler: GET %s%s: %s\n", peer.base_url.c_str(), request.path.c_str(), why.c_str());
  return 1;
}

}  // namespace alertscaler::app
