// Runs programs without a shell. It knows nothing of what they do.
#pragma once

#include <cstddef>
#include <future>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/guarded.h"
#include "base/result.h"

namespace alertscaler {

struct ProcessSpec {
  std::vector<std::string> argv;                   // argv[0] without a '/' is looked for in the environment's PATH
  std::map<std::string, std::string> environment;  // the whole of it
  std::string directory;                           // where it runs; empty: where we do
  std::optional<Duration> deadline;                // from its start; then it is ended
  Duration grace = std::chrono::seconds{2};        // from SIGTERM to SIGKILL
  std::size_t out_bytes_max = 64U << 10U;          // of each stream so much is kept: its beginning and its end
  std::size_t err_bytes_max = 16U << 10U;
};

// What is kept of a stream.
struct Captured {
  std::string head;
  std::string tail;
  std::size_t dropped = 0;  // bytes between the two
  // Whole when nothing was dropped, else with a mark where it was.
  [[nodiscard]] std::string text() const;
};

struct ProcessEnd {
  enum class Why { exited, signalled, deadline, stopped };
  Why why = Why::exited;
  int code = 0;  // the exit status, or the number of the signal; of deadline and stopped nothing
  Captured out;
  Captured err;
  [[nodiscard]] bool succeeded() const { return why == Why::exited && code == 0; }
};

// "exit status 2: …" with the end of what it printed, stderr before stdout, on one line of at most `bytes_max` bytes.
[[nodiscard]] std::string to_words(const ProcessEnd& end, std::size_t bytes_max = 600);

// What a program needs of our environment to find itself at home: PATH, HOME, language, time zone and the like.
[[nodiscard]] std::map<std::string, std::string> minimal_environment();

// Runs a program to its end. Thread-safe. It gets /dev/null as its stdin, no other file of ours, no terminal, default
// signal handling and a session of its own. When it ends, by itself or at the deadline or because `stop` was requested,
// whatever is left of that session is ended, too: SIGTERM, and SIGKILL after the grace. A process that has made itself
// a session of its own (setsid, a daemon) is not, and nothing waits for it, even when it holds the output open.
// Takes a little longer than the deadline, by the grace and a second at most.
// not_found: there is no such program or folder; refused: it may not be run, or is no program; busy: no process, file
// or memory is to be had now.
[[nodiscard]] Result<ProcessEnd> run_process(const ProcessSpec& spec, const std::stop_token& stop);

// A program under way, watched by a thread of its own. Its calls may come from any thread.
class BackgroundProcess {
 public:
  // The program is ended as well when `ending` is requested. Errors as those of run_process.
  [[nodiscard]] static Result<std::unique_ptr<BackgroundProcess>> start(ProcessSpec spec, std::stop_token ending);
  // Ends it, and waits until it has ended.
  ~BackgroundProcess();
  BackgroundProcess(const BackgroundProcess&) = delete;
  BackgroundProcess& operator=(const BackgroundProcess&) = delete;

  // Asks it to end; does not wait.
  void end() { asked_.request_stop(); }
  // What end_program() knows it by, in another process of ours, too.
  [[nodiscard]] const std::string& mark() const { return mark_; }
  // Absent while it, or something of its session, still runs.
  [[nodiscard]] std::optional<ProcessEnd> ended() const {
    return ended_.with([](const auto& ended) { return ended; });
  }

 private:
  struct Ask {
    std::stop_source source;
    void operator()() { source.request_stop(); }
  };
  explicit BackgroundProcess(std::stop_token ending) : on_ending_(std::move(ending), Ask{asked_}) {}
  void watch(const ProcessSpec& spec, std::promise<Status> started);

  std::string mark_;
  std::stop_source asked_;
  std::stop_callback<Ask> on_ending_;
  Guarded<std::optional<ProcessEnd>> ended_{};
  std::jthread watcher_;
};

// A mark for a program that is yet to be started, so that it can be written down before: a variable to be put into its
// environment, "ALERTSCALER_RUN=" and something that no other has. It holds for programs whose environment we may read.
inline constexpr const char* run_variable = "ALERTSCALER_RUN";
[[nodiscard]] std::string mark_to_come();

// A program that was started in the background by a process of ours that has died since: does it still run? What it
// left running itself is not looked at.
[[nodiscard]] bool program_lives(const std::string& mark);
enum class Firmness { ask, kill };
// Sends SIGTERM or SIGKILL to it and to what it started, if it still runs.
void end_program(const std::string& mark, Firmness firmness);

}  // namespace alertscaler
