#include "act/process_child.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>
#include <vector>

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/text.h"

namespace alertscaler::process {
namespace {

std::string reason_of(int error) {
  return std::generic_category().message(error);
}

ErrorKind kind_of(int error) {
  switch (error) {
    case ENOENT:
    case ENOTDIR:
      return ErrorKind::not_found;
    case EAGAIN:
    case ENOMEM:
    case EMFILE:
    case ENFILE:
      return ErrorKind::busy;
    default:
      return ErrorKind::refused;
  }
}

tl::unexpected<Error> cannot_run(const std::string& program, int error) {
  std::string why = reason_of(error);
  // The file is there, as it was looked at; so it is the interpreter that its first line names.
  if (error == ENOENT) return fail(ErrorKind::refused, "run " + program + ": the interpreter that it names is missing");
  if (error == ENOEXEC) why += " (a script begins with a line such as #!/bin/sh)";
  return fail(kind_of(error), "run " + program + ": " + why);
}

// 0, or why this file cannot be run.
int why_not_runnable(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return errno;
  if (S_ISDIR(status.st_mode)) return EISDIR;
  return ::access(path.c_str(), X_OK) == 0 ? 0 : errno;
}

int why_no_folder(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return errno;
  return S_ISDIR(status.st_mode) ? 0 : ENOTDIR;
}

Result<std::string> find_program(const ProcessSpec& spec) {
  const std::string& name = spec.argv.front();
  const auto absolute = [&](const std::string& path) {
    return path.starts_with('/') || spec.directory.empty() ? path : spec.directory + "/" + path;
  };
  if (name.find('/') != std::string::npos) {
    const int error = why_not_runnable(absolute(name));
    if (error != 0) return fail(kind_of(error), "run " + name + ": " + reason_of(error));
    return absolute(name);
  }
  const auto path = spec.environment.find("PATH");
  const std::string folders = path == spec.environment.end() ? "" : path->second;
  int found_but = 0;
  for (const std::string& folder : text::split(folders, ':')) {
    if (folder.empty() || name.empty()) continue;
    std::string candidate = absolute(folder) + "/" + name;
    const int error = why_not_runnable(candidate);
    if (error == 0) return candidate;
    if (kind_of(error) != ErrorKind::not_found) found_but = error;
  }
  if (found_but != 0) return fail(kind_of(found_but), "run " + name + ": " + reason_of(found_but));
  return fail(ErrorKind::not_found, "run " + name + ": there is no such program in PATH (" + folders + ")");
}

struct Pipe {
  Descriptor read;
  Descriptor write;
};

Result<Pipe> make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return fail(kind_of(errno), "make a pipe: " + reason_of(errno));
  Pipe pipe{Descriptor(ends[0]), Descriptor(ends[1])};
  ::fcntl(pipe.read.get(), F_SETFL, O_NONBLOCK);  // of this end alone: the program writes as it is used to
  return pipe;
}

// glibc 2.36 declares pidfd_open for C alone.
Descriptor open_process(pid_t pid) {
  return Descriptor(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
}

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  pointers.reserve(texts.size() + 1);
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

// posix_spawn's two arguments that need an end.
class Attributes {
 public:
  Attributes() { ::posix_spawnattr_init(&attributes_); }
  ~Attributes() { ::posix_spawnattr_destroy(&attributes_); }
  Attributes(const Attributes&) = delete;
  Attributes& operator=(const Attributes&) = delete;
  // A session of its own, no signal blocked, each with its default.
  [[nodiscard]] int fill() {
    sigset_t none;
    sigset_t all;
    ::sigemptyset(&none);
    ::sigfillset(&all);
    int error = ::posix_spawnattr_setsigmask(&attributes_, &none);
    if (error == 0) error = ::posix_spawnattr_setsigdefault(&attributes_, &all);
    if (error == 0) {
      error =
          ::posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    }
    return error;
  }
  [[nodiscard]] const posix_spawnattr_t* get() const { return &attributes_; }

 private:
  posix_spawnattr_t attributes_{};
};

class Files {
 public:
  Files() { ::posix_spawn_file_actions_init(&actions_); }
  ~Files() { ::posix_spawn_file_actions_destroy(&actions_); }
  Files(const Files&) = delete;
  Files& operator=(const Files&) = delete;
  [[nodiscard]] int fill(const std::string& directory, int out, int err) {
    int error = ::posix_spawn_file_actions_addopen(&actions_, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    if (error == 0) error = ::posix_spawn_file_actions_adddup2(&actions_, out, STDOUT_FILENO);
    if (error == 0) error = ::posix_spawn_file_actions_adddup2(&actions_, err, STDERR_FILENO);
    // Whatever library forgot to say CLOEXEC.
    if (error == 0) error = ::posix_spawn_file_actions_addclosefrom_np(&actions_, STDERR_FILENO + 1);
    if (error == 0 && !directory.empty()) {
      error = ::posix_spawn_file_actions_addchdir_np(&actions_, directory.c_str());
    }
    return error;
  }
  [[nodiscard]] const posix_spawn_file_actions_t* get() const { return &actions_; }

 private:
  posix_spawn_file_actions_t actions_{};
};

struct Process {
  pid_t pid = 0;
  pid_t session = 0;
  bool lives = false;   // is no zombie
  std::string started;  // in ticks since the system started
};

// "17 (a name) S 1 17 17 …"
std::optional<Process> process_of(const std::string& pid) {
  std::ifstream file("/proc/" + pid + "/stat");
  std::string line;
  std::getline(file, line);
  const std::size_t name_end = line.rfind(')');
  if (name_end == std::string::npos || name_end + 2 >= line.size()) return std::nullopt;
  const std::vector<std::string> fields = text::split(std::string_view(line).substr(name_end + 2), ' ');
  constexpr std::size_t started_at = 19;
  if (fields.size() <= started_at) return std::nullopt;
  const auto number = text::parse_int(pid);
  const auto session = text::parse_int(fields[3]);
  if (!number || !session) return std::nullopt;
  return Process{*number, *session, fields[0] != "Z" && fields[0] != "X", fields[started_at]};
}

template <class Visit>
void for_each_living(const Visit& visit) {
  std::error_code error;
  for (std::filesystem::directory_iterator entry("/proc", error), end; !error && entry != end; entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (name.front() < '1' || name.front() > '9') continue;
    const auto process = process_of(name);
    if (process && process->lives) visit(*process);
  }
}

// Groups are not enough: a shell with job control, or timeout(1), makes new ones.
std::vector<pid_t> living_members(pid_t session) {
  std::vector<pid_t> members;
  for_each_living([&](const auto& process) {
    if (process.session == session) members.push_back(process.pid);
  });
  return members;
}

bool has_variable(pid_t pid, const std::string& variable) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/environ", std::ios::binary);
  const std::string environment{std::istreambuf_iterator<char>(file), {}};
  return (std::string(1, '\0') + environment).find('\0' + variable + '\0') != std::string::npos;
}

}  // namespace

void Descriptor::close() {
  if (number_ >= 0) ::close(number_);
  number_ = -1;
}

void Capture::add(std::string_view bytes) {
  const std::size_t to_head = std::min(bytes.size(), head_max_ - kept_.head.size());
  kept_.head += bytes.substr(0, to_head);
  kept_.tail += bytes.substr(to_head);
  // Cut now and then, so that each byte is moved about once.
  if (kept_.tail.size() < 2 * tail_max_ + 1) return;
  const std::size_t cut = kept_.tail.size() - tail_max_;
  kept_.tail.erase(0, cut);
  kept_.dropped += cut;
}

Captured Capture::captured() && {
  if (kept_.tail.size() > tail_max_) {
    const std::size_t cut = kept_.tail.size() - tail_max_;
    kept_.tail.erase(0, cut);
    kept_.dropped += cut;
  }
  return std::move(kept_);
}

void Stream::read_into(Capture& capture, std::size_t bytes_max) {
  std::array<char, 64U << 10U> buffer;
  std::size_t taken = 0;
  while (pipe_.get() >= 0 && taken < bytes_max) {
    const ssize_t got = ::read(pipe_.get(), buffer.data(), buffer.size());
    if (got > 0) {
      capture.add({buffer.data(), static_cast<std::size_t>(got)});
      taken += static_cast<std::size_t>(got);
    } else if (got < 0 && errno == EINTR) {
      continue;
    } else {
      if (got == 0 || errno != EAGAIN) pipe_.close();
      return;
    }
  }
}

Wake::Wake() : event_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

void Wake::wake() const {
  const std::uint64_t one = 1;
  static_cast<void>(!::write(event_.get(), &one, sizeof one));
}

void Wake::heard() const {
  std::uint64_t times = 0;
  static_cast<void>(!::read(event_.get(), &times, sizeof times));
}

void Child::look() {
  if (exited_) return;
  siginfo_t info{};
  if (::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == 0) return;
  exited_ = Exit{info.si_code != CLD_EXITED, info.si_status};
  pidfd_.close();
}

void Child::signal_session(int signal) const {
  signal_session_of(pid_, signal);
}

bool Child::session_lives() const {
  return !living_members(pid_).empty();
}

void Child::reap() const {
  siginfo_t info{};
  ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG);
}

std::string Child::mark() const {
  const auto process = process_of(std::to_string(pid_));
  return std::to_string(pid_) + " " + (process ? process->started : "");
}

std::optional<pid_t> marked(const std::string& mark) {
  if (mark.find('=') != std::string::npos) {
    std::optional<pid_t> leader;
    for_each_living([&](const auto& process) {
      if (process.session == process.pid && has_variable(process.pid, mark)) leader = process.pid;
    });
    return leader;
  }
  const std::string pid = mark.substr(0, mark.find(' '));
  const auto number = text::parse_int(pid);
  const auto process = number && *number > 1 ? process_of(pid) : std::nullopt;
  if (!process || !process->lives || pid + " " + process->started != mark) return std::nullopt;
  return process->pid;
}

void signal_session_of(pid_t leader, int signal) {
  ::kill(-leader, signal);  // at once, whoever is being made just now
  for (const pid_t member : living_members(leader)) ::kill(member, signal);
}

Result<Child> spawn(const ProcessSpec& spec) {
  if (spec.argv.empty()) return fail(ErrorKind::invalid, "run: there is no program");
  if (!spec.directory.empty()) {
    const int error = why_no_folder(spec.directory);
    if (error != 0) {
      return fail(kind_of(error), "run " + spec.argv.front() + " in " + spec.directory + ": " + reason_of(error));
    }
  }
  const Result<std::string> program = find_program(spec);
  if (!program) return fail(program.error());
  Result<Pipe> out = make_pipe();
  if (!out) return fail(out.error());
  Result<Pipe> err = make_pipe();
  if (!err) return fail(err.error());

  std::vector<std::string> arguments = spec.argv;
  std::vector<std::string> variables;
  variables.reserve(spec.environment.size());
  for (const auto& [name, value] : spec.environment) variables.emplace_back(name).append("=").append(value);
  Attributes attributes;
  Files files;
  int error = attributes.fill();
  if (error == 0) error = files.fill(spec.directory, out->write.get(), err->write.get());
  pid_t pid = 0;
  // glibc's is safe beside other threads, and says why exec failed.
  if (error == 0) {
    error = ::posix_spawn(&pid, program->c_str(), files.get(), attributes.get(), pointers_to(arguments).data(),
                          pointers_to(variables).data());
  }
  if (error != 0) return cannot_run(spec.argv.front(), error);
  return Child(pid, open_process(pid), Stream(std::move(out->read)), Stream(std::move(err->read)));
}

void wait_for(const Child& child, const Wake& wake, std::chrono::steady_clock::time_point until) {
  std::array<pollfd, 4> waits{{{child.out.descriptor(), POLLIN, 0},
                               {child.err.descriptor(), POLLIN, 0},
                               {child.descriptor(), POLLIN, 0},
                               {wake.descriptor(), POLLIN, 0}}};
  // Where the system has no descriptors of processes, the child is looked at so often.
  constexpr std::chrono::milliseconds blind{50};
  constexpr std::chrono::milliseconds longest{60'000};
  const bool is_blind = child.descriptor() < 0 && !child.exited();
  const auto now = std::chrono::steady_clock::now();
  const auto left = until <= now ? std::chrono::milliseconds{0}
                                 : std::chrono::ceil<std::chrono::milliseconds>(
                                       std::min<std::chrono::steady_clock::duration>(until - now, longest));
  const auto wait = is_blind ? std::min(left, blind) : left;
  ::poll(waits.data(), waits.size(), static_cast<int>(wait.count()));
  wake.heard();
}

}  // namespace alertscaler::process
