// Whether we may do what a target needs: asked of the API server itself, before it has to refuse.
#pragma once

#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "act/kubernetes/api_server.h"
#include "act/kubernetes/rule.h"
#include "base/clock.h"

namespace alertscaler::kubernetes {

// Of one target; not thread-safe, as a backend's calls for it never overlap. Asks when it is first called, when there
// is doubt, and twice a minute as long as something is missing.
class Permissions {
 public:
  Permissions(ApiServer& server, std::vector<Right> needed, const Clock& clock);

  // The rules to add for what is missing, as rules_for() says them. Absent: nothing is missing, or it cannot be asked
  // now; then the calls themselves will tell.
  [[nodiscard]] std::optional<std::string> missing(const std::stop_token& stop);
  // A call was refused (403), or what is needed may have changed: the next missing() asks anew.
  void doubt() { asked_.reset(); }
  void need(std::vector<Right> needed);

 private:
  ApiServer& server_;
  std::vector<Right> needed_;
  const Clock& clock_;
  std::optional<Instant> asked_;
  std::vector<Right> missing_;
};

}  // namespace alertscaler::kubernetes
