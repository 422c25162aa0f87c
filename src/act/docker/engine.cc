#include "act/docker/engine.h"

#include <array>
#include <utility>

#include <sys/stat.h>

#include "act/docker/engine_call.h"
#include "act/docker/inspected.h"
#include "act/docker/json.h"
#include "act/docker/log_stream.h"
#include "act/docker/words.h"
#include "base/encoding.h"
#include "base/text.h"

namespace alertscaler::docker {

std::string told(std::string_view method, std::string_view path) {
  constexpr std::size_t id_length = 64;
  constexpr std::size_t short_id_length = 12;
  std::string text = std::string(method) + " ";
  for (const std::string& part : text::split(path.substr(1, path.find('?') - 1), '/')) {
    text += "/" + (part.size() == id_length ? part.substr(0, short_id_length) : part);
  }
  return text;
}

Result<Json> document_of(const Result<HttpResponse>& response, std::string_view what) {
  if (!response) return fail(response.error());
  auto document = parse_json(response->body);
  if (!document) return fail(ErrorKind::unreachable, std::string(what) + ": the answer is no JSON");
  return *std::move(document);
}

namespace {

constexpr std::size_t log_bytes_max = 1U << 20U;
constexpr int api_minor_min = 40;  // Docker 19.03

using text::percent_encode;

std::string container_path(const std::string& container, std::string_view rest) {
  return "/containers/" + percent_encode(container) + std::string(rest);
}

// "1.41" -> 41; absent for what is no such thing.
std::optional<int> minor_of(std::string_view version) {
  if (!version.starts_with("1.")) return std::nullopt;
  return text::parse_int(version.substr(2));
}

// The number of the group that owns the socket, for people; empty when it cannot be seen.
std::string group_of(const std::string& path) {
  struct stat status {};
  if (path.empty() || ::stat(path.c_str(), &status) != 0) return "";
  return std::to_string(status.st_gid);
}

Result<Inspected> inspected(const Result<HttpResponse>& response) {
  Result<Json> document = document_of(response, "inspect");
  if (!document) return fail(document.error());
  if (string_at(*document, "Id").empty()) {
    return fail(ErrorKind::unreachable, "inspect: the answer describes no container");
  }
  return Inspected{*std::move(document), response->date.value_or(SystemClock{}.now())};
}

}  // namespace

Engine::Engine(DockerEndpoint endpoint, HttpObserver observer)
    : endpoint_(std::move(endpoint)),
      peer_(peer_of(endpoint_)),
      http_(peer_ ? *peer_ : HttpPeer{}, std::move(observer)) {}

Error Engine::why_no_answer(const HttpError& error) {
  const bool group_matters = error.why == HttpError::Why::not_permitted;
  return no_answer(error, endpoint_, group_matters ? group_of(peer_->unix_socket) : "");
}

Result<Engine::Spoken> Engine::negotiate(const std::stop_token& stop) {
  if (!peer_) return fail(peer_.error());
  HttpRequest request;
  request.path = "/_ping";
  const HttpResult response = http_.send(request, stop);
  if (!response) return fail(why_no_answer(response.error()));
  if (response->code == 403 || response->code == 404) return Spoken{};  // a proxy that does not let it through
  if (response->code != 200) return fail(bad_answer(*response, "GET /_ping", false));
  const auto header = [&](const char* name) {
    const auto found = response->headers.find(name);
    return found == response->headers.end() ? std::string() : found->second;
  };
  if (!header("libpod-api-version").empty() || header("server").starts_with("Libpod")) {
    return fail(ErrorKind::refused,
                "the engine at " + endpoint_.host +
                    " is Podman, whose containers cannot be cloned faithfully through Docker's API; "
                    "use a Docker Engine");
  }
  const std::optional<int> minor = minor_of(header("api-version"));
  if (minor && *minor < api_minor_min) {
    return fail(ErrorKind::refused, "the engine at " + endpoint_.host + " speaks API 1." + std::to_string(*minor) +
                                        " at most; 1." + std::to_string(api_minor_min) +
                                        " (Docker 19.03) or newer is needed");
  }
  return Spoken{minor};
}

Result<Engine::Spoken> Engine::negotiated(const std::stop_token& stop) {
  if (const auto known = spoken_.with([](const std::optional<Spoken>& spoken) { return spoken; })) return *known;
  const Result<Spoken> fresh = negotiate(stop);
  if (fresh) spoken_.with([&](std::optional<Spoken>& spoken) { spoken = *fresh; });
  return fresh;
}

Result<HttpResponse> Engine::answer(HttpResult result, const Call& call) {
  Error error;
  if (!result) {
    error = why_no_answer(result.error());
  } else if (result->code < 400) {
    return *std::move(result);
  } else {
    error = bad_answer(*result, call.name, call.changes);
  }
  // It may come back as another version.
  if (error.kind == ErrorKind::unreachable) spoken_.with([](std::optional<Spoken>& spoken) { spoken.reset(); });
  return fail(std::move(error));
}

Result<HttpResponse> Engine::send(const Call& call, const std::stop_token& stop) {
  return std::move(send_all({&call, 1}, stop).front());
}

Result<std::vector<HttpResult>> Engine::exchange(std::span<const Call> calls, const std::stop_token& stop) {
  const Result<Spoken> spoken = negotiated(stop);
  if (!spoken) return fail(spoken.error());
  std::vector<HttpRequest> requests;
  requests.reserve(calls.size());
  for (const Call& call : calls) {
    requests.push_back(call.request);
    if (spoken->minor) requests.back().path.insert(0, "/v1." + std::to_string(*spoken->minor));
  }
  return http_.send_all(requests, stop);
}

std::vector<Result<HttpResponse>> Engine::send_all(std::span<const Call> calls, const std::stop_token& stop) {
  Result<std::vector<HttpResult>> results = exchange(calls, stop);
  if (!results) return {calls.size(), fail(results.error())};
  std::vector<Result<HttpResponse>> answers;
  answers.reserve(calls.size());
  for (std::size_t i = 0; i < calls.size(); ++i) answers.push_back(answer(std::move((*results)[i]), calls[i]));
  return answers;
}

Status Engine::ping(const std::stop_token& stop) {
  const Result<Spoken> fresh = negotiate(stop);
  spoken_.with([&](std::optional<Spoken>& spoken) { spoken = fresh ? std::optional(*fresh) : std::nullopt; });
  if (!fresh) return fail(fresh.error());
  return {};
}

Result<std::optional<int>> Engine::api_minor(const std::stop_token& stop) {
  const Result<Spoken> spoken = negotiated(stop);
  if (!spoken) return fail(spoken.error());
  return spoken->minor;
}

Result<Json> Engine::list(const ServiceName& service, const std::stop_token& stop) {
  const std::array<std::string, 4> labels = {"com.docker.compose.project=" + service.project,
                                             "com.docker.compose.service=" + service.service,
                                             "com.docker.compose.oneoff=False", "com.docker.compose.config-hash"};
  return list_labelled(labels, stop);
}

Result<Json> Engine::list_labelled(std::span<const std::string> labels, const std::stop_token& stop) {
  Json wanted = Json::array();
  for (const std::string& label : labels) wanted.push_back(label);
  const std::string filters = dump({{"label", std::move(wanted)}});
  return document_of(send(Call::get("/containers/json?all=1&filters=" + percent_encode(filters)), stop), "list");
}

Result<Inspected> Engine::inspect(const std::string& container, const std::stop_token& stop) {
  return inspected(send(Call::get(container_path(container, "/json")), stop));
}

std::vector<Result<Inspected>> Engine::inspect_all(std::span<const std::string> containers,
                                                   const std::stop_token& stop) {
  std::vector<Call> calls;
  for (const std::string& container : containers) calls.push_back(Call::get(container_path(container, "/json")));
  std::vector<Result<Inspected>> results;
  for (const Result<HttpResponse>& response : send_all(calls, stop)) results.push_back(inspected(response));
  return results;
}

Result<std::string> Engine::create(const std::string& name, const Json& body, const std::stop_token& stop) {
  const Result<Json> created =
      document_of(send(Call::post("/containers/create?name=" + percent_encode(name), body), stop), "create");
  if (!created) return fail(created.error());
  std::string id = string_at(*created, "Id");
  if (id.empty()) return fail(ErrorKind::unreachable, "create: the answer has no id");
  return id;
}

Status Engine::connect(const std::string& network, const std::string& container, const Json& endpoint,
                       const std::stop_token& stop) {
  const Json body = {{"Container", container}, {"EndpointConfig", endpoint}};
  const auto done = send(Call::post("/networks/" + percent_encode(network) + "/connect", body), stop);
  if (!done) return fail(done.error());
  return {};
}

Status Engine::start(const std::string& container, const std::stop_token& stop) {
  const auto done = send(Call::change("POST", container_path(container, "/start")), stop);
  if (!done) return fail(done.error());
  return {};
}

std::vector<Result<StopResult>> Engine::stop_all(std::span<const std::string> containers, Duration wait,
                                                 const std::stop_token& stop) {
  std::vector<Call> calls;
  for (const std::string& container : containers) {
    calls.push_back(Call::change("POST", container_path(container, "/stop"), wait));
  }
  Result<std::vector<HttpResult>> answers = exchange(calls, stop);
  if (!answers) return {containers.size(), fail(answers.error())};
  std::vector<Result<StopResult>> results;
  for (std::size_t i = 0; i < calls.size(); ++i) {
    HttpResult& got = (*answers)[i];
    if (!got && got.error().why == HttpError::Why::timeout && got.error().sent) {
      results.emplace_back(StopResult::stopping);
      continue;
    }
    const Result<HttpResponse> done = answer(std::move(got), calls[i]);
    if (done) {
      results.emplace_back(StopResult::stopped);  // 204, or 304: it was
    } else if (done.error().kind == ErrorKind::not_found) {
      results.emplace_back(StopResult::gone);
    } else {
      results.emplace_back(fail(done.error()));
    }
  }
  return results;
}

std::vector<Status> Engine::remove_all(std::span<const std::string> containers, bool force,
                                       const std::stop_token& stop) {
  std::vector<Call> calls;
  for (const std::string& container : containers) {
    calls.push_back(Call::change("DELETE", container_path(container, force ? "?v=1&force=1" : "?v=1")));
  }
  std::vector<Status> results;
  for (const Result<HttpResponse>& done : send_all(calls, stop)) {
    const bool under_way = !done && done.error().kind == ErrorKind::conflict &&
                           done.error().message.find("already in progress") != std::string::npos;
    if (done || under_way || done.error().kind == ErrorKind::not_found) {
      results.emplace_back();
    } else {
      results.emplace_back(fail(done.error()));
    }
  }
  return results;
}

Result<std::string> Engine::last_log_lines(const std::string& container, int lines, const std::stop_token& stop) {
  Call call = Call::get(container_path(container, "/logs?stdout=1&stderr=1&tail=" + std::to_string(lines)));
  call.request.response_bytes_max = log_bytes_max;
  const auto response = send(call, stop);
  if (!response) return fail(response.error());
  return read_log(response->body);
}

Result<std::optional<std::string>> Engine::image_id(const std::string& reference, const std::stop_token& stop) {
  const auto response = send(Call::get("/images/" + percent_encode(reference, "/:@") + "/json"), stop);
  if (!response && response.error().kind == ErrorKind::not_found) return std::nullopt;
  const Result<Json> image = document_of(response, "inspect the image");
  if (!image) return fail(image.error());
  return string_at(*image, "Id");
}

Result<bool> Engine::network_exists(const std::string& name, const std::stop_token& stop) {
  const auto response = send(Call::get("/networks/" + percent_encode(name)), stop);
  if (response) return true;
  if (response.error().kind == ErrorKind::not_found) return false;
  return fail(response.error());
}

Result<std::vector<std::string>> Engine::added_paths(const std::string& container, const std::stop_token& stop) {
  const Result<Json> changes = document_of(send(Call::get(container_path(container, "/changes")), stop), "changes");
  if (!changes) return fail(changes.error());
  std::vector<std::string> paths;
  constexpr int added = 1;
  for (const Json& change : changes->is_array() ? *changes : Json::array()) {
    if (int_at(change, "Kind") == added) paths.push_back(string_at(change, "Path"));
  }
  return paths;
}

Result<std::optional<std::string>> Engine::get_archive(const std::string& container, const std::string& path,
                                                       std::size_t bytes_max, const std::stop_token& stop) {
  Call call = Call::get(container_path(container, "/archive?path=" + percent_encode(path, "/")), slow);
  call.request.response_bytes_max = bytes_max;
  auto response = send(call, stop);
  if (!response && response.error().kind == ErrorKind::not_found) return std::nullopt;
  if (!response) return fail(response.error());
  return std::move(response->body);
}

Result<std::optional<Instant>> Engine::file_changed(const std::string& container, const std::string& path,
                                                    const std::stop_token& stop) {
  Call call = Call::get(container_path(container, "/archive?path=" + percent_encode(path, "/")));
  call.request.method = "HEAD";
  const auto response = send(call, stop);
  if (!response && response.error().kind == ErrorKind::not_found) return std::nullopt;
  if (!response) return fail(response.error());
  const auto header = response->headers.find("x-docker-container-path-stat");
  if (header == response->headers.end()) return std::nullopt;
  const auto status = parse_json(text::from_base64(header->second).value_or(""));
  constexpr std::int64_t not_regular = 0x8F280000;  // Go's fs.ModeType
  if (!status || (int_at(*status, "mode") & not_regular) != 0) return std::nullopt;
  const auto changed = text::parse_time(string_at(*status, "mtime"));
  if (!changed) return std::nullopt;
  return *changed;
}

Status Engine::put_archive(const std::string& container, const std::string& directory, std::string tar,
                           const std::stop_token& stop) {
  Call call = Call::change(
      "PUT", container_path(container, "/archive?noOverwriteDirNonDir=true&path=" + percent_encode(directory, "/")));
  call.request.body = std::move(tar);
  call.request.content_type = "application/x-tar";
  const auto done = send(call, stop);
  if (!done) return fail(done.error());
  return {};
}

}  // namespace alertscaler::docker
