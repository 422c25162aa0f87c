// A child process as the system sees it: made, watched, signalled and taken leave of. Private to process.cc.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <sys/types.h>

#include "act/process.h"
#include "base/result.h"

namespace alertscaler::process {

class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor() { close(); }
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  [[nodiscard]] int get() const { return number_; }  // -1: none
  void close();

 private:
  int number_ = -1;
};

// Keeps the beginning and the end of what it is given.
class Capture {
 public:
  explicit Capture(std::size_t bytes_max) : head_max_(bytes_max - bytes_max / 2), tail_max_(bytes_max / 2) {}
  void add(std::string_view bytes);
  [[nodiscard]] Captured captured() &&;

 private:
  std::size_t head_max_;
  std::size_t tail_max_;
  Captured kept_;
};

// The end of a pipe that we read.
class Stream {
 public:
  Stream() = default;
  explicit Stream(Descriptor pipe) : pipe_(std::move(pipe)) {}
  [[nodiscard]] int descriptor() const { return pipe_.get(); }
  // What is there now, and about `bytes_max` at most, so that a stream without end holds nobody up.
  void read_into(Capture& capture, std::size_t bytes_max = 1U << 20U);

 private:
  Descriptor pipe_;
};

// Ends a wait_for() from another thread.
class Wake {
 public:
  Wake();
  void wake() const;
  void heard() const;  // the next wait is not ended by what was before
  [[nodiscard]] int descriptor() const { return event_.get(); }

 private:
  Descriptor event_;
};

struct Exit {
  bool signalled = false;
  int code = 0;
};

// Its process id stays taken until reap(), so that nobody else is signalled by mistake.
class Child {
 public:
  Child(pid_t pid, Descriptor pidfd, Stream out_pipe, Stream err_pipe)
      : out(std::move(out_pipe)), err(std::move(err_pipe)), pid_(pid), pidfd_(std::move(pidfd)) {}

  Stream out;
  Stream err;

  void look();  // has it exited?
  [[nodiscard]] std::optional<Exit> exited() const { return exited_; }
  [[nodiscard]] int descriptor() const { return pidfd_.get(); }  // readable when it exits; -1: it has, or none is there
  // To all processes of its session.
  void signal_session(int signal) const;
  // Does anything of its session still run?
  [[nodiscard]] bool session_lives() const;
  void reap() const;
  [[nodiscard]] std::string mark() const;

 private:
  pid_t pid_;
  Descriptor pidfd_;
  std::optional<Exit> exited_;
};

// Errors as those of run_process.
[[nodiscard]] Result<Child> spawn(const ProcessSpec& spec);

// The process that mark() of a child named, if it still runs; a later one that happens to have its number is another.
// Of a mark_to_come(), the leader of a session that has the variable.
[[nodiscard]] std::optional<pid_t> marked(const std::string& mark);
// To all processes of a session.
void signal_session_of(pid_t leader, int signal);

// Until there is something to read, the child exits, somebody wakes us or `until` has come.
void wait_for(const Child& child, const Wake& wake, std::chrono::steady_clock::time_point until);

}  // namespace alertscaler::process
