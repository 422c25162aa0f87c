// Serves one connection: request after request, each parsed and answered by the HTTP library.
#pragma once

#include "receive/connection.h"
#include "receive/router.h"

namespace alertscaler::receive {

// Returns when the connection is to be closed. Does not throw.
void serve(Connection& connection, Router& router);

}  // namespace alertscaler::receive
