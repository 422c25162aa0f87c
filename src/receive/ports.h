// What the receiver needs of the rest of the program, declared where it is used.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/names.h"
#include "base/result.h"
#include "model/alert.h"
#include "model/settings.h"
#include "model/view.h"

namespace alertscaler::receive {

// A count that a person asks for.
struct ReplicasOrder {
  int replicas = 0;
  Duration pin{0};  // for how long alerts must not change it; 0: it is one action, and ends a pin
  std::string user;
};

// What an order has led to: what stands now, and what the person should know.
struct Ordered {
  std::optional<TargetView> target;  // absent: it was for all of them
  std::vector<std::string> warnings;
};

// Thread-safe; nothing here waits but decided(), and what people ask for until it is durable.
class Controller {
 public:
  virtual ~Controller() = default;

  // Have a look at `target` soon. The ticket names the first look that begins after this call.
  using Ticket = std::uint64_t;
  virtual Ticket kick(const TargetName& target, Instant received) = 0;
  // The decision of that look or a later one; absent at the deadline or when the program stops.
  [[nodiscard]] virtual std::optional<Decision> decided(const TargetName& target, Ticket ticket, Duration at_most) = 0;
  // What would be decided with these active alerts, from the last observation; nothing is changed.
  [[nodiscard]] virtual Result<Explained> preview(const TargetName& target, std::vector<Alert> alerts) = 0;

  // By hand. Durable when they return. not_found: no such target; conflict: its state does not allow it, with the
  // reason; busy, storage: as the store says.
  [[nodiscard]] virtual Result<Ordered> set_replicas(const TargetName& target, const ReplicasOrder& order) = 0;
  // No action begins until `how_long` has passed or somebody resumes. No target: all of them, whatever each has of its
  // own.
  [[nodiscard]] virtual Result<Ordered> pause(const std::optional<TargetName>& target, std::optional<Duration> how_long,
                                              const std::string& user) = 0;
  // Gives a target back to its alerts: ends its pause and its pin. No target: ends the pause of all.
  [[nodiscard]] virtual Result<Ordered> resume(const std::optional<TargetName>& target, const std::string& user) = 0;

  [[nodiscard]] virtual std::vector<TargetView> targets() const = 0;  // by name
  [[nodiscard]] virtual std::optional<TargetView> target(const TargetName& name) const = 0;
  // Why the program is not ready yet; absent when it is.
  [[nodiscard]] virtual std::optional<std::string> not_ready() const = 0;
  // The configuration in force.
  [[nodiscard]] virtual std::shared_ptr<const Settings> settings() const = 0;
};

}  // namespace alertscaler::receive
