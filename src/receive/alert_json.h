// The pieces of the senders' JSON that all shapes have in common. Only for the files that parse: it brings simdjson in.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <simdjson.h>
#include <tl/expected.hpp>

#include "receive/body.h"
#include "receive/http_head.h"
#include "receive/limits.h"
#include "receive/notification.h"

namespace alertscaler::receive::json {

namespace dom = simdjson::dom;

[[nodiscard]] std::string_view type_of(const dom::element& value);  // "an array"
[[nodiscard]] std::string in_quotes(std::string_view text);         // shortened
// "status: expected a string, found a number"
[[nodiscard]] std::string wrong_type(std::string_view what, std::string_view expected, const dom::element& found);

[[nodiscard]] inline Refusal bad(std::string message) {
  return {400, std::move(message)};
}

// The document, which lives in `parser`. `shape` says what was expected, for the text of a refusal.
[[nodiscard]] tl::expected<dom::element, Refusal> parse(const Body& body, std::string_view shape, dom::parser& parser);
// Absent: there are not too many.
[[nodiscard]] std::optional<Refusal> check_count(const dom::array& alerts, const Limits& limits);

// Whose alerts they are.
enum class Form {
  alertmanager,  // {"status", "labels", "annotations", "startsAt", "endsAt", "fingerprint"}
  grafana,       // the same and "values"
  pushed,        // no status and no fingerprint: `status` and `resolved` are for the caller
};
// One alert; what is wrong with it is its `problem`.
[[nodiscard]] Delivered read_alert(const dom::element& value, Form form, const Limits& limits);

}  // namespace alertscaler::receive::json
