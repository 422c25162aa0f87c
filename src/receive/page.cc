#include "receive/page.h"

#include <array>
#include <string_view>

namespace alertscaler::receive {
namespace {

// A browser is shown so many; the API has them all.
constexpr std::size_t targets_max = 500;

constexpr std::string_view head = R"(<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="refresh" content="15">
<title>alertscaler</title>
<style>
:root { color-scheme: light dark; --text: #1f2328; --soft: #59636e; --line: #d1d9e0; --ground: #ffffff;
        --panel: #f6f8fa; --link: #0b5cad; --good: #1a7f37; --wait: #9a6700; --bad: #c62828; }
@media (prefers-color-scheme: dark) {
  :root { --text: #e6edf3; --soft: #9198a1; --line: #3d444d; --ground: #0d1117; --panel: #151b23; --link: #6cb6ff;
          --good: #3fb950; --wait: #d29922; --bad: #ff7b72; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 68rem; padding: 2rem 1.25rem 3rem; background: var(--ground); color: var(--text);
       font: 16px/1.5 system-ui, -apple-system, "Segoe UI", "Liberation Sans", sans-serif; }
header { display: flex; align-items: baseline; gap: .75rem; flex-wrap: wrap; }
h1 { margin: 0; font-size: 1.75rem; } h2 { margin: 2.25rem 0 .75rem; font-size: 1.15rem; }
.soft, small { color: var(--soft); } p { margin: .5rem 0 0; max-width: 46rem; }
a { color: var(--link); text-decoration: none; } a:hover { text-decoration: underline; }
code { white-space: nowrap; font: .9em ui-monospace, "Liberation Mono", monospace; }
.wide { overflow-x: auto; border: 1px solid var(--line); border-radius: .5rem; }
table { border-collapse: collapse; width: 100%; }
th, td { padding: .5rem .85rem; text-align: left; vertical-align: top; border-top: 1px solid var(--line); }
thead th { border-top: 0; background: var(--panel); font-size: .85rem; font-weight: 600; white-space: nowrap; }
td.count, th.count { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
td.word { white-space: nowrap; }
.good { color: var(--good); } .wait { color: var(--wait); } .bad { color: var(--bad); }
</style>
</head>
<body>
)";

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string_view colour_of(TargetStatus status) {
  switch (status) {
    case TargetStatus::idle:
    case TargetStatus::drained:
      return "good";
    case TargetStatus::failed:
      return "bad";
    case TargetStatus::unknown:
      return "soft";
    default:
      return "wait";
  }
}

std::string row_of(const TargetView& view) {
  const std::string name = escaped(view.target.name.text);
  const std::string decision = view.decision ? view.decision->text : "";
  const std::string said =
      !view.error.empty() ? "<span class=\"bad\">" + escaped(view.error) + "</span>" : escaped(decision);
  std::string ready = "–";
  if (view.observed) ready = std::to_string(view.observed->ready) + "/" + std::to_string(view.observed->replicas);
  return "<tr><td class=\"word\"><a href=\"api/v1/targets/" + name + "\">" + name + "</a></td><td class=\"word\">" +
         escaped(backend_name(view.target.backend)) + "</td><td class=\"word " + std::string(colour_of(view.status)) +
         "\">" + escaped(to_string(view.status)) + "</td><td class=\"count\">" + ready + "</td><td class=\"count\">" +
         std::to_string(view.desired) + "</td><td class=\"count\">" + std::to_string(view.target.policy.min) + " – " +
         std::to_string(view.target.policy.max) + "</td><td>" + said + "</td></tr>\n";
}

std::string targets_table(const std::vector<TargetView>& targets) {
  std::string out = "<h2>Targets</h2>\n";
  if (targets.empty()) return out + "<p class=\"soft\">None are configured.</p>\n";
  out +=
      "<div class=\"wide\"><table>\n<thead><tr><th>Target</th><th>Backend</th><th>State</th>"
      "<th class=\"count\">Ready</th><th class=\"count\">Desired</th><th class=\"count\">Bounds</th>"
      "<th>Last decision</th></tr></thead>\n<tbody>\n";
  for (std::size_t i = 0; i < targets.size() && i < targets_max; ++i) out += row_of(targets[i]);
  out += "</tbody>\n</table></div>\n";
  if (targets.size() > targets_max) {
    out += "<p class=\"soft\">The first " + std::to_string(targets_max) + " of " + std::to_string(targets.size()) +
           "; <a href=\"api/v1/targets\">the API</a> has them all.</p>\n";
  }
  return out;
}

struct Endpoint {
  std::string_view method;
  std::string_view path;
  bool link;
  std::string_view meaning;
};
constexpr std::array<Endpoint, 9> endpoints = {{
    {"POST", "webhook", false,
     "The notifications of Alertmanager and Grafana. <code>?wait=10s</code> answers with the decision, "
     "<code>?dry_run=true</code> "
     "decides and does nothing."},
    {"POST", "api/v2/alerts", false,
     "Alerts straight from Prometheus or vmalert, as they send them to an Alertmanager."},
    {"GET", "api/v1/targets", true, "Every target: its count, its alerts, what was decided and why."},
    {"GET", "api/v1/alerts", true, "The alerts that fire now."},
    {"GET", "api/v1/history", true,
     "What was done and why, newest first. <code>?target=</code> <code>?since=1h</code> <code>?limit=100</code>"},
    {"GET", "api/v1/status", true, "Version, configuration in short, state of the store."},
    {"GET", "metrics", true, "For Prometheus."},
    {"GET", "-/healthy", true, "Does the process answer?"},
    {"GET", "-/ready", true, "Can it do its work? If not, why?"},
}};

std::string endpoints_table() {
  std::string out =
      "<h2>Endpoints</h2>\n<div class=\"wide\"><table>\n<thead><tr><th>Method</th><th>Path</th><th>What it is for</th>"
      "</tr></thead>\n<tbody>\n";
  for (const Endpoint& endpoint : endpoints) {
    const std::string path(endpoint.path);
    out += "<tr><td class=\"word\">";
    out += endpoint.method;
    out += "</td><td class=\"word\">";
    if (endpoint.link) out.append("<a href=\"").append(path).append("\">");
    out.append("<code>/").append(path).append("</code>");
    if (endpoint.link) out += "</a>";
    out += "</td><td>";
    out += endpoint.meaning;
    out += "</td></tr>\n";
  }
  return out + "</tbody>\n</table></div>\n";
}

}  // namespace

Answer page(const std::string& version, const std::vector<TargetView>& targets) {
  std::string body(head);
  body += "<header><h1>alertscaler</h1><span class=\"soft\">" + escaped(version) + "</span></header>\n";
  body +=
      "<p class=\"soft\">Alerts from Prometheus scale services: a notification only says which alerts fire, and each "
      "target is decided again for as long as they do.</p>\n";
  body += targets_table(targets) + endpoints_table() + "</body>\n</html>\n";
  return {.content_type = "text/html; charset=utf-8",
          .body = std::move(body),
          .headers = {{"Content-Security-Policy",
                       "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
                       "frame-ancestors 'none'"}}};
}

}  // namespace alertscaler::receive
