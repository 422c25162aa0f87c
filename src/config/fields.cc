#include "config/fields.h"

#include <algorithm>

#include "base/text.h"

namespace alertscaler::config {
namespace {

constexpr std::size_t key_bytes_max = 60;  // of a key in a message

const Element* element_at(const Element& root, std::string_view path) {
  const Element* at = &root;
  for (const std::string& key : text::split(path, '.')) {
    const auto found =
        std::find_if(at->entries.begin(), at->entries.end(), [&](const Entry& e) { return e.key == key; });
    if (found == at->entries.end()) return nullptr;
    at = &found->value;
  }
  return at;
}

bool is_there(const Element* element, const std::string& pattern) {
  if (element == nullptr) return false;
  const bool scalar = element->kind == Element::Kind::scalar;
  if (!scalar && element->items.empty() && element->entries.empty()) return false;
  if (pattern.empty()) return true;
  if (pattern == Dependency::yes) return says_true(*element);
  const Form form(pattern);
  return scalar ? form.fits(element->text)
                : std::any_of(element->items.begin(), element->items.end(),
                              [&](const Element& item) { return form.fits(item.text); });
}

}  // namespace

MapReader::MapReader(const Value& value, std::string_view what) : value_(value) {
  const Element& node = value.node();
  is_map_ = node.kind == Element::Kind::map || node.kind == Element::Kind::nothing;
  if (!is_map_) value.expected(what);
  if (value.shape() != nullptr) value.shape()->kind = Shape::Kind::map;
  for (const Entry& entry : node.entries) unknown_.push_back(&entry);
}

const Entry* MapReader::known(std::string_view key) {
  known_.emplace_back(key);
  const auto found = std::find_if(unknown_.begin(), unknown_.end(), [&](const Entry* e) { return e->key == key; });
  if (found == unknown_.end()) return nullptr;
  const Entry* entry = *found;
  unknown_.erase(found);
  return entry;
}

Value MapReader::described(std::string_view key, std::string_view about) const {
  Value value = value_.part(value_.shape()->keys, std::string(key));
  value.shape()->about = about;
  return value;
}

bool MapReader::has(std::string_view key) const {
  const auto& entries = value_.node().entries;
  return std::any_of(entries.begin(), entries.end(), [&](const Entry& entry) { return entry.key == key; });
}

void MapReader::exclude(std::string_view one, std::string_view other) {
  if (shape() != nullptr) shape()->never_both.emplace_back(one, other);
  if (has(one) && has(other)) value_.problem(std::string(one) + " and " + std::string(other) + " exclude each other");
}

void MapReader::pair(std::string_view one, std::string_view other) {
  if (shape() != nullptr) {
    shape()->only_with.push_back({std::string(one), {std::string(other)}});
    shape()->only_with.push_back({std::string(other), {std::string(one)}});
  }
  if (has(one) != has(other)) {
    value_.problem(std::string(one) + " and " + std::string(other) + " belong together, and only one of them is here");
  }
}

void MapReader::need_one(std::initializer_list<std::string_view> keys, const std::vector<std::string>& unless,
                         std::string_view message) {
  if (shape() != nullptr) {
    shape()->at_least_one.emplace_back(keys.begin(), keys.end());
    return;
  }
  const bool any = std::any_of(keys.begin(), keys.end(), [&](std::string_view key) { return has(key); });
  if (is_map_ && unless.empty() && !any) value_.problem(std::string(message));
}

bool MapReader::need(std::initializer_list<Dependency> dependencies, std::string_view message) {
  if (shape() != nullptr) {
    for (const Dependency& each : dependencies) shape()->dependencies.push_back(each);
    return true;
  }
  const Element& root = value_.node();
  const bool hold = std::all_of(dependencies.begin(), dependencies.end(), [&](const Dependency& each) {
    return !is_there(element_at(root, each.when), each.is) || is_there(element_at(root, each.then), each.be);
  });
  return hold || value_.problem(std::string(message));
}

bool MapReader::refuse_later(std::span<const std::string_view> keys) {
  bool any = false;
  for (const std::string_view key : keys) {
    const auto found = std::find_if(unknown_.begin(), unknown_.end(), [&](const Entry* e) { return e->key == key; });
    if (found == unknown_.end()) continue;
    value_.problem_at((*found)->at, std::string(key) + " is not supported by this version yet; leave it out");
    unknown_.erase(found);
    any = true;
  }
  return any;
}

std::vector<std::string> MapReader::finish(std::initializer_list<std::string_view> required) {
  if (Shape* described = shape()) {
    std::erase_if(described->keys, [](const Shape& key) { return key.never; });
    described->required.assign(required.begin(), required.end());
    return {};
  }
  std::vector<std::string> all_meant;
  for (const Entry* entry : unknown_) {
    const auto meant = meant_by(entry->key, known_);
    const std::string hint = meant            ? did_you_mean(meant)
                             : known_.empty() ? std::string("; there is none here")
                                              : "; the keys here are " + text::join(known_, ", ");
    value_.problem_at(entry->at, "unknown key " + text::json_quote(text::shorten(entry->key, key_bytes_max)) + hint);
    if (meant) all_meant.push_back(*meant);
  }
  for (const std::string_view key : required) {
    const bool misspelt = std::find(all_meant.begin(), all_meant.end(), key) != all_meant.end();
    if (is_map_ && !has(key) && !misspelt) value_.problem(std::string(key) + " is missing");
  }
  return all_meant;
}

}  // namespace alertscaler::config
