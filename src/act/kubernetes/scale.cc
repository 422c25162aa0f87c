#include "act/kubernetes/scale.h"

#include <algorithm>
#include <limits>

#include "act/kubernetes/json.h"
#include "base/text.h"

namespace alertscaler::kubernetes {
namespace {

int count(const Json& value) {
  if (!value.is_number_integer()) return 0;
  return static_cast<int>(std::clamp<std::int64_t>(value.get<std::int64_t>(), 0, std::numeric_limits<int>::max()));
}

std::string requirement(const Json& expression) {
  const std::string key = string_at(expression, "key");
  const std::string operation = string_at(expression, "operator");
  if (operation == "Exists") return key;
  if (operation == "DoesNotExist") return "!" + key;
  std::vector<std::string> values;
  for (const Json& value : at(expression, "values")) {
    if (value.is_string()) values.push_back(value.get<std::string>());
  }
  return key + (operation == "NotIn" ? " notin (" : " in (") + text::join(values, ",") + ")";
}

std::string selector_of(const Json& object) {
  std::vector<std::string> parts;
  const Json& selector = at(object, "spec", "selector");
  // That of a ReplicationController is the map itself.
  const bool is_map = string_at(object, "kind") == "ReplicationController";
  const Json& labels = is_map ? selector : at(selector, "matchLabels");
  if (labels.is_object()) {
    for (const auto& [key, value] : labels.items()) {
      if (value.is_string()) parts.push_back(key + "=" + value.get<std::string>());
    }
  }
  const Json& expressions = at(selector, "matchExpressions");
  if (!is_map && expressions.is_array()) {
    for (const Json& expression : expressions) parts.push_back(requirement(expression));
  }
  return text::join(parts, ",");
}

}  // namespace

Scale scale_of(const Json& scale) {
  Scale out;
  out.uid = string_at(scale, "metadata", "uid");
  out.replicas = count(at(scale, "spec", "replicas"));
  out.ready = count(at(scale, "status", "replicas"));
  out.settled = out.ready <= out.replicas;
  out.selector = string_at(scale, "status", "selector");
  return out;
}

Scale scale_of_object(const Json& object) {
  const Json& status = at(object, "status");
  Scale out;
  out.uid = string_at(object, "metadata", "uid");
  const Json& wanted = at(object, "spec", "replicas");
  out.replicas = wanted.is_null() ? 1 : count(wanted);
  // A StatefulSet says what is available only where it has a minReadySeconds to wait for.
  const bool is_stateful = string_at(object, "kind") == "StatefulSet";
  const bool waits_longer = int_at(object, "spec", "minReadySeconds") > 0;
  out.ready = count(at(status, is_stateful && !waits_longer ? "readyReplicas" : "availableReplicas"));
  const int exist = count(at(status, "replicas"));
  // While a Deployment is rolled out there are more for a while, which are not waited for.
  const bool rolls = string_at(object, "kind") == "Deployment" && count(at(status, "updatedReplicas")) < exist;
  out.settled = int_at(status, "observedGeneration") >= int_at(object, "metadata", "generation") &&
                (exist <= out.replicas || rolls);
  out.selector = selector_of(object);
  return out;
}

std::string controller_of(const Json& object) {
  const Json& owners = at(object, "metadata", "ownerReferences");
  if (!owners.is_array()) return "";
  for (const Json& owner : owners) {
    if (bool_at(owner, "controller")) return string_at(owner, "kind") + " " + string_at(owner, "name");
  }
  return "";
}

bool is_count_unset(const ApiError& error) {
  return error.code == 500 && error.message.find("spec replicas field") != std::string::npos;
}

Json compare_and_set(const Scale& seen, int to) {
  Json patch = Json::array();
  patch.push_back({{"op", "test"}, {"path", "/metadata/uid"}, {"value", seen.uid}});
  // A count of 0 is left out, so that there is nothing to test but the spec without it.
  if (seen.replicas == 0) {
    patch.push_back({{"op", "test"}, {"path", "/spec"}, {"value", Json::object()}});
  } else {
    patch.push_back({{"op", "test"}, {"path", "/spec/replicas"}, {"value", seen.replicas}});
  }
  patch.push_back({{"op", "add"}, {"path", "/spec/replicas"}, {"value", to}});
  return patch;
}

}  // namespace alertscaler::kubernetes
