// Every limit of the receiver by its name; nothing relies on a library's default.
#pragma once

#include <cstddef>

#include "base/clock.h"

namespace alertscaler::receive {

struct Limits {
  std::size_t header_bytes_max = 64U << 10U;  // request line and headers together
  std::size_t body_bytes_max = 8U << 20U;
  // Of all bodies above 64 KiB that are being read or parsed at the same time, as much of them as has arrived; who does
  // not fit in waits for 5 s and is then answered 503. Bodies whose sender is known only by their signature get half of
  // it. At least body_bytes_max.
  std::size_t bodies_bytes_max = 32U << 20U;
  std::size_t alerts_per_notification_max = 100'000;
  std::size_t labels_per_alert_max = 256;  // and as many annotations
  int connections_max = 256;               // one thread each; see Connections for what happens beyond that
  Duration read_timeout{30'000};           // for one whole request, first byte to last: a slow client is cut off
  Duration write_timeout{30'000};          // for one whole answer: so is a client that does not read
  Duration idle_timeout{60'000};           // between the requests of a kept-alive connection
  Duration wait_max{60'000};  // the most that ?wait= gets; at most a quarter of the connections may wait at a time
};

}  // namespace alertscaler::receive
