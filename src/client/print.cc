#include "client/print.h"

#include <array>
#include <utility>

#include "base/text.h"
#include "client/server.h"

namespace alertscaler::client {
namespace {

using nlohmann::json;
using Colour = Cell::Colour;

const json& at(const json& object, const char* key) {
  static const json nothing;
  if (!object.is_object()) return nothing;
  const auto found = object.find(key);
  return found == object.end() ? nothing : *found;
}

Colour colour_of_state(const std::string& state) {
  if (state == "idle") return Colour::good;
  if (state == "failed" || state == "unknown") return Colour::bad;
  return Colour::warning;
}

Colour colour_of_outcome(const std::string& outcome) {
  if (outcome == "done") return Colour::good;
  if (outcome == "failed" || outcome == "timeout") return Colour::bad;
  return Colour::dim;
}

std::string desired_of(const json& target) {
  const json& dry_run = at(target, "dry_run");
  return text_at(target, "desired") + (dry_run.is_boolean() && dry_run.get<bool>() ? " (dry run: as if)" : "");
}

// Whole seconds are enough for people.
std::string time_at(const json& object, const char* key) {
  std::string time = text_at(object, key);
  if (const auto dot = time.find('.'); dot != std::string::npos) time.erase(dot, time.size() - dot - 1);
  return time;
}

std::string seconds_at(const json& object, const char* key) {
  const json& seconds = at(object, key);
  if (!seconds.is_number()) return "";
  constexpr double shown_in_tenths_below = 60;
  const double value = seconds.get<double>();
  std::array<char, 32> out{};
  std::snprintf(out.data(), out.size(), value < shown_in_tenths_below ? "%.1fs" : "%.0fs", value);
  return out.data();
}

std::string why(const json& entry) {
  const json& cause = at(entry, "cause");
  std::string out = text_at(cause, "alertname");
  if (out.empty() && at(cause, "manual").is_object()) out = "by hand: " + text_at(at(cause, "manual"), "user");
  const std::string error = text_at(entry, "error");
  if (!error.empty()) out += (out.empty() ? "" : ": ") + error;
  return out;
}

// "until resumed, by alice"; empty: it is no pause.
std::string until_and_by(const json& pause) {
  if (!pause.is_object()) return "";
  const std::string until = time_at(pause, "until");
  return "until " + (until.empty() ? "resumed" : until) + ", by " + text_at(pause, "user");
}

std::string reference(const json& target) {
  std::string out = text_at(target, "backend");
  const json& ref = at(target, "ref");
  if (!ref.is_object()) return out;
  for (const auto& [key, value] : ref.items()) {
    out.append(" ").append(key).append("=").append(value.is_string() ? value.get<std::string>() : value.dump());
  }
  return out;
}

}  // namespace

std::string text_at(const json& object, const char* key) {
  const json& value = at(object, key);
  if (value.is_null()) return "";
  if (value.is_string()) return value.get<std::string>();
  return dump(value);
}

Table target_table() {
  return Table({"TARGET", "STATE", "READY", "DESIRED", "BOUNDS", "DECISION"});
}

std::vector<Cell> target_row(const json& target) {
  const std::string state = text_at(target, "state");
  const std::string observed = text_at(target, "observed");
  const std::string error = text_at(target, "error");
  const std::string decision = text_at(at(target, "decision"), "text");
  const std::string bounds = text_at(target, "min");
  return {{text_at(target, "name")},
          {state, colour_of_state(state)},
          {observed.empty() ? "-" : text_at(target, "ready") + "/" + observed},
          {desired_of(target)},
          {bounds.empty() ? "-" : bounds + ".." + text_at(target, "max")},
          {decision.empty() ? error : decision}};
}

std::string target_page(const json& target, const Terminal& terminal) {
  Table table({"TARGET", text_at(target, "name")});
  const auto line = [&](const char* name, std::string text, Colour colour = Colour::none) {
    if (!text.empty()) table.add({{name}, {std::move(text), colour}});
  };
  const std::string observed = text_at(target, "observed");
  const std::string state = text_at(target, "state");
  line("Backend", reference(target));
  line("State", state, colour_of_state(state));
  const bool counts = !at(target, "max").is_null();
  if (!counts) {
    line("Nodes", observed.empty() ? "not known"
                                   : observed + ", " + text_at(target, "ready") + " of them take work; desired " +
                                         desired_of(target));
  } else {
    line("Replicas", (observed.empty() ? "not known" : observed + ", " + text_at(target, "ready") + " of them ready") +
                         "; desired " + desired_of(target) + ", from " + text_at(target, "min") + " to " +
                         text_at(target, "max"));
  }
  for (const json& node : at(target, "nodes").is_array() ? at(target, "nodes") : json::array()) {
    const std::string how = text_at(node, "state");
    line("Node", how + ": " + text_at(node, "text"), colour_of_state(how));
  }
  const json& floor = at(target, "floor");
  if (floor.is_object()) {
    const std::string current = text_at(floor, "current");
    const std::string original = text_at(floor, "original");
    line("Floor", current + " of " + text_at(floor, "owner") +
                      (current == original ? "" : ", and " + original + " when this is over"));
  }
  line("Decision", text_at(at(target, "decision"), "text"));
  line("Again at", time_at(at(target, "decision"), "until"));
  const json& pin = at(target, "pin");
  line("Pinned until", pin.is_object() ? time_at(pin, "until") : time_at(target, "pin"));
  line("Paused", until_and_by(at(target, "pause")), Colour::warning);
  line("Up again at", time_at(target, "up_cooldown_until"));
  line("Down again at", time_at(target, "down_cooldown_until"));
  line("Error", text_at(target, "error"), Colour::bad);
  line("Note", text_at(target, "note"));
  const json& alerts = at(target, "alerts");
  for (const json& alert : alerts.is_array() ? alerts : json::array()) {
    line("Alert", text_at(at(alert, "labels"), "alertname") + " (" + text_at(alert, "action") + "), since " +
                      time_at(alert, "startsAt") + ", last seen " + time_at(alert, "last_seen"));
  }
  const json& last = at(target, "last_action");
  if (last.is_object()) {
    line("Last action", time_at(last, "time") + " " + text_at(last, "action") +
                            (text_at(last, "node").empty() ? "" : " of " + text_at(last, "node")) + " " +
                            text_at(last, "from") + " -> " + text_at(last, "to") + ": " + text_at(last, "outcome") +
                            "; " + why(last));
  }
  return table.text(terminal);
}

std::string pause_of_all(const json& status) {
  const std::string how_long = until_and_by(at(status, "pause"));
  return how_long.empty() ? "" : "All targets are paused " + how_long + "; `alertscaler resume` ends it.\n";
}

Table history_table() {
  return Table({"TIME", "TARGET", "ACTION", "REPLICAS", "OUTCOME", "TOOK", "CAUSE"});
}

std::vector<Cell> history_row(const json& entry) {
  std::string outcome = text_at(entry, "outcome");
  if (outcome.empty()) outcome = "under way";
  const std::string node = text_at(entry, "node");
  return {{time_at(entry, "time")},
          {text_at(entry, "target") + (node.empty() ? "" : "/" + node)},
          {text_at(entry, "action")},
          {text_at(entry, "from") + " -> " + text_at(entry, "to")},
          {outcome, colour_of_outcome(outcome)},
          {seconds_at(entry, "duration_seconds")},
          {why(entry)}};
}

void print(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
}

void print_json(const json& data) {
  constexpr int indent = 2;
  print(data.dump(indent, ' ', false, json::error_handler_t::replace) + "\n");
}

void print_warnings(const std::vector<std::string>& warnings) {
  for (const std::string& each : warnings) std::fprintf(stderr, "alertscaler: warning: %s\n", each.c_str());
}

int failed(const Error& error) {
  std::fprintf(stderr, "alertscaler: %s\n", error.message.c_str());
  return 1;
}

}  // namespace alertscaler::client
