#include "app/file_watch.h"

#include <utility>

#include "base/file.h"

namespace alertscaler::app {

FileWatch::FileWatch(std::string path) : path_(std::move(path)) {
  take();
}

void FileWatch::take() {
  known_ = read();
  seen_.reset();
}

void FileWatch::forget() {
  known_.reset();
  seen_.reset();
}

bool FileWatch::changed() {
  Text now = read();
  if (known_ && *known_ == now) {
    seen_.reset();
    return false;
  }
  const bool settled = seen_ && *seen_ == now;
  seen_ = std::move(now);
  return settled;
}

FileWatch::Text FileWatch::read() const {
  auto text = read_file(path_);
  return text ? Text(*std::move(text)) : std::nullopt;
}

}  // namespace alertscaler::app
