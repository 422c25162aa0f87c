// How the engine's typed calls are put and read. Private to engine*.cc.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "act/docker/engine.h"
#include "act/docker/json.h"

namespace alertscaler::docker {

inline constexpr Duration quick{10'000};
inline constexpr Duration slow{30'000};  // what works on disks and networks

// A path for people, after its method: without its query, and with short ids.
[[nodiscard]] std::string told(std::string_view method, std::string_view path);

[[nodiscard]] Result<Json> document_of(const Result<HttpResponse>& response, std::string_view what);

// A request before the version is put in front of its path.
struct Engine::Call {
  HttpRequest request;
  std::string name;  // for errors: "POST /containers/create"
  bool changes = false;

  static Call get(std::string path, Duration timeout = quick) {
    Call call;
    call.name = told("GET", path);
    call.request.path = std::move(path);
    call.request.timeout = timeout;
    return call;
  }
  static Call change(std::string method, std::string path, Duration timeout = slow) {
    Call call;
    call.name = told(method, path);
    call.request.method = std::move(method);
    call.request.path = std::move(path);
    call.request.timeout = timeout;
    call.changes = true;
    return call;
  }
  static Call post(std::string path, const Json& body) {
    Call call = change("POST", std::move(path));
    call.request.body = dump(body);
    call.request.content_type = "application/json";
    return call;
  }
};

}  // namespace alertscaler::docker
