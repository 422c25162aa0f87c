// Files that live only in a container's own layer: secrets and configs that Compose copied in before the start. They
// are in no description, so a new replica gets them only by copying.
#pragma once

#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "act/docker/engine.h"
#include "act/docker/json.h"
#include "base/result.h"

namespace alertscaler::docker {

struct CopiedFile {
  std::string path;  // absolute, of the file or directory
  std::string tar;   // its name is the last part of the path
  bool operator==(const CopiedFile&) const = default;
};

// Paths below /run/secrets that were copied in: of `added` those that are no mount, without what lies inside another.
[[nodiscard]] std::vector<std::string> copied_secrets(const Json& inspect, std::span<const std::string> added);
// Of `added`, those outside mounts, /run/secrets and `copied`: they may have been copied in, too.
[[nodiscard]] std::vector<std::string> other_files(const Json& inspect, std::span<const std::string> added,
                                                   std::span<const std::string> copied);

// What a replica like this one needs copied.
struct Wanted {
  std::vector<std::string> paths;  // `copy_paths`, and secrets that were copied in
  std::string note;                // files that a new replica will lack, with what to do; empty when there are none
};
[[nodiscard]] Result<Wanted> wanted_files(Engine& engine, const Json& inspect, std::span<const std::string> copy_paths,
                                          const std::stop_token& stop);

// Reads them. not_found: the replica has no such path.
[[nodiscard]] Result<std::vector<CopiedFile>> read_files(Engine& engine, const Json& inspect,
                                                         std::span<const std::string> paths,
                                                         const std::stop_token& stop);

// Writes them into a container that was not started yet.
[[nodiscard]] Status put_files(Engine& engine, const std::string& container, std::span<const CopiedFile> files,
                               const std::stop_token& stop);

}  // namespace alertscaler::docker
