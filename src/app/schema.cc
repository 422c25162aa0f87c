#include "app/schema.h"

#include <algorithm>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/text.h"
#include "config/value.h"

namespace alertscaler::app {
namespace {

using Json = nlohmann::ordered_json;
using config::Shape;

constexpr const char* draft = "http://json-schema.org/draft-07/schema#";
// Prometheus' durations, each unit at most once and in this order; a bare 0 may be a number.
constexpr const char* duration_pattern =
    "^(0|(?=.)([0-9]+y)?([0-9]+w)?([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?)$";
constexpr const char* positive_duration_pattern =
    "^(?=.*[1-9])([0-9]+y)?([0-9]+w)?([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?$";
constexpr const char* step_pattern = "^ *0*[1-9][0-9]{0,5} *%? *$";
constexpr const char* one_line_pattern = "^[^\\u0000-\\u001f\\u007f]+$";

Json of(const Shape& shape);

Json required(const std::string& key) {
  return {{"required", Json::array({key})}};
}

Json any_of(const std::vector<std::string>& keys) {
  Json any = Json::array();
  for (const std::string& key : keys) any.push_back(required(key));
  return {{"anyOf", std::move(any)}};
}

// What holds when a key is there.
void add_dependency(Json& schema, const std::string& key, Json holds) {
  Json& place = schema["dependencies"][key];
  if (place.is_null()) {
    place = std::move(holds);
  } else {
    place = {{"allOf", Json::array({std::move(place), std::move(holds)})}};
  }
}

const Shape* key_of(const Shape& shape, const std::string& name) {
  const auto found =
      std::find_if(shape.keys.begin(), shape.keys.end(), [&](const Shape& key) { return key.key == name; });
  return found == shape.keys.end() ? nullptr : &*found;
}

// A value that is there and matches, as Dependency has it; `shape` is the value's own.
Json matching(const Shape* shape, const std::string& pattern) {
  if (pattern.empty()) return {{"not", {{"enum", {nullptr, Json::array(), Json::object()}}}}};
  if (shape != nullptr && shape->kind == Shape::Kind::boolean) return {{"const", pattern == config::Dependency::yes}};
  Json text = {{"type", "string"}, {"pattern", "^(" + pattern + ")$"}};
  if (shape == nullptr || shape->kind != Shape::Kind::list) return text;
  const Json list = {{"type", "array"}, {"contains", text}};
  return shape->or_one ? Json{{"anyOf", {text, list}}} : list;
}

// A map in which the key at `path` is so.
Json where(const Shape* map, std::string_view path, const std::string& pattern) {
  const std::size_t dot = path.find('.');
  const std::string key(path.substr(0, dot));
  const Shape* shape = map == nullptr ? nullptr : key_of(*map, key);
  Json inner = dot == std::string_view::npos ? matching(shape, pattern) : where(shape, path.substr(dot + 1), pattern);
  return {{"type", "object"}, {"required", Json::array({key})}, {"properties", {{key, std::move(inner)}}}};
}

void add_relations(Json& schema, const Shape& shape) {
  Json all = Json::array();
  for (const config::Dependency& each : shape.dependencies) {
    all.push_back({{"if", where(&shape, each.when, each.is)}, {"then", where(&shape, each.then, each.be)}});
  }
  for (const auto& [one, other] : shape.never_both) {
    all.push_back({{"not", {{"required", Json::array({one, other})}}}});
  }
  for (const auto& keys : shape.at_least_one) all.push_back(any_of(keys));
  if (!all.empty()) schema["allOf"] = std::move(all);
  if (!shape.exactly_one.empty()) schema["oneOf"] = any_of(shape.exactly_one)["anyOf"];
  for (const auto& [key, others] : shape.only_with) {
    add_dependency(schema, key, others.size() == 1 ? required(others.front()) : any_of(others));
  }
  for (const auto& [key, others] : shape.never_with) {
    Json properties = Json::object();
    for (const std::string& other : others) properties[other] = false;
    add_dependency(schema, key, {{"properties", std::move(properties)}});
  }
}

void add_map(Json& schema, const Shape& shape) {
  const bool needs_nothing = shape.others.empty() && shape.required.empty() && shape.at_least_one.empty();
  schema["type"] = needs_nothing ? Json::array({"object", "null"}) : Json("object");
  if (!shape.others.empty()) {
    schema["additionalProperties"] = of(shape.others.front());
    return;
  }
  Json properties = Json::object();
  for (const Shape& key : shape.keys) properties[key.key] = of(key);
  schema["properties"] = std::move(properties);
  schema["additionalProperties"] = false;
  if (!shape.required.empty()) schema["required"] = shape.required;
  add_relations(schema, shape);
}

// A pattern that finds this text.
std::string literal(std::string_view text) {
  constexpr std::string_view special = "\\^$.|?*+()[]{}";
  std::string pattern;
  for (const char c : text) {
    if (special.find(c) != std::string_view::npos) pattern += '\\';
    pattern += c;
  }
  return pattern;
}

void add_list(Json& schema, const Shape& shape) {
  Json list = {{"type", "array"}, {"items", of(shape.items.front())}};
  if (!shape.mentioned.empty()) list["contains"] = {{"type", "string"}, {"pattern", literal(shape.mentioned)}};
  if (shape.least > 0) list["minItems"] = shape.least;
  if (shape.most > 0) list["maxItems"] = shape.most;
  if (shape.or_one) {
    schema["anyOf"] = Json::array({of(shape.items.front()), std::move(list)});
  } else {
    schema.update(list);
  }
}

// A number or a truth value is a text as well: names may be digits, and YAML does not know what is meant.
void add_text(Json& schema, const Shape& shape) {
  schema["type"] = Json::array({"string", "number", "boolean"});
  if (!shape.pattern.empty()) {
    schema["pattern"] = "^(" + shape.pattern + ")$";
  } else if (shape.one_line) {
    schema["pattern"] = one_line_pattern;
  }
  if (!shape.excluded.empty()) schema["not"] = {{"type", "string"}, {"pattern", "^(" + shape.excluded + ")$"}};
}

void add_kind(Json& schema, const Shape& shape) {
  switch (shape.kind) {
    case Shape::Kind::anything:
      break;
    case Shape::Kind::map:
      add_map(schema, shape);
      break;
    case Shape::Kind::list:
      add_list(schema, shape);
      break;
    case Shape::Kind::text:
      add_text(schema, shape);
      break;
    case Shape::Kind::number:
      schema.update({{"type", "integer"}, {"minimum", shape.least}, {"maximum", shape.most}});
      break;
    case Shape::Kind::boolean:
      schema["type"] = "boolean";
      break;
    case Shape::Kind::duration:
      if (shape.least > 0) {
        schema.update({{"type", "string"}, {"pattern", positive_duration_pattern}});
      } else {
        schema.update({{"type", {"string", "integer"}}, {"minimum", 0}, {"maximum", 0}, {"pattern", duration_pattern}});
      }
      break;
    case Shape::Kind::step:
      schema.update({{"type", {"integer", "string"}},
                     {"minimum", 1},
                     {"maximum", config::replicas_max},
                     {"pattern", step_pattern}});
      break;
    case Shape::Kind::choice:
      schema["enum"] = shape.words;
      break;
  }
}

Json fallback_of(const Shape& shape) {
  if (shape.kind == Shape::Kind::boolean) return shape.fallback == "true";
  const auto number = text::parse_int(shape.fallback);
  const bool counts = shape.kind == Shape::Kind::number || shape.kind == Shape::Kind::step;
  return counts && number ? Json(*number) : Json(shape.fallback);
}

void allow_null(Json& schema) {
  Json& type = schema["type"];
  if (type.is_string()) type = Json::array({type});
  if (std::find(type.begin(), type.end(), "null") == type.end()) type.push_back("null");
}

Json of(const Shape& shape) {
  Json schema = Json::object();
  if (!shape.about.empty()) schema["description"] = shape.about;
  add_kind(schema, shape);
  if (shape.may_be_empty) allow_null(schema);
  if (!shape.fallback.empty()) schema["default"] = fallback_of(shape);
  return schema;
}

}  // namespace

std::string json_schema(const config::Shape& shape) {
  Json schema = {{"$schema", draft}, {"title", "alertscaler"}};
  schema.update(of(shape));
  return schema.dump(2) + "\n";
}

}  // namespace alertscaler::app
