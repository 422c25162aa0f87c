#include "remember/codec.h"

#include <optional>
#include <set>
#include <stdexcept>
#include <utility>
#include <variant>

#include <nlohmann/json.hpp>

#include "base/text.h"

namespace alertscaler::codec {
namespace {

using Json = nlohmann::json;

// Thrown by read() and caught by decode(), as nlohmann's own exceptions are.
class Unreadable : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// --- single values ---

Json write(bool value) {
  return value;
}
Json write(int value) {
  return value;
}
Json write(std::int64_t value) {
  return value;
}
Json write(const Labels& value) {
  return value;
}
Json write(Instant value) {
  return value.time_since_epoch().count();
}
template <class Tag>
Json write(const Name<Tag>& value) {
  return value.text;
}
Json write(AlertAction value) {
  return to_string(value);
}
Json write(Reason value) {
  return to_string(value);
}
Json write(const Step& value) {
  return to_string(value);
}

void read(const Json& json, bool& value) {
  json.get_to(value);
}
void read(const Json& json, int& value) {
  json.get_to(value);
}
void read(const Json& json, std::int64_t& value) {
  json.get_to(value);
}
void read(const Json& json, std::string& value) {
  json.get_to(value);
}
void read(const Json& json, Labels& value) {
  json.get_to(value);
}
void read(const Json& json, Instant& value) {
  value = Instant{Duration{json.get<std::int64_t>()}};
}
template <class Tag>
void read(const Json& json, Name<Tag>& value) {
  json.get_to(value.text);
}

template <class T>
T known(std::optional<T> value, const std::string& text) {
  if (!value) throw Unreadable("\"" + text + "\" is none of the values that this version knows");
  return *std::move(value);
}
void read(const Json& json, AlertAction& value) {
  const auto text = json.get<std::string>();
  value = known(parse_alert_action(text), text);
}
void read(const Json& json, Reason& value) {
  const auto text = json.get<std::string>();
  value = known(parse_action(text), text);
}
void read(const Json& json, Step& value) {
  const auto step = parse_step(json.get<std::string>());
  if (!step) throw Unreadable(step.error().message);
  value = *step;
}

// --- structures: fields() names each field, and calls f(name, field) ---

// The structured bindings make the compiler count the fields.
template <class F>
void fields(auto& value, F f, const Mapping* /*of*/) {
  auto& [target, action, step, replicas, node] = value;
  f("target", target);
  f("action", action);
  f("step", step);
  f("replicas", replicas);
  f("node", node);
}
template <class F>
void fields(auto& value, F f, const AlertCause* /*of*/) {
  auto& [fingerprint, starts_at, labels] = value;
  f("fingerprint", fingerprint);
  f("starts_at", starts_at);
  f("labels", labels);
}
template <class F>
void fields(auto& value, F f, const ManualCause* /*of*/) {
  auto& [user] = value;
  f("user", user);
}
template <class F>
void fields(auto& value, F f, const Command* /*of*/) {
  auto& [id, replicas, user] = value;
  f("id", id);
  f("replicas", replicas);
  f("user", user);
}
template <class F>
void fields(auto& value, F f, const Pin* /*of*/) {
  auto& [replicas, until, user] = value;
  f("replicas", replicas);
  f("until", until);
  f("user", user);
}
template <class F>
void fields(auto& value, F f, const Pause* /*of*/) {
  auto& [until, user] = value;
  f("until", until);
  f("user", user);
}
template <class F>
void fields(auto& value, F f, const Orders* /*of*/) {
  auto& [command, pin, pause] = value;
  f("command", command);
  f("pin", pin);
  f("pause", pause);
}
template <class F>
void fields(auto& value, F f, const Episode* /*of*/) {
  auto& [fingerprint, starts_at] = value;
  f("fingerprint", fingerprint);
  f("starts_at", starts_at);
}
template <class F>
void fields(auto& value, F f, const Baseline* /*of*/) {
  auto& [replicas, moved, cause, alerts, floor, unproven] = value;
  f("replicas", replicas);
  f("moved", moved);
  f("cause", cause);
  f("alerts", alerts);
  f("floor", floor);
  f("unproven", unproven);
}
template <class F>
void fields(auto& value, F f, const Unfinished* /*of*/) {
  auto& [action, from] = value;
  f("action", action);
  f("from", from);
}
template <class F>
void fields(auto& value, F f, const InFlight* /*of*/) {
  auto& [id, action, from, to, started, deadline, cause, stepped, order, floor] = value;
  f("id", id);
  f("action", action);
  f("from", from);
  f("to", to);
  f("started", started);
  f("deadline", deadline);
  f("cause", cause);
  f("stepped", stepped);
  f("order", order);
  f("floor", floor);
}
template <class F>
void fields(auto& value, F f, const NodeState* /*of*/) {
  auto& [in_flight, held, drained, dry_run, cause, alerts, failures, failed, retry_at, error, unproven] = value;
  f("in_flight", in_flight);
  f("held", held);
  f("drained", drained);
  f("dry_run", dry_run);
  f("cause", cause);
  f("alerts", alerts);
  f("failures", failures);
  f("failed", failed);
  f("retry_at", retry_at);
  f("error", error);
  f("unproven", unproven);
}
template <class F>
void fields(auto& value, F f, const TargetState* /*of*/) {
  auto& [last_up, last_change, down_since, baseline, drain_baseline, stepped, asked, last_up_not_ready, unfinished,
         failures, retry_at, in_flight, dry_run_replicas, dry_run_floor, orders_taken, floor_set, nodes, object] =
      value;
  f("last_up", last_up);
  f("last_change", last_change);
  f("down_since", down_since);
  f("baseline", baseline);
  f("drain_baseline", drain_baseline);
  f("stepped", stepped);
  f("asked", asked);
  f("last_up_not_ready", last_up_not_ready);
  f("unfinished", unfinished);
  f("failures", failures);
  f("retry_at", retry_at);
  f("in_flight", in_flight);
  f("dry_run_replicas", dry_run_replicas);
  f("dry_run_floor", dry_run_floor);
  f("orders_taken", orders_taken);
  f("floor_set", floor_set);
  f("nodes", nodes);
  f("object", object);
}

struct Anything {
  template <class T>
  void operator()(const char*, T&) const {}
};
template <class T>
concept Structure = requires(T& value) {
  fields(value, Anything{}, static_cast<const T*>(nullptr));
};

template <Structure T>
Json write(const T& value);
template <Structure T>
void read(const Json& json, T& value);

// An alert's stands as it is, as it did when there was nothing else.
Json write(const Cause& value);
void read(const Json& json, Cause& value);

template <class T>
void put(Json& json, const char* name, const T& value) {
  json[name] = write(value);
}
void put(Json& json, const char* name, const std::string& value) {
  if (!value.empty()) json[name] = value;
}
template <class T>
void put(Json& json, const char* name, const std::optional<T>& value) {
  if (value) json[name] = write(*value);
}
template <class T>
void put(Json& json, const char* name, const std::set<T>& values) {
  if (values.empty()) return;
  Json& list = json[name] = Json::array();
  for (const T& value : values) list.push_back(write(value));
}

template <Structure T>
void put(Json& json, const char* name, const std::map<std::string, T>& values) {
  if (values.empty()) return;
  Json& object = json[name] = Json::object();
  for (const auto& [key, value] : values) object[key] = write(value);
}

template <class T>
void take(const Json& json, T& value) {
  read(json, value);
}
template <class T>
void take(const Json& json, std::optional<T>& value) {
  read(json, value.emplace());
}
template <class T>
void take(const Json& json, std::set<T>& values) {
  for (const Json& item : json.get_ref<const Json::array_t&>()) {
    T value;
    read(item, value);
    values.insert(std::move(value));
  }
}

template <Structure T>
void take(const Json& json, std::map<std::string, T>& values) {
  for (const auto& [key, value] : json.get_ref<const Json::object_t&>()) read(value, values[key]);
}

template <Structure T>
Json write(const T& value) {
  Json json = Json::object();
  fields(
      value, [&](const char* name, const auto& field) { put(json, name, field); }, &value);
  return json;
}

template <Structure T>
void read(const Json& json, T& value) {
  const auto& object = json.get_ref<const Json::object_t&>();
  const auto read_field = [&](const char* name, auto& field) {
    if (const auto found = object.find(name); found != object.end()) take(found->second, field);
  };
  fields(value, read_field, static_cast<const T*>(&value));
}

Json write(const Cause& value) {
  if (const auto* manual = std::get_if<ManualCause>(&value)) return Json{{"manual", write(*manual)}};
  return write(std::get<AlertCause>(value));
}

void read(const Json& json, Cause& value) {
  const auto& object = json.get_ref<const Json::object_t&>();
  if (const auto manual = object.find("manual"); manual != object.end()) {
    read(manual->second, value.emplace<ManualCause>());
  } else {
    read(json, value.emplace<AlertCause>());
  }
}

std::string dump(const Json& json) {
  // What is no UTF-8 cannot be JSON; it becomes U+FFFD rather than an exception.
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

template <class T>
Result<T> decode(std::string_view text) {
  try {
    T value;
    read(Json::parse(text), value);
    return value;
  } catch (const Json::exception& error) {
    return fail(ErrorKind::invalid, error.what());
  } catch (const Unreadable& error) {
    return fail(ErrorKind::invalid, error.what());
  }
}

}  // namespace

// By hand: every new alert passes here twice, and copying its labels into a Json first takes most of the time.
std::string encode(const Labels& labels) {
  std::string out = "{";
  for (const auto& [name, value] : labels) {
    if (out.size() > 1) out += ',';
    out += text::json_quote(name);
    out += ':';
    out += text::json_quote(value);
  }
  return out + "}";
}
std::string encode(const Mapping& mapping) {
  return dump(write(mapping));
}
std::string encode(const Cause& cause) {
  return dump(write(cause));
}
std::string encode(const TargetState& state) {
  return dump(write(state));
}

std::string encode(const Orders& orders) {
  return dump(write(orders));
}

Result<Labels> decode_labels(std::string_view text) {
  return decode<Labels>(text);
}
Result<Mapping> decode_mapping(std::string_view text) {
  return decode<Mapping>(text);
}
Result<Cause> decode_cause(std::string_view text) {
  return decode<Cause>(text);
}
Result<TargetState> decode_state(std::string_view text) {
  return decode<TargetState>(text);
}

Result<Orders> decode_orders(std::string_view text) {
  return decode<Orders>(text);
}

}  // namespace alertscaler::codec
