// What is wrong with a set of files, or worth knowing about it, and where.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/report.h"

namespace alertscaler::check {

// error: it will not do what it says. warning: it may be meant so. info: a fact that follows from the files together.
enum class Severity { error, warning, info };
[[nodiscard]] std::string_view to_string(Severity severity);

struct Finding {
  Severity severity = Severity::error;
  std::string file;
  config::Mark at;  // line 0: the file as a whole
  std::string message;
};

class Findings {
 public:
  void add(Severity severity, std::string file, config::Mark at, std::string message);
  void error(std::string file, config::Mark at, std::string message);
  void warning(std::string file, config::Mark at, std::string message);
  void info(std::string file, config::Mark at, std::string message);
  // A problem of reading a file is an error.
  void add(const std::vector<config::Problem>& problems);

  // File by file as they were first named by begin_file, each in the order of its lines; equal ones once.
  void begin_file(const std::string& file);
  [[nodiscard]] std::vector<Finding> take();

 private:
  std::vector<std::string> files_;
  std::vector<Finding> list_;
};

[[nodiscard]] bool has_errors(const std::vector<Finding>& findings);
// One line each, "rules/web.yml:12:7: error: …", and a last one that counts.
[[nodiscard]] std::string as_text(const std::vector<Finding>& findings);
// {"findings":[{"severity","file","line","column","message"}],"errors":0,"warnings":0}; line and column are null for a
// file as a whole.
[[nodiscard]] std::string as_json(const std::vector<Finding>& findings);

}  // namespace alertscaler::check
