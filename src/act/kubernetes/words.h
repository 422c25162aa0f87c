// What went wrong between us and an API server, in words that say what to do. Pure.
#pragma once

#include <string>

#include "act/http_client.h"
#include "act/kubernetes/api_server.h"

namespace alertscaler::kubernetes {

// "PATCH /apis/apps/v1/namespaces/demo/deployments/web/scale": without its query.
[[nodiscard]] std::string told(const ApiRequest& request);
[[nodiscard]] bool changes(const ApiRequest& request);

// There was no answer.
[[nodiscard]] ApiError no_answer(const HttpError& error, const ApiRequest& request, const KubernetesAccess& access);

// An answer that is an error, whatever its body: a Status object under any content type, a text of the server's own
// filters ("404 page not found"), or a page of a proxy in between.
[[nodiscard]] ApiError bad_answer(const HttpResponse& response, const ApiRequest& request,
                                  const KubernetesAccess& access);

// An answer of success whose body is not JSON.
[[nodiscard]] ApiError no_json(const HttpResponse& response, const ApiRequest& request);

}  // namespace alertscaler::kubernetes
