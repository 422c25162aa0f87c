// A controller that counts kicks and decides what it is told to, when it is told to.
#pragma once

#include <algorithm>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/text.h"
#include "receive/ports.h"

namespace alertscaler::test {

class FakeController final : public receive::Controller {
 public:
  explicit FakeController(Settings settings) : settings_(std::make_shared<const Settings>(std::move(settings))) {
    for (const auto& [name, target] : settings_->targets) {
      TargetView view;
      view.target = target;
      view.status = TargetStatus::idle;
      views_[name] = view;
    }
  }

  // The next look at `target` ends so. Looks wait for it.
  void decide(const TargetName& target, Decision decision) {
    const std::lock_guard lock(mutex_);
    looks_[target].decided = looks_[target].kicked;
    views_[target].decision = std::move(decision);
    changed_.notify_all();
  }
  // Every look ends so, at once.
  void always_decide(Decision decision) {
    const std::lock_guard lock(mutex_);
    always_ = std::move(decision);
  }
  void fail_previews(Error error) {
    const std::lock_guard lock(mutex_);
    preview_error_ = std::move(error);
  }
  void show(TargetView view) {
    const std::lock_guard lock(mutex_);
    const TargetName name = view.target.name;
    views_[name] = std::move(view);
  }
  void set_not_ready(std::optional<std::string> why) {
    const std::lock_guard lock(mutex_);
    not_ready_ = std::move(why);
  }
  [[nodiscard]] std::size_t kicks(const std::string& target) const {
    const std::lock_guard lock(mutex_);
    const auto found = looks_.find(TargetName{target});
    return found == looks_.end() ? 0 : found->second.kicked;
  }
  [[nodiscard]] std::size_t waiting() const {
    const std::lock_guard lock(mutex_);
    return waiting_;
  }
  [[nodiscard]] std::vector<Alert> previewed() const {
    const std::lock_guard lock(mutex_);
    return previewed_;
  }

  Ticket kick(const TargetName& target, Instant) override {
    const std::lock_guard lock(mutex_);
    return ++looks_[target].kicked;
  }
  [[nodiscard]] std::optional<Decision> decided(const TargetName& target, Ticket ticket, Duration at_most) override {
    std::unique_lock lock(mutex_);
    if (always_) return always_;
    ++waiting_;
    const bool there = changed_.wait_for(lock, at_most, [&] { return looks_[target].decided >= ticket; });
    --waiting_;
    return there ? views_[target].decision : std::nullopt;
  }
  [[nodiscard]] Result<Explained> preview(const TargetName&, std::vector<Alert> alerts) override {
    const std::lock_guard lock(mutex_);
    if (preview_error_) return fail(*preview_error_);
    previewed_ = std::move(alerts);
    const bool up = std::any_of(previewed_.begin(), previewed_.end(),
                                [](const Alert& alert) { return alert.mapping.action == AlertAction::up; });
    const GateNote gate{"bounds", GateNote::Verdict::open, "1..10"};
    if (!up) return Explained{Decision{.from = 2, .to = 2, .text = "nothing to do"}, {}};
    return Explained{
        Decision{.outcome = Outcome::act, .reason = Reason::up, .from = 2, .to = 4, .text = "scale up 2 -> 4"}, {gate}};
  }
  // What was asked for by hand, in short, oldest first: "alice web 5 for 30m", "bob pause all".
  [[nodiscard]] std::vector<std::string> orders() const {
    const std::lock_guard lock(mutex_);
    return orders_;
  }
  // The next orders end so.
  void answer_orders(Result<std::vector<std::string>> warnings) {
    const std::lock_guard lock(mutex_);
    order_answer_ = std::move(warnings);
  }
  [[nodiscard]] Result<receive::Ordered> set_replicas(const TargetName& name,
                                                      const receive::ReplicasOrder& order) override {
    return take(name, order.user + " " + name.text + " " + std::to_string(order.replicas) + " for " +
                          text::format_duration(order.pin));
  }
  [[nodiscard]] Result<receive::Ordered> pause(const std::optional<TargetName>& name, std::optional<Duration> how_long,
                                               const std::string& user) override {
    return take(name, user + " pause " + (name ? name->text : "all") +
                          (how_long ? " for " + text::format_duration(*how_long) : ""));
  }
  [[nodiscard]] Result<receive::Ordered> resume(const std::optional<TargetName>& name,
                                                const std::string& user) override {
    return take(name, user + " resume " + (name ? name->text : "all"));
  }

  [[nodiscard]] std::vector<TargetView> targets() const override {
    const std::lock_guard lock(mutex_);
    std::vector<TargetView> all;
    for (const auto& [name, view] : views_) all.push_back(view);
    return all;
  }
  [[nodiscard]] std::optional<TargetView> target(const TargetName& name) const override {
    const std::lock_guard lock(mutex_);
    const auto found = views_.find(name);
    return found == views_.end() ? std::nullopt : std::optional(found->second);
  }
  [[nodiscard]] std::optional<std::string> not_ready() const override {
    const std::lock_guard lock(mutex_);
    return not_ready_;
  }
  // As during a reload: whoever asks holds them alone.
  [[nodiscard]] std::shared_ptr<const Settings> settings() const override {
    return std::make_shared<const Settings>(*settings_);
  }

 private:
  Result<receive::Ordered> take(const std::optional<TargetName>& name, std::string order) {
    const std::lock_guard lock(mutex_);
    if (name && !views_.contains(*name)) return fail(ErrorKind::not_found, "none");
    orders_.push_back(std::move(order));
    if (!order_answer_) return fail(order_answer_.error());
    receive::Ordered ordered{{}, *order_answer_};
    if (name) ordered.target = views_[*name];
    return ordered;
  }

  struct Looks {
    Ticket kicked = 0;
    Ticket decided = 0;
  };
  const std::shared_ptr<const Settings> settings_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::map<TargetName, Looks> looks_;
  std::map<TargetName, TargetView> views_;
  std::size_t waiting_ = 0;
  std::optional<Decision> always_;
  std::optional<Error> preview_error_;
  std::optional<std::string> not_ready_;
  std::vector<Alert> previewed_;
  std::vector<std::string> orders_;
  Result<std::vector<std::string>> order_answer_;
};

}  // namespace alertscaler::test
