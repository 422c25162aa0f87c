#include "client/explain.h"

#include <iostream>
#include <iterator>
#include <map>
#include <memory>

#include "base/file.h"
#include "client/print.h"
#include "client/server.h"

namespace alertscaler::client {
namespace {

using nlohmann::json;

Result<std::string> read_payload(const std::string& path) {
  if (path != "-") return read_file(path);
  return std::string(std::istreambuf_iterator<char>(std::cin), {});
}

std::string what_becomes_of(const json& alert) {
  const std::string reason = text_at(alert, "reason");
  std::string out = text_at(alert, "result");
  if (!text_at(alert, "target").empty()) out += ", " + text_at(alert, "target") + ": " + text_at(alert, "action");
  return out + (reason.empty() ? "" : ": " + reason);
}

void print_alerts(const json& alerts, const Terminal& terminal) {
  Table table({"ALERT", "STATUS", "MAPPED BY", "RESULT"});
  for (const json& alert : alerts) {
    const bool ignored = text_at(alert, "result") == "ignored";
    table.add({{text_at(alert, "alertname")},
               {text_at(alert, "status")},
               {text_at(alert, "mapped_by")},
               {what_becomes_of(alert), ignored ? Cell::Colour::warning : Cell::Colour::none}});
  }
  print(table.text(terminal));
}

void print_target(const std::string& name, const json& decision, const json& gates, const Terminal& terminal) {
  print("\n" + name + ": " + text_at(decision, "text") + "\n");
  if (gates.empty()) return;
  Table table({"  GATE", "VERDICT", "BECAUSE"});
  for (const json& gate : gates) {
    const std::string verdict = text_at(gate, "verdict");
    const Cell::Colour colour = verdict == "open"     ? Cell::Colour::good
                                : verdict == "closed" ? Cell::Colour::warning
                                                      : Cell::Colour::dim;
    table.add({{"  " + text_at(gate, "gate")}, {verdict, colour}, {text_at(gate, "text")}});
  }
  print(table.text(terminal));
}

}  // namespace

Explainer explainer_at(const Connection& connection) {
  return [connection](const std::string& body) -> Result<json> {
    auto server = Server::at(connection);
    if (!server) return fail(server.error());
    auto told = server->send("POST", "/webhook?dry_run=true&explain=true", body);
    if (!told) return fail(told.error());
    return std::move(told->data);
  };
}

int explain(const ExplainOptions& options, const Explainer& explainer) {
  const auto payload = read_payload(options.payload);
  if (!payload) return failed(payload.error());
  const auto told = explainer(*payload);
  if (!told) return failed(told.error().wrap(options.payload));
  if (options.common.format == Format::json) {
    print_json(*told);
    return 0;
  }
  const json alerts = told->value("alerts", json::array());
  const Terminal terminal = standard_output();
  print_alerts(alerts, terminal);
  std::map<std::string, json> deciding;  // one of a target's alerts: they all tell of the same decision
  for (const json& alert : alerts) {
    if (alert.value("decision", json()).is_object()) deciding[text_at(alert, "target")] = alert;
  }
  for (const auto& [name, alert] : deciding) {
    print_target(name, alert["decision"], alert.value("gates", json::array()), terminal);
  }
  return 0;
}

}  // namespace alertscaler::client
