// The text forms of the field: Prometheus durations, RFC 3339 times, and finding the name that was meant.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace alertscaler::text {

// Prometheus' duration syntax (https://prometheus.io/docs/prometheus/latest/configuration/configuration/#duration):
// units y w d h m s ms, each at most once and in this order, or a bare "0". invalid: what was expected and found.
[[nodiscard]] Result<Duration> parse_duration(std::string_view text);
[[nodiscard]] std::string format_duration(Duration duration);  // "1h30m", "500ms", "0s"; a leading "-" when negative

// RFC 3339 with any offset and any number of fractional digits (those after the third are dropped).
// The zero time "0001-01-01T00:00:00Z", with which Go says "none", parses to its own instant; see is_zero_time.
[[nodiscard]] Result<Instant> parse_time(std::string_view text);
[[nodiscard]] std::string format_time(Instant time);  // UTC, "2026-01-02T03:04:05.678Z"; no fraction when it is zero
[[nodiscard]] bool is_zero_time(Instant time);

// A whole decimal number inside int's range, nothing around it.
[[nodiscard]] std::optional<int> parse_int(std::string_view text);
// A decimal or exponent number as Go prints it ("3", "1.795e+01", "NaN", "+Inf"); absent when it is none.
[[nodiscard]] std::optional<double> parse_number(std::string_view text);

// The candidate that `word` was most likely meant to be: within a third of its length in edits, else absent.
[[nodiscard]] std::optional<std::string> nearest(std::string_view word, std::span<const std::string> candidates);

[[nodiscard]] std::string_view trim(std::string_view text);
[[nodiscard]] std::string to_lower(std::string_view text);
[[nodiscard]] std::vector<std::string> split(std::string_view text, char separator);
[[nodiscard]] std::string join(std::span<const std::string> parts, std::string_view separator);
// At most `bytes_max` bytes of it, cut between characters and then ended by "…".
[[nodiscard]] std::string shorten(std::string_view text, std::size_t bytes_max);
// The length in bytes of the UTF-8 character that starts at `at`; 0 when there is none. REQUIRES: at < text.size().
[[nodiscard]] std::size_t utf8_length(std::string_view text, std::size_t at);
// A JSON string with its quotes; invalid UTF-8 becomes U+FFFD.
[[nodiscard]] std::string json_quote(std::string_view text);

}  // namespace alertscaler::text
