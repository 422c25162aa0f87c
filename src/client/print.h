// How the API's objects look in a terminal. Private to client.
#pragma once

#include <cstdio>
#include <string>

#include <nlohmann/json.hpp>

#include "base/result.h"
#include "client/table.h"

namespace alertscaler::client {

// What is there under `key`, as text for people; empty when it is absent or null.
[[nodiscard]] std::string text_at(const nlohmann::json& object, const char* key);

[[nodiscard]] Table target_table();
[[nodiscard]] std::vector<Cell> target_row(const nlohmann::json& target);
// One target, with everything that is known of it.
[[nodiscard]] std::string target_page(const nlohmann::json& target, const Terminal& terminal);

// Of /api/v1/status, a line; empty: there is none.
[[nodiscard]] std::string pause_of_all(const nlohmann::json& status);

[[nodiscard]] Table history_table();
[[nodiscard]] std::vector<Cell> history_row(const nlohmann::json& entry);

void print(const std::string& text);
void print_json(const nlohmann::json& data);
void print_warnings(const std::vector<std::string>& warnings);  // to stderr
int failed(const Error& error);                                 // prints it to stderr; 1

}  // namespace alertscaler::client
