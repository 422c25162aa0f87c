#include "act/kubernetes/rule.h"
#include "act/kubernetes/words.h"
#include "support/catch.h"

using namespace alertscaler;
using namespace alertscaler::kubernetes;
using namespace std::chrono_literals;

namespace {

const std::string scale = "/apis/apps/v1/namespaces/demo/deployments/web/scale";

KubernetesAccess access_with_file() {
  KubernetesAccess access;
  access.origin = "the context prod of /etc/kubeconfig";
  access.server = "https://10.0.0.1:6443";
  access.token_file = "/var/run/token";
  return access;
}

ApiRequest patch() {
  ApiRequest request;
  request.method = "PATCH";
  request.path = scale + "?dryRun=All";
  request.body = Json{{"spec", {{"replicas", 3}}}};
  return request;
}

struct Case {
  std::string name;
  int code;
  std::string body;
  ErrorKind kind;
  std::string sentence;
};

}  // namespace

TEST_CASE("an error of any shape is one sentence that says what to do") {
  const std::string doing = "PATCH " + scale + ": ";
  const Case c = GENERATE(values<Case>({
      {"a conflict", 409,
       R"({"kind":"Status","message":"the object has been modified","reason":"Conflict","code":409})",
       ErrorKind::conflict, "the object has been modified (409 Conflict)"},
      {"no such object", 404,
       R"({"kind":"Status","message":"deployments.apps \"web\" not found","reason":"NotFound","details":{"name":"web"}})",
       ErrorKind::not_found, "deployments.apps \"web\" not found (404 NotFound)"},
      {"an API that is not installed", 404, "404 page not found\n", ErrorKind::not_found,
       "404 page not found: this API server does not know that API; is its custom resource definition installed? "
       "(404)"},
      {"throttled, in plain text", 429, "Too many requests, please try again later.", ErrorKind::busy,
       "the API server is throttling us: Too many requests, please try again later. (429)"},
      {"a token that has expired", 401, R"({"kind":"Status","message":"Unauthorized","reason":"Unauthorized"})",
       ErrorKind::refused,
       "the API server does not accept the token in /var/run/token: it has expired, was revoked or is of another "
       "cluster; replace it (401 Unauthorized)"},
      {"a missing right", 403,
       R"({"kind":"Status","message":"User \"u\" cannot patch resource \"deployments/scale\"","reason":"Forbidden"})",
       ErrorKind::refused,
       "User \"u\" cannot patch resource \"deployments/scale\"; add to a Role in the namespace demo: - {apiGroups: "
       "[apps], resources: [deployments/scale], resourceNames: [web], verbs: [patch]} (403 Forbidden)"},
      {"a webhook that forbids: no rule would help", 403,
       R"({"kind":"Status","message":"admission webhook \"policy.example.io\" denied the request: not on Fridays",
           "reason":"Forbidden"})",
       ErrorKind::refused,
       "admission webhook \"policy.example.io\" denied the request: not on Fridays (403 Forbidden)"},
      {"a quota", 403,
       R"({"kind":"Status","message":"pods \"web\" is forbidden: exceeded quota: small","reason":"Forbidden"})",
       ErrorKind::refused, "pods \"web\" is forbidden: exceeded quota: small (403 Forbidden)"},
      {"a namespace that is being deleted", 403,
       R"({"kind":"Status","message":"unable to create new content","reason":"Forbidden",
           "details":{"causes":[{"reason":"NamespaceTerminating","message":"it is","field":"metadata.namespace"}]}})",
       ErrorKind::refused, "unable to create new content; the namespace is being deleted (403 Forbidden)"},
      {"a proxy that forbids", 403, "<html><body><h1>403 Forbidden</h1></body></html>", ErrorKind::refused,
       "forbidden, probably by a proxy in front of the API server (403 Forbidden) (403)"},
      {"a page of a proxy", 502, "<html>\r\n<head><title>502 Bad Gateway</title></head></html>", ErrorKind::unreachable,
       "502 Bad Gateway (502)"},
      {"nothing at all", 503, "", ErrorKind::busy, "it failed (503)"},
      {"too late", 504, R"({"kind":"Status","message":"Timeout: request did not complete","reason":"Timeout"})",
       ErrorKind::unreachable, "Timeout: request did not complete (504 Timeout)"},
      {"not valid", 422, R"({"kind":"Status","message":"must be greater than or equal to 0","reason":"Invalid"})",
       ErrorKind::invalid, "must be greater than or equal to 0 (422 Invalid)"},
      {"JSON that is no object", 500, "[1]", ErrorKind::busy, "[1] (500)"},
      {"a Status of wrong types", 500, R"({"kind":3,"message":{},"reason":[],"details":7})", ErrorKind::busy,
       R"({"kind":3,"message":{},"reason":[],"details":7} (500))"},
  }));
  CAPTURE(c.name);
  HttpResponse response;
  response.code = c.code;
  response.body = c.body;
  response.headers["content-type"] = "text/plain; charset=utf-8";
  const ApiError error = bad_answer(response, patch(), access_with_file());
  CHECK(error.error.kind == c.kind);
  CHECK(error.error.message == doing + c.sentence);
  CHECK(error.code == c.code);
  CHECK(error.maybe_done == (c.code >= 500));
}

TEST_CASE("a message of any length is cut, causes are kept apart") {
  HttpResponse response;
  response.code = 422;
  const Json cause = {{"reason", "FieldValueInvalid"}, {"message", "must be 0"}, {"field", "spec.replicas"}};
  const Json status = {{"message", std::string(100'000, 'x')},
                       {"reason", "Invalid"},
                       {"details", {{"causes", Json::array({cause})}, {"retryAfterSeconds", 7}}}};
  response.body = dump(status);
  const ApiError error = bad_answer(response, patch(), access_with_file());
  CHECK(error.error.message.size() < 500);
  CHECK(error.message.size() < 310);
  REQUIRE(error.causes.size() == 1);
  CHECK(error.causes[0].field == "spec.replicas");
  CHECK(error.causes[0].reason == "FieldValueInvalid");
  CHECK(error.retry_after == Duration{7s});
}

TEST_CASE("a redirect is not followed, and says where to") {
  HttpResponse response;
  response.code = 302;
  response.headers["location"] = "https://login.example/?token=hunter2";
  const ApiError error = bad_answer(response, patch(), access_with_file());
  CHECK(error.error.kind == ErrorKind::refused);
  CHECK(error.error.message.find("https://login.example/") != std::string::npos);
  CHECK(error.error.message.find("hunter2") == std::string::npos);
}

TEST_CASE("of a write without an answer nobody knows whether it was done, if it was sent") {
  using Why = HttpError::Why;
  CHECK(no_answer({Why::timeout, true, "28"}, patch(), {}).maybe_done);
  CHECK_FALSE(no_answer({Why::refused, false, "111"}, patch(), {}).maybe_done);
  ApiRequest read;
  read.path = scale;
  CHECK_FALSE(no_answer({Why::timeout, true, "28"}, read, {}).maybe_done);
  CHECK(no_answer({Why::not_trusted, false, "self-signed"}, patch(), access_with_file()).error.kind ==
        ErrorKind::refused);
}

TEST_CASE("the right that a request needs is read from its path") {
  const auto right = [](std::string_view method, std::string_view path) {
    const auto found = right_for(method, path);
    if (!found) return std::string("none");
    return found->name_space + "|" + found->group + "|" + found->resource + "|" + found->subresource + "|" +
           found->name + "|" + found->verb;
  };
  CHECK(right("GET", scale) == "demo|apps|deployments|scale|web|get");
  CHECK(right("PATCH", "/api/v1/nodes/n1?dryRun=All") == "||nodes||n1|patch");
  CHECK(right("GET", "/api/v1/nodes?labelSelector=a%2Fb") == "||nodes|||list");
  CHECK(right("POST", "/api/v1/namespaces/demo/pods/web-1/eviction") == "demo||pods|eviction|web-1|create");
  CHECK(right("GET", "/api/v1/namespaces/demo") == "||namespaces||demo|get");
  CHECK(right("DELETE", "/apis/apps/v1/namespaces/demo/deployments") == "demo|apps|deployments|||deletecollection");
  CHECK(right("PUT", "/apis/coordination.k8s.io/v1/namespaces/demo/leases/a") ==
        "demo|coordination.k8s.io|leases||a|update");
  CHECK(right("GET", "/version") == "none");
  CHECK(right("GET", "/apis/apps/v1") == "none");
  CHECK(right("GET", "") == "none");
}

TEST_CASE("rights become the fewest rules, role by role") {
  const std::vector<Right> rights = {{"demo", "apps", "deployments", "scale", "web", "get"},
                                     {"demo", "apps", "deployments", "scale", "web", "patch"},
                                     {"demo", "apps", "deployments", "scale", "web", "patch"},
                                     {"demo", "autoscaling", "horizontalpodautoscalers", "", "", "list"},
                                     {"", "", "pods", "eviction", "web-1", "create"}};
  CHECK(rules_for(rights) ==
        "add to a ClusterRole: - {apiGroups: [\"\"], resources: [pods/eviction], verbs: [create]}"
        "; and to a Role in the namespace demo:"
        " - {apiGroups: [apps], resources: [deployments/scale], resourceNames: [web], verbs: [get, patch]}"
        " - {apiGroups: [autoscaling], resources: [horizontalpodautoscalers], verbs: [list]}");
}
