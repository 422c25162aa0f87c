#include "check/nodes.h"

#include <algorithm>
#include <vector>

#include "check/document.h"

namespace alertscaler::check {
namespace {

struct Placed {
  std::string name;
  std::string selector;
  config::Mark at;
};

// In the order of the file.
std::vector<Placed> node_targets(const Settings& settings, const std::string& config_file) {
  Findings none;  // what is wrong with the file is said already
  const auto document = read_document(config_file, none);
  const Reader reader(config_file, none);
  const config::Element* const list = document ? reader.list(document->root, "targets") : nullptr;
  std::vector<Placed> placed;
  if (list == nullptr) return placed;
  for (const config::Element& item : list->items) {
    const auto name = reader.text(item, "name");
    const auto target = name ? settings.targets.find(TargetName{name->text}) : settings.targets.end();
    if (target == settings.targets.end()) continue;
    if (const auto* nodes = std::get_if<KubernetesNodes>(&target->second.backend)) {
      placed.push_back({name->text, nodes->selector, item.at});
    }
  }
  return placed;
}

}  // namespace

void check_nodes(const Settings& settings, const std::string& config_file, Findings& findings) {
  const std::vector<Placed> targets = node_targets(settings, config_file);
  for (auto each = targets.begin(); each != targets.end(); ++each) {
    const auto other = std::find_if(targets.begin(), each, [&](const Placed& earlier) {
      return earlier.selector.empty() || each->selector.empty() || earlier.selector == each->selector;
    });
    if (other == each) continue;
    const std::string why = other->selector == each->selector
                                ? (each->selector.empty() ? "neither has a selector" : "their selectors are the same")
                                : (each->selector.empty() ? each->name : other->name) + " has no selector";
    findings.warning(config_file, each->at,
                     each->name + " and " + other->name + " (line " + std::to_string(other->at.line) +
                         ") drain the same nodes, for " + why +
                         ": what one has cordoned is somebody else's for the other, and what one lets work again the "
                         "other drains anew; make them one target, which can have several alerts, or keep their "
                         "selectors apart");
  }
}

}  // namespace alertscaler::check
