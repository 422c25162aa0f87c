// What went wrong between us and an engine, in words that say what to do. Pure.
#pragma once

#include <string>
#include <string_view>

#include "act/http_client.h"
#include "base/result.h"
#include "model/settings.h"

namespace alertscaler::docker {

// The peer that an endpoint names. invalid: its host is neither unix://PATH nor tcp://HOST:PORT.
[[nodiscard]] Result<HttpPeer> peer_of(const DockerEndpoint& endpoint);

// There was no answer. `socket_group` is the socket's group id for people ("998"), empty when it is not known.
[[nodiscard]] Error no_answer(const HttpError& error, const DockerEndpoint& endpoint, std::string_view socket_group);

// What an answer of 400 or above says: Docker's {"message"}, Podman's {"cause", "message"}, or text as it came.
[[nodiscard]] std::string said(const HttpResponse& response);

// An answer that is an error. `request` is "POST /containers/create"; `changes` tells a request that changes something:
// when the engine itself failed at that (500), repeating it at once cannot help.
[[nodiscard]] Error bad_answer(const HttpResponse& response, std::string_view request, bool changes);

}  // namespace alertscaler::docker
