// `alertscaler healthcheck`: for a container's health check, where no curl is in the image.
#pragma once

#include "app/options.h"

namespace alertscaler::app {

// 0 when GET url/-/healthy answers 200 within 3 s; else 1 with the reason on stderr. A url of http:// finds a server
// with TLS, too: then https:// is asked, and a server that will not speak to somebody without a certificate is alive.
[[nodiscard]] int healthcheck(const HealthcheckOptions& options);

}  // namespace alertscaler::app
