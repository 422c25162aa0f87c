// The loop: looks at targets when something changed or a decision said so, and carries out what decide() says. It
// decides nothing itself and writes down every change before and after it is made.
#pragma once

#include <atomic>
#include <concepts>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <set>
#include <shared_mutex>
#include <thread>
#include <vector>

#include "act/backend.h"
#include "act/node_backend.h"
#include "base/clock.h"
#include "base/guarded.h"
#include "control/scheduler.h"
#include "decide/decide.h"
#include "model/settings.h"
#include "receive/ports.h"
#include "record/metrics.h"
#include "remember/store.h"

namespace alertscaler::control {

struct Options {
  bool dry_run = false;                                  // on top of each target's own
  Duration refresh_interval = std::chrono::seconds{20};  // of a target with nothing to do; jittered by a fifth
  // Called after each pass that may have changed what target() tells, by the thread of the pass. Must not wait.
  std::function<void(const TargetName&)> target_changed{};
};

// What carries out the actions on a target: one of the two, whichever it is made from; both, if its replicas are nodes
// that alerts name one by one. The two of one target are never called at the same time.
struct Hands {
  Hands() = default;
  template <class T>
  requires std::convertible_to<T, std::shared_ptr<Backend>> Hands(T made)
      : replicas(std::move(made)) {}  // NOLINT(google-explicit-constructor)
  template <class T>
  requires std::convertible_to<T, std::shared_ptr<NodeBackend>> Hands(T made)
      : nodes(std::move(made)) {}  // NOLINT(google-explicit-constructor)
  Hands(std::shared_ptr<Backend> of_replicas, std::shared_ptr<NodeBackend> of_nodes)
      : replicas(std::move(of_replicas)), nodes(std::move(of_nodes)) {}

  std::shared_ptr<Backend> replicas;   // null: the target is nothing but nodes
  std::shared_ptr<NodeBackend> nodes;  // null: the target is nothing but a count
};
using Backends = std::map<TargetName, Hands>;

// A configuration that is to take the place of the one in force.
struct Reload {
  std::shared_ptr<const Settings> settings;
  Backends backends;               // of the targets that are new or need another one
  std::set<TargetName> elsewhere;  // those that keep their name but are now something else; each has its backend above
  std::set<TargetName> otherwise{};  // of those: the same object, which is scaled in another way
};

// Applies a configuration to the alerts that are known: what it no longer maps is dropped, the rest gets its mapping.
[[nodiscard]] Status map_known_alerts(Store& store, const Settings& settings);

// Thread-safe.
class Controller final : public receive::Controller {
 public:
  // REQUIRES: a backend for every target of `settings`. Nothing happens before start().
  Controller(std::shared_ptr<const Settings> settings, Backends backends, Store& store, Metrics& metrics,
             const Clock& clock, Options options);
  ~Controller() override;

  void start();
  // One pass on the caller's thread, as the workers make them; when to look again. REQUIRES: not started.
  Instant look(const TargetName& name) { return pass(name, {}); }
  // All or nothing. Targets that stay keep their state, and passes under way the settings that they began with; the
  // work in flight of those that leave gets its outcome before this returns. cancelled: stop() was called; busy,
  // storage: as the store says.
  [[nodiscard]] Status reload(const Reload& reload);
  // Ends the passes under way (an action in flight stays in the journal and goes on after the next start). Idempotent.
  void stop();

  Ticket kick(const TargetName& target, Instant received) override;
  [[nodiscard]] std::optional<Decision> decided(const TargetName& target, Ticket ticket, Duration at_most) override;
  [[nodiscard]] Result<Explained> preview(const TargetName& target, std::vector<Alert> alerts) override;
  [[nodiscard]] Result<receive::Ordered> set_replicas(const TargetName& target,
                                                      const receive::ReplicasOrder& order) override;
  [[nodiscard]] Result<receive::Ordered> pause(const std::optional<TargetName>& target,
                                               std::optional<Duration> how_long, const std::string& user) override;
  [[nodiscard]] Result<receive::Ordered> resume(const std::optional<TargetName>& target,
                                                const std::string& user) override;
  [[nodiscard]] std::vector<TargetView> targets() const override;
  [[nodiscard]] std::optional<TargetView> target(const TargetName& name) const override;
  [[nodiscard]] std::optional<std::string> not_ready() const override;
  [[nodiscard]] std::shared_ptr<const Settings> settings() const override {
    return settings_.with([](const auto& settings) { return settings; });
  }

 private:
  // What the configuration makes of a target.
  struct Setup {
    Target target;
    Hands hands;
  };
  // What the pass decided that served a ticket: soon after it another one decides something else.
  struct Answer {
    Ticket ticket = 0;
    Decision decision;
  };
  // What belongs to one target. Only its pass touches it, but for what is guarded.
  struct Runtime {
    explicit Runtime(TargetName given) : name(std::move(given)) {}
    [[nodiscard]] std::shared_ptr<const Setup> current() const {
      return setup.with([](const auto& s) { return s; });
    }

    const TargetName name;
    Guarded<std::shared_ptr<const Setup>> setup{};  // a reload replaces it; a pass keeps the one that it began with
    // The state before the action in flight, as long as it may not have been carried out; unknown after a restart.
    std::optional<TargetState> before;
    bool settled = false;                           // the action that an earlier process left has been looked at
    int observe_failures = 0;                       // in a row
    int not_taken_back = 0;                         // tries in a row to take back what an action has begun
    std::set<std::string> not_let_go;               // nodes from which our mark could not be taken; told of
    ActionId applied = 0;                           // the last action whose call has succeeded
    std::string last_error;                         // of a call in flight or of the store, so that each is logged once
    std::string last_failure;                       // why the last action on its count has failed
    std::string nodes_error;                        // the same of a node's call in flight
    std::string untidy;                             // why what earlier actions left could not be put in order
    std::string last_said;                          // the last decision that was logged
    std::map<std::string, DrainProgress> progress;  // of a target of nodes: of those that are being drained
    std::map<std::string, std::string> last_said_of;  // by node
    Guarded<std::vector<ObservedNode>> nodes{};       // as last observed
    Guarded<std::optional<Blocked>> nodes_blocked{};  // likewise
    Guarded<TargetView> view{};
    Guarded<std::deque<Answer>> answers{};       // the last few, oldest first
    Guarded<std::optional<Instant>> received{};  // of the first notification that no action has answered yet
    std::atomic<bool> was_observed{false};       // once, though it may not be now
    std::atomic<bool> needs_person{false};       // observing it failed, and will until somebody does something about it
    std::atomic<bool> gone{false};               // removed: nothing of it is to be shown any more
  };
  // What one pass carries along; over a target of nodes; of a target that is both, over its nodes.
  struct Look;
  class NodePass;

  Instant pass(const TargetName& name, const std::stop_token& stop);
  using RuntimePtr = std::shared_ptr<Runtime>;
  [[nodiscard]] RuntimePtr make_runtime(const Target& target, Hands hands) const;
  [[nodiscard]] RuntimePtr runtime_of(const TargetName& name) const;  // null: there is no such target
  [[nodiscard]] std::vector<RuntimePtr> runtimes() const;             // by name
  [[nodiscard]] std::vector<RuntimePtr> leaving(const Reload& reload) const;
  void put_in_force(const Reload& reload);
  void forget(Runtime& runtime);
  void farewell(Runtime& runtime, const std::string& why, bool is_to_come_back);
  void put_floor_back(Look& look);
  void forget_floor(Look& look);
  void end_action(Look& look, const std::string& why);
  void settle_away();
  void settle_unfinished();
  void tell_floors_left();
  [[nodiscard]] static bool is_something_else(const TargetState& state, const Target& target);
  enum class Parting { removed, other_object, other_way, same_object };
  void part(const TargetName& name, Parting how);
  void drop_orders(const TargetName& name, TargetState& state, bool with_pin);
  [[nodiscard]] TargetState state_of(const Runtime& runtime, const Setup& setup) const;
  [[nodiscard]] bool map_late_alerts();

  Instant unobservable(Runtime& runtime, const TargetState& state, const Error& error);
  Instant not_stored(Runtime& runtime, const Error& error);
  Instant guarded_pass(const TargetName& name, const std::stop_token& stop);
  void keep_answer(const TargetName& name, Ticket ticket);
  Status look_at_count(Look& look);
  Status settle(Look& look);
  Status time_out(Look& look);
  Status give_up(Look& look, ActionOutcome outcome, bool there, std::string error);
  [[nodiscard]] bool taken_back(Look& look, std::string& error);
  Instant act_on_count(Look& look, const NodePass* nodes);
  static void tidy(Look& look);
  void settle_earlier(Look& look);
  Status finish(Look& look, ActionOutcome outcome, bool reached, std::string error);
  Status finish(Look& look, ActionOutcome outcome, std::string error, const TargetState& state);
  [[nodiscard]] TargetState after(const Look& look, decide::End end);
  Status execute(Look& look, const decide::Look& decided);
  Status carry_on(Look& look);
  Status overtaken(Look& look, const Error& error);
  void publish(Look& look, const Decision& decision, const NodePass* nodes);
  // The one way in which a target's view changes: metrics and listeners hear of it.
  void show(Runtime& runtime, const std::function<void(TargetView&)>& change);
  [[nodiscard]] Orders orders_of(const TargetName& target) const;  // that hold now
  [[nodiscard]] Result<RuntimePtr> find(const TargetName& target) const;
  [[nodiscard]] Status may_take(Runtime& runtime, const receive::ReplicasOrder& order) const;
  Status put_orders(const TargetName& target, const Orders& orders);
  TargetView show_orders(Runtime& runtime, std::optional<int> desired);
  void show_all_orders();
  void look_soon(const TargetName& target);
  void say(Look& look, const Decision& decision);
  [[nodiscard]] Instant next_look(const Look& look, const Decision& decision);
  [[nodiscard]] bool is_dry_run(const Setup& setup) const;
  [[nodiscard]] Explained preview_nodes(const Runtime& runtime, const Setup& setup, const std::vector<Alert>& alerts,
                                        const TargetState& state, const Observed& count) const;
  // Of the alerts in the baselines; to be asked after the active alerts, so that one that has left them is found.
  [[nodiscard]] std::vector<Episode> unproven_ends(const TargetState& state) const;
  [[nodiscard]] double jitter();
  void end_alerts(Instant now);
  void keep_house(const std::stop_token& stop);

  Guarded<std::shared_ptr<const Settings>> settings_;
  Store& store_;
  Metrics& metrics_;
  const Clock& clock_;
  const Options options_;
  mutable std::shared_mutex runtimes_mutex_;
  std::map<TargetName, RuntimePtr> runtimes_;

  std::mutex reload_mutex_;
  std::stop_source reload_stop_;
  Guarded<std::vector<std::weak_ptr<const Settings>>> retired_;  // from before reloads; a request may still use one

  std::mutex orders_mutex_;  // held while orders are read, changed and written

  Guarded<std::minstd_rand> random_;
  std::mutex house_mutex_;
  std::condition_variable_any house_changed_;
  bool house_kicked_ = false;

  std::unique_ptr<Scheduler> scheduler_;
  std::jthread housekeeper_;
};

}  // namespace alertscaler::control
