#include "remember/directory.h"

#include <cerrno>
#include <string>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"

namespace alertscaler {
namespace {

constexpr mode_t ours_alone = 0600;

tl::unexpected<Error> failed(std::string doing, int error_number) {
  std::string text = std::move(doing) + ": " + std::generic_category().message(error_number);
  switch (error_number) {
    case EACCES:
    case EPERM:
      return fail(ErrorKind::refused, text + "; give the user that alertscaler runs as the right to write there");
    case EROFS:
      return fail(ErrorKind::refused, text + "; choose another --storage.path or mount it writable");
    case ENOSPC:
    case EDQUOT:
      return fail(ErrorKind::busy, text + "; make room and start again");
    case EIO:
      return fail(ErrorKind::storage, text);
    default:
      return fail(ErrorKind::refused, std::move(text));
  }
}

// What was created must survive a power cut together with its name.
Status sync_directory(const std::filesystem::path& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return {};  // one that cannot be read can still be written; its file system decides
  const int result = ::fsync(fd);
  const int error_number = errno;
  ::close(fd);
  if (result == 0 || error_number == EINVAL) return {};  // EINVAL: a file system that cannot
  return failed("sync " + path.string(), error_number);
}

Status make_directory(const std::filesystem::path& path) {
  std::error_code error;
  const std::filesystem::path parent = path.parent_path();
  if (!parent.empty()) std::filesystem::create_directories(parent, error);
  if (error) return failed("create the directory " + parent.string(), error.value());
  if (::mkdir(path.c_str(), 0700) == 0) return sync_directory(parent.empty() ? "." : parent);
  if (errno != EEXIST) return failed("create the directory " + path.string(), errno);
  if (std::filesystem::is_directory(path, error)) return {};
  return fail(ErrorKind::refused, "--storage.path: " + path.string() + " is no directory");
}

std::string holder(const std::filesystem::path& lock_file) {
  const Result<std::string> content = read_file(lock_file);
  const auto process = content ? text::parse_int(text::trim(*content)) : std::nullopt;
  return process ? " (process " + std::to_string(*process) + ")" : "";
}

void note_holder(int lock) {  // for the error above alone: it may fail
  const std::string line = std::to_string(::getpid()) + "\n";
  if (::ftruncate(lock, 0) == 0 && ::pwrite(lock, line.data(), line.size(), 0) < 0) return;
}

Result<int> lock_directory(const std::filesystem::path& path) {
  const std::filesystem::path file = path / "alertscaler.lock";
  const int lock = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, ours_alone);
  if (lock < 0) return failed("open " + file.string(), errno);
  if (::flock(lock, LOCK_EX | LOCK_NB) == 0) {
    note_holder(lock);
    return lock;
  }
  const int error_number = errno;
  ::close(lock);
  if (error_number != EWOULDBLOCK) return failed("lock " + file.string(), error_number);
  return fail(ErrorKind::refused, "another alertscaler" + holder(file) + " works in " + path.string() + ": it holds " +
                                      file.string() + "; stop it, or give this one its own --storage.path");
}

// Before SQLite opens the file: closing any descriptor of it later would drop SQLite's locks. The log and its index get
// the file's own mode from SQLite.
Status create_database(const std::filesystem::path& file) {
  const int fd = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, ours_alone);
  if (fd < 0) return failed("open " + file.string(), errno);
  struct stat now {};
  const bool others_may_read = ::fstat(fd, &now) == 0 && (now.st_mode & 077) != 0;
  const bool kept_open = others_may_read && ::fchmod(fd, ours_alone) != 0;
  const int error_number = errno;
  ::close(fd);
  if (kept_open) return failed("make " + file.string() + " readable by our user alone", error_number);
  return {};
}

}  // namespace

Directory::~Directory() {
  if (lock_ >= 0) ::close(lock_);
}

Directory::Directory(Directory&& other) noexcept
    : database_(std::move(other.database_)), lock_(std::exchange(other.lock_, -1)) {}

Result<Directory> Directory::take(const std::filesystem::path& path) {
  const std::filesystem::path clean =
      path.lexically_normal().has_filename() ? path.lexically_normal() : path.lexically_normal().parent_path();
  if (Status created = make_directory(clean); !created) return fail(std::move(created).error());
  Result<int> lock = lock_directory(clean);
  if (!lock) return fail(std::move(lock).error());
  Directory directory(clean / "alertscaler.db", *lock);
  if (Status created = create_database(directory.database_); !created) return fail(std::move(created).error());
  if (Status synced = sync_directory(clean); !synced) return fail(std::move(synced).error());
  return directory;
}

}  // namespace alertscaler
