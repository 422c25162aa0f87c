// The backend that runs programs: what it asks of them, what it takes for a count, and when it ends them.
#include "act/command.h"

#include <chrono>
#include <fstream>
#include <thread>

#include <signal.h>
#include <sys/stat.h>

#include "act/process.h"
#include "base/file.h"
#include "base/text.h"
#include "support/catch.h"
#include "support/memory_keep.h"
#include "support/scratch_dir.h"

using namespace alertscaler;
using namespace std::chrono_literals;

namespace {

// Two scripts in a folder of their own; the count is in its file `count`.
struct World {
  World() {
    write("count", "2\n");
    script("observe", "cat count");
    script("scale", "echo \"$1\" > count; echo \"$*\" >> calls");
    restart();
  }
  ~World() { ending.request_stop(); }

  void write(const std::string& name, const std::string& text) const { std::ofstream(scratch.path() / name) << text; }
  void script(const std::string& name, const std::string& text) const {
    const auto path = scratch.path() / name;
    const auto fresh = scratch.path() / (name + ".new");  // one that runs cannot be written to
    std::ofstream(fresh) << "#!/bin/sh\n" << text << "\n";
    REQUIRE(::chmod(fresh.c_str(), 0755) == 0);
    std::filesystem::rename(fresh, path);
  }
  [[nodiscard]] std::string text_of(const std::string& name) const {
    return read_file(scratch.path() / name).value_or("");
  }
  // Of our program, which is killed: what runs is not ended.
  void restart() {
    CommandTarget settings;
    settings.observe = {"./observe", "{target}"};
    settings.scale = {"./scale", "{replicas}", "--of={target}", "{{replicas}} {replica}"};
    settings.env = {{"POOL", "a b"}};
    settings.directory = scratch.path().string();
    settings.deadline = deadline;
    abandoned.push_back(std::move(backend));
    backend = make_command(TargetName{"legacy"}, settings, keep, ending.get_token());
  }
  [[nodiscard]] Result<Observed> observe(const std::optional<Change>& change = {}) const {
    return backend->observe(change, {});
  }
  [[nodiscard]] Status apply(const Change& change) const { return backend->apply(change, {}); }
  [[nodiscard]] static Change change(ActionId id, int to) { return {id, TargetName{"legacy"}, 2, to}; }

  // Passes over the target until the action has ended.
  Status carry_out(const Change& change) const {
    Status status;
    const bool over = eventually([&] {
      const auto seen = observe(change);
      REQUIRE(seen.has_value());
      if (seen->replicas == change.to) return true;
      status = apply(change);
      return !status;
    });
    REQUIRE(over);
    return status;
  }
  template <class F>
  static bool eventually(F&& is_so) {
    const auto until = std::chrono::steady_clock::now() + 30s;
    while (std::chrono::steady_clock::now() < until) {
      if (is_so()) return true;
      std::this_thread::sleep_for(5ms);
    }
    return false;
  }

  test::ScratchDir scratch;
  test::MemoryKeep keep;
  std::stop_source ending;
  Duration deadline = 60s;
  std::vector<std::unique_ptr<Backend>> abandoned;
  std::unique_ptr<Backend> backend;
};

}  // namespace

TEST_CASE("a count is asked for and set, and the words in braces are filled in") {
  World world;
  CHECK(world.observe()->replicas == 2);
  CHECK(world.observe()->ready == 2);
  REQUIRE(world.carry_out(World::change(1, 5)).has_value());
  CHECK(world.text_of("calls") == "5 --of=legacy {5} {replica}\n");
  CHECK(world.observe()->replicas == 5);
}

TEST_CASE("a program gets a minimal environment and what is configured") {
  World world;
  world.script("observe", "env | cut -d= -f1 | sort > names; echo \"$POOL\" > pool; cat count");
  REQUIRE(world.observe().has_value());
  CHECK(world.text_of("pool") == "a b\n");
  for (const std::string& name : text::split(text::trim(world.text_of("names")), '\n')) {
    CAPTURE(name);
    const std::vector<std::string> known = {"PATH", "HOME",   "USER", "LOGNAME", "LANG",   "LC_ALL", "LC_CTYPE",
                                            "TZ",   "TMPDIR", "POOL", "PWD",     "OLDPWD", "SHLVL",  "_"};
    CHECK(std::find(known.begin(), known.end(), name) != known.end());
  }
}

TEST_CASE("only one whole number is a count") {
  struct Case {
    std::string printed;
    std::string words;
  };
  const auto c = GENERATE(values<Case>({
      {"", "expected one whole number on its output, found nothing"},
      {"none", "found \"none\""},
      {"3 workers", "found \"3 workers\""},
      {"3\n4", "found \"3\\n4\""},
      {"-1", "found \"-1\""},
      {"2.0", "found \"2.0\""},
      {"0x3", "found \"0x3\""},
      {"99999999999999999999", "found \"99999999999999999999\""},
      {"2000000", "found \"2000000\""},
  }));
  World world;
  world.script("observe", "printf '%s' '" + c.printed + "'");
  const auto observed = world.observe();
  REQUIRE_FALSE(observed.has_value());
  CHECK(observed.error().kind == ErrorKind::unreachable);
  CHECK_THAT(observed.error().message, ContainsSubstring("count with ./observe: "));
  CHECK_THAT(observed.error().message, ContainsSubstring(c.words));
}

TEST_CASE("blanks and line ends around a count do not matter, and stderr is free") {
  World world;
  world.script("observe", "echo warning >&2; printf '  7\\r\\n\\n'");
  CHECK(world.observe()->replicas == 7);
}

TEST_CASE("a program that fails gives no count") {
  World world;
  world.script("observe", "echo 3; echo 'no route to host' >&2; exit 4");
  CHECK(world.observe().error() ==
        Error{ErrorKind::unreachable, "count with ./observe: exit status 4: no route to host"});
  world.script("observe", "yes 3 | head -c 200000");
  CHECK_THAT(world.observe().error().message, ContainsSubstring("expected one whole number"));
  std::filesystem::remove(world.scratch.path() / "observe");
  CHECK(world.observe().error().kind == ErrorKind::not_found);
}

TEST_CASE("a count that is not there in time is none") {
  World world;
  world.deadline = 100ms;
  world.restart();
  world.script("observe", "sleep 60; cat count");
  CHECK(world.observe().error() == Error{ErrorKind::unreachable, "count with ./observe: ended at its deadline"});
}

TEST_CASE("while the program that scales runs, the count is the one from before") {
  World world;
  world.script("scale", "echo 3 > count; read line < fifo; echo \"$1\" > count");
  REQUIRE(::mkfifo((world.scratch.path() / "fifo").c_str(), 0600) == 0);
  const Change change = World::change(1, 3);
  REQUIRE(world.observe().has_value());
  REQUIRE(world.apply(change).has_value());
  REQUIRE(World::eventually([&] { return world.text_of("count") == "3\n"; }));
  CHECK(world.observe(change)->replicas == 2);
  CHECK_FALSE(world.observe(change)->settled);  // nor has it ended, whatever the count
  REQUIRE(world.apply(change).has_value());     // and it is not started again
  world.write("fifo", "on\n");
  CHECK(World::eventually([&] { return world.observe(change)->replicas == 3; }));
  CHECK(world.observe(change)->settled);
}

TEST_CASE("a program that has ended well is not run again for the same action") {
  World world;
  world.script("scale", "echo \"$1\" >> calls");
  const Change change = World::change(1, 3);
  REQUIRE(world.observe().has_value());
  for (int pass = 0; pass < 50; ++pass) {
    REQUIRE(world.apply(change).has_value());
    REQUIRE(world.observe(change)->replicas == 2);
    if (pass == 0) REQUIRE(World::eventually([&] { return world.text_of("calls") == "3\n"; }));
  }
  CHECK(world.text_of("calls") == "3\n");
  // The retry is another action.
  REQUIRE(World::eventually([&] { return world.apply(World::change(2, 3)).has_value(); }));
  CHECK(World::eventually([&] { return world.text_of("calls") == "3\n3\n"; }));
}

TEST_CASE("a program that fails has failed its action, with the end of what it said") {
  World world;
  world.script("scale",
               "i=0; while [ $i -lt 1000 ]; do echo \"task $i\"; i=$((i+1)); done; echo 'unreachable' >&2; exit 2");
  const Status status = world.carry_out(World::change(1, 3));
  REQUIRE_FALSE(status.has_value());
  CHECK(status.error() == Error{ErrorKind::refused, "scale with ./scale: exit status 2: unreachable"});
  CHECK(world.apply(World::change(1, 3)).error() == status.error());

  world.script("scale", "i=0; while [ $i -lt 1000 ]; do echo \"task $i\"; i=$((i+1)); done; exit 2");
  const Status noisy = world.carry_out(World::change(2, 3));
  REQUIRE_FALSE(noisy.has_value());
  CHECK(noisy.error().message.ends_with("task 998 task 999"));
  CHECK(noisy.error().message.size() < 800);

  std::filesystem::remove(world.scratch.path() / "scale");
  CHECK(world.carry_out(World::change(3, 3)).error().kind == ErrorKind::not_found);
}

TEST_CASE("a program whose action is over is ended before the next one runs") {
  World world;
  world.script(
      "scale",
      "echo $$ > pid; [ \"$1\" = 9 ] && { trap 'sleep 0.2; exit 1' TERM; sleep 60 & wait; }; echo \"$1\" > count");
  REQUIRE(world.observe().has_value());
  REQUIRE(world.apply(World::change(1, 9)).has_value());
  REQUIRE(World::eventually([&] { return !world.text_of("pid").empty(); }));
  const std::string first = world.text_of("pid");
  SECTION("superseded") {
    const Status status = world.apply(World::change(2, 0));
    REQUIRE_FALSE(status.has_value());
    CHECK(status.error().kind == ErrorKind::busy);
    CHECK_FALSE(world.observe(World::change(2, 0))->settled);  // its own has not run
    CHECK(World::eventually([&] { return world.apply(World::change(2, 0)).has_value(); }));
    CHECK(World::eventually([&] { return world.observe(World::change(2, 0))->replicas == 0; }));
    CHECK(World::eventually([&] { return world.observe(World::change(2, 0))->settled; }));
  }
  SECTION("timed out") {
    REQUIRE(world.observe().has_value());  // there is no action any more
    CHECK(World::eventually([&] { return ::kill(text::parse_int(text::trim(first)).value_or(0), 0) != 0; }));
  }
  SECTION("the program stops") {
    world.ending.request_stop();
    CHECK(World::eventually([&] { return ::kill(text::parse_int(text::trim(first)).value_or(0), 0) != 0; }));
  }
}

TEST_CASE("what was left running when we were killed is ended before anything else is done") {
  World world;
  world.script("scale", "echo $$ > pid; trap '' TERM; sleep 60; sleep 60; echo \"$1\" > count");
  REQUIRE(world.observe().has_value());
  REQUIRE(world.apply(World::change(1, 9)).has_value());
  REQUIRE(World::eventually([&] { return !world.text_of("pid").empty(); }));
  const int pid = text::parse_int(text::trim(world.text_of("pid"))).value_or(0);
  world.restart();
  const auto observed = world.observe(World::change(1, 9));
  REQUIRE_FALSE(observed.has_value());
  CHECK(observed.error().kind == ErrorKind::busy);
  CHECK(World::eventually([&] { return world.observe(World::change(1, 9)).has_value(); }));
  CHECK(World::eventually([&] { return ::kill(pid, 0) != 0; }));  // a zombie until its watcher of before takes note
  world.restart();
  CHECK(world.observe()->replicas == 2);
}

TEST_CASE("a program that was started in the moment in which we were killed is found by what was written down before") {
  World world;
  world.script("scale", "echo \"$ALERTSCALER_RUN\" > run; echo $$ > pid; sleep 60");
  REQUIRE(world.observe().has_value());
  REQUIRE(world.apply(World::change(1, 9)).has_value());
  REQUIRE(World::eventually([&] { return !world.text_of("pid").empty(); }));
  const int pid = text::parse_int(text::trim(world.text_of("pid"))).value_or(0);
  const std::string mark = "ALERTSCALER_RUN=" + std::string(text::trim(world.text_of("run")));
  REQUIRE(mark.size() > 30);
  CHECK(program_lives(mark));
  CHECK_FALSE(program_lives(mark + "1"));
  end_program(mark, Firmness::ask);
  CHECK(World::eventually([&] { return !program_lives(mark) && ::kill(pid, 0) != 0; }));
  CHECK_FALSE(program_lives(mark_to_come()));
}

TEST_CASE("a program of which no trace can be kept is not let run") {
  World world;
  world.script("scale", "echo $$ > pid; sleep 60");
  world.keep.error = "disk full";
  REQUIRE(world.observe().has_value());
  const Status status = world.apply(World::change(1, 9));
  REQUIRE_FALSE(status.has_value());
  CHECK(status.error().kind == ErrorKind::storage);
}
