// Whether a request that changes something was meant by whoever sent it: a web page elsewhere must not be able to make
// a browser send it.
#pragma once

#include <optional>

#include "receive/http_head.h"

namespace alertscaler::receive {

// 403 for what a browser sends on behalf of another site. Programs send neither Origin nor Sec-Fetch-Site, and pass.
[[nodiscard]] std::optional<Refusal> check_origin(const Head& head);
// 415 unless the body is said to be plain JSON, which a form of another site cannot say.
[[nodiscard]] std::optional<Refusal> check_is_json(const Head& head);

}  // namespace alertscaler::receive
