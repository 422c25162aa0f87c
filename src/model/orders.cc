#include "model/orders.h"

#include <algorithm>

namespace alertscaler {
namespace {

bool holds(const std::optional<Pause>& pause, Instant now) {
  return pause && (!pause->until || *pause->until > now);
}

}  // namespace

Orders in_force(Orders own, const Orders& of_all, Instant now) {
  if (own.pin && own.pin->until <= now) own.pin.reset();
  if (!holds(own.pause, now)) own.pause.reset();
  if (!holds(of_all.pause, now)) return own;
  const bool own_lasts_longer =
      own.pause && of_all.pause->until && (!own.pause->until || *own.pause->until > *of_all.pause->until);
  if (!own_lasts_longer) own.pause = of_all.pause;
  return own;
}

std::optional<Instant> next_end(const Orders& orders) {
  std::optional<Instant> end;
  if (orders.pin) end = orders.pin->until;
  if (orders.pause && orders.pause->until) end = end ? std::min(*end, *orders.pause->until) : *orders.pause->until;
  return end;
}

}  // namespace alertscaler
