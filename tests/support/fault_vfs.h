// A file system for SQLite that fails when told to, and remembers what a power cut would leave.
#pragma once

#include <atomic>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <mutex>
#include <new>
#include <string>
#include <string_view>
#include <vector>

#include <sqlite3.h>

namespace alertscaler::test {

// Stands before SQLite's default file system under the name `name`, for as long as it lives. REQUIRES: no connection
// that uses it is left when it goes.
class FaultVfs {
 public:
  enum class File { database, log, other };
  enum class Call { read, write, sync };

  // Asked before each call; what it returns, when not SQLITE_OK, is the call's result, and the call is not made.
  using Fault = std::function<int(File, Call)>;

  explicit FaultVfs(std::string name) : name_(std::move(name)), real_(sqlite3_vfs_find(nullptr)) {
    vfs_ = *real_;
    vfs_.pNext = nullptr;
    vfs_.zName = name_.c_str();
    vfs_.pAppData = this;
    vfs_.szOsFile = static_cast<int>(sizeof(Handle)) + real_->szOsFile;
    vfs_.xOpen = open;
    vfs_.xDelete = remove;
    // The rest of the default one looks at its own pAppData.
    vfs_.xAccess = [](sqlite3_vfs* vfs, const char* path, int flags, int* out) {
      return self(vfs).real_->xAccess(self(vfs).real_, path, flags, out);
    };
    vfs_.xFullPathname = [](sqlite3_vfs* vfs, const char* path, int size, char* out) {
      return self(vfs).real_->xFullPathname(self(vfs).real_, path, size, out);
    };
    sqlite3_vfs_register(&vfs_, 0);
  }
  ~FaultVfs() { sqlite3_vfs_unregister(&vfs_); }
  FaultVfs(const FaultVfs&) = delete;
  FaultVfs& operator=(const FaultVfs&) = delete;

  [[nodiscard]] const std::string& name() const { return name_; }

  void set_fault(Fault fault) {
    const std::lock_guard lock(mutex_);
    fault_ = std::move(fault);
  }
  // From now on `directory` holds, of each file, what was last synced: all that a power cut is sure to leave.
  void keep_what_is_synced(std::filesystem::path directory) {
    const std::lock_guard lock(mutex_);
    synced_ = std::move(directory);
  }
  // Copies those files while nothing is synced.
  void copy_what_is_synced(const std::filesystem::path& to) {
    const std::lock_guard lock(mutex_);
    std::filesystem::copy(synced_, to);
  }
  [[nodiscard]] int syncs() const { return syncs_; }

 private:
  struct Handle {
    sqlite3_file base;
    FaultVfs* owner;
    const char* path;  // SQLite keeps it until the file is closed
    File kind;
    sqlite3_io_methods methods;
  };

  static FaultVfs& self(sqlite3_vfs* vfs) { return *static_cast<FaultVfs*>(vfs->pAppData); }
  static Handle& handle(sqlite3_file* file) { return *reinterpret_cast<Handle*>(file); }
  static sqlite3_file* real(sqlite3_file* file) { return reinterpret_cast<sqlite3_file*>(&handle(file) + 1); }

  int fault(const Handle& file, Call call) {
    const std::lock_guard lock(mutex_);
    return fault_ ? fault_(file.kind, call) : SQLITE_OK;
  }

  static int open(sqlite3_vfs* vfs, sqlite3_filename path, sqlite3_file* file, int flags, int* out_flags) {
    Handle& opened = *new (file) Handle{};
    opened.owner = &self(vfs);
    opened.path = path;
    opened.kind = (flags & SQLITE_OPEN_MAIN_DB) != 0 ? File::database
                  : (flags & SQLITE_OPEN_WAL) != 0   ? File::log
                                                     : File::other;
    sqlite3_vfs* below = self(vfs).real_;
    const int code = below->xOpen(below, path, real(file), flags, out_flags);
    if (real(file)->pMethods == nullptr) return code;
    opened.methods = own_methods();
    opened.base.pMethods = &opened.methods;
    return code;
  }

  static int remove(sqlite3_vfs* vfs, const char* path, int sync_directory) {
    FaultVfs& owner = self(vfs);
    const int code = owner.real_->xDelete(owner.real_, path, sync_directory);
    const std::lock_guard lock(owner.mutex_);
    if (!owner.synced_.empty()) std::filesystem::remove(owner.synced_ / std::filesystem::path(path).filename());
    return code;
  }

  static int sync(sqlite3_file* file, int flags) {
    Handle& self = handle(file);
    if (const int code = self.owner->fault(self, Call::sync); code != SQLITE_OK) return code;
    const int code = real(file)->pMethods->xSync(real(file), flags);
    if (code == SQLITE_OK) self.owner->keep_synced(file);
    return code;
  }

  // Reads through SQLite's own handle: closing another one would drop its locks.
  void keep_synced(sqlite3_file* file) {
    ++syncs_;
    const std::lock_guard lock(mutex_);
    if (synced_.empty() || handle(file).path == nullptr) return;
    sqlite3_int64 size = 0;
    real(file)->pMethods->xFileSize(real(file), &size);
    std::vector<char> content(static_cast<std::size_t>(size));
    if (size > 0) real(file)->pMethods->xRead(real(file), content.data(), static_cast<int>(size), 0);
    std::ofstream out(synced_ / std::filesystem::path(handle(file).path).filename(), std::ios::binary);
    out.write(content.data(), size);
  }

  static sqlite3_io_methods own_methods() {
    sqlite3_io_methods m{};
    m.iVersion = 2;
    m.xClose = [](sqlite3_file* f) { return real(f)->pMethods->xClose(real(f)); };
    m.xRead = [](sqlite3_file* f, void* to, int size, sqlite3_int64 offset) {
      if (const int code = handle(f).owner->fault(handle(f), Call::read); code != SQLITE_OK) return code;
      return real(f)->pMethods->xRead(real(f), to, size, offset);
    };
    m.xWrite = [](sqlite3_file* f, const void* from, int size, sqlite3_int64 offset) {
      if (const int code = handle(f).owner->fault(handle(f), Call::write); code != SQLITE_OK) return code;
      return real(f)->pMethods->xWrite(real(f), from, size, offset);
    };
    m.xTruncate = [](sqlite3_file* f, sqlite3_int64 size) { return real(f)->pMethods->xTruncate(real(f), size); };
    m.xSync = sync;
    m.xFileSize = [](sqlite3_file* f, sqlite3_int64* out) { return real(f)->pMethods->xFileSize(real(f), out); };
    m.xLock = [](sqlite3_file* f, int level) { return real(f)->pMethods->xLock(real(f), level); };
    m.xUnlock = [](sqlite3_file* f, int level) { return real(f)->pMethods->xUnlock(real(f), level); };
    m.xCheckReservedLock = [](sqlite3_file* f, int* out) {
      return real(f)->pMethods->xCheckReservedLock(real(f), out);
    };
    m.xFileControl = [](sqlite3_file* f, int op, void* arg) {
      return real(f)->pMethods->xFileControl(real(f), op, arg);
    };
    m.xSectorSize = [](sqlite3_file* f) { return real(f)->pMethods->xSectorSize(real(f)); };
    m.xDeviceCharacteristics = [](sqlite3_file* f) { return real(f)->pMethods->xDeviceCharacteristics(real(f)); };
    m.xShmMap = [](sqlite3_file* f, int page, int size, int extend, void volatile** out) {
      return real(f)->pMethods->xShmMap(real(f), page, size, extend, out);
    };
    m.xShmLock = [](sqlite3_file* f, int offset, int n, int flags) {
      return real(f)->pMethods->xShmLock(real(f), offset, n, flags);
    };
    m.xShmBarrier = [](sqlite3_file* f) { real(f)->pMethods->xShmBarrier(real(f)); };
    m.xShmUnmap = [](sqlite3_file* f, int remove) { return real(f)->pMethods->xShmUnmap(real(f), remove); };
    return m;
  }

  const std::string name_;
  sqlite3_vfs* const real_;
  sqlite3_vfs vfs_{};
  std::atomic<int> syncs_ = 0;
  std::mutex mutex_;
  Fault fault_;
  std::filesystem::path synced_;
};

}  // namespace alertscaler::test
