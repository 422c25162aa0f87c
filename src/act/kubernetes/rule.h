// What one needs to be allowed to do on an API server, and the RBAC rule that allows it. Pure.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace alertscaler::kubernetes {

struct Right {
  std::string name_space;   // empty: of the cluster
  std::string group;        // empty: the core group
  std::string resource;     // "deployments"
  std::string subresource;  // "scale"; empty: the resource itself
  std::string name;         // empty: any
  std::string verb;         // "patch"
  auto operator<=>(const Right&) const = default;
};

// What a request needs. Absent: its path names no resource ("/version").
[[nodiscard]] std::optional<Right> right_for(std::string_view method, std::string_view path);

// "add to a Role in the namespace demo: - {apiGroups: [apps], resources: [deployments/scale], resourceNames: [web],
// verbs: [get, patch]}"; several rules, and several roles, where it takes several. Pods and nodes come and go, so their
// names are left out. REQUIRES: not empty.
[[nodiscard]] std::string rules_for(std::span<const Right> rights);

}  // namespace alertscaler::kubernetes
