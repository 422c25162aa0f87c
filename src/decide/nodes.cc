#include "decide/nodes.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "base/text.h"
#include "decide/intent.h"
#include "decide/together.h"

namespace alertscaler::decide {
namespace {

// How soon to look again at what waits for another node.
constexpr Duration budget_recheck_after = std::chrono::seconds{10};

// The alerts that ask for one node to be drained, oldest first.
using Wishes = std::vector<const Alert*>;

std::string name_of(const Alert& alert) {
  const std::string name(alert.name());
  return name.empty() ? "alert " + alert.fingerprint.text : name;
}

std::string name_of(const AlertCause& cause) {
  return cause.labels.contains("alertname") ? alert_name(cause) : "alert " + cause.fingerprint.text;
}

std::string in_words(Reason action) {
  return action == Reason::drain ? "drain" : "uncordon";
}

std::string paused_text(const Pause& pause) {
  return "paused " + (pause.until ? "until " + text::format_time(*pause.until) : "until resumed") + " by " + pause.user;
}

class Looker {
 public:
  Looker(const NodesInputs& in, NodesLook& look) : in_(in), look_(look) {}

  void look_at_all() {
    look_.state = in_.state;
    notice_clock_set_back();
    collect();
    notice_alerts();
    for (const std::string& node : turns_) look_.nodes.push_back(look_at(node));
  }

  [[nodiscard]] int available() const {
    return static_cast<int>(std::count_if(in_.observed.begin(), in_.observed.end(),
                                          [&](const ObservedNode& node) { return takes_work(node); }));
  }

 private:
  [[nodiscard]] bool takes_work(const ObservedNode& node) const {
    const auto known = look_.state.nodes.find(node.name);
    const bool as_if = known != look_.state.nodes.end() && known->second.dry_run && known->second.held;
    return !node.cordoned && !node.leaving && !as_if;
  }

  // Of several nodes that an alert may mean, none is taken.
  struct Meant {
    const ObservedNode* node = nullptr;
    int count = 0;
  };
  [[nodiscard]] Meant meant_by(const std::string& name) const {
    Meant meant;
    for (const ObservedNode& node : in_.observed) {
      if (node.name == name) return {&node, 1};
      if (std::find(node.aliases.begin(), node.aliases.end(), name) == node.aliases.end()) continue;
      meant.node = &node;
      ++meant.count;
    }
    return meant;
  }

  [[nodiscard]] const ObservedNode* observed(const std::string& name) const {
    const auto found = std::find_if(in_.observed.begin(), in_.observed.end(),
                                    [&](const ObservedNode& node) { return node.name == name; });
    return found == in_.observed.end() ? nullptr : &*found;
  }

  void notice_clock_set_back() {
    for (auto& [name, state] : look_.state.nodes) {
      if (state.retry_at) state.retry_at = std::min(*state.retry_at, in_.now + retry_after_max);
      if (!state.in_flight || state.in_flight->started <= in_.now) continue;
      const Duration allowed = state.in_flight->deadline - state.in_flight->started;
      state.in_flight->started = in_.now;
      state.in_flight->deadline = in_.now + allowed;
    }
  }

  // Who wants what, and in which order: the node of the oldest alert first, then what is only remembered.
  void collect() {
    std::vector<const Alert*> drains;
    for (const Alert& alert : in_.alerts) {
      if (alert.mapping.action == AlertAction::drain) drains.push_back(&alert);
      if (alert.mapping.action == AlertAction::hold) holds_.insert(node_named(alert.mapping.node));
    }
    std::sort(drains.begin(), drains.end(), [](const Alert* a, const Alert* b) {
      return std::tie(a->starts_at, a->fingerprint) < std::tie(b->starts_at, b->fingerprint);
    });
    for (const Alert* alert : drains) {
      const std::string node = node_named(alert->mapping.node);
      if (wanted_[node].empty()) turns_.push_back(node);
      wanted_[node].push_back(alert);
    }
    // Cordoned by us, and we know nothing of it: our storage was lost. It is given back as any other.
    for (const ObservedNode& node : in_.observed) {
      const bool begun = (node.cordoned && node.ours) || node.replacing;
      const bool unknown = begun && !look_.state.nodes.contains(node.name);
      if (unknown && !wanted_.contains(node.name) && !in_.dry_run) look_.state.nodes[node.name].held = true;
    }
    for (const auto& [name, state] : look_.state.nodes) {
      if (!wanted_.contains(name)) turns_.push_back(name);
      if (is_held(name, state, in_.observed)) taken_.insert(name);
    }
    for (const ObservedNode& node : in_.observed) {
      if (node.leaving || (node.cordoned && node.ours)) taken_.insert(node.name);
      if (node.cordoned && !node.ours && !node.leaving) cordoned_by_others_.insert(node.name);
    }
  }

  // The name of the node that is meant, or what the alert says when that is none.
  [[nodiscard]] std::string node_named(const std::string& text) const {
    const Meant meant = meant_by(text);
    return meant.count == 1 ? meant.node->name : text;
  }

  void notice_alerts() {
    for (auto& [name, state] : look_.state.nodes) {
      const auto wishes = wanted_.find(name);
      if (wishes == wanted_.end()) {
        state.unproven = state.unproven || ended_unproven(state);
        if (state.unproven && !state.in_flight) {  // whatever failed, nobody wants it any more
          state.failures = 0;
          state.retry_at.reset();
          state.error.clear();
        }
        continue;
      }
      state.unproven = false;
      state.alerts.clear();
      for (const Alert* alert : wishes->second) state.alerts.insert({alert->fingerprint, alert->starts_at});
      state.cause = cause_of(*wishes->second.front());
    }
  }

  NodeDecision look_at(const std::string& name) {
    NodeDecision out;
    out.node = name;
    const auto wishes = wanted_.find(name);
    const Alert* alert = wishes == wanted_.end() ? nullptr : wishes->second.front();
    const ObservedNode* node = observed(name);
    const auto known = look_.state.nodes.find(name);
    NodeState* state = known == look_.state.nodes.end() ? nullptr : &known->second;
    out.is_observed = node != nullptr;
    out.decision.from = out.decision.to = available();
    out.decision.intent = alert == nullptr ? IntentKind::restore : IntentKind::drain;
    if (alert != nullptr) {
      out.alert = name_of(*alert);
      out.decision.cause = cause_of(*alert);
    } else if (state != nullptr && state->cause) {
      out.decision.cause = *state->cause;
    }
    if (state != nullptr && state->in_flight) {
      go_on(out, *state, node, alert);
    } else if (alert != nullptr && node != nullptr) {
      wish(out, state, *node);
    } else if (in_.come_and_go && node == nullptr && state != nullptr && (state->held || state->drained)) {
      miss(out, *state, alert != nullptr);
    } else if (alert == nullptr || (state != nullptr && state->held)) {
      give_back(out, *state, node);
    } else {
      refuse(out, state);
    }
    return out;
  }

  static void say(NodeDecision& out, Outcome outcome, Reason reason, std::string text,
                  std::optional<Instant> until = {}) {
    out.decision.outcome = outcome;
    out.decision.reason = reason;
    out.decision.until = until;
    out.decision.text = "node " + out.node + ": " + std::move(text);
  }

  void cancel(NodeDecision& out, const std::string& why) const {
    out.move = NodeMove::cancel;
    say(out, Outcome::postpone, Reason::in_flight, why, in_.now);
    out.decision.text = why;
  }

  // Something is under way.
  void go_on(NodeDecision& out, const NodeState& state, const ObservedNode* node, const Alert* alert) const {
    const InFlight& action = *state.in_flight;
    const bool is_drain = action.action == Reason::drain;
    if (is_drain && node == nullptr && in_.come_and_go && in_.policy.drain.replace) {
      out.move = NodeMove::complete;
      return say(out, Outcome::postpone, Reason::in_flight, "it has been replaced", in_.now);
    }
    if (is_drain && node == nullptr) {
      return cancel(out, "the node is gone, or is none of " + in_.nodes_in_words + " any more");
    }
    if (is_drain && in_.orders.pause && !state.dry_run) return cancel(out, paused_text(*in_.orders.pause));
    if (in_.dry_run && !state.dry_run) return cancel(out, "dry run was switched on");
    if (!in_.dry_run && state.dry_run) return cancel(out, "dry run was switched off");
    if (is_drain && alert == nullptr) {
      return cancel(out, (state.cause ? name_of(*state.cause) : "the alert") + " has ended");
    }
    if (!is_drain && alert != nullptr && node != nullptr && !gives_up(state))
      return cancel(out, name_of(*alert) + " is firing again");
    const std::string what = in_words(action.action);
    if (in_.now >= action.deadline) {
      out.move = NodeMove::time_out;
      return say(out, Outcome::postpone, Reason::in_flight, what + " has had its time", in_.now);
    }
    out.move = NodeMove::carry_on;
    say(out, Outcome::postpone, Reason::in_flight,
        what + " is under way, until " + text::format_time(action.deadline) + " at the latest" + because(out),
        action.deadline);
  }

  static std::string because(const NodeDecision& out) {
    if (!out.alert.empty()) return "; " + out.alert + " is firing";
    const auto* cause = out.decision.cause ? std::get_if<AlertCause>(&*out.decision.cause) : nullptr;
    return cause == nullptr ? "" : "; " + name_of(*cause) + " has ended";
  }

  // A drain that failed, of a node that is then to take work again although its alert fires.
  [[nodiscard]] bool gives_up(const NodeState& state) const {
    return in_.policy.drain.on_failure == DrainFailure::uncordon && state.failures > 0 && !state.drained;
  }

  [[nodiscard]] std::string one_leaving() const {
    const auto found =
        std::find_if(in_.observed.begin(), in_.observed.end(), [](const ObservedNode& node) { return node.leaving; });
    return found == in_.observed.end() ? "" : found->name;
  }

  // It was drained, and is no more: replaced, removed by a scale-down or by somebody. There is nothing to give back.
  void miss(NodeDecision& out, NodeState& state, bool is_wanted) const {
    if (!is_wanted) out.move = NodeMove::forget;
    state.held = false;
    state.drained = true;
    state.failures = 0;
    state.retry_at.reset();
    state.error.clear();
    say(out, Outcome::none, is_wanted ? Reason::satisfied : Reason::no_intent, "it is gone" + because(out));
  }

  // An alert wants it drained.
  void wish(NodeDecision& out, NodeState* state, const ObservedNode& node) {
    if (node.leaving) {
      return say(out, Outcome::none, Reason::satisfied, "it is being removed" + because(out));
    }
    if (state != nullptr && state->dry_run != in_.dry_run) {
      if (!in_.dry_run) {
        out.move = NodeMove::forget;
        return say(out, Outcome::none, Reason::satisfied, "what was done was a dry run" + because(out), in_.now);
      }
      return say(out, Outcome::none, Reason::satisfied, "left as it was before the dry run" + because(out));
    }
    if (state != nullptr && state->drained && (node.cordoned || state->dry_run)) {
      return say(out, Outcome::none, Reason::satisfied,
                 std::string("drained") + (state->dry_run ? " (dry run)" : "") + because(out));
    }
    if (state != nullptr && gives_up(*state) && state->held) {
      if (!node.ours && !node.replacing && !state->dry_run) {
        state->held = false;
      } else if (free_to_act(out, Reason::restore, state)) {
        out.decision.to = out.decision.from + 1;
        return begin(out, Reason::restore, "uncordon, for it could not be drained");
      } else {
        return;
      }
    }
    if (!free_to_act(out, Reason::drain, state)) return;
    if (const std::string leaving = one_leaving(); !leaving.empty()) {
      out.decision.to = out.decision.from - 1;
      return say(out, Outcome::postpone, Reason::budget, "drain waits: " + leaving + " is being removed" + because(out),
                 in_.now + budget_recheck_after);
    }
    if (const auto others = over_budget(out.node, node)) {
      out.decision.to = out.decision.from - 1;
      return say(out, Outcome::postpone, Reason::budget, "drain waits: " + *others + because(out),
                 in_.now + budget_recheck_after);
    }
    taken_.insert(out.node);
    out.decision.to = out.decision.from - (takes_work(node) ? 1 : 0);
    begin(out, Reason::drain, "drain");
  }

  void refuse(NodeDecision& out, const NodeState* state) const {
    out.is_refused = true;
    if (state != nullptr) out.move = NodeMove::forget;
    const Meant meant = meant_by(out.node);
    const std::string why = meant.count > 1
                                ? std::to_string(meant.count) + " nodes of the target are known by that name"
                                : "it is none of " + in_.nodes_in_words + ", so it is left alone";
    say(out, Outcome::blocked, Reason::not_scalable, why + because(out));
  }

  // Nobody wants it drained (any more), or it is none of the target's nodes any more.
  void give_back(NodeDecision& out, const NodeState& state, const ObservedNode* node) {
    const auto forget = [&](const std::string& why) {
      out.move = NodeMove::forget;
      say(out, Outcome::none, Reason::no_intent, why + because(out), in_.now);
    };
    if (!state.held) return forget("it takes work");
    if (node != nullptr && node->leaving) {
      return say(out, Outcome::none, Reason::satisfied, "it is being removed" + because(out));
    }
    if (state.dry_run && !in_.dry_run) return forget("what was done was a dry run");
    if (!state.dry_run && in_.dry_run) {
      return say(out, Outcome::none, Reason::satisfied, "left as it was before the dry run" + because(out));
    }
    if (in_.policy.drain_on_resolve == OnResolve::stay) return forget("it stays cordoned (on_resolve: stay)");
    if (node != nullptr && !node->ours && !node->replacing && !state.dry_run) {
      return forget("it is not cordoned by us");
    }
    if (state.unproven && state.dry_run) return forget("its alert is not known to have ended");
    if (state.unproven && node == nullptr) return forget("it is gone, or none of " + in_.nodes_in_words + " any more");
    if (state.unproven && !node->cordoned) return forget("it takes work");
    if (state.unproven) {
      return say(
          out, Outcome::none, Reason::no_intent,
          "it stays cordoned, for its alert is not known to have ended; it takes work again when somebody uncordons "
          "it, or when such an alert fires and really ends" +
              because(out));
    }
    if (holds_.contains("") || holds_.contains(out.node)) {
      return say(out, Outcome::none, Reason::on_hold, "it stays cordoned while a hold alert fires" + because(out));
    }
    if (!free_to_act(out, Reason::restore, &state)) return;
    out.decision.to = out.decision.from + (node == nullptr ? 0 : 1);
    begin(out, Reason::restore,
          node == nullptr ? "uncordon, for it is gone, or none of " + in_.nodes_in_words + " any more" : "uncordon");
  }

  [[nodiscard]] bool ended_unproven(const NodeState& state) const {
    return std::any_of(in_.unproven.begin(), in_.unproven.end(),
                       [&](const Episode& episode) { return state.alerts.contains(episode); });
  }

  // Neither paused nor to be tried again only later.
  [[nodiscard]] bool free_to_act(NodeDecision& out, Reason action, const NodeState* state) const {
    const std::string what = in_words(action);
    if (const auto& pause = in_.orders.pause) {
      say(out, Outcome::blocked, Reason::paused, what + " is blocked: " + paused_text(*pause) + because(out),
          pause->until);
      return false;
    }
    if (in_.blocked && action == Reason::drain) {  // a node is given back with what rights there are
      say(out, Outcome::blocked, in_.blocked->reason, what + " is blocked: " + in_.blocked->text + because(out));
      return false;
    }
    const bool waits = state != nullptr && state->failed == action && state->retry_at && *state->retry_at > in_.now;
    if (!waits) return true;
    const std::string often = state->failures == 1 ? "once" : std::to_string(state->failures) + " times in a row";
    say(out, Outcome::postpone, Reason::backoff,
        what + " waits: it failed " + often + " (" + state->error + "); next try at " +
            text::format_time(*state->retry_at) + because(out),
        *state->retry_at);
    return false;
  }

  static void begin(NodeDecision& out, Reason action, const std::string& what) {
    out.move = NodeMove::begin;
    const std::string why = because(out);
    say(out, Outcome::act, action, what + (why.empty() ? "" : ": " + why.substr(2)));
  }

  // Never more than max_unavailable at once. What others have cordoned is as good as drained and counts too, unless
  // the node to drain is cordoned already itself: draining that one takes nothing more away.
  [[nodiscard]] std::optional<std::string> over_budget(const std::string& name, const ObservedNode& node) const {
    std::set<std::string> away = taken_;
    if (!node.cordoned) away.insert(cordoned_by_others_.begin(), cordoned_by_others_.end());
    away.erase(name);
    const int allowed = in_.policy.drain.max_unavailable.of(static_cast<int>(in_.observed.size()));
    if (static_cast<int>(away.size()) < allowed) return std::nullopt;
    return out_of_work(away, allowed);
  }

  const NodesInputs& in_;
  NodesLook& look_;
  std::map<std::string, Wishes> wanted_;
  std::vector<std::string> turns_;
  std::set<std::string> holds_;  // the nodes that hold alerts name; empty text: all
  std::set<std::string> taken_;  // drained or being drained by us
  std::set<std::string> cordoned_by_others_;
};

}  // namespace

NodesLook decide_nodes(const NodesInputs& inputs) {
  NodesLook look;
  Looker looker(inputs, look);
  looker.look_at_all();
  look.decision = all_in_one(look.nodes, looker.available());
  return look;
}

}  // namespace alertscaler::decide
