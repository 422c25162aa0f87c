#include "check/finding.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include <nlohmann/json.hpp>

namespace alertscaler::check {
namespace {

long count(const std::vector<Finding>& findings, Severity severity) {
  return std::count_if(findings.begin(), findings.end(), [&](const Finding& f) { return f.severity == severity; });
}

std::string counted(long number, const std::string& word) {
  return std::to_string(number) + " " + word + (number == 1 ? "" : "s");
}

}  // namespace

std::string_view to_string(Severity severity) {
  switch (severity) {
    case Severity::error:
      return "error";
    case Severity::warning:
      return "warning";
    case Severity::info:
      return "info";
  }
  return "";
}

void Findings::add(Severity severity, std::string file, config::Mark at, std::string message) {
  list_.push_back({severity, std::move(file), at, std::move(message)});
}
void Findings::error(std::string file, config::Mark at, std::string message) {
  add(Severity::error, std::move(file), at, std::move(message));
}
void Findings::warning(std::string file, config::Mark at, std::string message) {
  add(Severity::warning, std::move(file), at, std::move(message));
}
void Findings::info(std::string file, config::Mark at, std::string message) {
  add(Severity::info, std::move(file), at, std::move(message));
}
void Findings::add(const std::vector<config::Problem>& problems) {
  for (const config::Problem& problem : problems) {
    error(problem.file, {problem.line, problem.column}, problem.message);
  }
}

void Findings::begin_file(const std::string& file) {
  if (std::find(files_.begin(), files_.end(), file) == files_.end()) files_.push_back(file);
}

std::vector<Finding> Findings::take() {
  const auto key = [&](const Finding& finding) {
    const auto file = std::find(files_.begin(), files_.end(), finding.file);
    return std::tuple(file - files_.begin(), finding.at.line, finding.at.column, static_cast<int>(finding.severity));
  };
  std::stable_sort(list_.begin(), list_.end(), [&](const Finding& a, const Finding& b) { return key(a) < key(b); });
  const auto same = [&](const Finding& a, const Finding& b) {
    return key(a) == key(b) && a.file == b.file && a.message == b.message;
  };
  list_.erase(std::unique(list_.begin(), list_.end(), same), list_.end());
  return std::exchange(list_, {});
}

bool has_errors(const std::vector<Finding>& findings) {
  return count(findings, Severity::error) > 0;
}

std::string as_text(const std::vector<Finding>& findings) {
  std::string out;
  for (const Finding& finding : findings) {
    out += finding.file;
    if (finding.at.line > 0) out += ":" + std::to_string(finding.at.line) + ":" + std::to_string(finding.at.column);
    out += ": " + std::string(to_string(finding.severity)) + ": " + finding.message + "\n";
  }
  return out + counted(count(findings, Severity::error), "error") + ", " +
         counted(count(findings, Severity::warning), "warning") + "\n";
}

std::string as_json(const std::vector<Finding>& findings) {
  using Json = nlohmann::ordered_json;
  Json list = Json::array();
  for (const Finding& finding : findings) {
    const bool placed = finding.at.line > 0;
    list.push_back({{"severity", to_string(finding.severity)},
                    {"file", finding.file},
                    {"line", placed ? Json(finding.at.line) : Json()},
                    {"column", placed ? Json(finding.at.column) : Json()},
                    {"message", finding.message}});
  }
  const Json out = {{"findings", std::move(list)},
                    {"errors", count(findings, Severity::error)},
                    {"warnings", count(findings, Severity::warning)}};
  return out.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace alertscaler::check
