// What people have asked of a target by hand: a count, a pin, a pause. Written by requests alone, never by a pass, so
// that neither overwrites the other.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/clock.h"

namespace alertscaler {

using OrderId = std::int64_t;  // grows with each command to one target; 0 is none

// One action. It waits to be carried out until TargetState::orders_taken has reached its id.
struct Command {
  OrderId id = 0;
  int replicas = 0;  // min and max do not limit it
  std::string user;
  bool operator==(const Command&) const = default;
};

// The count that holds until then, whatever alerts ask for.
struct Pin {
  int replicas = 0;
  Instant until;
  std::string user;
  bool operator==(const Pin&) const = default;
};

// No action begins; one under way is finished.
struct Pause {
  std::optional<Instant> until;  // absent: until somebody resumes
  std::string user;
  bool operator==(const Pause&) const = default;
};

// Durable, one per target, and one for all of them, of which only the pause is used.
struct Orders {
  std::optional<Command> command;  // the last one
  std::optional<Pin> pin;
  std::optional<Pause> pause;
  bool operator==(const Orders&) const = default;
};

// What holds for a target at `now`: what has ended is dropped, and of two pauses the one that lasts longer is left.
[[nodiscard]] Orders in_force(Orders own, const Orders& of_all, Instant now);
// When the first of them ends by itself.
[[nodiscard]] std::optional<Instant> next_end(const Orders& orders);

}  // namespace alertscaler
