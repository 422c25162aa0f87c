// The page at / and its files.
#pragma once

#include <string_view>

#include "receive/answer.h"
#include "receive/http_head.h"

namespace alertscaler::receive {

// The page itself.
[[nodiscard]] Answer page(const Head& head);
// One of its files; `rest` is DIGEST/NAME.
[[nodiscard]] Answer page_file(const Head& head, std::string_view rest);

}  // namespace alertscaler::receive
