#include "receive/api_json.h"

namespace alertscaler::receive {
namespace {

void write_cause(JsonWriter& json, const std::optional<Cause>& cause) {
  if (!cause) {
    json.null();
    return;
  }
  if (const auto* manual = std::get_if<ManualCause>(&*cause)) {
    json.begin_object().key("manual").begin_object().field("user", manual->user).end_object().end_object();
    return;
  }
  const auto& alert = std::get<AlertCause>(*cause);
  const auto name = alert.labels.find("alertname");
  json.begin_object()
      .field("alertname", name == alert.labels.end() ? std::string_view{} : std::string_view{name->second})
      .field("fingerprint", alert.fingerprint.text)
      .field("startsAt", alert.starts_at)
      .field("labels", alert.labels)
      .end_object();
}

void write_fields(JsonWriter& json, const Alert& alert) {
  json.field("fingerprint", alert.fingerprint.text)
      .field("labels", alert.labels)
      .field("annotations", alert.annotations)
      .field("startsAt", alert.starts_at)
      .field("endsAt", alert.ends_at)
      .field("last_seen", alert.last_seen)
      .field("generatorURL", alert.generator_url)
      .field("target", alert.mapping.target.text)
      .field("action", to_string(alert.mapping.action));
  if (!alert.mapping.node.empty()) json.field("node", alert.mapping.node);
  json.field("source", to_string(alert.source));
}

}  // namespace

void write(JsonWriter& json, const Alert& alert) {
  json.begin_object();
  write_fields(json, alert);
  json.end_object();
}

void write_event(JsonWriter& json, const Alert& alert, bool active) {
  json.begin_object();
  write_fields(json, alert);
  json.field("status", active ? "firing" : "ended").end_object();
}

void write(JsonWriter& json, const Decision& decision) {
  json.begin_object()
      .field("outcome", to_string(decision.outcome))
      .field("reason", to_string(decision.reason))
      .field("from", decision.from)
      .field("to", decision.to)
      .field("until", decision.until)
      .field("text", decision.text)
      .end_object();
}

void write(JsonWriter& json, const GateNote& gate) {
  json.begin_object()
      .field("gate", gate.gate)
      .field("verdict", to_string(gate.verdict))
      .field("text", gate.text)
      .end_object();
}

void write(JsonWriter& json, const HistoryEntry& entry) {
  json.begin_object().field("id", entry.id).field("time", entry.time).field("target", entry.target.text);
  if (!entry.node.empty()) json.field("node", entry.node);
  json.field("action", to_string(entry.action)).field("from", entry.from).field("to", entry.to).key("outcome");
  if (entry.outcome) {
    json.value(to_string(*entry.outcome));
  } else {
    json.null();
  }
  json.key("duration_seconds");
  if (entry.finished) {
    json.seconds(*entry.finished - entry.time);
  } else {
    json.null();
  }
  json.field("error", entry.error).key("cause");
  write_cause(json, entry.cause);
  json.end_object();
}

void write(JsonWriter& json, const Pin& pin) {
  json.begin_object().field("replicas", pin.replicas).field("until", pin.until).field("user", pin.user).end_object();
}

void write(JsonWriter& json, const Pause& pause) {
  json.begin_object().field("until", pause.until).field("user", pause.user).end_object();
}

void write(JsonWriter& json, const NodeView& node) {
  json.begin_object()
      .field("name", node.name)
      .field("state", node.state)
      .field("text", node.text)
      .field("until", node.until)
      .field("pods_left", node.left)
      .field("alert", node.alert)
      .end_object();
}

void write(JsonWriter& json, const TargetView& view, const std::vector<Alert>& alerts) {
  json.begin_object()
      .field("name", view.target.name.text)
      .field("backend", backend_name(view.target.backend))
      .key("ref")
      .begin_object();
  for (const auto& [key, value] : describe(view.target.backend)) json.field(key, value);
  json.end_object().key("observed");
  if (view.observed) {
    json.value(view.observed->replicas).field("ready", view.observed->ready);
  } else {
    json.null().key("ready").null();
  }
  json.key("floor");
  if (view.observed && view.observed->floor) {
    const Floor& floor = *view.observed->floor;
    json.begin_object()
        .field("owner", floor.owner)
        .field("current", floor.current)
        .field("original", floor.original)
        .end_object();
  } else {
    json.null();
  }
  // Bounds are for counts: a target of nothing but nodes has none.
  const bool counts = has_count(view.target.backend);
  const auto bound = [&](int value) { return counts ? std::optional(value) : std::nullopt; };
  json.field("desired", view.desired)
      .field("min", bound(view.target.policy.min))
      .field("max", bound(view.target.policy.max))
      .field("dry_run", view.target.policy.dry_run)
      .field("state", to_string(view.status))
      .key("alerts")
      .begin_array();
  for (const Alert& alert : alerts) write(json, alert);
  json.end_array();
  if (node_label_of(view.target.backend) != nullptr) {
    json.key("nodes").begin_array();
    for (const NodeView& node : view.nodes) write(json, node);
    json.end_array();
  }
  json.key("decision");
  write_or_null(json, view.decision);
  json.key("pin");
  write_or_null(json, view.pin);
  json.key("pause");
  write_or_null(json, view.pause);
  json.key("last_action");
  write_or_null(json, view.last_action);
  json.field("up_cooldown_until", view.up_cooldown_until)
      .field("down_cooldown_until", view.down_cooldown_until)
      .field("error", view.error)
      .field("note", view.observed ? view.observed->note : std::string())
      .end_object();
}

}  // namespace alertscaler::receive
