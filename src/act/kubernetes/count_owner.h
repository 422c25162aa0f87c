// Who else sets the count of a workload: an HPA, or KEDA's ScaledObject. The backend of workloads asks, and leaves to
// it what it owns.
#pragma once

#include <optional>
#include <stop_token>
#include <string>

#include "base/result.h"
#include "model/action.h"
#include "model/observed.h"

namespace alertscaler::kubernetes {

// The object whose count is meant, as it was just observed.
struct ScaledObject {
  std::string name_space;
  std::string api_version;  // "apps/v1"
  std::string kind;
  std::string name;
  std::string uid;
  int replicas = 0;  // of its spec
};

// What an owner makes of the target; each part goes into Observed as it is. All empty: nobody else sets the count, or
// the target's configuration says to scale it all the same.
struct Ownership {
  std::optional<Blocked> blocked;
  std::optional<Floor> floor;
  std::optional<int> replicas_max;
  std::string replicas_max_why;
  std::string note;
};

// Calls for one target never overlap; errors as those of Backend.
class CountOwner {
 public:
  virtual ~CountOwner() = default;

  // `in_flight`: the action under way. Answers may be some seconds old as long as there is none.
  [[nodiscard]] virtual Result<Ownership> observe(const ScaledObject& object, const std::optional<Change>& in_flight,
                                                  const std::stop_token& stop) = 0;

  // Carries the change out in the owner's way. False: nothing was done, as the count itself is to be set.
  // REQUIRES: an observation without `blocked` came before.
  [[nodiscard]] virtual Result<bool> apply(const ScaledObject& object, const Change& change,
                                           const std::stop_token& stop) = 0;

  // The object that it writes to, as far as the last observation knows: its path; empty: none.
  [[nodiscard]] virtual std::string writes_to() const { return ""; }
};

}  // namespace alertscaler::kubernetes
