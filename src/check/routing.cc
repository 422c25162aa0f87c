#include "check/routing.h"

#include <algorithm>

#include "base/text.h"

namespace alertscaler::check {

using config::Element;

namespace {

constexpr std::string_view webhook_path = "/webhook";

// A URL's path ends like ours, and its port is the one that alertscaler listens on, where that is known.
bool leads_to_us(std::string_view url, std::optional<int> port) {
  const std::size_t scheme = url.find("://");
  if (scheme == std::string_view::npos) return false;
  const bool tls = url.starts_with("https");
  url.remove_prefix(scheme + 3);
  const std::string_view authority = url.substr(0, url.find_first_of("/?#"));
  std::string_view path = url.substr(authority.size());
  path = path.substr(0, path.find_first_of("?#"));
  if (!path.ends_with(webhook_path)) return false;
  if (!port) return true;
  const std::size_t colon = authority.rfind(':');
  const bool has_port = colon != std::string_view::npos && authority.find(']', colon) == std::string_view::npos;
  const auto given = has_port ? text::parse_int(authority.substr(colon + 1)) : std::optional(tls ? 443 : 80);
  return given == port;
}

class RoutingReader {
 public:
  RoutingReader(const Document& document, std::optional<int> port, Findings& findings)
      : reader_(document.file, findings), root_(document.root), port_(port) {}

  std::optional<Routing> read() {
    Routing routing;
    routing.file = reader_.file();
    read_receivers(routing);
    const Element* route = reader_.map(root_, "route");
    if (route == nullptr) {
      if (reader_.find(root_, "route") == nullptr)
        reader_.error(root_.at, "the file has no route; is it alertmanager.yml?");
      return std::nullopt;
    }
    routing.root = route_of(*route, Route{}, routing);
    return routing;
  }

 private:
  void read_receivers(Routing& routing) {
    const Element* list = reader_.list(root_, "receivers");
    if (list == nullptr) return;
    routing.receivers_at = list->at;
    for (const Element& element : list->items) {
      const auto name = element.kind == Element::Kind::map ? reader_.text(element, "name") : std::nullopt;
      if (!name) {
        reader_.error(element.at,
                      "expected a receiver with a name, such as {name: alertscaler, webhook_configs: [...]}");
        continue;
      }
      Receiver receiver;
      receiver.at = name->at;
      if (const Element* webhooks = reader_.list(element, "webhook_configs")) {
        for (const Element& webhook : webhooks->items) read_webhook(webhook, receiver);
      }
      if (!routing.receivers.emplace(name->text, std::move(receiver)).second) {
        reader_.error(name->at, "the receiver " + name->text + " is there twice; a name is for one");
      }
    }
  }

  void read_webhook(const Element& element, Receiver& receiver) {
    if (element.kind != Element::Kind::map) {
      reader_.error(element.at, "expected a webhook, such as {url: 'http://alertscaler:9095/webhook'}");
      return;
    }
    const auto url = reader_.text(element, "url");
    if (!url && reader_.find(element, "url_file") != nullptr) receiver.unknown_url = true;
    if (!url || !leads_to_us(url->text, port_)) return;
    receiver.ours.push_back({element.at, reader_.text(element, "send_resolved"), reader_.text(element, "max_alerts")});
  }

  // `parent` is what it inherits from.
  Route route_of(const Element& element, const Route& parent, const Routing& routing) {
    Route route = parent;
    route.routes.clear();
    route.matchers.clear();
    route.matchers_known = true;
    route.at = element.at;
    if (const auto receiver = reader_.text(element, "receiver")) {
      route.receiver = receiver->text;
      if (!routing.receivers.contains(receiver->text)) {
        std::vector<std::string> names;
        for (const auto& [name, known] : routing.receivers) names.push_back(name);
        const auto meant = text::nearest(receiver->text, names);
        reader_.error(receiver->at, "no receiver has the name " + text::json_quote(receiver->text) +
                                        (meant ? "; did you mean " + *meant + "?" : ""));
      }
    }
    const auto continues = reader_.text(element, "continue");
    route.continues = continues && text::to_lower(continues->text) == "true";
    if (const Element* group_by = reader_.list(element, "group_by")) {
      route.group_by.clear();
      for (const Element& label : group_by->items) route.group_by.push_back(label.text);
    }
    route.group_wait = reader_.duration(element, "group_wait").value_or(parent.group_wait);
    route.group_interval = reader_.duration(element, "group_interval").value_or(parent.group_interval);
    route.repeat_interval = reader_.duration(element, "repeat_interval").value_or(parent.repeat_interval);
    read_matchers(element, route);
    if (const Element* children = reader_.list(element, "routes")) {
      // A copy: the children inherit what has been read so far, not each other.
      const Route inherited = route;
      for (const Element& child : children->items) {
        if (child.kind == Element::Kind::map) {
          route.routes.push_back(route_of(child, inherited, routing));
        } else {
          reader_.error(child.at,
                        "expected a route, such as {receiver: alertscaler, matchers: ['scale_action!=\"\"']}");
        }
      }
    }
    return route;
  }

  void read_matchers(const Element& element, Route& route) {
    const auto add = [&](config::Mark at, Result<Matcher> matcher) {
      if (matcher) {
        route.matchers.push_back(*std::move(matcher));
      } else {
        reader_.error(at, "match_re: " + matcher.error().message);
        route.matchers_known = false;
      }
    };
    for (const auto& [name, value] : reader_.texts(element, "match")) {
      add(value.at, make_matcher(name, MatchOperator::equal, value.text));
    }
    for (const auto& [name, value] : reader_.texts(element, "match_re")) {
      add(value.at, make_matcher(name, MatchOperator::regex, value.text));
    }
    const Element* list = reader_.list(element, "matchers");
    if (list == nullptr) return;
    for (const Element& item : list->items) {
      auto parsed = parse_matchers(item.text);
      if (!parsed) {
        reader_.error(item.at, "matchers: " + parsed.error().message);
        route.matchers_known = false;
        continue;
      }
      for (Matcher& matcher : *parsed) route.matchers.push_back(std::move(matcher));
    }
  }

  const Reader reader_;
  const Element& root_;
  const std::optional<int> port_;
};

std::optional<bool> match(const KnownLabels& labels, const Route& route) {
  const auto matched = labels.match(route.matchers);
  return route.matchers_known ? matched : matched == false ? matched : std::nullopt;
}

const Matcher* needed(const KnownLabels& labels, const Route& route) {
  for (const Matcher& matcher : route.matchers) {
    if (!labels.labels.contains(matcher.name) && !matcher.matches(labels.labels)) return &matcher;
  }
  return nullptr;
}

void walk(const KnownLabels& labels, const Route& route, const Matcher* needs, Way& way) {
  bool taken = false;  // for certain by a child
  for (std::size_t i = 0; i < route.routes.size(); ++i) {
    const Route& child = route.routes[i];
    const auto matched = match(labels, child);
    if (matched == false) continue;
    walk(labels, child, needs != nullptr ? needs : needed(labels, child), way);
    taken = taken || matched == true;
    if (!matched || child.continues) continue;
    for (std::size_t later = i + 1; later < route.routes.size(); ++later) {
      if (match(labels, route.routes[later]) != false) way.cuts.push_back({&child, &route.routes[later]});
    }
    break;
  }
  if (!taken) way.stops.push_back({&route, needs});
}

}  // namespace

std::optional<Routing> routing_of(const Document& document, std::optional<int> port, Findings& findings) {
  return RoutingReader(document, port, findings).read();
}

Way way_of(const KnownLabels& labels, const Route& root) {
  Way way;
  walk(labels, root, nullptr, way);
  return way;
}

}  // namespace alertscaler::check
