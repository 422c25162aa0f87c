#include "act/docker/swarm_nodes.h"

#include <algorithm>
#include <map>
#include <utility>

#include "act/docker/swarm_service.h"
#include "base/text.h"

namespace alertscaler::docker {
namespace {

constexpr const char* mark = "alertscaler.drained";
constexpr int tries_max = 5;

struct Node {
  std::string id;
  std::string host;
  std::string name;  // by which alerts call it
  std::uint64_t version = 0;
  Json spec;
  std::string availability;  // active, pause or drain
  std::string address;
  bool ready = false;
  bool down = false;

  [[nodiscard]] bool ours() const { return at(spec, "Labels", mark).is_string(); }
};

std::vector<Node> read_nodes(const Json& list) {
  std::vector<Node> nodes;
  std::map<std::string, int> hosts;
  for (const Json& each : list.is_array() ? list : Json::array()) {
    Node node;
    node.id = string_at(each, "ID");
    node.host = string_at(each, "Description", "Hostname");
    const Json& version = at(each, "Version", "Index");
    if (version.is_number_integer()) node.version = version.get<std::uint64_t>();
    node.spec = at(each, "Spec");
    node.availability = string_at(node.spec, "Availability");
    node.address = string_at(each, "Status", "Addr");
    node.ready = string_at(each, "Status", "State") == "ready";
    node.down = string_at(each, "Status", "State") == "down";
    ++hosts[node.host];
    nodes.push_back(std::move(node));
  }
  for (Node& node : nodes) {
    node.name = node.host.empty() || hosts[node.host] > 1 ? node.id : node.host;
  }
  std::sort(nodes.begin(), nodes.end(), [](const Node& a, const Node& b) { return a.name < b.name; });
  return nodes;
}

bool takes_work(const Node& node) {
  return node.ready && node.availability == "active";
}

class SwarmNodeBackend final : public NodeBackend {
 public:
  explicit SwarmNodeBackend(Engine& engine) : engine_(engine) {}

  Result<std::vector<ObservedNode>> observe(std::stop_token stop) override {
    const Result<std::vector<Node>> nodes = list(stop);
    if (!nodes) return fail(nodes.error());
    std::vector<ObservedNode> observed;
    for (const Node& node : *nodes) {
      ObservedNode each;
      each.name = node.name;
      each.ready = node.ready;
      each.cordoned = node.availability != "active";
      each.ours = node.ours();
      for (const std::string& alias : {node.id, node.host, node.address}) {  // a host that is not the name is shared
        if (!alias.empty() && alias != node.name) each.aliases.push_back(alias);
      }
      observed.push_back(std::move(each));
    }
    return observed;
  }

  Result<DrainProgress> drain(const std::string& name, const DrainPolicy&, std::stop_token stop) override {
    for (int tries = 0; tries < tries_max; ++tries) {
      const Result<std::vector<Node>> nodes = list(stop);
      if (!nodes) return fail(nodes.error());
      const Node* const node = find(*nodes, name);
      if (node == nullptr) return fail(gone(name));
      if (node->availability == "drain") return left_on(*node, stop);
      if (is_last(*nodes, *node)) return refused(*node);
      Json spec = node->spec;
      if (!spec["Labels"].is_object()) spec["Labels"] = Json::object();
      spec["Labels"][mark] = node->availability;
      spec["Availability"] = "drain";
      const Status done = engine_.update_node(node->id, node->version, spec, stop);
      if (done) return left_on(*node, stop);
      if (done.error().kind != ErrorKind::conflict) return fail(done.error().wrap("drain the node " + name));
    }
    return fail(ErrorKind::busy, "drain the node " + name + ": others change it all the time");
  }

  Result<DrainProgress> rehearse(const std::string& name, const DrainPolicy&, std::stop_token stop) override {
    const Result<std::vector<Node>> nodes = list(stop);
    if (!nodes) return fail(nodes.error());
    const Node* const node = find(*nodes, name);
    if (node == nullptr) return fail(gone(name));
    if (node->availability != "drain" && is_last(*nodes, *node)) return refused(*node);
    return left_on(*node, stop);
  }

  // Who has activated or paused it meanwhile has decided otherwise.
  Status uncordon(const std::string& name, std::stop_token stop) override {
    return take_mark_off(name, "activate the node " + name, stop, [](Json& spec, const std::string& before) {
      if (string_at(spec, "Availability") == "drain") spec["Availability"] = before == "pause" ? "pause" : "active";
    });
  }

  Status let_go(const std::string& name, std::stop_token stop) override {
    return take_mark_off(name, "take our mark off the node " + name, stop, [](Json&, const std::string&) {});
  }

 private:
  // `change` is told the availability from before the drain. A node without our mark is left alone.
  template <class F>
  [[nodiscard]] Status take_mark_off(const std::string& name, const std::string& doing, const std::stop_token& stop,
                                     F change) {
    for (int tries = 0; tries < tries_max; ++tries) {
      const Result<std::vector<Node>> nodes = list(stop);
      if (!nodes) return fail(nodes.error());
      const Node* const node = find(*nodes, name);
      if (node == nullptr || !node->ours()) return {};
      Json spec = node->spec;
      const std::string before = string_at(spec, "Labels", mark);
      spec["Labels"].erase(mark);
      change(spec, before);
      const Status done = engine_.update_node(node->id, node->version, spec, stop);
      if (done || done.error().kind != ErrorKind::conflict) {
        return done ? Status{} : fail(done.error().wrap(doing));
      }
    }
    return fail(ErrorKind::busy, doing + ": others change it all the time");
  }

  [[nodiscard]] Result<std::vector<Node>> list(const std::stop_token& stop) const {
    const Result<Json> nodes = engine_.nodes(stop);
    if (!nodes) return fail(nodes.error().wrap("observe the nodes of the swarm"));
    return read_nodes(*nodes);
  }

  [[nodiscard]] static const Node* find(const std::vector<Node>& nodes, const std::string& name) {
    const auto found = std::find_if(nodes.begin(), nodes.end(), [&](const Node& node) { return node.name == name; });
    return found == nodes.end() ? nullptr : &*found;
  }

  [[nodiscard]] static Error gone(const std::string& name) {
    return {ErrorKind::not_found, "there is no node " + name + " in the swarm"};
  }

  // Would nothing in the Swarm take work any more?
  [[nodiscard]] static bool is_last(const std::vector<Node>& nodes, const Node& leaving) {
    return std::none_of(nodes.begin(), nodes.end(),
                        [&](const Node& node) { return node.id != leaving.id && takes_work(node); });
  }

  [[nodiscard]] static DrainProgress refused(const Node& node) {
    DrainProgress progress;
    progress.refused = node.name + " is the last active node of the swarm: its tasks could go nowhere";
    return progress;
  }

  // Tasks that have ended stay listed. Of those on a node that is down nobody hears any more.
  [[nodiscard]] Result<DrainProgress> left_on(const Node& node, const std::stop_token& stop) const {
    DrainProgress progress;
    if (!node.down) {
      const Result<Json> tasks = engine_.tasks_on_node(node.id, stop);
      if (!tasks) return fail(tasks.error().wrap("observe the tasks on the node " + node.name));
      progress.left = count_unended(*tasks);
    }
    progress.empty = progress.left == 0;
    if (!progress.empty) {
      progress.waits = std::to_string(progress.left) + (progress.left == 1 ? " task has" : " tasks have") +
                       " not ended yet; each has the grace period of its service";
    }
    return progress;
  }

  Engine& engine_;
};

}  // namespace

std::unique_ptr<NodeBackend> make_swarm_node_backend(Engine& engine) {
  return std::make_unique<SwarmNodeBackend>(engine);
}

}  // namespace alertscaler::docker
