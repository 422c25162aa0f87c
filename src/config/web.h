// The keys of --web.config.file that make the server a safe one.
#pragma once

#include "config/value.h"
#include "model/settings.h"

namespace alertscaler::config {

void read_tls_server(const Value& value, WebConfig& web);
void read_http_server(const Value& value, WebConfig& web);
void read_basic_auth_users(const Value& value, WebConfig& web);

}  // namespace alertscaler::config
