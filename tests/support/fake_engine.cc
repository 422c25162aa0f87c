#include "support/fake_engine.h"

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <stdexcept>

#include <httplib.h>
#include <sys/socket.h>

#include "base/text.h"

namespace alertscaler::test {
namespace {

using Json = FakeEngine::Json;

constexpr const char* number_label = "com.docker.compose.container-number";

void reply(httplib::Response& response, int code, const Json& body) {
  response.status = code;
  response.set_content(body.dump(), "application/json");
}

void refuse(httplib::Response& response, int code, const std::string& message) {
  reply(response, code, {{"message", message}});
}

std::string http_date(Instant now) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(std::chrono::floor<std::chrono::seconds>(now));
  std::tm broken_down{};
  ::gmtime_r(&seconds, &broken_down);
  std::string text(40, '\0');
  text.resize(std::strftime(text.data(), text.size(), "%a, %d %b %Y %H:%M:%S GMT", &broken_down));
  return text;
}

// As the engine's own units package words it.
std::string status_text(const Json& state, Instant now) {
  const std::string status = state.at("Status");
  if (status != "running") return status == "exited" ? "Exited (0) 1 second ago" : status;
  const auto started = text::parse_time(state.at("StartedAt").get<std::string>()).value();
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(now - started).count();
  std::string text = seconds < 1     ? "Up Less than a second"
                     : seconds == 1  ? "Up 1 second"
                     : seconds < 60  ? "Up " + std::to_string(seconds) + " seconds"
                     : seconds < 120 ? "Up About a minute"
                                     : "Up " + std::to_string(seconds / 60) + " minutes";
  if (!state.contains("Health")) return text;
  const std::string health = state.at("Health").at("Status");
  return text + " (" + (health == "starting" ? "health: starting" : health) + ")";
}

}  // namespace

FakeEngine::FakeEngine(std::string api_version) {
  ping_headers_["Api-Version"] = std::move(api_version);
  ping_headers_["Server"] = "Docker/20.10.24 (linux)";
  serve();
}

FakeEngine::~FakeEngine() {
  stop();
}

DockerEndpoint FakeEngine::endpoint() const {
  DockerEndpoint endpoint;
  endpoint.host = "unix://" + (scratch_.path() / "docker.sock").string();
  return endpoint;
}

void FakeEngine::serve() {
  const std::string path = (scratch_.path() / "docker.sock").string();
  std::filesystem::remove(path);
  {
    const Lock lock(mutex_);
    ending_ = false;
  }
  server_ = std::make_unique<httplib::Server>();
  server_->new_task_queue = [] { return new httplib::ThreadPool(32); };  // a kept connection takes a thread of its own
  const auto handler = [this](const httplib::Request& request, httplib::Response& response) {
    answer(request, response);
  };
  server_->Get(".*", handler).Post(".*", handler).Put(".*", handler).Delete(".*", handler);
  server_->set_address_family(AF_UNIX);
  server_->set_keep_alive_timeout(1);  // stop() waits for connections that are idle
  if (!server_->bind_to_port(path, 80)) throw std::runtime_error("cannot bind " + path);
  thread_ = std::thread([this] { server_->listen_after_bind(); });
  while (!server_->is_running()) std::this_thread::yield();
}

void FakeEngine::stop() {
  if (!thread_.joinable()) return;
  {
    const Lock lock(mutex_);
    ending_ = true;
  }
  changed_.notify_all();
  server_->stop();
  thread_.join();
}

std::map<std::string, FakeEngine::Container>::iterator FakeEngine::find(const std::string& id_or_name) {
  const auto by_id = containers_.find(id_or_name);
  if (by_id != containers_.end()) return by_id;
  return std::find_if(containers_.begin(), containers_.end(),
                      [&](const auto& entry) { return entry.second.inspect.at("Name") == "/" + id_or_name; });
}

std::string FakeEngine::add(Json inspect, int number, const std::string& name) {
  const Lock lock(mutex_);
  std::string id = std::to_string(next_id_++);
  id.insert(0, 64 - id.size(), 'c');
  inspect["Id"] = id;
  inspect["Name"] = "/" + name;
  inspect["Config"]["Labels"][number_label] = std::to_string(number);
  containers_[id] = {std::move(inspect), {}, false, {}, {}, {}};
  run(containers_[id]);
  return id;
}

void FakeEngine::set(const std::string& name, const std::string& status) {
  const Lock lock(mutex_);
  find(name)->second.inspect["State"]["Status"] = status;
}

void FakeEngine::change(const std::string& name, const Json& patch) {
  const Lock lock(mutex_);
  find(name)->second.inspect.merge_patch(patch);
}

void FakeEngine::advance(Duration by) {
  const Lock lock(mutex_);
  now_ += by;
}

void FakeEngine::add_network(const std::string& name) {
  const Lock lock(mutex_);
  networks_.push_back(name);
}

void FakeEngine::remove_network(const std::string& name) {
  const Lock lock(mutex_);
  std::erase(networks_, name);
}

void FakeEngine::set_image(const std::string& reference, const std::string& id) {
  const Lock lock(mutex_);
  if (id.empty()) {
    images_.erase(reference);
  } else {
    images_[reference] = id;
  }
}

void FakeEngine::finish_stops(int asked) {
  Lock lock(mutex_);
  const bool all_asked = changed_.wait_for(lock, std::chrono::seconds{30}, [&] {
    return std::count_if(containers_.begin(), containers_.end(),
                         [](const auto& entry) { return entry.second.stopping; }) >= asked;
  });
  if (!all_asked) throw std::runtime_error("fewer containers were asked to stop than the test says");
  for (auto& [id, container] : containers_) {
    if (container.stopping) container.inspect["State"]["Status"] = "exited";
    container.stopping = false;
  }
  changed_.notify_all();
}

void FakeEngine::set_slow_stop(bool slow) {
  const Lock lock(mutex_);
  slow_stop_ = slow;
}

void FakeEngine::add_change(const std::string& name, const std::string& path) {
  const Lock lock(mutex_);
  find(name)->second.changes.push_back(path);
}

void FakeEngine::set_log(const std::string& name, const std::string& lines) {
  const Lock lock(mutex_);
  find(name)->second.log = lines;
}

void FakeEngine::set_start_outcome(const std::string& outcome) {
  const Lock lock(mutex_);
  start_outcome_ = outcome;
}

void FakeEngine::set_api_version(const std::string& version) {
  set_header("Api-Version", version);
}

void FakeEngine::set_header(const std::string& name, const std::string& value) {
  const Lock lock(mutex_);
  ping_headers_[name] = value;
}

void FakeEngine::fail_next(const std::string& part, int code, const std::string& body) {
  const Lock lock(mutex_);
  failures_.push_back({part, code, body});
}

std::vector<std::string> FakeEngine::requests() {
  const Lock lock(mutex_);
  return std::exchange(requests_, {});
}

std::vector<std::string> FakeEngine::versions() {
  const Lock lock(mutex_);
  return std::exchange(versions_, {});
}

std::string FakeEngine::names() {
  const Lock lock(mutex_);
  std::vector<std::string> all;
  for (const auto& [id, container] : containers_) {
    all.push_back(container.inspect.at("Name").get<std::string>().substr(1) + " " +
                  container.inspect.at("State").at("Status").get<std::string>());
  }
  std::sort(all.begin(), all.end());
  return text::join(all, ", ");
}

Json FakeEngine::container(const std::string& name) {
  const Lock lock(mutex_);
  const auto found = find(name);
  return found == containers_.end() ? Json() : found->second.inspect;
}

std::vector<std::string> FakeEngine::files(const std::string& name) {
  const Lock lock(mutex_);
  return find(name)->second.archives;
}

void FakeEngine::answer(const httplib::Request& request, httplib::Response& response) {
  Lock lock(mutex_);
  std::string path = request.path;
  std::string version;
  if (path.starts_with("/v1.")) {
    version = path.substr(1, path.find('/', 1) - 1);
    path = path.substr(path.find('/', 1));
  }
  std::string seen = request.method + " " + path;
  for (const char* key : {"name", "force", "v", "path"}) {
    if (request.has_param(key)) {
      seen += (seen.find('?') == std::string::npos ? "?" : "&") + std::string(key) + "=" + request.get_param_value(key);
    }
  }
  requests_.push_back(seen);
  versions_.push_back(version);
  response.set_header("Date", http_date(now_));
  const auto failure = std::find_if(failures_.begin(), failures_.end(),
                                    [&](const Failure& f) { return seen.find(f.part) != std::string::npos; });
  if (failure != failures_.end()) {
    response.status = failure->code;
    response.set_content(failure->body, "application/json");
    failures_.erase(failure);
    return;
  }
  route(request.method, path, request, response, lock);
}

void FakeEngine::route(const std::string& method, const std::string& path, const httplib::Request& request,
                       httplib::Response& response, Lock& lock) {
  const auto rest_of = [&](const std::string& prefix) { return path.substr(prefix.size()); };
  if (path == "/_ping") {
    for (const auto& [name, value] : ping_headers_) response.set_header(name, value);
    response.set_content("OK", "text/plain");
  } else if (path == "/containers/json") {
    reply(response, 200, list(Json::parse(request.get_param_value("filters"))));
  } else if (path == "/containers/create") {
    create(request, response);
  } else if (path.starts_with("/containers/")) {
    const std::string rest = rest_of("/containers/");
    const std::size_t slash = std::min(rest.find('/'), rest.size());
    route_container(method, rest.substr(0, slash), rest.substr(slash), request, response, lock);
  } else if (path.starts_with("/images/")) {
    const std::string reference = rest_of("/images/").substr(0, rest_of("/images/").rfind('/'));
    const auto image = std::find_if(images_.begin(), images_.end(), [&](const auto& entry) {
      return entry.first == reference || entry.second == reference;
    });
    if (image == images_.end()) return refuse(response, 404, "No such image: " + reference);
    reply(response, 200, {{"Id", image->second}});
  } else if (path.ends_with("/connect")) {
    const Json body = Json::parse(request.body);
    const std::string network = rest_of("/networks/").substr(0, rest_of("/networks/").find('/'));
    find(body.at("Container"))->second.inspect["NetworkSettings"]["Networks"][network] = body.at("EndpointConfig");
    response.status = 200;
  } else if (path.starts_with("/networks/")) {
    const bool there = std::count(networks_.begin(), networks_.end(), rest_of("/networks/")) > 0;
    if (!there) return refuse(response, 404, "network " + rest_of("/networks/") + " not found");
    reply(response, 200, {{"Name", rest_of("/networks/")}});
  } else {
    refuse(response, 404, "page not found");
  }
}

void FakeEngine::route_container(const std::string& method, const std::string& id, const std::string& rest,
                                 const httplib::Request& request, httplib::Response& response, Lock& lock) {
  const auto found = find(id);
  if (found == containers_.end()) return refuse(response, 404, "No such container: " + id);
  Container& container = found->second;
  const std::string status = container.inspect.at("State").at("Status");
  if (method == "DELETE") {
    const bool live = status == "running" || status == "paused" || status == "restarting";
    if (live && !request.has_param("force")) {
      return refuse(response, 409, "You cannot remove a running container " + id);
    }
    containers_.erase(found);
    response.status = 204;
  } else if (rest == "/json") {
    reply(response, 200, container.inspect);
  } else if (rest == "/start") {
    start(container, response);
  } else if (rest == "/stop") {
    stop_container(id, response, lock);
  } else if (rest == "/logs") {
    // One frame of standard error.
    const auto size = container.log.size();
    std::string frame(8, '\0');
    frame[0] = 2;
    for (std::size_t i = 0; i < 4; ++i) frame[7 - i] = static_cast<char>(size >> (8 * i) & 0xFFU);
    response.set_content(size == 0 ? "" : frame + container.log, "application/vnd.docker.raw-stream");
  } else if (rest == "/changes") {
    Json changes = Json::array();
    for (const std::string& path : container.changes) changes.push_back({{"Path", path}, {"Kind", 1}});
    reply(response, 200, changes);
  } else if (rest == "/archive") {
    archive(method, container, request, response);
  } else {
    refuse(response, 404, "page not found");
  }
}

Json FakeEngine::list(const Json& filters) const {
  Json entries = Json::array();
  for (const auto& [id, container] : containers_) {
    const Json& labels = container.inspect.at("Config").at("Labels");
    const Json& wanted = filters.at("label");
    const bool matches = std::all_of(wanted.begin(), wanted.end(), [&](const Json& filter) {
      const std::string text = filter;
      const std::string key = text.substr(0, text.find('='));
      return labels.contains(key) && (key == text || labels.at(key) == text.substr(key.size() + 1));
    });
    if (!matches) continue;
    const Json& state = container.inspect.at("State");
    entries.push_back({{"Id", id},
                       {"Names", {container.inspect.at("Name")}},
                       {"ImageID", container.inspect.at("Image")},
                       {"Created", 1},
                       {"Labels", labels},
                       {"State", state.at("Status")},
                       {"Status", status_text(state, now_)}});
  }
  return entries;
}

void FakeEngine::create(const httplib::Request& request, httplib::Response& response) {
  const std::string name = request.get_param_value("name");
  if (const auto taken = find(name); taken != containers_.end()) {
    return refuse(response, 409,
                  "Conflict. The container name \"/" + name + "\" is already in use by container \"" + taken->first +
                      "\". You have to remove (or rename) that container");
  }
  const Json body = Json::parse(request.body);
  const auto image = std::find_if(images_.begin(), images_.end(), [&](const auto& entry) {
    return body.at("Image") == entry.first || body.at("Image") == entry.second;
  });
  if (image == images_.end()) return refuse(response, 404, "No such image: " + body.at("Image").get<std::string>());
  Json inspect;
  inspect["Config"] = body;
  inspect["Config"].erase("HostConfig");
  inspect["Config"].erase("NetworkingConfig");
  inspect["HostConfig"] = body.at("HostConfig");
  inspect["NetworkSettings"]["Networks"] = body.value("/NetworkingConfig/EndpointsConfig"_json_pointer, Json::object());
  inspect["Image"] = image->second;
  inspect["Name"] = "/" + name;
  inspect["RestartCount"] = 0;
  inspect["State"] = {{"Status", "created"}, {"StartedAt", "0001-01-01T00:00:00Z"}, {"ExitCode", 0}};
  std::string id = std::to_string(next_id_++);
  id.insert(0, 64 - id.size(), 'd');
  inspect["Id"] = id;
  containers_[id] = {inspect, body, false, {}, {}, {}};
  reply(response, 201, {{"Id", id}, {"Warnings", Json::array()}});
}

void FakeEngine::run(Container& container) {
  Json& state = container.inspect["State"];
  const bool has_check = container.inspect.at("Config").value("Healthcheck", Json()).is_object();
  state["Status"] = "running";
  state["StartedAt"] = text::format_time(now_);
  state.erase("Health");
  if (has_check) state["Health"] = {{"Status", "healthy"}, {"Log", Json::array()}};
}

void FakeEngine::start(Container& container, httplib::Response& response) {
  run(container);
  Json& state = container.inspect["State"];
  if (start_outcome_ == "exit") {
    state["Status"] = "exited";
    state["ExitCode"] = 3;
  } else if (start_outcome_ == "unhealthy" || start_outcome_ == "starting") {
    state["Health"] = {{"Status", start_outcome_}, {"Log", {{{"Output", "db is away"}}}}};
  }
  response.status = 204;
}

void FakeEngine::stop_container(const std::string& id, httplib::Response& response, Lock& lock) {
  Container& container = containers_.at(id);
  if (container.inspect.at("State").at("Status") == "exited") {
    response.status = 304;
    return;
  }
  if (!slow_stop_) {
    container.inspect["State"]["Status"] = "exited";
    response.status = 204;
    return;
  }
  container.stopping = true;
  changed_.notify_all();
  changed_.wait(lock, [&] {
    const auto found = containers_.find(id);
    return ending_ || found == containers_.end() || !found->second.stopping;
  });
  response.status = 204;
}

void FakeEngine::archive(const std::string& method, Container& container, const httplib::Request& request,
                         httplib::Response& response) {
  const std::string path = request.get_param_value("path");
  if (method == "PUT") {
    const bool there = path == "/" || path == "/etc" ||
                       std::count(container.archives.begin(), container.archives.end(), "made " + path) > 0;
    if (!there) return refuse(response, 404, "Could not find the file " + path + " in container");
    // A directory's archive makes it; anything else is a file.
    const std::string name = request.body.substr(0, request.body.find('\0'));
    const bool directory = name.ends_with('/');
    const std::string below = path == "/" ? "/" : path + "/";
    container.archives.push_back(directory ? "made " + below + name.substr(0, name.size() - 1) : below + name);
    response.status = 200;
    return;
  }
  if (std::count(container.changes.begin(), container.changes.end(), path) == 0) {
    return refuse(response, 404, "Could not find the file " + path + " in container");
  }
  // {"name":"x","size":1,"mode":420,"mtime":"2025-12-31T00:00:00Z"}: a regular file, older than every start
  response.set_header("X-Docker-Container-Path-Stat",
                      "eyJuYW1lIjoieCIsInNpemUiOjEsIm1vZGUiOjQyMCwibXRpbWUiOiIyMDI1LTEyLTMxVDAwOjAwOjAwWiJ9");
  response.set_content(path.substr(path.rfind('/') + 1), "application/x-tar");  // a tar begins with the file's name
}

}  // namespace alertscaler::test
