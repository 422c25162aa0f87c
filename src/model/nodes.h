// What a backend sees of the nodes of a target, and what people see of them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"

namespace alertscaler {

// A node of the target, as it is seen now.
struct ObservedNode {
  std::string name;
  bool ready = false;
  bool cordoned = false;             // takes no new work
  bool ours = false;                 // it carries our mark: it was us who stopped that, to drain it
  bool leaving = false;              // it is being removed: it is out of work, and nothing else is done to it
  bool surplus = false;              // not by a scale-down, but because it replaces nothing any more
  bool dead = false;                 // nothing runs there any more: it goes first, and takes nothing away
  bool replacing = false;            // what is to take its place has been made; uncordon() takes that back, too
  std::vector<std::string> aliases;  // other names and addresses by which an alert may name it
  bool operator==(const ObservedNode&) const = default;
};

// How far a drain has come.
struct DrainProgress {
  bool empty = false;   // nothing is left that has to go
  int left = 0;         // what has to go and is still there
  std::string waits;    // why not more has gone: "the disruption budget web needs 2 healthy pods and has 2 currently"
  std::string refused;  // why it will never be empty as things are, as kubectl says it; nothing was evicted then
  std::string note;     // something a person should know and that changes nothing
  bool operator==(const DrainProgress&) const = default;
};

// A node that something is wrong with or wanted of, as the API shows it.
struct NodeView {
  std::string name;
  std::string state;  // draining, drained, restoring, waiting, failed, refused, cordoned, not_ready, leaving, removed
  std::string text;
  std::optional<Instant> until;  // when it is looked at again, for what waits
  std::optional<int> left;       // what has to go and is still there; absent: nobody has counted
  std::string alert;             // the name of the one that asks; empty: none does
  bool operator==(const NodeView&) const = default;
};

}  // namespace alertscaler
