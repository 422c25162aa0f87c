// The YAML files of others: read only as far as scaling depends on them, and what is unknown is left alone.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "check/finding.h"
#include "config/yaml.h"

namespace alertscaler::check {

struct Text {
  std::string text;
  config::Mark at;
};

// A file's tree. Absent: it cannot be read, and the findings say why.
struct Document {
  std::string file;
  config::Element root;
};
[[nodiscard]] std::optional<Document> read_document(const std::string& file, Findings& findings);

// Reads values of one file; what does not fit is an error with its place. Absent values are no error.
class Reader {
 public:
  Reader(std::string file, Findings& findings) : file_(std::move(file)), findings_(&findings) {}

  [[nodiscard]] const std::string& file() const { return file_; }
  [[nodiscard]] const config::Element* find(const config::Element& map, std::string_view key) const;
  // The items of a list or the map under this key; null when it is missing or, with an error, something else.
  [[nodiscard]] const config::Element* list(const config::Element& map, std::string_view key) const;
  [[nodiscard]] const config::Element* map(const config::Element& map, std::string_view key) const;
  [[nodiscard]] std::optional<Text> text(const config::Element& map, std::string_view key) const;
  [[nodiscard]] std::optional<Duration> duration(const config::Element& map, std::string_view key) const;
  [[nodiscard]] std::map<std::string, Text> texts(const config::Element& map, std::string_view key) const;

  void error(config::Mark at, std::string message) const { findings_->error(file_, at, std::move(message)); }

 private:
  std::string file_;
  Findings* findings_;
};

}  // namespace alertscaler::check
