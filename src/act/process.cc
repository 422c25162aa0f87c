#include "act/process.h"

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <random>
#include <system_error>
#include <utility>

#include "act/process_child.h"
#include "base/text.h"

namespace alertscaler {
namespace {

using process::Child;
using Time = std::chrono::steady_clock::time_point;

Time now() {
  return std::chrono::steady_clock::now();
}

// The end of it, on one line, without what a terminal would obey.
std::string last_words(const Captured& captured, std::size_t bytes_max) {
  const std::string all = captured.text();
  std::string line;
  for (std::size_t i = 0; i < all.size();) {
    const std::size_t length = text::utf8_length(all, i);
    const auto byte = static_cast<unsigned char>(all[i]);
    const bool blank = byte <= ' ' || byte == 0x7F;
    if (blank) {
      if (!line.empty() && line.back() != ' ') line += ' ';
    } else if (length == 0) {
      line += "\xEF\xBF\xBD";
    } else {
      line.append(all, i, length);
    }
    i += std::max<std::size_t>(length, 1);
  }
  while (line.ends_with(' ')) line.pop_back();
  if (line.size() <= bytes_max) return line;
  std::size_t from = line.size() - bytes_max;
  while (from < line.size() && text::utf8_length(line, from) == 0) ++from;
  return "…" + line.substr(from);
}

// Watches a child from its start to the end of its session.
class Watch {
 public:
  Watch(const ProcessSpec& spec, Child child)
      : grace_(spec.grace),
        child_(std::move(child)),
        out_(spec.out_bytes_max),
        err_(spec.err_bytes_max),
        deadline_(spec.deadline ? now() + *spec.deadline : Time::max()) {}

  ProcessEnd to_the_end(const std::stop_token& stop) {
    const process::Wake wake;
    const std::stop_callback on_stop(stop, [&] { wake.wake(); });
    while (!is_over()) {
      process::wait_for(child_, wake, next_look());
      child_.out.read_into(out_);
      child_.err.read_into(err_);
      look(stop);
    }
    child_.signal_session(SIGKILL);  // whoever was made while we looked
    child_.reap();
    constexpr std::size_t rest_bytes_max = 1U << 20U;  // somebody outside of the session may write for ever
    child_.out.read_into(out_, rest_bytes_max);
    child_.err.read_into(err_, rest_bytes_max);
    end_.out = std::move(out_).captured();
    end_.err = std::move(err_).captured();
    return std::move(end_);
  }

 private:
  void look(const std::stop_token& stop) {
    if (!child_.exited()) {
      if (stop.stop_requested()) {
        end_session(ProcessEnd::Why::stopped);
      } else if (now() >= deadline_) {
        end_session(ProcessEnd::Why::deadline);
      }
      child_.look();
    }
    if (const auto exit = child_.exited()) {
      end_session(exit->signalled ? ProcessEnd::Why::signalled : ProcessEnd::Why::exited);
      if (end_.why == ProcessEnd::Why::exited || end_.why == ProcessEnd::Why::signalled) end_.code = exit->code;
    }
    if (kill_at_ && now() >= *kill_at_) child_.signal_session(SIGKILL);
  }

  void end_session(ProcessEnd::Why why) {
    if (kill_at_) return;
    end_.why = why;
    kill_at_ = now() + grace_;
    child_.signal_session(SIGTERM);
  }

  // What cannot be killed, as it hangs in the kernel or is another user's, is left behind.
  [[nodiscard]] bool is_over() {
    constexpr Duration patience = std::chrono::seconds{1};
    if (!kill_at_) return false;
    return now() >= *kill_at_ + patience || (child_.exited() && !child_.session_lives());
  }

  [[nodiscard]] Time next_look() const {
    constexpr Duration remains_look = std::chrono::milliseconds{10};  // nothing tells that the last of a session ends
    return kill_at_ ? now() + remains_look : deadline_;
  }

  const Duration grace_;
  Child child_;
  process::Capture out_;
  process::Capture err_;
  const Time deadline_;
  std::optional<Time> kill_at_;  // when it was asked to end, and what is left is killed
  ProcessEnd end_;
};

}  // namespace

std::string Captured::text() const {
  if (dropped == 0) return head + tail;
  return head + "\n… " + std::to_string(dropped) + " bytes left out …\n" + tail;
}

std::string to_words(const ProcessEnd& end, std::size_t bytes_max) {
  std::string words;
  switch (end.why) {
    case ProcessEnd::Why::exited:
      words = "exit status " + std::to_string(end.code);
      break;
    case ProcessEnd::Why::signalled:
      words = "ended by signal " + std::to_string(end.code);
      break;
    case ProcessEnd::Why::deadline:
      words = "ended at its deadline";
      break;
    case ProcessEnd::Why::stopped:
      words = "stopped";
      break;
  }
  std::string said = last_words(end.err, bytes_max);
  if (said.empty()) said = last_words(end.out, bytes_max);
  return said.empty() ? words : words + ": " + said;
}

std::map<std::string, std::string> minimal_environment() {
  std::map<std::string, std::string> environment{
      {"PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}};
  for (const char* name : {"PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR"}) {
    const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): never set by us
    if (value != nullptr) environment[name] = value;
  }
  return environment;
}

Result<ProcessEnd> run_process(const ProcessSpec& spec, const std::stop_token& stop) {
  Result<Child> child = process::spawn(spec);
  if (!child) return fail(child.error());
  return Watch(spec, *std::move(child)).to_the_end(stop);
}

Result<std::unique_ptr<BackgroundProcess>> BackgroundProcess::start(ProcessSpec spec, std::stop_token ending) {
  std::unique_ptr<BackgroundProcess> background(new BackgroundProcess(std::move(ending)));
  std::promise<Status> promise;
  std::future<Status> started = promise.get_future();
  try {
    background->watcher_ =
        std::jthread(&BackgroundProcess::watch, background.get(), std::move(spec), std::move(promise));
  } catch (const std::system_error& error) {
    return fail(ErrorKind::busy, std::string("start a thread: ") + error.what());
  }
  if (const Status status = started.get(); !status) return fail(status.error());
  return background;
}

void BackgroundProcess::watch(const ProcessSpec& spec, std::promise<Status> started) {
  Result<Child> child = process::spawn(spec);
  if (!child) {
    started.set_value(fail(child.error()));
    return;
  }
  mark_ = child->mark();
  started.set_value({});
  ProcessEnd end = Watch(spec, *std::move(child)).to_the_end(asked_.get_token());
  ended_.with([&](auto& ended) { ended = std::move(end); });
}

std::string mark_to_come() {
  std::random_device random;
  std::string mark = std::string(run_variable) + "=";
  for (int i = 0; i < 4; ++i) mark += std::to_string(random()) + (i < 3 ? "-" : "");
  return mark;
}

bool program_lives(const std::string& mark) {
  return process::marked(mark).has_value();
}

void end_program(const std::string& mark, Firmness firmness) {
  const auto pid = process::marked(mark);
  if (pid) process::signal_session_of(*pid, firmness == Firmness::kill ? SIGKILL : SIGTERM);
}

BackgroundProcess::~BackgroundProcess() {
  end();
}

}  // namespace alertscaler
