// A load that rises and falls: points in time and the rate at each, a straight line between them, over and over.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace shop {

using alertscaler::Duration;
using alertscaler::Result;

class Profile {
 public:
  // "0s=6,20s=6,30s=150": 6 requests a second for 20 s, up to 150 within 10 s, and again from the start.
  // invalid: which point, and what was expected.
  [[nodiscard]] static Result<Profile> parse(std::string_view text);

  // Requests a second at this time after the start.
  [[nodiscard]] double rate_at(Duration elapsed) const;

 private:
  struct Point {
    Duration at;
    double rate = 0;
  };
  explicit Profile(std::vector<Point> points) : points_(std::move(points)) {}

  std::vector<Point> points_;  // never empty; the first at 0, strictly later each
};

// The most that a profile may ask for: this is a demonstration, not a benchmark.
inline constexpr double rate_max = 2000;

// Quiet, a flood that takes about eight replicas of the default capacity, quiet again; six and a half minutes.
inline constexpr std::string_view default_profile = "0s=6,10s=6,20s=150,2m30s=150,2m50s=5,6m30s=5";

}  // namespace shop
