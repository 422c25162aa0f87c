// Reading what an engine or an API server answered without trusting its shape: what is missing or of another type is
// null, empty or 0.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

namespace alertscaler::json {

using Json = nlohmann::json;  // keeps 64-bit integers as they are

// The value under these keys, one inside the other; null when there is none.
template <class... Keys>
[[nodiscard]] const Json& at(const Json& document, const Keys&... keys) {
  static const Json none;
  const Json* value = &document;
  const auto step = [&](std::string_view key) {
    if (!value->is_object()) {
      value = &none;
      return;
    }
    const auto found = value->find(key);
    value = found == value->end() ? &none : &*found;
  };
  (step(keys), ...);
  return *value;
}

template <class... Keys>
[[nodiscard]] std::string string_at(const Json& document, const Keys&... keys) {
  const Json& value = at(document, keys...);
  return value.is_string() ? value.get<std::string>() : std::string();
}

template <class... Keys>
[[nodiscard]] std::int64_t int_at(const Json& document, const Keys&... keys) {
  const Json& value = at(document, keys...);
  return value.is_number_integer() ? value.get<std::int64_t>() : 0;
}

template <class... Keys>
[[nodiscard]] bool bool_at(const Json& document, const Keys&... keys) {
  const Json& value = at(document, keys...);
  return value.is_boolean() && value.get<bool>();
}

// Absent when the text is no JSON.
[[nodiscard]] inline std::optional<Json> parse_json(std::string_view text) {
  Json document = Json::parse(text, nullptr, false);
  if (document.is_discarded()) return std::nullopt;
  return document;
}

// For a wire or a store: what is no UTF-8 is replaced, nothing throws.
[[nodiscard]] inline std::string dump(const Json& document) {
  return document.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace alertscaler::json
