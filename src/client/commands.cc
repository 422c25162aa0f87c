#include "client/commands.h"

#include <chrono>
#include <set>
#include <thread>

#include "client/print.h"
#include "client/server.h"
#include "model/settings.h"

namespace alertscaler::client {
namespace {

using nlohmann::json;

constexpr const char* targets_path = "/api/v1/targets";

// The labels that this server reads the instruction from.
Result<InstructionLabels> instruction_labels(Server& server) {
  const auto told = server.get("/api/v1/status");
  if (!told) return fail(told.error());
  InstructionLabels labels;
  const json names = told->data.value("config", json::object()).value("labels", json::object());
  labels.action = names.value("action", labels.action);
  labels.target = names.value("target", labels.target);
  return labels;
}

json notification_of(const SendOptions& options, const InstructionLabels& names) {
  json labels = options.labels;
  labels[names.target] = options.target;
  labels[names.action] = to_string(options.action);
  if (!options.node.empty()) labels["node"] = options.node;
  // The same alert when it is sent again, and when it is sent as resolved.
  if (!labels.contains("alertname")) labels["alertname"] = "SentByHand";
  json annotations = options.annotations;
  if (!options.replicas.empty()) annotations["scale_replicas"] = options.replicas;
  const char* status = options.resolved ? "resolved" : "firing";
  return {{"version", "4"},
          {"status", status},
          {"alerts", {{{"status", status}, {"labels", labels}, {"annotations", annotations}}}}};
}

// What became of one alert; whether it was taken.
bool tell(const json& alert) {
  const std::string result = text_at(alert, "result");
  const std::string reason = text_at(alert, "reason");
  const json decision = alert.value("decision", json());
  std::string line = text_at(alert, "alertname") + " (" + text_at(alert, "status") + "): " + result;
  if (!reason.empty()) line += ": " + reason;
  if (decision.is_object()) line += "; " + text_at(decision, "text");
  print(line + "\n");
  return result != "ignored";
}

// Oldest first, unlike the API.
std::vector<json> in_order(const json& entries) {
  std::vector<json> out(entries.begin(), entries.end());
  std::reverse(out.begin(), out.end());
  return out;
}

std::string history_path(const HistoryOptions& options) {
  std::string path = "/api/v1/history?limit=" + std::to_string(options.limit);
  if (!options.target.empty()) path += "&target=" + escape(options.target);
  if (!options.since.empty()) path += "&since=" + escape(options.since);
  return path;
}

void print_entries(Table& table, const std::vector<json>& entries, const HistoryOptions& options, bool with_header) {
  if (options.common.format == Format::json) {  // one line an entry, for jq and its like
    for (const json& entry : entries) print(dump(entry) + "\n");
    return;
  }
  for (const json& entry : entries) table.add(history_row(entry));
  table.keep_widths();
  print(table.text(standard_output(), with_header));
  table.clear();
}

std::set<std::int64_t> ids_of(const json& entries) {
  std::set<std::int64_t> out;
  for (const json& entry : entries) out.insert(entry.value("id", std::int64_t{0}));
  return out;
}

// Asks again and again for what is new. The list is of what has ended, by the order in which it began: what ends now
// may have begun long ago. So --limit and --since are about what is shown first, and then everything of a day is looked
// at.
int follow(Server& server, const HistoryOptions& options) {
  constexpr std::chrono::seconds pause{1};
  constexpr int failures_max = 60;
  HistoryOptions lately = options;
  lately.limit = 10'000;  // the most that the server gives
  lately.since = "1d";
  const auto before = server.get(history_path(lately));
  if (!before) return failed(before.error());
  const auto newest = server.get(history_path(options));
  if (!newest) return failed(newest.error());
  Table table = history_table();
  print_entries(table, in_order(newest->data), options, true);
  std::set<std::int64_t> known = ids_of(before->data);
  known.merge(ids_of(newest->data));
  for (int failures = 0;;) {
    std::this_thread::sleep_for(pause);
    const auto told = server.get(history_path(lately));
    if (!told && ++failures >= failures_max) return failed(told.error());
    if (!told) continue;
    failures = 0;
    std::vector<json> fresh = in_order(told->data);
    std::erase_if(fresh, [&](const json& entry) { return known.contains(entry.value("id", std::int64_t{0})); });
    print_entries(table, fresh, options, false);
    known = ids_of(told->data);  // what is no longer listed does not come again
  }
}

}  // namespace

int send(const SendOptions& options) {
  auto server = Server::at(options.common.connection);
  if (!server) return failed(server.error());
  const auto names = instruction_labels(*server);
  if (!names) return failed(names.error());
  constexpr std::chrono::seconds timeout{30};
  const auto told = server->send("POST", "/webhook?wait=10s", dump(notification_of(options, *names)), timeout);
  if (!told) return failed(told.error());
  const json alerts = told->data.value("alerts", json::array());
  if (options.common.format == Format::json) print_json(alerts);
  bool taken = !alerts.empty();
  for (const json& alert : alerts) {
    taken = (options.common.format == Format::json ? text_at(alert, "result") != "ignored" : tell(alert)) && taken;
  }
  return taken ? 0 : 1;
}

int status(const StatusOptions& options) {
  auto server = Server::at(options.common.connection);
  if (!server) return failed(server.error());
  const bool one = !options.target.empty();
  const auto told = server->get(one ? std::string(targets_path) + "/" + escape(options.target) : targets_path);
  if (!told) return failed(told.error());
  if (options.common.format == Format::json) {
    print_json(told->data);
    return 0;
  }
  const auto program = server->get("/api/v1/status");
  if (!program) return failed(program.error());
  const Terminal terminal = standard_output();
  if (one) {
    print(target_page(told->data, terminal) + pause_of_all(program->data));
    return 0;
  }
  Table table = target_table();
  for (const json& target : told->data) table.add(target_row(target));
  print(table.text(terminal) + pause_of_all(program->data));
  return 0;
}

int history(const HistoryOptions& options) {
  auto server = Server::at(options.common.connection);
  if (!server) return failed(server.error());
  if (options.follow) return follow(*server, options);
  const auto told = server->get(history_path(options));
  if (!told) return failed(told.error());
  if (options.common.format == Format::json) {
    print_json(told->data);
    return 0;
  }
  Table table = history_table();
  print_entries(table, in_order(told->data), options, true);
  return 0;
}

int scale(const ScaleOptions& options) {
  auto server = Server::at(options.common.connection);
  if (!server) return failed(server.error());
  json body = {{"replicas", options.replicas}};
  if (!options.pin.empty()) body["pin"] = options.pin;
  const auto told =
      server->send("PUT", std::string(targets_path) + "/" + escape(options.target) + "/replicas", dump(body));
  if (!told) return failed(told.error());
  print_warnings(told->warnings);
  if (options.common.format == Format::json) {
    print_json(told->data);
    return 0;
  }
  print(target_page(told->data, standard_output()));
  return 0;
}

int pause(const PauseOptions& options) {
  auto server = Server::at(options.common.connection);
  if (!server) return failed(server.error());
  const std::string verb = options.resume ? "resume" : "pause";
  const std::string path = options.target.empty()
                               ? "/api/v1/" + verb
                               : std::string(targets_path) + "/" + escape(options.target) + "/" + verb;
  json body = json::object();
  if (!options.how_long.empty()) body["for"] = options.how_long;
  const auto told = server->send("POST", path, dump(body));
  if (!told) return failed(told.error());
  print_warnings(told->warnings);
  if (options.common.format == Format::json) {
    print_json(told->data);
    return 0;
  }
  if (!options.target.empty()) {
    print(target_page(told->data, standard_output()));
    return 0;
  }
  return status({.common = options.common, .target = ""});
}

}  // namespace alertscaler::client
