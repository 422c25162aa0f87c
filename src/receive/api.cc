#include "receive/api.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/text.h"
#include "receive/api_json.h"

namespace alertscaler::receive {
namespace {

constexpr int history_limit_max = 10'000;
constexpr std::size_t shown_bytes_max = 64;

std::string in_quotes(std::string_view text) {
  return text::json_quote(text::shorten(text, shown_bytes_max));
}

// An engine's address without what may be secret in it: tcp://user:password@host.
std::string without_user(const std::string& url) {
  const std::size_t scheme = url.find("://");
  const std::size_t at = url.find('@');
  if (scheme == std::string::npos || at == std::string::npos) return url;
  return url.substr(0, scheme + 3) + url.substr(at + 1);
}

// RFC 3339, or how long ago.
Result<Instant> read_since(std::string text, Instant now) {
  if (const auto ago = text::parse_duration(text)) return now - *ago;
  // A + that was not encoded arrives as a blank: 2026-01-02T03:04:05+02:00.
  constexpr std::size_t date_and_time = 19;
  if (const std::size_t blank = text.rfind(' '); blank != std::string::npos && blank >= date_and_time) {
    text[blank] = '+';
  }
  const auto time = text::parse_time(text);
  if (time) return *time;
  return fail(ErrorKind::invalid,
              "expected a time such as 2026-01-02T03:04:05Z or a duration such as 1h, found " + in_quotes(text));
}

void write_list(JsonWriter& json, const std::vector<std::string>& texts) {
  json.begin_array();
  for (const std::string& text : texts) json.value(text);
  json.end_array();
}

void write_settings(JsonWriter& json, const Settings& settings, const std::string& authentication) {
  json.begin_object()
      .field("targets", settings.targets.size())
      .field("max_parallel", settings.max_parallel)
      .field("stale_after", text::format_duration(settings.stale_after))
      .field("history_retention", text::format_duration(settings.history_retention))
      .key("labels")
      .begin_object()
      .field("action", settings.labels.action)
      .field("target", settings.labels.target)
      .end_object()
      .key("alertmanagers");
  write_list(json, settings.alertmanager.urls);
  json.field("resync_interval", text::format_duration(settings.alertmanager.resync_interval))
      .field("docker_host", without_user(settings.docker.host))
      .field("authentication", authentication)
      .end_object();
}

}  // namespace

Api::Api(Store& store, Controller& controller, const Clock& clock, ApiOptions options)
    : store_(store), controller_(controller), clock_(clock), options_(std::move(options)) {}

Answer Api::targets(const Request& request) const {
  if (const auto refused = check_params(request.params, {})) return failure(*refused);
  return success([&](JsonWriter& json) {
    json.begin_array();
    for (const TargetView& view : controller_.targets()) {
      write(json, view, store_.active_alerts(view.target.name));
    }
    json.end_array();
  });
}

Answer Api::target(const Request& request, std::string_view name) const {
  if (const auto refused = check_params(request.params, {})) return failure(*refused);
  const TargetName wanted{std::string(name)};
  const auto view = controller_.target(wanted);
  if (!view) return no_such_target(controller_, name);
  return success([&](JsonWriter& json) { write(json, *view, store_.active_alerts(wanted)); });
}

Answer no_such_target(const Controller& controller, std::string_view name) {
  std::vector<std::string> names;
  const auto settings = controller.settings();  // a reload may let go of it meanwhile
  for (const auto& [known, target] : settings->targets) names.push_back(known.text);
  const auto meant = name.size() > shown_bytes_max ? std::nullopt : text::nearest(name, names);
  return failure(404, "no target " + in_quotes(name) + (meant ? "; did you mean " + *meant + "?" : ""));
}

Answer Api::alerts(const Request& request) const {
  if (const auto refused = check_params(request.params, {})) return failure(*refused);
  return success([&](JsonWriter& json) {
    json.begin_array();
    for (const Alert& alert : store_.active_alerts()) write(json, alert);
    json.end_array();
  });
}

tl::expected<HistoryQuery, Refusal> Api::read_query(const Params& params) const {
  if (auto refused = check_params(params, {"target", "since", "limit"})) return tl::unexpected(std::move(*refused));
  HistoryQuery query;
  if (const auto target = param(params, "target"); target && !target->empty()) query.target = TargetName{*target};
  if (const auto since = param(params, "since"); since && !since->empty()) {
    const auto time = read_since(*since, clock_.now());
    if (!time) return tl::unexpected(Refusal{400, "since: " + time.error().message});
    query.since = *time;
  }
  if (const auto limit = param(params, "limit"); limit && !limit->empty()) {
    const auto number = text::parse_int(*limit);
    if (!number || *number < 1 || *number > history_limit_max) {
      return tl::unexpected(Refusal{400, "limit: expected a number from 1 to " + std::to_string(history_limit_max) +
                                             ", found " + in_quotes(*limit)});
    }
    query.limit = static_cast<std::size_t>(*number);
  }
  return query;
}

Answer Api::history(const Request& request) const {
  const auto query = read_query(request.params);
  if (!query) return failure(query.error());
  const auto entries = store_.history(*query);
  if (!entries) return failure(503, "the history cannot be read: " + entries.error().message);
  // A target that is no longer configured still has its history.
  if (entries->empty() && query->target && !controller_.settings()->targets.contains(*query->target)) {
    return no_such_target(controller_, query->target->text);
  }
  return success([&](JsonWriter& json) {
    json.begin_array();
    for (const HistoryEntry& entry : *entries) write(json, entry);
    json.end_array();
  });
}

Answer Api::status(const Request& request) const {
  if (const auto refused = check_params(request.params, {})) return failure(*refused);
  const auto settings = controller_.settings();
  const auto sealed = store_.sealed();
  const auto not_ready = controller_.not_ready();
  const auto troubles = this->troubles();
  const TargetName all_targets;  // as which the orders for all of them are kept
  const Orders of_all = in_force({}, store_.orders(all_targets), clock_.now());
  const auto views = controller_.targets();
  const bool dry_run = !views.empty() && std::all_of(views.begin(), views.end(),
                                                     [](const TargetView& view) { return view.target.policy.dry_run; });
  std::size_t active_alerts = 0;
  for (const auto& [name, target] : settings->targets) active_alerts += store_.active_alerts(name).size();
  return success([&](JsonWriter& json) {
    json.begin_object()
        .field("version", options_.version)
        .field("start_time", options_.started)
        .key("uptime_seconds")
        .seconds(std::max(Duration{0}, clock_.now() - options_.started))
        .field("ready", !not_ready && !sealed)
        .field("not_ready", not_ready)
        .key("troubles");
    write_list(json, troubles);
    json.key("config");
    write_settings(json, *settings, options_.authentication);
    json.key("store")
        .begin_object()
        .field("state", sealed ? "sealed" : "ok")
        .field("error", sealed ? sealed->message : std::string())
        .end_object()
        .field("targets", settings->targets.size())
        .field("active_alerts", active_alerts)
        .field("dry_run", dry_run)
        .field("may_write", request.may_write)
        .key("pause");
    write_or_null(json, of_all.pause);
    json.end_object();
  });
}

std::vector<std::string> Api::troubles() const {
  return options_.troubles ? options_.troubles() : std::vector<std::string>{};
}

Answer Api::ready(const Request&) const {
  if (const auto sealed = store_.sealed()) {
    return plain(503, "alertscaler is not ready: the store takes no more writes: " + sealed->message + "\n");
  }
  if (const auto why = controller_.not_ready()) return plain(503, "alertscaler is not ready: " + *why + "\n");
  std::string text = "alertscaler is ready.\n";
  for (const std::string& trouble : troubles()) text += trouble + "\n";
  return plain(200, text);
}

}  // namespace alertscaler::receive
