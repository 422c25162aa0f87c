#include "act/kubernetes/announce.h"

#include <string>

namespace alertscaler::kubernetes {
namespace {

std::string asked_by(const HistoryEntry& entry) {
  if (const std::string alert = alert_name(entry.cause); !alert.empty()) {
    return (entry.action == Reason::restore ? "the end of alert " : "alert ") + alert;
  }
  if (const std::string user = user_name(entry.cause); !user.empty()) return user + " by hand";
  return std::string(to_string(entry.action));
}

std::string counts(const HistoryEntry& entry) {
  return std::to_string(entry.from) + " -> " + std::to_string(entry.to);
}

std::string with(const std::string& what, const std::string& error) {
  return error.empty() ? what : what + ": " + error;
}

// The names of what became of an action.
struct Words {
  const char* done;
  const char* failed;
  const char* action;
};

std::optional<EventNote> ended(const HistoryEntry& entry, const Words& words, const std::string& what) {
  const std::string by = asked_by(entry) + ": ";
  switch (*entry.outcome) {
    case ActionOutcome::done:
      return EventNote{false, words.done, words.action, by + what};
    case ActionOutcome::failed:
      return EventNote{true, words.failed, words.action, by + with(what + " failed", entry.error)};
    case ActionOutcome::timeout:
      return EventNote{true, words.failed, words.action, by + with(what + " took too long", entry.error)};
    case ActionOutcome::dry_run:
    case ActionOutcome::interrupted:
      return std::nullopt;
  }
  return std::nullopt;
}

}  // namespace

std::optional<EventNote> note_of(const HistoryEntry& entry) {
  if (!entry.outcome) return std::nullopt;
  return ended(entry, {"AlertScaled", "ScaleFailed", entry.to < entry.from ? "ScaleDown" : "ScaleUp"},
               "scale " + counts(entry));
}

std::optional<EventNote> note_of_node(const HistoryEntry& entry) {
  const bool restore = entry.action == Reason::restore;
  const Words words = restore ? Words{"NodeUncordoned", "NodeUncordonFailed", "Uncordon"}
                              : Words{"NodeDrained", "NodeDrainFailed", "Drain"};
  if (entry.outcome) return ended(entry, words, restore ? "uncordon" : "drain");
  if (restore) return std::nullopt;  // it ends at once
  return EventNote{false, "NodeDraining", words.action, asked_by(entry) + ": drain"};
}

std::optional<EventNote> note_of(const Decision& decision) {
  if (decision.outcome != Outcome::blocked) return std::nullopt;
  if (decision.reason == Reason::hpa_owned) return EventNote{true, "ScaleRefusedHPA", "Scale", decision.text};
  if (decision.reason == Reason::not_scalable) return EventNote{true, "ScaleBlocked", "Scale", decision.text};
  return std::nullopt;
}

}  // namespace alertscaler::kubernetes
