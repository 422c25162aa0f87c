#include "check/check.h"

#include <glob.h>

#include "check/delivery.h"
#include "check/nodes.h"
#include "check/routing.h"
#include "check/rules.h"
#include "config/load.h"

namespace alertscaler::check {
namespace {

std::vector<std::string> files_of(const std::string& pattern, Findings& findings) {
  glob_t found{};
  std::vector<std::string> files;
  if (::glob(pattern.c_str(), GLOB_BRACE | GLOB_TILDE, nullptr, &found) == 0) {
    files.assign(found.gl_pathv, found.gl_pathv + found.gl_pathc);
  }
  ::globfree(&found);
  if (files.empty()) {
    findings.begin_file(pattern);
    findings.error(pattern, {},
                   "no file has such a name; --rules takes a name or a pattern in quotes, such as 'rules/*.yml'");
  }
  return files;
}

// Where the configuration says stale_after itself.
std::optional<config::Mark> stale_after_of(const Input& input) {
  Findings none;  // what is wrong with the file is said already
  const auto document = read_document(input.config_file, none);
  if (!document) return std::nullopt;
  const auto given = Reader(input.config_file, none).text(document->root, "stale_after");
  return given ? std::optional(given->at) : std::nullopt;
}

}  // namespace

std::vector<Finding> check_files(const Input& input) {
  Findings findings;
  findings.begin_file(input.config_file);
  const auto settings = config::load_settings(input.config_file);
  if (!settings) findings.add(settings.error());
  if (settings && !settings->cluster.why_not.empty()) {
    // The same configuration may be right where it is meant for; a file that it names itself had better be there.
    const bool named = !settings->kubernetes.kubeconfig.empty();
    findings.add(named ? Severity::warning : Severity::info, input.config_file, {},
                 "seen from here " + settings->cluster.why_not);
  }

  std::vector<Rule> rules;
  for (const std::string& pattern : input.rules) {
    for (const std::string& file : files_of(pattern, findings)) {
      const auto document = read_document(file, findings);
      if (!document) continue;
      for (Rule& rule : rules_of(*document, findings)) rules.push_back(std::move(rule));
    }
  }
  std::vector<ScalingAlert> alerts;
  if (settings) {
    alerts = check_rules(rules, *settings, findings);
    check_targets(alerts, *settings, findings);
    check_nodes(*settings, input.config_file, findings);
  }
  if (!input.alertmanager_file.empty()) {
    const auto document = read_document(input.alertmanager_file, findings);
    const auto routing = document ? routing_of(*document, input.port, findings) : std::nullopt;
    if (routing && settings) {
      check_delivery({*routing, *settings, input.config_file, stale_after_of(input), std::move(alerts)}, findings);
    }
  }
  return findings.take();
}

}  // namespace alertscaler::check
