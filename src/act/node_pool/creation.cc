#include "act/node_pool/creation.h"

#include <utility>

#include "act/node_pool/member.h"

namespace alertscaler::node_pool {
namespace {

Json mounts_of(const DockerNodes& nodes) {
  Json mounts = Json::array();
  for (const ContainerMount& mount : nodes.mounts) {
    // Unlike an entry of Binds, which makes an empty directory of a source that is missing, this is refused then.
    mounts.push_back({{"Type", mount.source.starts_with('/') ? "bind" : "volume"},
                      {"Source", mount.source},
                      {"Target", mount.target},
                      {"ReadOnly", mount.read_only}});
  }
  return mounts;
}

Json host_config_of(const DockerNodes& nodes) {
  // A machine that is started again brings its nodes back, but not those that were being removed.
  Json host = {{"RestartPolicy", {{"Name", "unless-stopped"}}}, {"Mounts", mounts_of(nodes)}};
  if (nodes.privileged) {
    host["Privileged"] = true;
    host["UsernsMode"] = "host";  // or an engine that maps users refuses a privileged one
  }
  if (nodes.init) host["Init"] = true;
  if (!nodes.networks.empty()) host["NetworkMode"] = nodes.networks.front();
  for (const auto& [path, options] : nodes.tmpfs) host["Tmpfs"][path] = options;
  for (const ContainerLimit& limit : nodes.ulimits) {
    host["Ulimits"].push_back({{"Name", limit.name}, {"Soft", limit.soft}, {"Hard", limit.hard}});
  }
  return host;
}

Json labels_of(const DockerNodes& nodes, int index, const Purpose& purpose) {
  Json labels = {{label::pool, purpose.target.text},
                 {label::index, std::to_string(index)},
                 {label::action, std::to_string(purpose.action)}};
  if (!purpose.replaces.empty()) labels[label::replaces] = purpose.replaces;
  if (!purpose.cluster.empty()) labels[label::cluster] = purpose.cluster;
  if (!purpose.installation.empty()) labels[label::installation] = purpose.installation;
  for (const auto& [name, value] : nodes.labels) labels[name] = value;
  return labels;
}

}  // namespace

Creation creation_of(const DockerNodes& nodes, int index, const Purpose& purpose) {
  Creation creation;
  creation.name = nodes.name_prefix + std::to_string(index);
  Json& body = creation.body;
  body = {{"Hostname", creation.name},
          {"Image", nodes.image},
          {"Labels", labels_of(nodes, index, purpose)},
          {"StopTimeout", std::chrono::duration_cast<std::chrono::seconds>(stop_grace).count()},
          {"HostConfig", host_config_of(nodes)}};
  if (!nodes.entrypoint.empty()) body["Entrypoint"] = nodes.entrypoint;
  if (!nodes.command.empty()) body["Cmd"] = nodes.command;
  for (const auto& [name, value] : nodes.env) body["Env"].push_back(std::string(name).append("=").append(value));
  for (std::size_t i = 0; i < nodes.networks.size(); ++i) {
    const std::string& network = nodes.networks[i];
    // The engine's own network knows no names.
    Json endpoint = network == "bridge" ? Json::object() : Json{{"Aliases", {creation.name}}};
    if (i == 0) {
      body["NetworkingConfig"] = {{"EndpointsConfig", {{network, std::move(endpoint)}}}};
    } else {
      creation.connects.push_back({network, std::move(endpoint)});
    }
  }
  return creation;
}

}  // namespace alertscaler::node_pool
