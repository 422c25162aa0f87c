// alertmanager.yml, as far as it decides which alerts reach alertscaler, and when.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "check/document.h"
#include "check/finding.h"
#include "check/rules.h"
#include "model/matcher.h"

namespace alertscaler::check {

// A webhook whose URL leads to alertscaler.
struct Webhook {
  config::Mark at;
  std::optional<Text> send_resolved;
  std::optional<Text> max_alerts;
};

struct Receiver {
  config::Mark at;
  std::vector<Webhook> ours;
  bool unknown_url = false;  // a webhook whose URL is in a file
};

// A route with what it inherits.
struct Route {
  config::Mark at;
  std::vector<Matcher> matchers;
  bool matchers_known = true;  // false when one could not be read
  std::string receiver;
  bool continues = false;
  std::vector<std::string> group_by;  // "..." alone: every alert is its own group
  Duration group_wait{30'000};
  Duration group_interval{300'000};
  Duration repeat_interval{4 * 3'600'000};
  std::vector<Route> routes;
};

struct Routing {
  std::string file;
  Route root;
  std::map<std::string, Receiver> receivers;
  config::Mark receivers_at;
};

// `port`: where alertscaler listens; without it the path /webhook alone tells its webhook from others.
// Absent: the file has mistakes that leave nothing to look at.
[[nodiscard]] std::optional<Routing> routing_of(const Document& document, std::optional<int> port, Findings& findings);

// Where an alert may end up in the tree; which of several it is can depend on labels that are not known.
struct Stop {
  const Route* route = nullptr;
  // A matcher on the way there that needs a label which is not known; null when there is none.
  const Matcher* needs = nullptr;
};
struct Way {
  std::vector<Stop> stops;
  // The route without `continue` that keeps the alert from a later one, and that later one.
  struct Cut {
    const Route* by = nullptr;
    const Route* from = nullptr;
  };
  std::vector<Cut> cuts;
};
[[nodiscard]] Way way_of(const KnownLabels& labels, const Route& root);

}  // namespace alertscaler::check
