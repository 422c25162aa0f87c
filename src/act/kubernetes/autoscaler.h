// An HPA, or KEDA's ScaledObject, that sets a workload's count: we move its floor, and above that it decides.
#pragma once

#include <memory>

#include "act/kubernetes/api_server.h"
#include "act/kubernetes/count_owner.h"
#include "act/kubernetes/signature.h"
#include "model/target.h"

namespace alertscaler::kubernetes {

struct AutoscalerPace {
  Duration look = std::chrono::seconds{5};           // how old what is known may be while nothing is under way
  Duration look_for_keda = std::chrono::minutes{5};  // how long KEDA stays unasked for when it was not there
  Duration share = std::chrono::seconds{2};          // how old a list that another target has asked for may be then
};

// For one target, whose signature is `by`: what another installation has signed blocks it. What moves is guarded by
// resourceVersion. A floor that somebody else moved first is a conflict; one that somebody else moved after us is left
// where it is, and told as refused. It needs the rights to `list` HPAs, and `get` and `patch` for the one whose floor
// is moved; the same for ScaledObjects where KEDA is.
[[nodiscard]] std::unique_ptr<CountOwner> make_autoscaler(HpaMode mode, Signature by, ApiServer& server,
                                                          AutoscalerPace pace = {});

}  // namespace alertscaler::kubernetes
