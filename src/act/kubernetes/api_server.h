// One Kubernetes API server: JSON in and out, credentials that renew themselves, and errors in words. Decides nothing.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "act/http_client.h"
#include "act/kubernetes/json.h"
#include "base/result.h"
#include "model/kubernetes_access.h"

namespace alertscaler::kubernetes {

// Why a request failed: a sentence, and what code may branch on. Texts of the server differ between its versions, so
// nothing may depend on them.
struct ApiError {
  struct Cause {
    std::string reason;  // "DisruptionBudget", "NamespaceTerminating"
    std::string message;
    std::string field;
  };
  Error error;                // kind and sentence; the sentence names method, path and what to do
  int code = 0;               // of HTTP; 0: there was no answer
  std::string reason;         // of the Status object: "Conflict"; empty when the body was none (throttling, a proxy)
  std::string message;        // of the Status object, at most 300 characters
  std::vector<Cause> causes;  // of the Status object
  std::optional<Duration> retry_after;
  bool maybe_done = false;  // of a write: there was no answer, or one that does not say; read before writing again
};
template <class T>
using ApiResult = tl::expected<T, ApiError>;

struct ApiRequest {
  std::string method = "GET";
  std::string path;          // with its query: "/apis/apps/v1/namespaces/demo/deployments/web/scale"
  std::optional<Json> body;  // null: none
  std::string content_type = "application/json";  // "application/merge-patch+json" and others for a PATCH
  Duration timeout = std::chrono::seconds{10};
};

// Thread-safe; all targets of one cluster share it. Reads are tried again (a few times, within their timeout, as long
// as the error may pass by itself); of writes only those that were not carried out for sure (429 with Retry-After).
// A 401, or a certificate that is not taken, makes it read its credentials anew and try once more.
// Error kinds: unreachable, busy (throttled, or not able to serve now), refused (401, 403: with what to do), not_found,
// conflict (409), invalid (400, 422), cancelled.
class ApiServer {
 public:
  explicit ApiServer(KubernetesAccess access, HttpObserver observer = {});
  // There is no way to one: every call ends with this.
  explicit ApiServer(Error why_not);
  ~ApiServer();
  ApiServer(const ApiServer&) = delete;
  ApiServer& operator=(const ApiServer&) = delete;

  [[nodiscard]] ApiResult<Json> send(const ApiRequest& request, const std::stop_token& stop);
  // All at the same time; in their order.
  [[nodiscard]] std::vector<ApiResult<Json>> send_all(std::span<const ApiRequest> requests,
                                                      const std::stop_token& stop);

  [[nodiscard]] ApiResult<Json> get(const std::string& path, const std::stop_token& stop);
  // All items of a list, page by page (limit=500): the `items` array.
  [[nodiscard]] ApiResult<Json> list(const std::string& path, const std::stop_token& stop);
  // The same, or what somebody else was told no longer ago than `age`: for what many targets ask.
  [[nodiscard]] ApiResult<Json> list_shared(const std::string& path, Duration age, const std::stop_token& stop);
  [[nodiscard]] ApiResult<Json> post(const std::string& path, const Json& body, const std::stop_token& stop);
  // Of an object that still has this uid; another one is a conflict.
  [[nodiscard]] ApiResult<Json> remove(const std::string& path, const std::string& uid, const std::stop_token& stop);
  [[nodiscard]] ApiResult<Json> merge_patch(const std::string& path, const Json& body, const std::stop_token& stop);
  // By its own clock, at its latest answer, in whole seconds; absent: it has not said.
  [[nodiscard]] std::optional<Instant> date() const;

 private:
  struct Inner;
  const std::unique_ptr<Inner> inner_;
};

// For a path segment or a query value.
[[nodiscard]] std::string escape(std::string_view text);

}  // namespace alertscaler::kubernetes
