// What makes a container of a pool. Pure.
#pragma once

#include <string>
#include <vector>

#include "act/json.h"
#include "base/names.h"
#include "model/action.h"
#include "model/target.h"

namespace alertscaler::node_pool {

// How long the engine lets it end before it kills it.
inline constexpr Duration stop_grace = std::chrono::seconds{30};

struct Network {
  std::string name;
  json::Json endpoint;
};

struct Creation {
  std::string name;               // of the container, its host and its node
  json::Json body;                // of POST /containers/create
  std::vector<Network> connects;  // before it starts: an older engine takes only one network at the creation
};

// Why a container is made.
struct Purpose {
  TargetName target;
  ActionId action = 0;         // 0: of none
  std::string replaces{};      // the node in whose place it is; empty: none
  std::string installation{};  // of this program; empty: not known
  std::string cluster{};       // see label::cluster; empty: not known
};
[[nodiscard]] Creation creation_of(const DockerNodes& nodes, int index, const Purpose& purpose);

}  // namespace alertscaler::node_pool
