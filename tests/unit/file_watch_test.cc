#include "app/file_watch.h"

#include <filesystem>
#include <fstream>

#include "support/catch.h"
#include "support/scratch_dir.h"

using namespace alertscaler::app;
using alertscaler::test::ScratchDir;

namespace {

void write(const std::filesystem::path& path, const std::string& text) {
  std::ofstream(path) << text;
}

}  // namespace

TEST_CASE("a file that says the same has not changed, however often it is written") {
  const ScratchDir scratch;
  const auto path = scratch.path() / "file";
  write(path, "one");
  FileWatch watch(path);
  CHECK_FALSE(watch.changed());
  write(path, "one");
  CHECK_FALSE(watch.changed());
  CHECK_FALSE(watch.changed());
}

TEST_CASE("a change is told when two looks have seen the same, until it is taken") {
  const ScratchDir scratch;
  const auto path = scratch.path() / "file";
  write(path, "one");
  FileWatch watch(path);
  write(path, "tw");
  CHECK_FALSE(watch.changed());
  write(path, "two");
  CHECK_FALSE(watch.changed());
  CHECK(watch.changed());
  CHECK(watch.changed());
  watch.take();
  CHECK_FALSE(watch.changed());
}

TEST_CASE("a change that was taken back is none") {
  const ScratchDir scratch;
  const auto path = scratch.path() / "file";
  write(path, "one");
  FileWatch watch(path);
  write(path, "two");
  CHECK_FALSE(watch.changed());
  write(path, "one");
  CHECK_FALSE(watch.changed());
  write(path, "two");
  CHECK_FALSE(watch.changed());
  CHECK(watch.changed());
}

TEST_CASE("a file that goes away, and one that comes, has changed") {
  const ScratchDir scratch;
  const auto path = scratch.path() / "file";
  FileWatch watch(path);
  CHECK_FALSE(watch.changed());
  write(path, "");
  CHECK_FALSE(watch.changed());
  CHECK(watch.changed());
  watch.take();
  std::filesystem::remove(path);
  CHECK_FALSE(watch.changed());
  CHECK(watch.changed());
}

TEST_CASE("what a link in the path leads to counts, as with a ConfigMap") {
  const ScratchDir scratch;
  std::filesystem::create_directory(scratch.path() / "1");
  std::filesystem::create_directory(scratch.path() / "2");
  write(scratch.path() / "1" / "file", "one");
  write(scratch.path() / "2" / "file", "two");
  std::filesystem::create_directory_symlink("1", scratch.path() / "data");
  std::filesystem::create_symlink("data/file", scratch.path() / "file");
  FileWatch watch(scratch.path() / "file");
  std::filesystem::create_directory_symlink("2", scratch.path() / "data.new");
  std::filesystem::rename(scratch.path() / "data.new", scratch.path() / "data");
  CHECK_FALSE(watch.changed());
  CHECK(watch.changed());
}

TEST_CASE("what is forgotten counts as changed") {
  const ScratchDir scratch;
  const auto path = scratch.path() / "file";
  write(path, "one");
  FileWatch watch(path);
  watch.forget();
  CHECK_FALSE(watch.changed());
  CHECK(watch.changed());
}
