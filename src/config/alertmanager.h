// The key `alertmanager`: whom a resync asks, and how.
#pragma once

#include "config/value.h"
#include "model/settings.h"

namespace alertscaler::config {

void read_alertmanager(const Value& value, Alertmanagers& out);

}  // namespace alertscaler::config
