// From an alert's labels and annotations to what it asks of which target. Pure.
#pragma once

#include <optional>

#include "base/result.h"
#include "model/alert.h"
#include "model/settings.h"

namespace alertscaler::decide {

// Absent: the alert is none of ours (it carries no instruction). invalid: it carries one that cannot be used (unknown
// action, unknown target with the nearest name, a scale_step or scale_replicas that is none); the text is the `reason`
// that the sender sees. The first route of the configuration that matches counts, and without one the alert's own
// labels. scale_step and scale_replicas are taken from the annotations, else from the labels.
// An alert for a target of nodes may ask for drain, and must name the node, or for hold.
// Grafana's DatasourceNoData and DatasourceError are a hold, whatever they would ask for.
[[nodiscard]] Result<std::optional<Mapping>> map_alert(const Settings& settings, const Labels& labels,
                                                       const Labels& annotations);

// What map_alert() goes by, for people: "routes[0]: alertname="X"", "its labels scale_action and scale_target".
[[nodiscard]] std::string mapped_by(const Settings& settings, const Labels& labels);

}  // namespace alertscaler::decide
