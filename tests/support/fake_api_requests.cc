// What the fake API server makes of a request.
#include <algorithm>
#include <utility>

#include <httplib.h>
#include <tl/expected.hpp>

#include "base/text.h"
#include "support/fake_api_server.h"

namespace alertscaler::test {
namespace {

using Json = FakeApiServer::Json;
using Answer = FakeApiServer::Answer;

const Json& at(const Json& object, std::string_view pointer) {
  static const Json none;
  const Json::json_pointer where{std::string(pointer)};
  return object.contains(where) ? object.at(where) : none;
}

std::string text_at(const Json& object, const std::string& pointer) {
  const Json& value = at(object, pointer);
  return value.is_string() ? value.get<std::string>() : value.is_null() ? "" : value.dump();
}

int number_at(const Json& object, const std::string& pointer) {
  const Json& value = at(object, pointer);
  return value.is_number_integer() ? value.get<int>() : 0;
}

// "a.b" of field selectors.
std::string field(const Json& object, std::string_view path) {
  std::string pointer;
  for (const std::string& key : text::split(path, '.')) pointer += "/" + key;
  return text_at(object, pointer);
}

// "app=web,tier!=db,gpu": what kubectl takes, without sets.
template <class Get>
bool selects(std::string_view selector, const Get& get) {
  for (const std::string& part : text::split(selector, ',')) {
    if (part.empty()) continue;
    const std::size_t equals = part.find('=');
    if (equals == std::string::npos) {
      if (!get(part)) return false;
      continue;
    }
    const bool not_equal = equals > 0 && part[equals - 1] == '!';
    const bool twice = part.compare(equals, 2, "==") == 0;
    const std::string key = part.substr(0, equals - (not_equal ? 1 : 0));
    const std::string wanted = part.substr(equals + (twice ? 2 : 1));
    const std::optional<std::string> value = get(key);
    if ((value && *value == wanted) == not_equal) return false;
  }
  return true;
}

bool has_labels(const Json& object, std::string_view selector) {
  const Json& labels = at(object, "/metadata/labels");
  return selects(selector, [&](const std::string& key) {
    return labels.contains(key) ? std::optional(labels.at(key).get<std::string>()) : std::nullopt;
  });
}

bool has_fields(const Json& object, std::string_view selector) {
  return selects(selector, [&](const std::string& path) { return std::optional(field(object, path)); });
}

Answer not_found(const std::string& plural, const std::string& name) {
  if (name.empty()) {
    return FakeApiServer::status(404, "NotFound", "the server could not find the requested resource");
  }
  return FakeApiServer::status(404, "NotFound", plural + " \"" + name + "\" not found",
                               {{"name", name}, {"kind", plural}});
}

Answer conflict(const std::string& plural, const std::string& name) {
  return FakeApiServer::status(409, "Conflict",
                               "Operation cannot be fulfilled on " + plural + " \"" + name +
                                   "\": the object has been modified; please apply your changes to the latest version "
                                   "and try again");
}

// The document that a PATCH or PUT makes of `before`, or the refusal.
tl::expected<Json, Answer> patched(const Json& before, const FakeApiServer::Asked& asked, bool custom) {
  if (asked.method == "PUT") return asked.body;
  Json after = before;
  const bool strategic = asked.content_type == "application/strategic-merge-patch+json";
  if (asked.content_type == "application/merge-patch+json" || (strategic && !custom)) {
    after.merge_patch(asked.body);
    return after;
  }
  if (asked.content_type != "application/json-patch+json") {
    return tl::unexpected(
        FakeApiServer::status(415, "UnsupportedMediaType", "the body of the request was in an unknown format"));
  }
  try {
    return before.patch(asked.body);
  } catch (const Json::exception&) {
    return tl::unexpected(
        FakeApiServer::status(422, "Invalid", "the server rejected our request due to an error in our request"));
  }
}

}  // namespace

// What is stored gets what the server adds.
Json& FakeApiServer::store(const std::string& collection, Json object) {
  const Place place = find(collection);
  const std::string path = collection + "/" + text_at(object, "/metadata/name");
  const auto known = objects_.find(path);
  Json& metadata = object["metadata"];
  if (known == objects_.end()) {
    const std::string number = std::to_string(next_uid_++);
    metadata["uid"] = "00000000-0000-0000-0000-" + std::string(12 - number.size(), '0') + number;
    metadata["generation"] = 1;
    metadata["creationTimestamp"] = "2026-01-01T00:00:00Z";
  } else if (known->second.value("spec", Json()) != object.value("spec", Json())) {
    metadata["generation"] = at(known->second, "/metadata/generation").get<int>() + 1;
  }
  if (place.resource != nullptr) {
    object["apiVersion"] = place.resource->prefix.substr(place.resource->prefix.find('/', 1) + 1);
    object["kind"] = place.resource->kind;
  }
  metadata["resourceVersion"] = next_version();
  if (controllers_ && place.resource != nullptr && place.resource->scale) follow(object);
  return objects_[path] = std::move(object);
}

void FakeApiServer::follow(Json& object) const {
  const Json& wanted = at(object, "/spec/replicas");
  const int replicas = wanted.is_number_integer() ? wanted.get<int>() : 1;
  for (const char* key : {"replicas", "readyReplicas", "availableReplicas", "updatedReplicas"}) {
    object["status"][key] = replicas;
  }
  object["status"]["observedGeneration"] = at(object, "/metadata/generation");
}

void FakeApiServer::handle(const httplib::Request& request, httplib::Response& response) {
  Asked asked{request.method, request.path, "", {}, request.get_header_value("Content-Type")};
  for (const auto& [key, value] : request.params) asked.query += (asked.query.empty() ? "" : "&") + key + "=" + value;
  if (!request.body.empty()) asked.body = Json::parse(request.body, nullptr, false);
  const std::string line = asked.method + " " + asked.path;
  std::vector<std::function<void()>> first;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [part, what] : before_) {
      if (what && line.find(part) != std::string::npos) first.push_back(what);
    }
  }
  for (const auto& what : first) what();
  const std::lock_guard lock(mutex_);
  asked_.push_back(asked);
  const auto failure = std::find_if(failures_.begin(), failures_.end(), [&](const Failure& f) {
    return f.times > 0 && line.find(f.part) != std::string::npos;
  });
  Answer answer;
  if (failure == failures_.end() || !failure->answer) answer = carry_out(asked, request);
  if (failure != failures_.end()) {
    --failure->times;
    answer = failure->answer.value_or(status(504, "Timeout", "Timeout: request did not complete within 10s"));
  }
  response.status = answer.code;
  for (const auto& [name, value] : answer.headers) response.set_header(name.c_str(), value);
  if (answer.text.empty()) {
    response.set_content(answer.body.dump(), "application/json");
  } else {
    response.set_content(answer.text, "text/plain; charset=utf-8");
  }
}

FakeApiServer::Place FakeApiServer::find(const std::string& path) const {
  Place place;
  for (const Resource& resource : resources_) {
    if (!path.starts_with(resource.prefix + "/")) continue;
    std::vector<std::string> rest = text::split(path.substr(resource.prefix.size() + 1), '/');
    std::string collection = resource.prefix;
    if (rest.size() >= 3 && rest[0] == "namespaces") {
      collection += "/namespaces/" + rest[1];
      rest.erase(rest.begin(), rest.begin() + 2);
    }
    if (rest[0] != resource.plural) continue;
    place.resource = &resource;
    place.collection = collection + "/" + rest[0];
    if (rest.size() > 1) place.name = rest[1];
    if (rest.size() > 2) place.subresource = rest[2];
    return place;
  }
  return place;
}

std::optional<Answer> FakeApiServer::discover(const std::string& path) const {
  Json list = Json::array();
  for (const Resource& resource : resources_) {
    if (resource.prefix != path) continue;
    list.push_back({{"name", resource.plural}, {"kind", resource.kind}, {"namespaced", resource.namespaced}});
    if (!resource.scale) continue;
    list.push_back({{"name", resource.plural + "/scale"},
                    {"kind", "Scale"},
                    {"group", "autoscaling"},
                    {"version", "v1"},
                    {"namespaced", true},
                    {"verbs", {"get", "patch", "update"}}});
  }
  if (list.empty()) return std::nullopt;
  return Answer{200, {{"kind", "APIResourceList"}, {"resources", std::move(list)}}, "", {}};
}

Answer FakeApiServer::carry_out(const Asked& asked, const httplib::Request& request) {
  for (const auto& handler : handlers_) {
    if (auto answer = handler(asked, objects_)) return *std::move(answer);
  }
  if (auto found = discover(asked.path)) return *std::move(found);
  const Place place = find(asked.path);
  if (place.resource == nullptr) {
    const bool known = std::any_of(resources_.begin(), resources_.end(),
                                   [&](const Resource& r) { return asked.path.starts_with(r.prefix + "/"); });
    return known ? not_found("", "") : Answer{404, {}, "404 page not found\n", {}};
  }
  const bool dry_run = request.get_param_value("dryRun") == "All";
  if (place.name.empty()) {
    if (asked.method == "GET") return list(place, asked.path, request);
    if (asked.method == "POST") return create(place, asked.body, dry_run);
    return status(405, "MethodNotAllowed", "the server does not allow this method on the requested resource");
  }
  if (!place.subresource.empty() && place.subresource != "scale" && place.subresource != "status") {
    return not_found("", "");
  }
  if (place.subresource == "scale" && !place.resource->scale) return not_found("", "");
  const auto object = objects_.find(place.collection + "/" + place.name);
  if (object == objects_.end()) return not_found(place.resource->plural, place.name);
  if (asked.method == "GET" && place.subresource == "scale") {
    if (!at(object->second, "/spec/replicas").is_number_integer()) {
      return status(500, "InternalError",
                    "Internal error occurred: the spec replicas field \".spec.replicas\" does not exist");
    }
    return {200, scale_of(object->second), "", {}};
  }
  if (asked.method == "GET") return {200, object->second, "", {}};
  if (asked.method == "DELETE") {
    const std::string wanted = text_at(asked.body, "/preconditions/uid");
    if (!wanted.empty() && wanted != text_at(object->second, "/metadata/uid")) {
      return conflict(place.resource->plural, place.name);
    }
    if (!dry_run) objects_.erase(object);
    return {200, {{"kind", "Status"}, {"status", "Success"}}, "", {}};
  }
  return place.subresource == "scale" ? write_scale(place, asked, dry_run) : write(place, asked, dry_run);
}

Answer FakeApiServer::list(const Place& place, const std::string& path, const httplib::Request& request) const {
  Json items = Json::array();
  const std::string everywhere = place.resource->prefix + "/namespaces/";
  for (const auto& [where, object] : objects_) {
    const Place of = find(where);
    const bool here = of.collection == path || (path == place.resource->prefix + "/" + place.resource->plural &&
                                                of.resource == place.resource && where.starts_with(everywhere));
    if (!here || !has_labels(object, request.get_param_value("labelSelector")) ||
        !has_fields(object, request.get_param_value("fieldSelector"))) {
      continue;
    }
    items.push_back(object);
  }
  // The token of the next page is where it begins.
  const auto number = [&](const char* key, std::size_t otherwise) {
    return static_cast<std::size_t>(
        text::parse_int(request.get_param_value(key)).value_or(static_cast<int>(otherwise)));
  };
  const std::size_t begin = std::min(number("continue", 0), items.size());
  const std::size_t end = std::min(begin + number("limit", items.size()), items.size());
  Json page = Json::array();
  for (std::size_t i = begin; i < end; ++i) page.push_back(items[i]);
  Json metadata = {{"resourceVersion", std::to_string(version_)}};
  if (end < items.size()) metadata["continue"] = std::to_string(end);
  return {200, {{"kind", place.resource->kind + "List"}, {"metadata", metadata}, {"items", page}}, "", {}};
}

Answer FakeApiServer::create(const Place& place, Json object, bool dry_run) {
  std::string name = text_at(object, "/metadata/name");
  if (name.empty()) name = text_at(object, "/metadata/generateName") + std::to_string(next_uid_);
  object["metadata"]["name"] = name;
  if (objects_.contains(place.collection + "/" + name)) {
    return status(409, "AlreadyExists", place.resource->plural + " \"" + name + "\" already exists", {{"name", name}});
  }
  if (dry_run) return {201, std::move(object), "", {}};
  return {201, store(place.collection, std::move(object)), "", {}};
}

Answer FakeApiServer::write(const Place& place, const Asked& asked, bool dry_run) {
  const Json before = objects_.at(place.collection + "/" + place.name);
  auto after = patched(before, asked, place.resource->custom);
  if (!after) return after.error();
  Json& metadata = (*after)["metadata"];
  if (text_at(*after, "/metadata/resourceVersion") != text_at(before, "/metadata/resourceVersion")) {
    return conflict(place.resource->plural, place.name);
  }
  if (text_at(*after, "/metadata/uid") != text_at(before, "/metadata/uid")) {
    return status(422, "Invalid", "metadata.uid: Invalid value: field is immutable");
  }
  metadata["name"] = place.name;
  if (*after == before || dry_run) return {200, *after, "", {}};
  return {200, store(place.collection, *std::move(after)), "", {}};
}

Answer FakeApiServer::write_scale(const Place& place, const Asked& asked, bool dry_run) {
  const Resource& resource = *place.resource;
  Json object = objects_.at(place.collection + "/" + place.name);
  const Json before = scale_of(object);
  const auto after = patched(before, asked, resource.custom);
  if (!after) return after.error();
  const std::string version = text_at(*after, "/metadata/resourceVersion");
  if (!version.empty() && version != text_at(before, "/metadata/resourceVersion")) {
    return conflict(resource.plural, place.name);
  }
  const std::string uid = text_at(*after, "/metadata/uid");
  if (!resource.custom && !uid.empty() && uid != text_at(before, "/metadata/uid")) {
    return conflict(resource.plural, place.name);
  }
  const Json& replicas = at(*after, "/spec/replicas");
  const int wanted = replicas.is_null() ? 0 : replicas.is_number_integer() ? replicas.get<int>() : -1;
  if (wanted < 0 || wanted > resource.replicas_max.value_or(wanted)) {
    const std::string message = "spec.replicas: Invalid value: " + replicas.dump() +
                                (wanted < 0 ? ": must be greater than or equal to 0"
                                            : ": spec.replicas in body should be less than or equal to " +
                                                  std::to_string(*resource.replicas_max));
    return status(422, "Invalid", message,
                  {{"name", place.name}, {"causes", {{{"field", "spec.replicas"}, {"message", message}}}}});
  }
  if (at(object, "/spec/replicas") != wanted && !dry_run) {
    object["spec"]["replicas"] = wanted;
    object = store(place.collection, std::move(object));
  } else if (dry_run) {
    object["spec"]["replicas"] = wanted;
  }
  return {200, scale_of(object), "", {}};
}

Json FakeApiServer::scale_of(const Json& object) {
  Json scale = {{"kind", "Scale"},
                {"apiVersion", "autoscaling/v1"},
                {"metadata", at(object, "/metadata")},
                {"spec", Json::object()},
                {"status", {{"replicas", number_at(object, "/status/replicas")}}}};
  scale["metadata"].erase("generation");
  scale["metadata"].erase("labels");
  const int replicas = number_at(object, "/spec/replicas");
  if (replicas != 0) scale["spec"]["replicas"] = replicas;
  std::string selector;
  const Json& labels = at(object, "/spec/selector/matchLabels");
  for (const auto& [key, value] : labels.items()) {
    selector += (selector.empty() ? "" : ",") + key + "=" + value.get<std::string>();
  }
  if (!selector.empty()) scale["status"]["selector"] = selector;
  return scale;
}

}  // namespace alertscaler::test
