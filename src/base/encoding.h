// Texts as the web wraps them.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace alertscaler::text {

// For a path segment or a query value; `keep` are further characters that stay.
[[nodiscard]] std::string percent_encode(std::string_view text, std::string_view keep = "");

// "eyJuYW1lIjoi…" -> the bytes; both alphabets, with or without padding, white space anywhere. Absent: it is no base64.
[[nodiscard]] std::optional<std::string> from_base64(std::string_view encoded);

[[nodiscard]] std::string to_base64(std::string_view bytes);  // the standard alphabet, with padding

// What a reader sees of an HTML page.
[[nodiscard]] std::string without_tags(std::string_view html);

}  // namespace alertscaler::text
