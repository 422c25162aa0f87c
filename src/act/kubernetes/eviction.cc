#include "act/kubernetes/eviction.h"

#include <algorithm>

namespace alertscaler::kubernetes {
namespace {

// As kubectl does.
constexpr Duration retry_after = std::chrono::seconds{5};

const ApiError::Cause* cause(const ApiError& error, std::string_view reason) {
  const auto found = std::find_if(error.causes.begin(), error.causes.end(),
                                  [&](const ApiError::Cause& each) { return each.reason == reason; });
  return found == error.causes.end() ? nullptr : &*found;
}

Evicted waits(std::string why, const std::optional<Duration>& asked) {
  return {.kind = Evicted::Kind::waits, .why = std::move(why), .again_after = asked.value_or(retry_after)};
}

Evicted read_too_many(const ApiError& error) {
  if (const auto* budget = cause(error, "DisruptionBudget")) {
    return waits(budget->message.empty() ? error.message : budget->message, error.retry_after);
  }
  return {.kind = Evicted::Kind::throttled, .why = error.error.message};
}

}  // namespace

std::string eviction_version(const Json& core_resources) {
  for (const Json& resource : at(core_resources, "resources")) {
    if (string_at(resource, "name") != "pods/eviction") continue;
    const std::string version = string_at(resource, "version");
    return version.empty() ? "v1beta1" : version;
  }
  return "";
}

ApiRequest eviction_request(const DrainPod& pod, const std::string& version, const DrainPolicy& policy, bool dry_run) {
  Json options = {{"preconditions", {{"uid", pod.uid}}}};
  if (policy.grace_period) {
    // Never 0, which would take the pod out of the API before it has ended.
    const auto seconds = std::chrono::ceil<std::chrono::seconds>(*policy.grace_period).count();
    options["gracePeriodSeconds"] = std::max<std::int64_t>(1, seconds);
  }
  ApiRequest request;
  request.method = "POST";
  request.path = "/api/v1/namespaces/" + escape(pod.name_space) + "/pods/" + escape(pod.name) + "/eviction" +
                 (dry_run ? "?dryRun=All" : "");
  request.body = Json{{"apiVersion", "policy/" + version},
                      {"kind", "Eviction"},
                      {"metadata", {{"name", pod.name}, {"namespace", pod.name_space}}},
                      {"deleteOptions", std::move(options)}};
  return request;
}

Evicted read_eviction(const ApiResult<Json>& answer) {
  if (answer) return {};
  const ApiError& error = answer.error();
  switch (error.code) {
    case 404:
    case 409:  // another pod of that name: ours is gone
      return {.kind = Evicted::Kind::gone, .why = ""};
    case 429:
      return read_too_many(error);
    case 403:
      if (cause(error, "NamespaceTerminating") != nullptr) return waits(error.message, {});
      break;
    case 500:
      // Of this pod: more than one budget (the server's only way to say so, in every version), or a webhook that does
      // not answer.
      return waits(error.message.empty() ? error.error.message : error.message, error.retry_after);
    default:
      break;
  }
  if (error.error.kind == ErrorKind::busy) return {.kind = Evicted::Kind::throttled, .why = error.error.message};
  // A 401 is about us, and so about every pod.
  const bool of_this_pod = error.code >= 400 && error.code < 500 && error.code != 401;
  return {.kind = of_this_pod ? Evicted::Kind::refused : Evicted::Kind::failed,
          .why = "",
          .again_after = {},
          .error = error.error};
}

}  // namespace alertscaler::kubernetes
