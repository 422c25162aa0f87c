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

// Thread-safe; nothing here waits but decided().
class Controller {
 public:
  virtual ~Controller() = default;

  // Have a look at `target` soon. The ticket names the first look that begins after this call.
  using Ticket = std::uint64_t;
  virtual Ticket kick(const TargetName& target, Instant received) = 0;
  // The decision of that look or a later one; absent at the deadline or when the program stops.
  [[nodiscard]] virtual std::optional<Decision> decided(const TargetName& target, Ticket ticket, Duration at_most) = 0;
  // What would be decided with these active alerts, from a fresh observation; nothing is changed.
  [[nodiscard]] virtual Result<Decision> preview(const TargetName& target, std::vector<Alert> alerts) = 0;

  [[nodiscard]] virtual std::vector<TargetView> targets() const = 0;  // by name
  [[nodiscard]] virtual std::optional<TargetView> target(const TargetName& name) const = 0;
  // Why the program is not ready yet; absent when it is.
  [[nodiscard]] virtual std::optional<std::string> not_ready() const = 0;
  // The configuration in force.
  [[nodiscard]] virtual std::shared_ptr<const Settings> settings() const = 0;
};

}  // namespace alertscaler::receive
