#include "base/file.h"

#include <fstream>

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/catch.h"
#include "support/scratch_dir.h"

using namespace alertscaler;

namespace {

std::filesystem::path write(const test::ScratchDir& scratch, const std::string& name, const std::string& content) {
  std::filesystem::path path = scratch.path() / name;
  std::ofstream(path, std::ios::binary) << content;
  return path;
}

}  // namespace

TEST_CASE("a file is read whole, byte for byte") {
  const test::ScratchDir scratch;
  const auto content = GENERATE(values<std::string>(
      {"", "one line\n", "no line end", std::string("\0\xFF\r\n\0", 5), std::string(200'000, 'x') + "end"}));
  const auto read = read_file(write(scratch, "file", content));
  REQUIRE(read.has_value());
  CHECK(read.value() == content);
}

TEST_CASE("what the system makes up as it is read is read, too") {
  const auto read = read_file("/proc/self/cmdline");  // its size is given as 0
  REQUIRE(read.has_value());
  CHECK_FALSE(read->empty());
}

TEST_CASE("a file that is not there is not found, and the path is named") {
  const test::ScratchDir scratch;
  const auto path = scratch.path() / "missing";
  const auto read = read_file(path);
  REQUIRE_FALSE(read.has_value());
  CHECK(read.error().kind == ErrorKind::not_found);
  CHECK(read.error().message == "read " + path.string() + ": No such file or directory");
}

TEST_CASE("a folder is no file") {
  const test::ScratchDir scratch;
  const auto read = read_file(scratch.path());
  REQUIRE_FALSE(read.has_value());
  CHECK(read.error().kind == ErrorKind::invalid);
  CHECK(read.error().message == "read " + scratch.path().string() + ": Is a directory");
}

TEST_CASE("a file that may not be read is refused") {
  const test::ScratchDir scratch;
  const auto path = write(scratch, "secret", "token");
  REQUIRE(::chmod(path.c_str(), 0) == 0);
  // Root may read everything, so it is a child without root's rights that tries; its answer is its exit status.
  REQUIRE(::chmod(scratch.path().c_str(), 0755) == 0);
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    if (::geteuid() == 0 && ::setuid(65534) != 0) ::_exit(2);
    const auto read = read_file(path);
    const bool refused = !read && read.error().kind == ErrorKind::refused &&
                         read.error().message == "read " + path.string() + ": Permission denied";
    ::_exit(refused ? 0 : 1);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
}

TEST_CASE("a file of 16 MiB is read and a larger one is not") {
  const test::ScratchDir scratch;
  const auto path = write(scratch, "large", "");
  std::filesystem::resize_file(path, 16U << 20U);
  REQUIRE(read_file(path).has_value());
  std::filesystem::resize_file(path, (16U << 20U) + 1);
  const auto read = read_file(path);
  REQUIRE_FALSE(read.has_value());
  CHECK(read.error().kind == ErrorKind::invalid);
  CHECK_THAT(read.error().message, ContainsSubstring("larger than 16 MiB"));
}

TEST_CASE("a file that never ends is given up at the limit") {
  const auto read = read_file("/dev/zero");
  REQUIRE_FALSE(read.has_value());
  CHECK(read.error().kind == ErrorKind::invalid);
}
