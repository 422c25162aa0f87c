// Where in a file something stands, and the list of all that is wrong with the file.
#pragma once

#include <algorithm>
#include <filesystem>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "config/load.h"

namespace alertscaler::config {

struct Mark {
  int line = 0;    // from 1; 0: the file as a whole
  int column = 0;  // from 1, in characters
};

class Report {
 public:
  // `folder` is where relative paths in the file are taken from; empty: they stay as they are.
  Report(std::string file, std::filesystem::path folder) : file_(std::move(file)), folder_(std::move(folder)) {}
  Report(const Report&) = delete;
  Report& operator=(const Report&) = delete;

  void add(Mark at, std::string message) { problems_.push_back({file_, at.line, at.column, std::move(message)}); }
  void add_elsewhere(std::string source, std::string message) {
    problems_.push_back({std::move(source), 0, 0, std::move(message)});
  }
  // Of another file.
  void add_all(std::vector<Problem> problems) {
    for (Problem& problem : problems) problems_.push_back(std::move(problem));
  }

  [[nodiscard]] bool empty() const { return problems_.empty(); }
  [[nodiscard]] const std::filesystem::path& folder() const { return folder_; }
  // In the order of the file.
  [[nodiscard]] std::vector<Problem> take() {
    std::stable_sort(problems_.begin(), problems_.end(), [](const Problem& a, const Problem& b) {
      return std::tie(a.line, a.column) < std::tie(b.line, b.column);
    });
    return std::exchange(problems_, {});
  }

 private:
  const std::string file_;
  const std::filesystem::path folder_;
  std::vector<Problem> problems_;
};

}  // namespace alertscaler::config
