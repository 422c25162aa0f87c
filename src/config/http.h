// An http_config as Alertmanager has it (https://prometheus.io/docs/alerting/latest/configuration/#http_config).
#pragma once

#include "config/value.h"
#include "model/settings.h"

namespace alertscaler::config {

// No problem that is reported shows a secret.
void read_http_config(const Value& value, HttpConfig& out);

}  // namespace alertscaler::config
