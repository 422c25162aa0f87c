#include "base/crash_point.h"

#ifdef ALERTSCALER_CRASH_POINTS
#include <csignal>
#include <cstdlib>

namespace alertscaler {

void crash_point(std::string_view point) {
  const char* chosen = std::getenv("ALERTSCALER_CRASH_AT");  // NOLINT(concurrency-mt-unsafe): never set by us
  if (chosen != nullptr && point == chosen) ::raise(SIGKILL);
}

}  // namespace alertscaler
#endif
