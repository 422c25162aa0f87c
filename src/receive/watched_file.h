// Notices that a file is another than it was, without reading it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>
#include <utility>

#include <sys/stat.h>

#include "base/clock.h"
#include "base/log.h"

namespace alertscaler::receive {

// Not thread-safe.
class WatchedFile {
 public:
  // What counts is a change after this; so watch first, then read.
  WatchedFile(std::filesystem::path path, const Clock& clock)
      : path_(std::move(path)), clock_(clock), checked_(clock.now()), state_(state_of(path_)) {}

  // Has it changed since the last time that this was true? Looks at most once a second.
  [[nodiscard]] bool changed() {
    constexpr auto recheck_after = std::chrono::seconds{1};
    const Instant now = clock_.now();
    if (now >= checked_ && now < checked_ + recheck_after) return false;
    checked_ = now;
    const State before = std::exchange(state_, state_of(path_));
    if (replaced() && !before.replaced) {
      log::error("file.replaced", {{"file", path_.string()}, {"text", replaced_text}});
    }
    return before != state_;
  }
  // changed() is true at its next look, whatever has become of the file: what was read was of no use.
  void look_again() { state_.size = never; }
  // No name leads to the file any more but that of a mount, which is how another one put in its place outside of a
  // container looks from within. What is read is what was before.
  [[nodiscard]] bool replaced() const { return state_.replaced; }
  static constexpr std::string_view replaced_text =
      "the file was replaced on the host, the mount still shows the old one; restart, or write in place";
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  static constexpr std::int64_t never = -2;  // a size that no file has
  struct State {
    std::uint64_t device = 0;
    std::uint64_t inode = 0;
    std::int64_t size = -1;  // -1: there is none
    std::int64_t changed_s = 0;
    std::int64_t changed_ns = 0;
    bool replaced = false;
    bool operator==(const State&) const = default;
  };
  static State state_of(const std::filesystem::path& path) {
    struct stat found {};
    if (::stat(path.c_str(), &found) != 0) return {};
    return {found.st_dev,         found.st_ino,          found.st_size,
            found.st_mtim.tv_sec, found.st_mtim.tv_nsec, found.st_nlink == 0};
  }

  const std::filesystem::path path_;
  const Clock& clock_;
  Instant checked_;
  State state_;
};

}  // namespace alertscaler::receive
