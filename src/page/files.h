// The web page's files, put into the program when it is built.
#pragma once

#include <span>
#include <string_view>

namespace alertscaler::page {

struct File {
  std::string_view name;  // "main.js"
  std::string_view content_type;
  std::string_view plain;
  std::string_view gzip;
};

[[nodiscard]] std::span<const File> files();
// Of all files; it changes with any of them. They refer to one another as page/DIGEST/NAME.
[[nodiscard]] std::string_view digest();

}  // namespace alertscaler::page
