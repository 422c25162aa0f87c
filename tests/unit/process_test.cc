#include "act/process.h"

#include <atomic>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/text.h"
#include "support/catch.h"
#include "support/scratch_dir.h"

using namespace alertscaler;
using namespace std::chrono_literals;
using Why = ProcessEnd::Why;

namespace {

ProcessSpec shell(const std::string& script) {
  ProcessSpec spec;
  spec.argv = {"/bin/sh", "-c", script};
  spec.environment = {{"PATH", "/usr/bin:/bin"}};
  spec.deadline = 60s;
  return spec;
}

ProcessEnd run(const ProcessSpec& spec) {
  auto end = run_process(spec, {});
  INFO((end ? "" : end.error().message));
  REQUIRE(end.has_value());
  return *std::move(end);
}

// The process may be there as a zombie until somebody takes note of its end.
bool lives(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string line;
  std::getline(file, line);
  const auto name_end = line.rfind(')');
  return name_end != std::string::npos && line.compare(name_end + 2, 1, "Z") != 0;
}

pid_t pid_in(const std::filesystem::path& file) {
  std::string line;
  std::ifstream(file) >> line;
  return text::parse_int(line).value_or(0);
}

template <class F>
bool eventually(F&& is_so) {
  const auto until = std::chrono::steady_clock::now() + 30s;
  while (std::chrono::steady_clock::now() < until) {
    if (is_so()) return true;
    std::this_thread::sleep_for(5ms);
  }
  return false;
}

std::size_t open_files() {
  std::size_t count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) ++count;
  return count;
}

// Ends what a test of ours left running on purpose.
struct Outliving {
  pid_t pid = 0;
  ~Outliving() {
    if (pid > 0) ::kill(pid, SIGKILL);
  }
};

}  // namespace

TEST_CASE("what a program prints and how it ends is known") {
  const ProcessEnd end = run(shell("echo out; echo err >&2; exit 3"));
  CHECK(end.why == Why::exited);
  CHECK(end.code == 3);
  CHECK_FALSE(end.succeeded());
  CHECK(end.out.text() == "out\n");
  CHECK(end.err.text() == "err\n");
  CHECK(run(shell("true")).succeeded());
}

TEST_CASE("arguments reach the program as they are, without a shell") {
  ProcessSpec spec = shell("");
  spec.argv = {"printf", "%s|", "a b", "$HOME", "*", "", "\"'"};
  CHECK(run(spec).out.text() == "a b|$HOME|*||\"'|");
}

TEST_CASE("a program sees the environment that it is given and nothing else") {
  ProcessSpec spec = shell("");
  spec.argv = {"env"};
  spec.environment = {{"PATH", "/usr/bin:/bin"}, {"TOKEN", "a=b c"}};
  CHECK(run(spec).out.text() == "PATH=/usr/bin:/bin\nTOKEN=a=b c\n");
}

TEST_CASE("a program runs in the folder that is named, and is found there") {
  const test::ScratchDir scratch;
  const auto script = scratch.path() / "here";
  std::ofstream(script) << "#!/bin/sh\npwd\n";
  REQUIRE(::chmod(script.c_str(), 0755) == 0);
  ProcessSpec spec = shell("");
  spec.argv = {"./here"};
  spec.directory = scratch.path().string();
  CHECK(run(spec).out.text() == std::filesystem::canonical(scratch.path()).string() + "\n");
}

TEST_CASE("its input is empty and there is no terminal to ask anybody") {
  CHECK(run(shell("cat; ( : < /dev/tty ) 2>/dev/null && echo terminal || echo none")).out.text() == "none\n");
}

TEST_CASE("no file of ours is open in it, whatever the flags of ours say") {
  const int leaky = ::socket(AF_INET, SOCK_STREAM, 0);
  REQUIRE(leaky >= 0);
  const std::string seen = run(shell("for f in /proc/$$/fd/*; do readlink $f; done")).out.text();
  ::close(leaky);
  CHECK_THAT(seen, ContainsSubstring("/dev/null\npipe:"));
  CHECK_THAT(seen, !ContainsSubstring("socket:"));
}

TEST_CASE("signals that we block or ignore work in it") {
  sigset_t blocked;
  sigset_t before;
  ::sigemptyset(&blocked);
  ::sigaddset(&blocked, SIGTERM);
  ::pthread_sigmask(SIG_BLOCK, &blocked, &before);
  const auto ignored = std::signal(SIGPIPE, SIG_IGN);
  const std::string status = run(shell("sed -nE 's/Sig(Blk|Ign):.//p' /proc/self/status")).out.text();
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  std::signal(SIGPIPE, ignored);
  for (const std::string& set : text::split(text::trim(status), '\n')) {
    CAPTURE(status);
    constexpr unsigned long long all = 0x7FFFFFFF;  // 32 and 33 are the C library's own
    CHECK((std::stoull(set, nullptr, 16) & all) == 0);
  }
}

TEST_CASE("of 100 MB the beginning and the end are kept, and no more") {
  ProcessSpec spec = shell("echo begin; head -c 100000000 /dev/zero | tr '\\0' x; echo; echo end");
  spec.out_bytes_max = 64;
  const ProcessEnd end = run(spec);
  CHECK(end.succeeded());
  CHECK(end.out.head == "begin\n" + std::string(26, 'x'));
  CHECK(end.out.tail == std::string(27, 'x') + "\nend\n");
  CHECK(end.out.dropped == 100'000'011 - 64);
  CHECK_THAT(end.out.text(), ContainsSubstring("… 99999947 bytes left out …"));
}

TEST_CASE("output of exactly the size that is kept is whole") {
  ProcessSpec spec = shell("printf 12345678");
  spec.out_bytes_max = 8;
  CHECK(run(spec).out.text() == "12345678");
  CHECK(run(spec).out.dropped == 0);
  spec.out_bytes_max = 7;
  CHECK(run(spec).out.head + "|" + run(spec).out.tail == "1234|678");
  CHECK(run(spec).out.dropped == 1);
}

TEST_CASE("what cannot be run is told apart, in words") {
  const test::ScratchDir scratch;
  const auto file = [&](const std::string& name, const std::string& text, mode_t mode) {
    const auto path = scratch.path() / name;
    std::ofstream(path) << text;
    REQUIRE(::chmod(path.c_str(), mode) == 0);
  };
  file("plain", "#!/bin/sh\n", 0644);
  file("text", "words\n", 0755);
  file("lost", "#!/nowhere/sh\n", 0755);
  struct Case {
    std::string name;
    std::string program;
    std::string directory;
    ErrorKind kind;
    std::string words;
  };
  const auto c = GENERATE(values<Case>({
      {"missing", "/nowhere/x", "", ErrorKind::not_found, "run /nowhere/x: No such file or directory"},
      {"not in PATH", "no-such-program", "", ErrorKind::not_found, "there is no such program in PATH (/usr/bin:/bin)"},
      {"not executable", "./plain", "HERE", ErrorKind::refused, "run ./plain: Permission denied"},
      {"a folder", "/tmp", "", ErrorKind::refused, "Is a directory"},
      {"no program", "./text", "HERE", ErrorKind::refused, "#!/bin/sh"},
      {"no interpreter", "./lost", "HERE", ErrorKind::refused, "the interpreter that it names is missing"},
      {"no such folder", "true", "/nowhere", ErrorKind::not_found, "run true in /nowhere: No such file or directory"},
      {"empty", "", "", ErrorKind::not_found, "there is no such program"},
  }));
  CAPTURE(c.name);
  ProcessSpec spec = shell("");
  spec.argv = {c.program};
  spec.directory = c.directory == "HERE" ? scratch.path().string() : c.directory;  // another one each time
  const std::size_t files = open_files();
  const auto end = run_process(spec, {});
  REQUIRE_FALSE(end.has_value());
  CHECK(end.error().kind == c.kind);
  CHECK_THAT(end.error().message, ContainsSubstring(c.words));
  CHECK(open_files() == files);
}

TEST_CASE("at its deadline a program is asked to end, and what it then says is kept") {
  ProcessSpec spec = shell("trap 'echo bye; exit 0' TERM; echo ready; while :; do sleep 0.05; done");
  spec.deadline = 2s;  // it has said that it is ready by then
  spec.grace = 30s;
  const ProcessEnd end = run(spec);
  CHECK(end.why == Why::deadline);
  CHECK(end.out.text() == "ready\nbye\n");
}

TEST_CASE("a program that does not listen is killed after the grace") {
  ProcessSpec spec = shell("trap '' TERM; echo $$; while :; do sleep 0.05; done");
  spec.deadline = 2s;  // its trap is set by then
  spec.grace = 200ms;
  const auto before = std::chrono::steady_clock::now();
  const ProcessEnd end = run(spec);
  CHECK(end.why == Why::deadline);
  CHECK(std::chrono::steady_clock::now() - before >= 2200ms);
  const auto pid = static_cast<pid_t>(text::parse_int(text::trim(end.out.text())).value_or(0));
  REQUIRE(pid > 0);
  CHECK(eventually([&] { return !lives(pid); }));
}

TEST_CASE("a request to stop ends it") {
  std::stop_source stop;
  ProcessSpec spec = shell("sleep 60");
  std::jthread other([&] {
    std::this_thread::sleep_for(50ms);  // any moment will do
    stop.request_stop();
  });
  const auto end = run_process(spec, stop.get_token());
  REQUIRE(end.has_value());
  CHECK(end->why == Why::stopped);
}

TEST_CASE("what a program leaves running is ended with it, process groups of its own included") {
  const test::ScratchDir scratch;
  const auto background = GENERATE(values<std::string>({
      "sleep 61 & echo $! > pid",
      "bash -mc 'sleep 61 & echo $! > pid'",
      "timeout 61 sh -c 'echo $$ > pid; sleep 61' & while [ ! -s pid ]; do sleep 0.01; done",
      "sh -c 'trap \"\" TERM; echo $$ > pid; sleep 61; sleep 61' & while [ ! -s pid ]; do sleep 0.01; done",
  }));
  CAPTURE(background);
  ProcessSpec spec = shell(background);
  spec.directory = scratch.path().string();
  spec.grace = 300ms;
  CHECK(run(spec).succeeded());
  const pid_t pid = pid_in(scratch.path() / "pid");
  REQUIRE(pid > 0);
  CHECK(eventually([&] { return !lives(pid); }));
}

TEST_CASE("a daemon is left alone, and nobody waits for it") {
  const test::ScratchDir scratch;
  ProcessSpec spec = shell("setsid sh -c 'echo $$ > pid; exec sleep 61' & while [ ! -s pid ]; do sleep 0.01; done");
  spec.directory = scratch.path().string();
  const auto before = std::chrono::steady_clock::now();
  CHECK(run(spec).succeeded());
  CHECK(std::chrono::steady_clock::now() - before < 30s);
  const Outliving daemon{pid_in(scratch.path() / "pid")};
  REQUIRE(daemon.pid > 0);
  CHECK(lives(daemon.pid));
}

TEST_CASE("many programs at a time leave no file, process or thread behind") {
  static_cast<void>(run(shell("true")));
  const std::size_t files = open_files();
  {
    std::vector<std::jthread> threads;
    std::atomic<int> good = 0;
    for (int i = 0; i < 8; ++i) {
      threads.emplace_back([&, i] {
        for (int round = 0; round < 10; ++round) {
          const auto end = run_process(shell("echo " + std::to_string(i)), {});
          if (end && end->succeeded() && end->out.text() == std::to_string(i) + "\n") ++good;
        }
      });
    }
    threads.clear();
    CHECK(good == 80);
  }
  CHECK(open_files() == files);
  int status = 0;
  CHECK(::waitpid(-1, &status, WNOHANG) == -1);  // no child is left
}

TEST_CASE("how it ended, in words for people") {
  CHECK(to_words(run(shell("echo fine; exit 4"))) == "exit status 4: fine");
  CHECK(to_words(run(shell("echo out; printf '\\033[31mno\\t such\\n  host\\n' >&2; exit 1"))) ==
        "exit status 1: [31mno such host");
  CHECK(to_words(run(shell("kill -9 $$"))) == "ended by signal 9");
  const std::string words =
      to_words(run(shell("i=0; while [ $i -lt 400 ]; do echo \"line $i é\"; i=$((i+1)); done; exit 1")), 100);
  CHECK(words.starts_with("exit status 1: …"));
  CHECK(words.ends_with("line 399 é"));
  CHECK(words.size() <= 120);
}

TEST_CASE("a program in the background is looked at, and ended when nobody wants it any more") {
  const test::ScratchDir scratch;
  ProcessSpec spec = shell("echo $$ > pid; read line < fifo; echo $line");
  spec.directory = scratch.path().string();
  REQUIRE(::mkfifo((scratch.path() / "fifo").c_str(), 0600) == 0);
  SECTION("it ends by itself") {
    auto started = BackgroundProcess::start(spec, {});
    REQUIRE(started.has_value());
    CHECK_FALSE((*started)->ended());
    std::ofstream(scratch.path() / "fifo") << "done\n";
    REQUIRE(eventually([&] { return (*started)->ended().has_value(); }));
    CHECK((*started)->ended()->succeeded());
    CHECK((*started)->ended()->out.text() == "done\n");
  }
  SECTION("it is asked to end") {
    auto started = BackgroundProcess::start(spec, {});
    REQUIRE(started.has_value());
    (*started)->end();
    REQUIRE(eventually([&] { return (*started)->ended().has_value(); }));
    CHECK((*started)->ended()->why == Why::stopped);
  }
  SECTION("everything ends") {
    std::stop_source everything;
    auto started = BackgroundProcess::start(spec, everything.get_token());
    REQUIRE(started.has_value());
    everything.request_stop();
    CHECK(eventually([&] { return (*started)->ended().has_value(); }));
  }
  SECTION("its owner goes") {
    {
      auto started = BackgroundProcess::start(spec, {});
      REQUIRE(started.has_value());
      REQUIRE(eventually([&] { return pid_in(scratch.path() / "pid") > 0; }));
    }
    CHECK(eventually([&] { return !lives(pid_in(scratch.path() / "pid")); }));
  }
  SECTION("it cannot be run") {
    spec.argv = {"/nowhere/x"};
    const auto started = BackgroundProcess::start(spec, {});
    REQUIRE_FALSE(started.has_value());
    CHECK(started.error().kind == ErrorKind::not_found);
  }
}
