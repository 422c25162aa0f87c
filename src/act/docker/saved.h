// What a service needs to come back from zero replicas, as it is kept across restarts. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "act/docker/clone.h"
#include "act/docker/files.h"
#include "act/docker/limits.h"

namespace alertscaler::docker {

struct Saved {
  Recipe recipe;
  std::vector<CopiedFile> files;
  std::optional<Limit> limit;
  bool operator==(const Saved&) const = default;
};

// Where it is kept: "compose/shop/web".
[[nodiscard]] std::string saved_key(std::string_view project, std::string_view service);
// The same value gives the same text.
[[nodiscard]] std::string to_text(const Saved& saved);
// Absent when the text was written by something else.
[[nodiscard]] std::optional<Saved> saved_from(std::string_view text);

}  // namespace alertscaler::docker
