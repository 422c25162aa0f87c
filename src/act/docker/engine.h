// One Docker Engine: typed calls on its API, the negotiated version, and errors in words. Decides nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "act/http_client.h"
#include "base/guarded.h"
#include "base/result.h"
#include "model/settings.h"

namespace alertscaler::docker {

// What every replica of a Compose service carries.
struct ServiceName {
  std::string project;
  std::string service;
};

struct Inspected;

enum class StopResult { stopped, stopping, gone };

// Thread-safe; all targets of one endpoint share it. The version is negotiated at the first call and again after the
// engine was away. Errors of every call: unreachable (no engine), refused (permission, TLS, a proxy that forbids it, an
// engine that is too old or is Podman, or one that failed at a change), not_found, conflict, busy, invalid, cancelled.
class Engine {
 public:
  explicit Engine(DockerEndpoint endpoint, HttpObserver observer = {});

  // Does it answer, and can we work with it?
  [[nodiscard]] Status ping(const std::stop_token& stop);
  // The minor of the API 1.MINOR that is spoken; absent when a proxy hides it, then calls go without a version.
  [[nodiscard]] Result<std::optional<int>> api_minor(const std::stop_token& stop);

  // All replicas of a service, stopped ones too, as GET /containers/json gives them; no one-off containers.
  [[nodiscard]] Result<nlohmann::json> list(const ServiceName& service, const std::stop_token& stop);
  // All containers with all of these labels ("key=value"), stopped ones too, likewise.
  [[nodiscard]] Result<nlohmann::json> list_labelled(std::span<const std::string> labels, const std::stop_token& stop);
  [[nodiscard]] Result<Inspected> inspect(const std::string& container, const std::stop_token& stop);
  [[nodiscard]] std::vector<Result<Inspected>> inspect_all(std::span<const std::string> containers,
                                                           const std::stop_token& stop);

  // The new container's id. conflict: the name is taken.
  [[nodiscard]] Result<std::string> create(const std::string& name, const nlohmann::json& body,
                                           const std::stop_token& stop);
  [[nodiscard]] Status connect(const std::string& network, const std::string& container, const nlohmann::json& endpoint,
                               const std::stop_token& stop);
  [[nodiscard]] Status start(const std::string& container, const std::stop_token& stop);
  // Asks all of them to stop and waits at most `wait`: an engine goes on stopping when its client is gone.
  [[nodiscard]] std::vector<Result<StopResult>> stop_all(std::span<const std::string> containers, Duration wait,
                                                         const std::stop_token& stop);
  // With their anonymous volumes. One that is gone, or just being removed, is no error.
  [[nodiscard]] std::vector<Status> remove_all(std::span<const std::string> containers, bool force,
                                               const std::stop_token& stop);

  // The last lines that it wrote, of both its streams.
  [[nodiscard]] Result<std::string> last_log_lines(const std::string& container, int lines,
                                                   const std::stop_token& stop);

  // The id of a local image; absent when there is none of that name or id.
  [[nodiscard]] Result<std::optional<std::string>> image_id(const std::string& reference, const std::stop_token& stop);
  [[nodiscard]] Result<bool> network_exists(const std::string& name, const std::stop_token& stop);

  // Paths that exist in the container's own layer and not in its image.
  [[nodiscard]] Result<std::vector<std::string>> added_paths(const std::string& container, const std::stop_token& stop);
  // A file or directory as a tar of at most `bytes_max`; absent when there is none.
  [[nodiscard]] Result<std::optional<std::string>> get_archive(const std::string& container, const std::string& path,
                                                               std::size_t bytes_max, const std::stop_token& stop);
  // When a file was last changed; absent when there is none, or it is no regular file.
  [[nodiscard]] Result<std::optional<Instant>> file_changed(const std::string& container, const std::string& path,
                                                            const std::stop_token& stop);
  [[nodiscard]] Status put_archive(const std::string& container, const std::string& directory, std::string tar,
                                   const std::stop_token& stop);

  // A Swarm's services, tasks and nodes, as one of its managers knows them; unreachable: the engine is none.
  // The service of that name or id, as it was written: no default is filled in.
  [[nodiscard]] Result<nlohmann::json> service(const std::string& name, const std::stop_token& stop);
  // All tasks of a service, those that have ended too.
  [[nodiscard]] Result<nlohmann::json> tasks_of_service(const std::string& id, const std::stop_token& stop);
  [[nodiscard]] Result<nlohmann::json> tasks_on_node(const std::string& id, const std::stop_token& stop);
  [[nodiscard]] Result<nlohmann::json> nodes(const std::stop_token& stop);
  // conflict: `version` is not the latest.
  [[nodiscard]] Status update_service(const std::string& id, std::uint64_t version, const nlohmann::json& spec,
                                      const std::stop_token& stop);
  [[nodiscard]] Status update_node(const std::string& id, std::uint64_t version, const nlohmann::json& spec,
                                   const std::stop_token& stop);

 private:
  struct Call;
  [[nodiscard]] Result<nlohmann::json> tasks(const char* filter, const std::string& value, const std::stop_token& stop);
  [[nodiscard]] Status update(const std::string& path, std::uint64_t version, const nlohmann::json& spec,
                              const std::stop_token& stop);
  struct Spoken {
    std::optional<int> minor;
  };
  [[nodiscard]] Result<Spoken> negotiated(const std::stop_token& stop);
  [[nodiscard]] Result<Spoken> negotiate(const std::stop_token& stop);
  [[nodiscard]] Result<std::vector<HttpResult>> exchange(std::span<const Call> calls, const std::stop_token& stop);
  [[nodiscard]] Result<HttpResponse> answer(HttpResult result, const Call& call);
  [[nodiscard]] Result<HttpResponse> send(const Call& call, const std::stop_token& stop);
  [[nodiscard]] std::vector<Result<HttpResponse>> send_all(std::span<const Call> calls, const std::stop_token& stop);
  [[nodiscard]] Error why_no_answer(const HttpError& error);

  const DockerEndpoint endpoint_;
  const Result<HttpPeer> peer_;
  HttpClient http_;
  Guarded<std::optional<Spoken>> spoken_;
};

}  // namespace alertscaler::docker
