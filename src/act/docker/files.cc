#include "act/docker/files.h"

#include <algorithm>

#include "act/docker/replica.h"
#include "act/docker/tar.h"
#include "base/text.h"

namespace alertscaler::docker {
namespace {

constexpr std::string_view secrets = "/run/secrets/";
constexpr std::size_t file_bytes_max = 1U << 20U;
constexpr std::size_t looked_at_max = 20;
constexpr std::size_t told_max = 3;

bool is_inside(std::string_view path, std::string_view directory) {
  return path.size() > directory.size() && path.starts_with(directory) && path[directory.size()] == '/';
}

bool covers(std::span<const std::string> directories, std::string_view path) {
  return std::any_of(directories.begin(), directories.end(),
                     [&](const std::string& directory) { return path == directory || is_inside(path, directory); });
}

std::vector<std::string> mount_targets(const Json& inspect) {
  std::vector<std::string> targets;
  const Json& mounts = at(inspect, "Mounts");
  for (const Json& mount : mounts.is_array() ? mounts : Json::array()) {
    targets.push_back(string_at(mount, "Destination"));
  }
  const Json& tmpfs = at(inspect, "HostConfig", "Tmpfs");
  if (tmpfs.is_object()) {
    for (const auto& [path, options] : tmpfs.items()) targets.push_back(path);
  }
  return targets;
}

// Without what lies inside another of them, and without the directories above any of them or of `mounts`.
std::vector<std::string> outermost(std::vector<std::string> paths) {
  std::sort(paths.begin(), paths.end());
  std::vector<std::string> kept;
  for (std::string& path : paths) {
    if (!covers(kept, path)) kept.push_back(std::move(path));
  }
  return kept;
}

// A path without its trailing slash, and its parent: "/etc/inl.conf" -> "/etc".
std::string without_slash(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path;
}
std::string parent_of(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return slash == 0 || slash == std::string_view::npos ? "/" : std::string(path.substr(0, slash));
}

// Tells files that were there before the process started from what it wrote itself; only its first run can tell.
std::string note_of_others(Engine& engine, const Json& inspect, std::span<const std::string> candidates,
                           const std::stop_token& stop) {
  const Condition condition = read_condition(inspect);
  const auto finished = text::parse_time(string_at(inspect, "State", "FinishedAt"));
  if (!condition.started || (finished && !text::is_zero_time(*finished))) return "";
  std::vector<std::string> found;
  for (const std::string& path : candidates.first(std::min(candidates.size(), looked_at_max))) {
    const auto changed = engine.file_changed(string_at(inspect, "Id"), path, stop);
    if (changed && *changed && **changed <= *condition.started) found.push_back(path);
  }
  if (found.empty()) return "";
  const bool more = found.size() > told_max;
  if (more) found.resize(told_max);
  return "new replicas lack files that were copied into " + string_at(inspect, "Name").substr(1) + ": " +
         text::join(found, ", ") + (more ? " and more" : "") + "; list them in copy_paths if they are needed";
}

Status put_file(Engine& engine, const std::string& container, const std::string& directory, const std::string& tar,
                const std::stop_token& stop) {
  const Status done = engine.put_archive(container, directory, tar, stop);
  if (done || done.error().kind != ErrorKind::not_found || directory == "/") return done;
  // The directory does not exist: make it, and those above it. One that exists is never touched.
  const std::string name = directory.substr(directory.rfind('/') + 1);
  if (name.empty() || name.size() > 98) return done;
  if (const Status made = put_file(engine, container, parent_of(directory), tar_of_directory(name), stop); !made) {
    return made;
  }
  return engine.put_archive(container, directory, tar, stop);
}

}  // namespace

std::vector<std::string> copied_secrets(const Json& inspect, std::span<const std::string> added) {
  const std::vector<std::string> mounts = mount_targets(inspect);
  std::vector<std::string> paths;
  for (const std::string& path : added) {
    const bool holds_a_mount =
        std::any_of(mounts.begin(), mounts.end(), [&](const std::string& mount) { return is_inside(mount, path); });
    if (path.starts_with(secrets) && !covers(mounts, path) && !holds_a_mount) paths.push_back(path);
  }
  return outermost(std::move(paths));
}

std::vector<std::string> other_files(const Json& inspect, std::span<const std::string> added,
                                     std::span<const std::string> copied) {
  const std::vector<std::string> mounts = mount_targets(inspect);
  std::vector<std::string> paths;
  for (const std::string& path : added) {
    if (!path.starts_with(secrets) && !covers(mounts, path) && !covers(copied, path)) paths.push_back(path);
  }
  return paths;
}

Result<Wanted> wanted_files(Engine& engine, const Json& inspect, std::span<const std::string> copy_paths,
                            const std::stop_token& stop) {
  Wanted wanted;
  for (const std::string& path : copy_paths) wanted.paths.push_back(without_slash(path));
  const auto added = engine.added_paths(string_at(inspect, "Id"), stop);
  if (added) {
    wanted.note = note_of_others(engine, inspect, other_files(inspect, *added, wanted.paths), stop);
    for (std::string& path : copied_secrets(inspect, *added)) wanted.paths.push_back(std::move(path));
  } else if (added.error().kind != ErrorKind::refused && added.error().kind != ErrorKind::invalid) {
    return fail(added.error());
  }  // else a proxy forbids the look, or there is too much to see: only copy_paths are copied
  wanted.paths = outermost(std::move(wanted.paths));
  return wanted;
}

Result<std::vector<CopiedFile>> read_files(Engine& engine, const Json& inspect, std::span<const std::string> paths,
                                           const std::stop_token& stop) {
  std::vector<CopiedFile> files;
  for (const std::string& path : paths) {
    auto tar = engine.get_archive(string_at(inspect, "Id"), path, file_bytes_max, stop);
    if (!tar) return fail(tar.error().wrap("copy " + path));
    if (!*tar) {
      return fail(ErrorKind::not_found,
                  "copy_paths: " + string_at(inspect, "Name").substr(1) + " has no " + path + " to copy");
    }
    files.push_back({path, **std::move(tar)});
  }
  return files;
}

Status put_files(Engine& engine, const std::string& container, std::span<const CopiedFile> files,
                 const std::stop_token& stop) {
  for (const CopiedFile& file : files) {
    const Status done = put_file(engine, container, parent_of(file.path), file.tar, stop);
    if (!done) return fail(done.error().wrap("copy " + file.path));
  }
  return {};
}

}  // namespace alertscaler::docker
