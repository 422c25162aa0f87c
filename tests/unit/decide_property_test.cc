// Whatever happens, in whatever order: alerts never lead outside the bounds nor make two changes inside a cooldown,
// nothing begins during a pause, nothing but the pin during a pin, no command is carried out twice, an autoscaler's
// floor that somebody else has moved is left alone, and the same inputs give the same text. Histories are random but
// seeded: a failure names its seed.
#include <algorithm>
#include <random>
#include <set>

#include "decide/decide.h"
#include "support/catch.h"
#include "support/policies.h"

using namespace alertscaler;
using namespace alertscaler::test;
using namespace std::chrono_literals;

namespace {

class History {
 public:
  explicit History(unsigned seed) : random_(seed) {
    policy_.min = pick(0, 3);
    policy_.max = policy_.min + pick(1, 8);
    policy_.up_step = {pick(1, 4), false};
    policy_.down_step = chance(3) ? Step{50, true} : Step{pick(1, 3), false};
    policy_.up_cooldown = std::chrono::seconds{pick(0, 60)};
    policy_.down_cooldown = std::chrono::seconds{pick(0, 120)};
    policy_.down_stabilization = std::chrono::seconds{chance(2) ? 0 : pick(1, 60)};
    policy_.on_resolve = static_cast<OnResolve>(pick(0, 2));
    policy_.repeat = chance(3) ? Repeat::once : Repeat::while_firing;
    observed_.replicas = observed_.ready = pick(policy_.min, policy_.max);
    if (seed % 3 == 0) own_the_count();
  }

  void step() {
    now_ += std::chrono::seconds{pick(1, 20)};
    if (chance(4)) toggle_an_alert();
    if (chance(12)) order();
    if (state_.in_flight && chance(2)) end_the_action();
    if (observed_.floor) live_on();
    look();
  }
  // All is over: nothing of ours stays on the autoscaler but what a person has set.
  void end() {
    alerts_.clear();
    orders_ = {};
    for (int i = 0; i < 30; ++i) {  // some actions fail
      now_ += std::chrono::hours{1};
      if (observed_.floor && observed_.replicas == 0) observed_.replicas = std::max(1, observed_.floor->current);
      while (state_.in_flight) end_the_action();
      look();
    }
    if (observed_.floor && !by_hand_) CHECK_FALSE(observed_.floor->ours);
  }

 private:
  [[nodiscard]] int pick(int low, int high) { return std::uniform_int_distribution<int>{low, high}(random_); }
  [[nodiscard]] bool chance(int one_in) { return pick(1, one_in) == 1; }

  void toggle_an_alert() {
    static const std::vector<AlertAction> actions{AlertAction::up, AlertAction::down, AlertAction::to,
                                                  AlertAction::hold, AlertAction::drain};
    const int index = pick(0, 9);
    const std::string name = "alert" + std::to_string(index);
    const auto found = std::find_if(alerts_.begin(), alerts_.end(), [&](const Alert& a) { return a.name() == name; });
    if (found != alerts_.end()) {
      alerts_.erase(found);
      return;
    }
    const std::size_t kind = index < 4 ? 0 : index < 7 ? 1 : index == 7 ? 2 : index == 8 ? 3 : 4;
    if (kind == 4 && !chance(3)) return;
    Alert made = alert(name, actions[kind]);
    made.starts_at = now_;
    if (kind == 2) made.mapping.replicas = pick(0, 20);
    if (kind < 2 && chance(3)) made.mapping.step = Step{pick(1, 6), false};
    alerts_.push_back(made);
  }

  void own_the_count() {
    floor_max_ = pick(2, 14);
    const int floor = pick(0, floor_max_ - 1);
    observed_.floor = Floor{floor, floor, "the autoscaler", false};
    observed_.replicas_max = floor_max_;
    observed_.replicas_max_why = "the autoscaler allows no more";
  }

  // The autoscaler goes where it likes; somebody else may move its floor.
  void live_on() {
    Floor& floor = *observed_.floor;
    if (chance(25)) {
      const bool was_moved = state_.floor_set.has_value();
      floor.current = chance(2) ? floor.original : pick(1, floor_max_);
      floor.original = floor.current;
      if (chance(2)) floor.ours = false;
      // To be noticed it must be another value, and nothing of ours be under way.
      disturbed_ = was_moved && !state_.in_flight && floor.current != *state_.floor_set;
      by_hand_ = false;
    }
    if (observed_.replicas != 0 && chance(3)) {
      observed_.replicas = pick(std::max(1, floor.current), std::max({1, floor.current, floor_max_}));
      observed_.ready = pick(0, observed_.replicas);
    }
  }

  void move_the_floor(const InFlight& action) {
    Floor& floor = *observed_.floor;
    if (action.action == Reason::manual) by_hand_ = action.to != floor.original;
    floor.current = action.to;
    floor.ours = floor.current != floor.original;
    observed_.replicas = std::max(observed_.replicas, action.to);
  }

  // A count by hand, with or without a pin; a pause, or its end.
  void order() {
    if (chance(3)) {
      orders_.pause.reset();
      if (chance(2)) orders_.pause = Pause{now_ + std::chrono::seconds{pick(1, 200)}, "bob"};
      return;
    }
    const OrderId last = orders_.command ? orders_.command->id : 0;
    orders_.command = Command{last + 1, pick(0, 20), "alice"};
    orders_.pin.reset();
    if (chance(2)) {
      orders_.pin = Pin{orders_.command->replicas, now_ + std::chrono::seconds{pick(1, 200)}, "alice"};
    }
  }

  void end_the_action() {
    const InFlight action = *state_.in_flight;
    const int how = pick(1, 10);
    const ActionOutcome outcome = how <= 7   ? ActionOutcome::done
                                  : how == 8 ? ActionOutcome::timeout
                                  : how == 9 ? ActionOutcome::failed
                                             : ActionOutcome::interrupted;
    const bool reached = outcome == ActionOutcome::done || (outcome == ActionOutcome::timeout && chance(2));
    if (action.floor) {
      if (reached) move_the_floor(action);
    } else {
      const auto [low, high] = std::minmax(action.from, action.to);
      observed_.replicas = reached ? action.to : pick(low, high);
    }
    observed_.ready = outcome == ActionOutcome::done ? observed_.replicas : pick(0, observed_.replicas);
    state_ = decide::ended(state_, {outcome, reached, std::chrono::seconds{pick(1, 10)}}, now_);
    if (outcome == ActionOutcome::interrupted && action.order != 0) carried_out_.erase(action.order);
    if (outcome == ActionOutcome::done || outcome == ActionOutcome::timeout) {
      last_change_ = now_;
      if (action.to > action.from) last_up_ = now_;
    }
  }

  void look() {
    const Orders orders = in_force(orders_, {}, now_);
    const decide::Look seen = decide::decide({now_, policy_, alerts_, state_, observed_, orders});
    CHECK(decide::decide({now_, policy_, alerts_, state_, observed_, orders}).decision == seen.decision);
    auto shuffled = alerts_;
    std::shuffle(shuffled.begin(), shuffled.end(), random_);
    CHECK(decide::decide({now_, policy_, shuffled, state_, observed_, orders}).decision.text == seen.decision.text);
    CHECK(seen.state.orders_taken >= state_.orders_taken);
    explained(seen.decision, decide::explain({now_, policy_, alerts_, state_, observed_, orders}));
    state_ = seen.state;
    const bool asserted = orders.pin || std::any_of(alerts_.begin(), alerts_.end(), [](const Alert& a) {
                            return a.mapping.action == AlertAction::up || a.mapping.action == AlertAction::to;
                          });
    if (!asserted) disturbed_ = false;
    if (seen.decision.outcome == Outcome::act) act(seen, orders);
  }

  // An explanation tells of the very decision: all gates are open when it acts, else one that is closed stopped it.
  static void explained(const Decision& decision, const Explained& explained) {
    CHECK(explained.decision == decision);
    CHECK(explained.gates.empty() == (decision.intent == IntentKind::none));
    const auto closed = std::count_if(explained.gates.begin(), explained.gates.end(),
                                      [](const GateNote& gate) { return gate.verdict == GateNote::Verdict::closed; });
    if (!explained.gates.empty()) CHECK((closed == 0) == (decision.outcome == Outcome::act));
    for (const GateNote& gate : explained.gates) CHECK_FALSE(gate.text.empty());
  }

  void act(const decide::Look& seen, const Orders& orders) {
    const Decision& decision = seen.decision;
    CAPTURE(decision.text);
    CHECK_FALSE(orders.pause);
    if (orders.pin) CHECK(decision.intent == IntentKind::manual);
    if (decision.order != 0) CHECK(carried_out_.insert(decision.order).second);
    const bool by_hand = decision.intent == IntentKind::manual;
    if (by_hand) {
      const int asked = decision.order != 0 ? orders.command->replicas : orders.pin->replicas;
      const int possible = decision.floor ? std::max(floor_max_, decision.from) : asked;
      CHECK(decision.to == std::min(asked, possible));
    }
    const bool exact = decision.intent == IntentKind::drain ||
                       (decision.intent == IntentKind::restore && state_.drain_baseline.has_value());
    if (by_hand && decision.floor) by_hand_ = decision.to != observed_.floor->original;
    CHECK((!disturbed_ || !decision.floor || decision.order != 0));
    if (decision.order != 0) disturbed_ = false;
    if (by_hand) {
      // min, max and cooldowns are for alerts.
    } else if (exact) {
      CHECK((decision.to == 0 || decision.to == state_.drain_baseline->replicas));
      CHECK_FALSE(decision.floor);
    } else if (decision.floor && decision.intent == IntentKind::restore) {
      by_hand_ = by_hand_ && decision.to != observed_.floor->original;
      if (decision.to < decision.from && last_change_) CHECK(now_ - *last_change_ >= policy_.down_cooldown);
    } else {
      CHECK(decision.floor == observed_.floor.has_value());
      // A floor that is its own above our max stays; nothing that we do goes above max.
      const bool falls = decision.to < decision.from;
      const int own = decision.floor ? observed_.floor->original : 0;
      CHECK(decision.to >= (falls ? own : std::min(own, policy_.max)));
      if (decision.floor && decision.to > decision.from) CHECK(decision.to <= floor_max_);
      CHECK(decision.to >= (decision.floor ? std::min(policy_.min, floor_max_) : policy_.min));
      CHECK(decision.to <= (falls ? std::max(own, policy_.max) : policy_.max));
      CHECK(decision.to != decision.from);
      if (decision.to > decision.from && last_up_) CHECK(now_ - *last_up_ >= policy_.up_cooldown);
      if (decision.to < decision.from && last_change_) CHECK(now_ - *last_change_ >= policy_.down_cooldown);
    }
    CHECK((!state_.in_flight || seen.supersedes));
    state_.in_flight.reset();
    state_ = decide::started(state_, decision, ++id_, policy_, alerts_, now_);
  }

  std::mt19937 random_;
  Policy policy_;
  Observed observed_;
  TargetState state_;
  Orders orders_;
  std::set<OrderId> carried_out_;
  std::vector<Alert> alerts_;
  Instant now_ = noon;
  int floor_max_ = 0;       // the autoscaler's
  bool disturbed_ = false;  // somebody else has moved its floor from where it was put
  bool by_hand_ = false;    // a person has put it where it is
  std::optional<Instant> last_up_, last_change_;
  ActionId id_ = 0;
};

}  // namespace

TEST_CASE("random histories keep the promises") {
  for (unsigned seed = 1; seed <= 400; ++seed) {
    CAPTURE(seed);
    History history(seed);
    for (int i = 0; i < 150; ++i) history.step();
    history.end();
  }
}
