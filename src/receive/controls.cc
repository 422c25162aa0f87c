#include "receive/controls.h"

#include <initializer_list>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/text.h"
#include "receive/api.h"
#include "receive/api_json.h"
#include "receive/origin.h"

namespace alertscaler::receive {
namespace {

using Json = nlohmann::json;
template <class T>
using Read = tl::expected<T, Refusal>;

constexpr std::size_t body_bytes_max = 64U << 10U;
// What is shown of a wrong value is written by a function that calls itself for every level of it.
constexpr int depth_max = 32;
constexpr std::size_t shown_bytes_max = 64;
constexpr int replicas_max = 100'000;  // as in the configuration
constexpr Duration longest = std::chrono::hours{24 * 366};

tl::unexpected<Refusal> refuse(int status, std::string message) {
  return tl::unexpected(Refusal{status, std::move(message)});
}

std::string shown(const Json& value) {
  return text::shorten(value.dump(-1, ' ', true, Json::error_handler_t::replace), shown_bytes_max);
}

Read<Json> parse(std::string_view body, std::string_view shape) {
  std::set<std::string> names;
  std::string twice;
  bool too_deep = false;
  const auto look = [&](int depth, Json::parse_event_t event, Json& parsed) {
    if (event == Json::parse_event_t::key && depth == 1 && !names.insert(parsed.get<std::string>()).second) {
      twice = parsed.get<std::string>();
    }
    too_deep = too_deep || depth > depth_max;
    return !too_deep;  // what is deeper is not kept
  };
  const Json json = Json::parse(body.begin(), body.end(), look, false);
  if (too_deep) return refuse(400, "the body is nested deeper than " + std::to_string(depth_max) + " levels");
  if (!json.is_object()) return refuse(400, "expected a JSON object such as " + std::string(shape));
  if (!twice.empty()) return refuse(400, shown(twice) + " is given more than once");
  return json;
}

// The body as an object of these keys alone; an empty one for no body at all, where that is allowed.
Read<Json> read_object(const Request& request, std::initializer_list<std::string_view> known, std::string_view shape,
                       bool may_be_empty) {
  if (auto refused = check_is_json(request.head)) return tl::unexpected(std::move(*refused));
  if (auto refused = check_params(request.params, {})) return tl::unexpected(std::move(*refused));
  if (request.head.content_length.value_or(0) > body_bytes_max) {
    return refuse(413, "expected at most " + std::to_string(body_bytes_max) + " bytes");
  }
  const auto body = request.read_body(Sender::admitted);
  if (!body) return tl::unexpected(body.error());
  if (body->text().size() > body_bytes_max) {
    return refuse(413, "expected at most " + std::to_string(body_bytes_max) + " bytes");
  }
  if (may_be_empty && text::trim(body->text()).empty()) return Json::object();
  auto json = parse(body->text(), shape);
  if (!json) return json;
  const std::vector<std::string> names(known.begin(), known.end());
  for (const auto& [name, value] : json->items()) {
    if (std::find(names.begin(), names.end(), name) != names.end()) continue;
    const auto meant = name.size() > shown_bytes_max ? std::nullopt : text::nearest(name, names);
    return refuse(400, "unknown key " + shown(name) +
                           (meant           ? "; did you mean " + *meant + "?"
                            : names.empty() ? "; there are none here"
                                            : "; expected " + text::join(names, ", ")));
  }
  return json;
}

Read<int> read_replicas(const Json& json) {
  const auto expected = "replicas: expected a whole number from 0 to " + std::to_string(replicas_max);
  const auto found = json.find("replicas");
  if (found == json.end()) return refuse(400, expected + ", found none");
  const bool whole = found->is_number_integer() && *found >= 0 && *found <= replicas_max;
  if (!whole) return refuse(400, expected + ", found " + shown(*found));
  return found->get<int>();
}

// Absent: not given, or null.
Read<std::optional<Duration>> read_duration(const Json& json, const std::string& key) {
  const auto found = json.find(key);
  if (found == json.end() || found->is_null()) return std::nullopt;
  if (!found->is_string()) return refuse(400, key + ": expected a duration such as \"30m\", found " + shown(*found));
  const auto duration = text::parse_duration(found->get_ref<const std::string&>());
  if (!duration) return refuse(400, key + ": " + duration.error().message);
  if (*duration > longest) {
    return refuse(400, key + ": expected at most " + text::format_duration(longest) + ", found " + shown(*found));
  }
  return *duration;
}

int status_of(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::conflict:
      return 409;
    case ErrorKind::busy:
    case ErrorKind::storage:
    case ErrorKind::cancelled:
      return 503;
    default:
      return 500;
  }
}

std::optional<TargetName> target_of(std::string_view name) {
  if (name.empty()) return std::nullopt;
  return TargetName{std::string(name)};
}

}  // namespace

Answer Controls::answer(const Result<Ordered>& ordered, std::string_view name) const {
  if (!ordered) {
    const Error& error = ordered.error();
    if (error.kind == ErrorKind::not_found) return no_such_target(controller_, name);
    return failure(status_of(error.kind), error.message);
  }
  return success(ordered->warnings, [&](JsonWriter& json) {
    const auto one = [&](const TargetView& view) { write(json, view, store_.active_alerts(view.target.name)); };
    if (ordered->target) return one(*ordered->target);
    json.begin_array();
    for (const TargetView& view : controller_.targets()) one(view);
    json.end_array();
  });
}

Answer Controls::replicas(const Request& request, std::string_view name) {
  const auto json = read_object(request, {"replicas", "pin"}, R"({"replicas": 5, "pin": "30m"})", false);
  if (!json) return failure(json.error());
  const auto replicas = read_replicas(*json);
  if (!replicas) return failure(replicas.error());
  const auto pin = read_duration(*json, "pin");
  if (!pin) return failure(pin.error());
  const TargetName target{std::string(name)};
  return answer(controller_.set_replicas(target, {*replicas, pin->value_or(Duration{0}), request.who()}), name);
}

Answer Controls::pause(const Request& request, std::string_view name) {
  const auto json = read_object(request, {"for"}, R"({"for": "1h"})", true);
  if (!json) return failure(json.error());
  const auto how_long = read_duration(*json, "for");
  if (!how_long) return failure(how_long.error());
  if (*how_long == Duration{0}) return failure(400, "for: expected a duration above 0");
  return answer(controller_.pause(target_of(name), *how_long, request.who()), name);
}

Answer Controls::resume(const Request& request, std::string_view name) {
  const auto json = read_object(request, {}, "{}", true);
  if (!json) return failure(json.error());
  return answer(controller_.resume(target_of(name), request.who()), name);
}

}  // namespace alertscaler::receive
