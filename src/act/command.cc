#include "act/command.h"

#include <chrono>
#include <utility>

#include "act/process.h"
#include "base/log.h"
#include "base/text.h"

namespace alertscaler {
namespace {

using Time = std::chrono::steady_clock::time_point;

constexpr int replicas_max = 1'000'000;

void replace_all(std::string& text, std::string_view word, const std::string& by) {
  for (std::size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + by.size())) {
    text.replace(at, word.size(), by);
  }
}

// One whole number and nothing else, or what was printed in its place.
Result<int> count_in(const ProcessEnd& end) {
  constexpr std::size_t shown_bytes_max = 80;
  const std::string printed = end.out.text();
  const auto count = end.out.dropped == 0 ? text::parse_int(text::trim(printed)) : std::nullopt;
  if (!count || *count < 0 || *count > replicas_max) {
    const std::string shown(text::trim(printed));
    return fail(ErrorKind::unreachable,
                "expected one whole number on its output, found " +
                    (shown.empty() ? std::string("nothing") : text::json_quote(text::shorten(shown, shown_bytes_max))));
  }
  return *count;
}

class CommandBackend final : public Backend {
 public:
  CommandBackend(const TargetName& target, CommandTarget settings, Keep& keep, std::stop_token ending)
      : target_(target.text),
        key_("command/" + target.text),
        settings_(std::move(settings)),
        keep_(keep),
        ending_(std::move(ending)) {}

  Result<Observed> observe(const std::optional<Change>& in_flight, std::stop_token stop) override {
    if (const Status alone = end_left_behind(); !alone) return fail(alone.error());
    if (run_ && (!in_flight || in_flight->id != run_->action)) give_up();
    look_at_run();
    if (run_ && !run_->given_up) return half_way();

    const Result<ProcessEnd> end = run_process(spec(settings_.observe, settings_.deadline), stop);
    const std::string doing = "count with " + settings_.observe.front();
    if (!end) return fail(end.error().wrap(doing));
    if (end->why == ProcessEnd::Why::stopped) return fail(ErrorKind::cancelled, "stop was requested");
    if (!end->succeeded()) return fail(Error{ErrorKind::unreachable, to_words(*end)}.wrap(doing));
    const Result<int> count = count_in(*end);
    if (!count) return fail(count.error().wrap(doing));
    seen_ = {};
    seen_.replicas = seen_.ready = *count;
    seen_.settled = !in_flight || !owes_;
    return seen_;
  }

  Status apply(const Change& change, std::stop_token stop) override {
    if (stop.stop_requested()) return fail(ErrorKind::cancelled, "stop was requested");
    look_at_run();
    if (run_ && run_->action != change.id) give_up();
    if (run_ && run_->given_up) return fail(ErrorKind::busy, "the command of an earlier action has not ended yet");
    if (run_) return {};
    const std::string doing = "scale with " + settings_.scale.front();
    if (ended_ && ended_->first == change.id) {
      if (ended_->second.succeeded()) return {};  // the count follows, or the action times out
      return fail(Error{ErrorKind::refused, to_words(ended_->second)}.wrap(doing));
    }
    const Status started = start(change);
    return started ? Status{} : fail(started.error().wrap(doing));
  }

  Status clean_up(const Change&, std::stop_token) override { return {}; }

 private:
  struct Run {
    ActionId action = 0;
    std::unique_ptr<BackgroundProcess> process;
    bool given_up = false;
  };

  [[nodiscard]] ProcessSpec spec(const std::vector<std::string>& argv, std::optional<Duration> deadline,
                                 std::optional<int> replicas = {}) const {
    ProcessSpec made;
    for (std::string argument : argv) {
      if (replicas) replace_all(argument, "{replicas}", std::to_string(*replicas));
      replace_all(argument, "{target}", target_);
      made.argv.push_back(std::move(argument));
    }
    made.environment = minimal_environment();
    for (const auto& [name, value] : settings_.env) made.environment[name] = value;
    made.directory = settings_.directory;
    made.deadline = deadline;
    return made;
  }

  [[nodiscard]] Status start(const Change& change) {
    // Written down first, so that not even who is killed in between leaves one running that nobody knows of.
    const std::string mark = mark_to_come();
    if (Status kept = keep_.put(key_, mark); !kept) return kept;
    ProcessSpec made = spec(settings_.scale, {}, change.to);
    made.environment[run_variable] = mark.substr(mark.find('=') + 1);
    auto process = BackgroundProcess::start(std::move(made), ending_);
    if (!process) return fail(process.error());
    run_ = Run{change.id, *std::move(process), false};
    const Status kept = keep_.put(key_, run_->process->mark());
    if (kept) return {};
    run_->process->end();  // after a crash of ours nobody would know of it
    run_->given_up = true;
    return fail(kept.error());
  }

  // While its program runs the count may be any, and the action is not over, even if it asked for what was there.
  [[nodiscard]] Observed half_way() const {
    Observed before = seen_;
    before.settled = false;
    return before;
  }

  void give_up() {
    run_->process->end();
    run_->given_up = true;
    owes_ = true;
  }

  void look_at_run() {
    if (!run_) return;
    auto end = run_->process->ended();
    if (!end) return;
    log::debug("command.end", {{"target", target_}, {"id", run_->action}, {"end", to_words(*end)}});
    if (!run_->given_up) {
      ended_ = {run_->action, *std::move(end)};
      owes_ = false;
    }
    run_.reset();
  }

  // What an earlier process of ours started and did not live to end.
  [[nodiscard]] Status end_left_behind() {
    if (alone_) return {};
    const auto mark = keep_.get(key_);
    if (mark && program_lives(*mark)) {
      constexpr Duration grace = std::chrono::seconds{2};
      const Time now = std::chrono::steady_clock::now();
      if (!asked_at_) {
        log::info("command.left_behind", {{"target", target_}, {"process", *mark}});
        asked_at_ = now;
      }
      end_program(*mark, now - *asked_at_ < grace ? Firmness::ask : Firmness::kill);
      return fail(ErrorKind::busy, "a command that was started before alertscaler was killed is being ended");
    }
    alone_ = true;
    return {};
  }

  const std::string target_;
  const std::string key_;
  const CommandTarget settings_;
  Keep& keep_;
  const std::stop_token ending_;

  bool alone_ = false;  // nothing of an earlier process of ours is running
  std::optional<Time> asked_at_;
  Observed seen_;
  std::optional<Run> run_;
  bool owes_ = false;  // a program was ended half-way: no action is over before its own has run, whatever the count is
  std::optional<std::pair<ActionId, ProcessEnd>> ended_;
};

}  // namespace

std::unique_ptr<Backend> make_command(const TargetName& target, CommandTarget settings, Keep& keep,
                                      std::stop_token ending) {
  return std::make_unique<CommandBackend>(target, std::move(settings), keep, std::move(ending));
}

}  // namespace alertscaler
