// The JSON in the database: what a person reading it with sqlite3 sees. Every field of a structure is named once, in
// codec.cc, where a forgotten one does not compile.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "model/action.h"
#include "model/alert.h"
#include "model/orders.h"

namespace alertscaler::codec {

// Times are milliseconds since 1970, enumerations their names; what is absent or empty is left out.
[[nodiscard]] std::string encode(const Labels& labels);
[[nodiscard]] std::string encode(const Mapping& mapping);
[[nodiscard]] std::string encode(const Cause& cause);
[[nodiscard]] std::string encode(const TargetState& state);
[[nodiscard]] std::string encode(const Orders& orders);

// invalid: no JSON, or not of this shape. What is left out gets its default; unknown keys are ignored.
[[nodiscard]] Result<Labels> decode_labels(std::string_view text);
[[nodiscard]] Result<Mapping> decode_mapping(std::string_view text);
[[nodiscard]] Result<Cause> decode_cause(std::string_view text);
[[nodiscard]] Result<TargetState> decode_state(std::string_view text);
[[nodiscard]] Result<Orders> decode_orders(std::string_view text);

}  // namespace alertscaler::codec
