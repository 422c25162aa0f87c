// A story on a manual clock: alerts come and go, the world changes, the program is restarted. What it did is read back
// from the history, so an action that nobody expected fails the test as one that is missing does.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "base/text.h"
#include "control/controller.h"
#include "support/catch.h"
#include "support/clock.h"
#include "support/fake_backend.h"
#include "support/policies.h"
#include "support/scratch_dir.h"

namespace alertscaler::test {

class Timeline {
 public:
  explicit Timeline(Policy policy = {}, int replicas = 2) : fleet_(clock_, replicas), begin_(clock_.now()) {
    policy_ = policy;
    restart();
  }

  FakeFleet& fleet() { return fleet_; }
  Store& store() { return *store_; }
  control::Controller& controller() { return *controller_; }
  [[nodiscard]] const TargetName& target() const { return target_; }

  void at(Duration when, std::function<void()> event) { events_.emplace(begin_ + when, std::move(event)); }
  void fire(Duration when, Alert alert) {
    at(when, [this, alert]() mutable {
      alert.starts_at = alert.last_seen = clock_.now();
      merge({alert, false, true});
    });
  }
  void resolve(Duration when, Alert alert) {
    at(when, [this, alert]() mutable {
      alert.last_seen = clock_.now();
      alert.starts_at = clock_.now();
      merge({alert, true, true});
    });
  }
  // The process ends at once, as with kill -9, and starts again.
  void restart(Duration when) {
    at(when, [this] { restart(); });
  }

  // It is stopped, configured otherwise and started.
  void change(Duration when, std::function<void(Policy&)> edit) {
    at(when, [this, edit = std::move(edit)] {
      edit(policy_);
      restart();
    });
  }

  // Lives until `end`; the history as lines, oldest first: "30s up 2->3 done after 0s".
  std::string run(Duration end) {
    while (true) {
      const Instant next_event = events_.empty() ? Instant::max() : events_.begin()->first;
      const Instant next = std::min(next_event, next_look_);
      if (next > begin_ + end) break;
      if (next > clock_.now()) clock_.advance(next - clock_.now());
      if (next_event <= next_look_) {
        const auto event = events_.begin()->second;
        events_.erase(events_.begin());
        event();
        next_look_ = clock_.now();
      }
      const Instant again = controller_->look(target_);
      // A look that asks for another one at once must have changed something; the clock goes on all the same.
      next_look_ = std::max(again, clock_.now() + Duration{1});
    }
    return history();
  }

  [[nodiscard]] Instant now() const { return clock_.now(); }
  [[nodiscard]] TargetView view() const { return controller_->target(target_).value(); }
  [[nodiscard]] TargetState state() const { return store_->state(target_); }

  [[nodiscard]] std::string history() const {
    std::string out;
    const auto entries = store_->history({target_, {}, 1000}).value();
    for (auto entry = entries.rbegin(); entry != entries.rend(); ++entry) {
      // Looks ask for the next one a millisecond later: whole seconds are what a story speaks of.
      const auto seconds = [](Duration d) {
        return text::format_duration(std::chrono::floor<std::chrono::seconds>(d));
      };
      out += seconds(entry->time - begin_) + " " + std::string(to_string(entry->action)) + " " +
             std::to_string(entry->from) + "->" + std::to_string(entry->to) + " " +
             std::string(to_string(*entry->outcome)) + " after " + seconds(*entry->finished - entry->time) +
             (entry->error.empty() ? "" : ": " + entry->error) + "\n";
    }
    return out;
  }

 private:
  void merge(Incoming incoming) {
    const auto merged = store_->merge({std::move(incoming)});
    REQUIRE(merged.has_value());
  }
  void restart() {
    controller_.reset();
    store_.reset();
    auto store = Store::open(directory_.path());
    REQUIRE(store.has_value());
    store_ = std::move(*store);
    REQUIRE(store_
                ->remap([](const Labels& labels, const Labels&) -> std::optional<Mapping> {
                  const std::string& name = labels.at("alertname");
                  for (const Alert& known :
                       {up(), up("A"), up("B"), down(), hold(), drain(), to(6), to(6, "To6"), to(3, "To3")}) {
                    if (known.name() == name) return known.mapping;
                  }
                  return std::nullopt;
                })
                .has_value());
    auto settings = std::make_shared<Settings>();
    settings->targets[target_] = Target{target_, policy_, Simulated{}};
    control::Backends backends;
    backends[target_] = std::make_unique<FakeBackend>(fleet_);
    controller_ = std::make_unique<control::Controller>(settings, std::move(backends), *store_, metrics_, clock_,
                                                        control::Options{});
    next_look_ = clock_.now();
  }

  const TargetName target_{"web"};
  ManualClock clock_;
  FakeFleet fleet_;
  Policy policy_;
  const Instant begin_;
  ScratchDir directory_;
  Metrics metrics_{"test"};
  std::multimap<Instant, std::function<void()>> events_;
  Instant next_look_{};
  std::unique_ptr<Store> store_;
  std::unique_ptr<control::Controller> controller_;
};

}  // namespace alertscaler::test
