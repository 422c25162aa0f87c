#include "act/docker/engine_call.h"
#include "base/encoding.h"

namespace alertscaler::docker {

Result<Json> Engine::service(const std::string& name, const std::stop_token& stop) {
  return document_of(send(Call::get("/services/" + text::percent_encode(name)), stop), "inspect the service");
}

Result<Json> Engine::tasks(const char* filter, const std::string& value, const std::stop_token& stop) {
  const Json filters = {{filter, {value}}};
  return document_of(send(Call::get("/tasks?filters=" + text::percent_encode(dump(filters))), stop), "list the tasks");
}

Result<Json> Engine::tasks_of_service(const std::string& id, const std::stop_token& stop) {
  return tasks("service", id, stop);
}

Result<Json> Engine::tasks_on_node(const std::string& id, const std::stop_token& stop) {
  return tasks("node", id, stop);
}

Result<Json> Engine::nodes(const std::stop_token& stop) {
  return document_of(send(Call::get("/nodes"), stop), "list the nodes");
}

Status Engine::update(const std::string& path, std::uint64_t version, const Json& spec, const std::stop_token& stop) {
  const auto done = send(Call::post(path + "/update?version=" + std::to_string(version), spec), stop);
  if (done) return {};
  Error error = done.error();
  // The engine has no status of its own for it, and each version another one.
  if (error.message.find("update out of sequence") != std::string::npos) error.kind = ErrorKind::conflict;
  return fail(std::move(error));
}

Status Engine::update_service(const std::string& id, std::uint64_t version, const Json& spec,
                              const std::stop_token& stop) {
  return update("/services/" + text::percent_encode(id), version, spec, stop);
}

Status Engine::update_node(const std::string& id, std::uint64_t version, const Json& spec,
                           const std::stop_token& stop) {
  return update("/nodes/" + text::percent_encode(id), version, spec, stop);
}

}  // namespace alertscaler::docker
