#include "check/delivery.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/text.h"

namespace alertscaler::check {
namespace {

std::string shown(Duration duration) {
  return text::format_duration(duration);
}

// Where an alert is brought to alertscaler.
struct Arrival {
  const ScalingAlert* alert = nullptr;
  const Route* route = nullptr;
};

// The time between two notifications of a group in which nothing changes.
struct Heartbeat {
  Duration usual;
  Duration longest;  // when the time to repeat is missed by a hair, it is one tick later
};
Heartbeat heartbeat_of(const Route& route) {
  const Duration tick = std::max(route.group_interval, Duration{1});
  const auto ticks = std::max<Duration::rep>(1, (route.repeat_interval + tick - Duration{1}) / tick);
  const bool by_a_hair = route.repeat_interval.count() > 0 && route.repeat_interval % tick == Duration{0};
  return {tick * ticks, tick * (ticks + (by_a_hair ? 1 : 0))};
}

class DeliveryCheck {
 public:
  DeliveryCheck(const DeliveryInput& in, Findings& findings) : in_(in), findings_(findings) {
    if (in.alerts.empty()) imagine_alerts();
  }

  void check() {
    check_webhooks();
    if (!any_ours_) {
      findings_.error(file(), in_.routing.receivers_at,
                      "no receiver has a webhook of alertscaler: add one with webhook_configs: "
                      "[{url: 'http://HOST:9095/webhook'}], and a route to it");
      return;
    }
    for (const ScalingAlert& alert : alerts()) follow(alert);
    report_lost();
    report_doubtful();
    check_groups();
    check_times();
  }

 private:
  [[nodiscard]] const std::string& file() const { return in_.routing.file; }
  [[nodiscard]] const std::vector<ScalingAlert>& alerts() const { return in_.alerts.empty() ? imagined_ : in_.alerts; }

  // Without rules: one for each target, of which nothing is known but its instruction.
  void imagine_alerts() {
    const InstructionLabels& names = in_.settings.labels;
    for (const auto& [name, target] : in_.settings.targets) {
      ScalingAlert alert;
      alert.name = "an alert with " + names.target + ": " + name.text;
      alert.known.labels = {{names.action, "up"}, {names.target, name.text}};
      alert.target = name;
      imagined_.push_back(std::move(alert));
    }
  }

  [[nodiscard]] bool is_ours(const Route& route) const {
    const auto receiver = in_.routing.receivers.find(route.receiver);
    return receiver != in_.routing.receivers.end() &&
           (!receiver->second.ours.empty() || (!known_urls_ && receiver->second.unknown_url));
  }

  void check_webhooks() {
    for (const auto& [name, receiver] : in_.routing.receivers) {
      known_urls_ = known_urls_ || !receiver.ours.empty();
      any_ours_ = any_ours_ || !receiver.ours.empty() || receiver.unknown_url;
      for (const Webhook& webhook : receiver.ours) check_webhook(webhook);
    }
  }

  // With a resync, what no notification says is noticed all the same, only later.
  [[nodiscard]] bool has_resync() const { return !in_.settings.alertmanager.urls.empty(); }

  void check_webhook(const Webhook& webhook) {
    const Severity severity = has_resync() ? Severity::warning : Severity::error;
    const std::string resync = " until the next resync (" + shown(in_.settings.alertmanager.resync_interval) + ")";
    if (webhook.send_resolved && text::to_lower(webhook.send_resolved->text) == "false") {
      findings_.add(severity, file(), webhook.send_resolved->at,
                    "send_resolved: false keeps the end of an alert from alertscaler, which would go on" +
                        (has_resync() ? resync : " for stale_after (" + shown(in_.settings.stale_after) + ")") +
                        "; leave it out, or set it to true");
    }
    if (webhook.max_alerts && webhook.max_alerts->text != "0") {
      findings_.add(severity, file(), webhook.max_alerts->at,
                    "max_alerts: " + webhook.max_alerts->text + " cuts alerts off, which are " +
                        (has_resync() ? "not known" + resync : "never sent later") + "; leave it out, or set it to 0");
    }
  }

  void follow(const ScalingAlert& alert) {
    const Way way = way_of(alert.known, in_.routing.root);
    const Stop* arrived = nullptr;
    for (const Stop& stop : way.stops) {
      if (!is_ours(*stop.route)) continue;
      arrivals_.push_back({&alert, stop.route});
      if (arrived == nullptr || arrived->needs != nullptr) arrived = &stop;
    }
    if (arrived != nullptr) {
      if (arrived->needs != nullptr) doubtful_[{arrived->route, arrived->needs->name}].push_back(&alert);
      return;
    }
    const auto cut =
        std::find_if(way.cuts.begin(), way.cuts.end(), [&](const Way::Cut& c) { return leads_to_us(alert, *c.from); });
    lost_[cut == way.cuts.end() ? nullptr : cut->by].push_back(&alert);
  }

  [[nodiscard]] bool leads_to_us(const ScalingAlert& alert, const Route& from) const {
    const Way way = way_of(alert.known, from);
    return std::any_of(way.stops.begin(), way.stops.end(), [&](const Stop& stop) { return is_ours(*stop.route); });
  }

  static std::string names_of(const std::vector<const ScalingAlert*>& alerts) {
    std::string names = alerts[0]->name;
    if (alerts.size() == 2) names += " and " + alerts[1]->name;
    if (alerts.size() > 2) names += " and " + std::to_string(alerts.size() - 1) + " more";
    return names;
  }

  // Only where the rule does not say it all: the label may come with the series, or be misspelt.
  void report_doubtful() {
    for (const auto& [where, doubtful] : doubtful_) {
      const auto& [route, label] = where;
      std::vector<std::string> known;
      for (const auto& [name, value] : doubtful[0]->known.labels) known.push_back(name);
      const auto meant = text::nearest(label, known);
      findings_.warning(
          file(), route->at,
          "this route to alertscaler needs the label " + label + ", which " + names_of(doubtful) +
              (doubtful.size() == 1 ? " does" : " do") + " not set: make sure that the series have it" +
              (meant ? "; did you mean " + *meant + "?" : ", or use '" + in_.settings.labels.action + "!=\"\"'"));
    }
  }

  // One finding for all alerts that end at the same place.
  void report_lost() {
    for (const auto& [by, lost] : lost_) {
      const std::string names = names_of(lost);
      if (by != nullptr) {
        findings_.error(file(), by->at,
                        "this route takes " + names +
                            ", and without continue: true the route to alertscaler further "
                            "down never sees it; add continue: true here, or put the route to alertscaler first");
      } else {
        findings_.error(file(), in_.routing.root.at,
                        "no route brings " + names + " to a webhook of alertscaler: add one with matchers: ['" +
                            in_.settings.labels.action + "!=\"\"'] and a receiver that has it");
      }
    }
  }

  // Whether two alerts are sure to be in one group.
  static bool same_group(const Route& route, const ScalingAlert& a, const ScalingAlert& b) {
    if (route.group_by == std::vector<std::string>{"..."}) return false;
    return std::all_of(route.group_by.begin(), route.group_by.end(), [&](const std::string& label) {
      const auto of_a = a.known.labels.find(label);
      const auto of_b = b.known.labels.find(label);
      return of_a != a.known.labels.end() && of_b != b.known.labels.end() && of_a->second == of_b->second;
    });
  }

  void check_groups() {
    std::set<const Route*> reported;
    for (std::size_t i = 0; i < arrivals_.size(); ++i) {
      for (std::size_t k = i; k < arrivals_.size(); ++k) {
        const Arrival& a = arrivals_[i];
        const Arrival& b = arrivals_[k];
        if (a.route != b.route || !same_group(*a.route, *a.alert, *b.alert)) continue;
        const bool mixes =
            i == k ? a.alert->target_varies
                   : a.alert->target != b.alert->target && !a.alert->target.empty() && !b.alert->target.empty();
        if (!mixes || !reported.insert(a.route).second) continue;
        const std::string& label = in_.settings.labels.target;
        findings_.warning(file(), a.route->at,
                          "this route puts alerts of different targets into one group (" + a.alert->name +
                              (i == k ? " alone has several" : " and " + b.alert->name) +
                              "), so that one waits for the other's group_interval (" + shown(a.route->group_interval) +
                              "); add " + label + " to group_by");
      }
    }
  }

  void check_times() {
    std::set<std::pair<std::string, const Route*>> told;
    std::set<const Route*> routes;
    for (const Arrival& arrival : arrivals_) {
      const Route& route = *arrival.route;
      routes.insert(&route);
      const std::string name = arrival.alert->target.text;
      if (name.empty() || !told.emplace(name, &route).second) continue;
      findings_.info(file(), route.at,
                     name + ": Alertmanager sends the first alert of a group after " + shown(route.group_wait) +
                         " (group_wait), later ones and what is resolved within " + shown(route.group_interval) +
                         " (group_interval)");
    }
    for (const Route* route : routes) check_heartbeat(*route);
  }

  void check_heartbeat(const Route& route) {
    const Heartbeat beat = heartbeat_of(route);
    if (has_resync()) {
      findings_.info(file(), route.at,
                     "an alert that fires is sent every " + shown(beat.usual) +
                         "; what is silenced or lost shows at the next resync (" +
                         shown(in_.settings.alertmanager.resync_interval) + ")");
      return;
    }
    const Duration stale = in_.settings.stale_after;
    const std::string& where = in_.stale_after_at ? in_.config_file : file();
    const config::Mark at = in_.stale_after_at.value_or(route.at);
    const std::string given = "stale_after (" + shown(stale) + (in_.stale_after_at ? ")" : ", the default)");
    const std::string why = "repeat_interval " + shown(route.repeat_interval) + " in steps of group_interval " +
                            shown(route.group_interval);
    if (stale <= beat.longest) {
      findings_.error(where, at,
                      given + " is not longer than the time between two notifications of an alert that fires, up to " +
                          shown(beat.longest) + " (" + why + "; " + file() + ":" + std::to_string(route.at.line) +
                          "): alerts would end while they fire; set it above that, or repeat_interval just below "
                          "group_interval, or alertmanager.url, which asks instead of waiting");
      return;
    }
    constexpr int beats = 4;  // so many may be missed
    constexpr int far_too_long = 10;
    std::string text = given + " ends an alert that is silenced or lost; one that fires is sent every " +
                       shown(beat.usual) + " (" + why + ")";
    if (stale > far_too_long * beat.usual) text += ", so that stale_after: " + shown(beats * beat.usual) + " is enough";
    findings_.info(where, at, text);
  }

  const DeliveryInput& in_;
  Findings& findings_;
  std::vector<ScalingAlert> imagined_;
  bool known_urls_ = false;
  bool any_ours_ = false;
  std::vector<Arrival> arrivals_;
  std::map<const Route*, std::vector<const ScalingAlert*>> lost_;
  std::map<std::pair<const Route*, std::string>, std::vector<const ScalingAlert*>> doubtful_;
};

}  // namespace

void check_delivery(const DeliveryInput& in, Findings& findings) {
  DeliveryCheck(in, findings).check();
}

}  // namespace alertscaler::check
