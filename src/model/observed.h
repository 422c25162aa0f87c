// What a backend sees of a target.
#pragma once

#include <optional>
#include <string>

namespace alertscaler {

struct Observed {
  int replicas = 0;  // exist
  int ready = 0;     // running and healthy; at most replicas
  // The most replicas that can exist here, and the sentence that says why and what to change; absent when nothing but
  // the policy limits them.
  std::optional<int> replicas_max;
  std::string replicas_max_why;
  // Why what the current action asked for will never be there ("replica shop-web-3 exited with 1, 3 times"); empty
  // while there is hope. Such an action has failed.
  std::string broken;
  std::string note;  // something a person should know and that changes nothing
  bool operator==(const Observed&) const = default;
};

}  // namespace alertscaler
