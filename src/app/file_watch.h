// Notices that a file says something else than before, however it was replaced: in place, by a rename, or behind a
// symbolic link, as Kubernetes does with a ConfigMap. Its text counts: a file that was merely touched is the same.
#pragma once

#include <optional>
#include <string>

namespace alertscaler::app {

// Not thread-safe.
class FileWatch {
 public:
  // What the file says now is known; so watch first, then read.
  explicit FileWatch(std::string path);

  // What the file says now becomes known.
  void take();
  // Nothing is known any more: whatever the file says, changed() will tell.
  void forget();
  // It says something else than what is known, and the look before this one has seen the same: who writes a file in
  // place may have been in the middle of it. A file that cannot be read counts as one more thing to say.
  [[nodiscard]] bool changed();

 private:
  using Text = std::optional<std::string>;  // absent: it cannot be read

  [[nodiscard]] Text read() const;

  const std::string path_;
  std::optional<Text> known_;
  std::optional<Text> seen_;  // by the look before, if it was not what is known
};

}  // namespace alertscaler::app
