// Whole small files: configuration, tokens, certificates.
#pragma once

#include <filesystem>
#include <string>

#include "base/result.h"

namespace alertscaler {

// The whole file, at most 16 MiB. not_found, refused (permission) or invalid (a directory, too large), with the path
// and the system's reason in the text.
[[nodiscard]] Result<std::string> read_file(const std::filesystem::path& path);

}  // namespace alertscaler
