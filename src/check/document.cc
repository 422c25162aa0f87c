#include "check/document.h"

#include <algorithm>

#include "base/file.h"
#include "base/text.h"

namespace alertscaler::check {

using config::Element;
using config::Entry;

std::optional<Document> read_document(const std::string& file, Findings& findings) {
  findings.begin_file(file);
  const auto text = read_file(file);
  if (!text) {
    findings.error(file, {}, "cannot be read: " + text.error().message);
    return std::nullopt;
  }
  config::Report report(file, {});
  auto root = config::parse_yaml(*text, report);
  const bool readable = root && report.empty();
  findings.add(report.take());
  if (!readable) return std::nullopt;
  if (root->kind != Element::Kind::map) {
    findings.error(file, root->at, "expected a map of keys and values; this is another kind of file");
    return std::nullopt;
  }
  return Document{file, *std::move(root)};
}

const Element* Reader::find(const Element& map, std::string_view key) const {
  const auto found =
      std::find_if(map.entries.begin(), map.entries.end(), [&](const Entry& entry) { return entry.key == key; });
  if (found == map.entries.end() || found->value.kind == Element::Kind::nothing) return nullptr;
  return &found->value;
}

const Element* Reader::list(const Element& map, std::string_view key) const {
  const Element* value = find(map, key);
  if (value == nullptr || value->kind == Element::Kind::list) return value;
  error(value->at, std::string(key) + ": expected a list");
  return nullptr;
}

const Element* Reader::map(const Element& map, std::string_view key) const {
  const Element* value = find(map, key);
  if (value == nullptr || value->kind == Element::Kind::map) return value;
  error(value->at, std::string(key) + ": expected a map of keys and values");
  return nullptr;
}

std::optional<Text> Reader::text(const Element& map, std::string_view key) const {
  const Element* value = find(map, key);
  if (value == nullptr) return std::nullopt;
  if (value->kind == Element::Kind::scalar) return Text{value->text, value->at};
  error(value->at, std::string(key) + ": expected a text or a number");
  return std::nullopt;
}

std::optional<Duration> Reader::duration(const Element& map, std::string_view key) const {
  const auto given = text(map, key);
  if (!given) return std::nullopt;
  const auto duration = text::parse_duration(given->text);
  if (duration) return *duration;
  error(given->at, std::string(key) + ": " + duration.error().message);
  return std::nullopt;
}

std::map<std::string, Text> Reader::texts(const Element& map, std::string_view key) const {
  std::map<std::string, Text> out;
  const Element* inner = this->map(map, key);
  if (inner == nullptr) return out;
  for (const Entry& entry : inner->entries) {
    if (const auto value = text(*inner, entry.key)) out.emplace(entry.key, *value);
  }
  return out;
}

}  // namespace alertscaler::check
