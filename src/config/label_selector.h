// The syntax of Kubernetes' label selectors, as the API server takes them in a query.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace alertscaler::config {

// What is wrong with it, for people; absent: nothing. Pure. An empty selector, which selects all, is right.
[[nodiscard]] std::optional<std::string> wrong_with_selector(std::string_view selector);

}  // namespace alertscaler::config
