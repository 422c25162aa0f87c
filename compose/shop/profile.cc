#include "profile.h"

#include <cmath>
#include <utility>

#include "base/text.h"

namespace shop {

using alertscaler::ErrorKind;
using alertscaler::fail;
namespace text = alertscaler::text;

Result<Profile> Profile::parse(std::string_view spelled) {
  std::vector<Point> points;
  for (const std::string& part : text::split(spelled, ',')) {
    const std::string about = "profile: '" + part + "'";
    const std::vector<std::string> sides = text::split(part, '=');
    if (sides.size() != 2) return fail(ErrorKind::invalid, about + ": expected TIME=RATE, for example 30s=150");
    const Result<Duration> at = text::parse_duration(text::trim(sides[0]));
    if (!at) return fail(at.error().wrap(about));
    const std::optional<double> rate = text::parse_number(text::trim(sides[1]));
    if (!rate || !std::isfinite(*rate) || *rate < 0 || *rate > rate_max) {
      return fail(ErrorKind::invalid, about + ": expected a rate from 0 to " + std::to_string(std::lround(rate_max)) +
                                          " requests a second");
    }
    if (points.empty() && *at != Duration::zero())
      return fail(ErrorKind::invalid, about + ": the first point must be at 0s");
    if (!points.empty() && *at <= points.back().at)
      return fail(ErrorKind::invalid, about + ": each point must be later than the one before");
    points.push_back({*at, *rate});
  }
  if (points.empty()) return fail(ErrorKind::invalid, "profile: expected TIME=RATE[,TIME=RATE...]");
  return Profile(std::move(points));
}

double Profile::rate_at(Duration elapsed) const {
  const Duration period = points_.back().at;
  if (period == Duration::zero()) return points_.front().rate;
  const Duration at = elapsed % period;
  for (std::size_t i = 1; i < points_.size(); ++i) {
    if (at > points_[i].at) continue;
    const Point& from = points_[i - 1];
    const Point& to = points_[i];
    const double share = static_cast<double>((at - from.at).count()) / static_cast<double>((to.at - from.at).count());
    return from.rate + share * (to.rate - from.rate);
  }
  return points_.back().rate;
}

}  // namespace shop
