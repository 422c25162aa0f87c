#include "config/targets_pool.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "config/fields.h"

namespace alertscaler::config {
namespace {

constexpr int limit_max = std::numeric_limits<int>::max();

void read_prefix(const Value& value, DockerNodes& pool) {
  static const Form form("[a-z0-9][a-z0-9-]{0,49}");  // of the 63 that a host's name may have
  value.read_text(pool.name_prefix, "the beginning of the nodes' names, such as k3s-worker-", form,
                  "the beginning of a host's name, such as k3s-worker-: at most 50 of a-z, 0-9 and \"-\"");
}

void read_network_name(const Value& value, DockerNodes& pool) {
  static const Form form("[A-Za-z0-9][A-Za-z0-9_.-]*");
  std::string name;
  if (!value.read_text(name, "the name of a network of the engine", form,
                       "the name of a network as docker network ls shows it")) {
    return;
  }
  if (name == "host" || name == "none") {
    value.problem("each node needs an address of its own, which the network " + name + " does not give");
    return;
  }
  pool.networks.push_back(name);
}

void read_networks(const Value& value, DockerNodes& pool) {
  if (value.left_empty()) return;
  for (const Value& item : value.items("a list of the engine's networks, such as [k3s, storage]")) {
    read_network_name(item, pool);
  }
}

void read_arguments(const Value& value, std::vector<std::string>& arguments) {
  if (value.left_empty()) return;
  for (const Value& item : value.items("a list of arguments, such as [agent, --node-label, pool=burst]")) {
    std::string argument;
    if (!item.read_raw(argument, "an argument; quote one that has {, [ or : in it")) continue;
    for (const std::string_view option : {"--node-name", "--with-node-id", "--hostname-override"}) {
      if (argument.starts_with(option)) {
        item.problem(std::string(option) + " gives the node another name than its container; leave it out");
      }
    }
    arguments.push_back(argument);
  }
}

void read_env(const Value& value, DockerNodes& pool) {
  if (value.left_empty()) return;
  for (const auto& [name, at, variable] :
       value.members("a map of environment variables, such as {K3S_URL: \"https://k3s-server:6443\"}")) {
    std::string text;
    if (!variable.left_empty() && !variable.read_raw(text, "the text of an environment variable")) continue;
    if (name.empty() || name.find('=') != std::string::npos) {
      variable.problem_at(at, "is no name of an environment variable");
    } else if (name == "K3S_NODE_NAME") {
      variable.problem_at(at, "gives all nodes one name; leave it out, each has its container's");
    } else {
      pool.env[name] = text;
    }
  }
}

void read_labels(const Value& value, DockerNodes& pool) {
  if (value.left_empty()) return;
  for (const auto& [name, at, label] : value.members("a map of labels, such as {team: platform}")) {
    std::string text;
    if (!label.left_empty() && !label.read_raw(text, "the text of a label")) continue;
    if (name.empty() || name.starts_with("alertscaler.")) {
      label.problem_at(at, "labels that begin with alertscaler. are our own; use another name");
    } else {
      pool.labels[name] = text;
    }
  }
}

void read_tmpfs(const Value& value, DockerNodes& pool) {
  static const Form form("/[^:]*(:.+)?");
  if (value.left_empty()) return;
  for (const Value& item : value.items("a list of paths, such as [/run, /var/run]")) {
    std::string text;
    if (!item.read_text(text, "a path", form, "an absolute path in the container, such as /run or /run:size=64m")) {
      continue;
    }
    const std::string path = text.substr(0, text.find(':'));
    pool.tmpfs[path] = path.size() < text.size() ? text.substr(path.size() + 1) : "";
  }
}

// As Compose has them in short.
void read_mounts(const Value& value, DockerNodes& pool) {
  static const Form form("(/[^:]*|[A-Za-z0-9][A-Za-z0-9_.-]*):/[^:]*(:r[ow])?");
  if (value.left_empty()) return;
  for (const Value& item : value.items(R"(a list of mounts, such as ["/etc/k3s/token:/run/secrets/k3s_token:ro"])")) {
    std::string text;
    if (!item.read_text(text, "a mount", form,
                        "SOURCE:TARGET or SOURCE:TARGET:ro, of an absolute path on the engine's machine or the name of "
                        "a volume, and an absolute path in the container")) {
      continue;
    }
    const std::vector<std::string> parts = text::split(text, ':');
    pool.mounts.push_back({parts[0], parts[1], parts.size() == 3 && parts[2] == "ro"});
  }
}

void read_ulimits(const Value& value, DockerNodes& pool) {
  if (value.left_empty()) return;
  for (const auto& [name, at, limit] : value.members("a map of limits, such as {nofile: 65535, nproc: 65535}")) {
    int most = 0;
    if (limit.read(most, {.least = -1, .most = limit_max})) pool.ulimits.push_back({name, most, most});
  }
}

// A file that a variable names comes from the engine's machine, from the same path if no mount says otherwise.
void mount_files(DockerNodes& pool) {
  for (const auto& [name, value] : pool.env) {
    if (!name.ends_with("_FILE") || !value.starts_with('/')) continue;
    const std::string& path = value;
    const bool mounted = std::any_of(pool.mounts.begin(), pool.mounts.end(), [&](const ContainerMount& mount) {
      return path == mount.target || path.starts_with(mount.target.ends_with('/') ? mount.target : mount.target + "/");
    });
    if (!mounted) pool.mounts.push_back({path, path, true});
  }
}

}  // namespace

bool read_pool(const Value& value, DockerNodes& out) {
  static constexpr std::array<Field<DockerNodes>, 14> fields = {{
      {"image",
       [](const Value& v, DockerNodes& p) { v.read_text(p.image, "an image, such as rancher/k3s:v1.31.5-k3s1"); },
       "Of the containers; the engine must have it, nothing is pulled"},
      {"name_prefix", read_prefix, "Container, host and node are called this and a number that is never used twice"},
      {"network", read_network_name, "The engine's network that they are in"},
      {"networks", read_networks, "Further ones"},
      {"entrypoint", [](const Value& v, DockerNodes& p) { read_arguments(v, p.entrypoint); },
       "A program and its first arguments; left out: the image's"},
      {"command", [](const Value& v, DockerNodes& p) { read_arguments(v, p.command); },
       "Its arguments; left out: the image's"},
      {"env", read_env,
       "Environment variables; the file that one ending in _FILE names is mounted from the same path, read-only"},
      {"mounts", read_mounts, "SOURCE:TARGET or SOURCE:TARGET:ro; a path on the engine's machine, or a volume"},
      {"tmpfs", read_tmpfs, "Paths in the container, with options if need be: /run:size=64m"},
      {"ulimits", read_ulimits, "Limits by name: {nofile: 65535}"},
      {"labels", read_labels, "Of the containers, beside our own"},
      {"privileged", [](const Value& v, DockerNodes& p) { v.read(p.privileged); },
       "Run them privileged, as k3s needs it"},
      {"init", [](const Value& v, DockerNodes& p) { v.read(p.init); },
       "With the engine's own init as the first process"},
      {"node_label", [](const Value& v, DockerNodes&) { v.refuse("stands beside docker_nodes, not in it"); }},
  }};
  MapReader map(value, "a map such as {image: \"rancher/k3s:v1.31.5-k3s1\", name_prefix: k3s-worker-, network: k3s}");
  map.take(fields, out);
  map.finish({"image", "name_prefix"});
  mount_files(out);
  return !out.image.empty() && !out.name_prefix.empty();
}

}  // namespace alertscaler::config
