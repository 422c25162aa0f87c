// The kinds of targets that are nodes, and what such a target can and cannot say.
#pragma once

#include <optional>
#include <string>

#include "config/fields.h"
#include "model/target.h"

namespace alertscaler::config {

// Absent: it could not be read.
[[nodiscard]] std::optional<KubernetesNodes> read_kubernetes_node(const Value& value);

// The keys of the target's own map that mean nothing for what it is. `node_label`: what the target says, if it does.
void check_node_keys(const Value& target, const BackendRef& backend, const std::optional<Mark>& node_label);

// What that check knows about the keys of a target.
void describe_node_keys(Shape& target);

}  // namespace alertscaler::config
