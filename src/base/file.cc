#include "base/file.h"

#include <array>
#include <cerrno>
#include <system_error>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace alertscaler {
namespace {

constexpr std::size_t file_bytes_max = 16U << 20U;

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  [[nodiscard]] int get() const { return fd_; }

 private:
  int fd_;
};

tl::unexpected<Error> failed(const std::filesystem::path& path, int error_number) {
  const ErrorKind kind = error_number == ENOENT                            ? ErrorKind::not_found
                         : error_number == EACCES || error_number == EPERM ? ErrorKind::refused
                                                                           : ErrorKind::invalid;
  return fail(kind, "read " + path.string() + ": " + std::generic_category().message(error_number));
}

}  // namespace

Result<std::string> read_file(const std::filesystem::path& path) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) return failed(path, errno);
  std::string content;
  std::array<char, 65'536> buffer{};
  while (true) {
    const ssize_t count = ::read(file.get(), buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return failed(path, errno);
    if (count == 0) return content;
    content.append(buffer.data(), static_cast<std::size_t>(count));
    if (content.size() > file_bytes_max) {
      return fail(ErrorKind::invalid, "read " + path.string() + ": larger than 16 MiB");
    }
  }
}

}  // namespace alertscaler
