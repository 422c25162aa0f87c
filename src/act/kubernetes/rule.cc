#include "act/kubernetes/rule.h"

#include <map>
#include <set>
#include <vector>

#include "base/text.h"

namespace alertscaler::kubernetes {
namespace {

std::string verb_of(std::string_view method, bool named) {
  if (method == "POST") return "create";
  if (method == "PUT") return "update";
  if (method == "PATCH") return "patch";
  if (method == "DELETE") return named ? "delete" : "deletecollection";
  return named ? "get" : "list";
}

std::string rule(const Right& right, std::span<const std::string> verbs) {
  std::string text = "- {apiGroups: [" + (right.group.empty() ? "\"\"" : right.group) + "], resources: [" +
                     right.resource + (right.subresource.empty() ? "" : "/") + right.subresource + "]";
  if (!right.name.empty()) text += ", resourceNames: [" + right.name + "]";
  return text + ", verbs: [" + text::join(verbs, ", ") + "]}";
}

}  // namespace

std::optional<Right> right_for(std::string_view method, std::string_view path) {
  std::vector<std::string> parts;
  for (std::string& part : text::split(path.substr(0, path.find('?')), '/')) {
    if (!part.empty()) parts.push_back(std::move(part));
  }
  Right right;
  std::size_t next = 0;
  if (parts.size() > 2 && parts[0] == "api") {
    next = 2;
  } else if (parts.size() > 3 && parts[0] == "apis") {
    right.group = parts[1];
    next = 3;
  } else {
    return std::nullopt;
  }
  if (parts[next] == "namespaces" && parts.size() > next + 2) {
    right.name_space = parts[next + 1];
    next += 2;
  }
  const auto take = [&] { return next < parts.size() ? parts[next++] : std::string(); };
  right.resource = take();
  right.name = take();
  right.subresource = take();
  right.verb = verb_of(method, !right.name.empty());
  return right;
}

std::string rules_for(std::span<const Right> rights) {
  // By namespace and all that one rule has in common.
  std::map<std::string, std::map<Right, std::vector<std::string>>> roles;
  std::set<Right> known;
  for (Right right : rights) {
    if (right.resource == "pods" || right.resource == "nodes") right.name.clear();
    if (!known.insert(right).second) continue;
    const std::string verb = std::exchange(right.verb, "");
    roles[right.name_space][right].push_back(verb);
  }
  std::string text;
  for (const auto& [name_space, rules] : roles) {
    text += text.empty() ? "add to a " : "; and to a ";
    text += name_space.empty() ? "ClusterRole:" : "Role in the namespace " + name_space + ":";
    for (const auto& [right, verbs] : rules) text += " " + rule(right, verbs);
  }
  return text;
}

}  // namespace alertscaler::kubernetes
