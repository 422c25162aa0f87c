// Recorded files of tests/golden.
#pragma once

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>

namespace alertscaler::test {

[[nodiscard]] inline std::string golden_path(const std::string& name) {
  return std::string(ALERTSCALER_TESTS_DIR) + "/golden/" + name;
}

[[nodiscard]] inline std::string read_golden(const std::string& name) {
  std::ifstream file(golden_path(name));
  if (!file) throw std::runtime_error("cannot read " + golden_path(name));
  std::ostringstream content;
  content << file.rdbuf();
  return content.str();
}

// What `name` should hold: its content, or, with ALERTSCALER_UPDATE_GOLDEN=1, `actual`, which is then written there.
[[nodiscard]] inline std::string expected_golden(const std::string& name, const std::string& actual) {
  if (std::getenv("ALERTSCALER_UPDATE_GOLDEN") == nullptr) return read_golden(name);
  std::ofstream(golden_path(name)) << actual;
  return actual;
}

}  // namespace alertscaler::test
