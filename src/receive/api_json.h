// How the program's values look in its API; the names are the contract of interfaces.md.
#pragma once

#include <vector>

#include "model/action.h"
#include "model/alert.h"
#include "model/decision.h"
#include "model/view.h"
#include "receive/json_writer.h"

namespace alertscaler::receive {

void write(JsonWriter& json, const Alert& alert);
// The same with `status`: "firing" or "ended".
void write_event(JsonWriter& json, const Alert& alert, bool active);
void write(JsonWriter& json, const Decision& decision);
void write(JsonWriter& json, const GateNote& gate);
void write(JsonWriter& json, const HistoryEntry& entry);
void write(JsonWriter& json, const NodeView& node);
void write(JsonWriter& json, const Pin& pin);
void write(JsonWriter& json, const Pause& pause);
void write(JsonWriter& json, const TargetView& view, const std::vector<Alert>& alerts);

template <class T>
void write_or_null(JsonWriter& json, const std::optional<T>& maybe) {
  if (maybe) {
    write(json, *maybe);
  } else {
    json.null();
  }
}

}  // namespace alertscaler::receive
