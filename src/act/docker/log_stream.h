// What GET /containers/{id}/logs answers, as text. Pure.
#pragma once

#include <string>
#include <string_view>

namespace alertscaler::docker {

// The engine sends frames, each with the stream that it is of and its length, and plain text when the container has a
// terminal. Both streams in their order; control characters but line ends are left out.
[[nodiscard]] std::string read_log(std::string_view body);

// The last lines that are not empty, at most `lines_max` of them and `bytes_max` bytes, joined by " | "; one that
// is repeated counts once.
[[nodiscard]] std::string last_lines(std::string_view log, std::size_t lines_max, std::size_t bytes_max);

}  // namespace alertscaler::docker
