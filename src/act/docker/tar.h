// The one kind of tar that we write ourselves.
#pragma once

#include <string>
#include <string_view>

namespace alertscaler::docker {

// An archive of one empty directory, mode 755, owned by root. REQUIRES: a name of 1 to 98 bytes without '/'.
[[nodiscard]] std::string tar_of_directory(std::string_view name);

}  // namespace alertscaler::docker
