// A map of the file, read by tables of its keys: each table says which key goes where. The same tables say what there
// is, when a shape is asked for: see Value.
#pragma once

#include <array>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/value.h"

namespace alertscaler::config {

// One key, how its value is read into a T, and what it is for: one line that an editor shows.
template <class T>
struct Field {
  std::string_view key;
  void (*read)(const Value& value, T& out);
  std::string_view about = {};  // only of files that are not ours it may be left out
};

// Reads a map table by table, and then reports the keys that no table knew. A value left empty is an empty map.
class MapReader {
 public:
  // `what` names what the map describes and an example, for a value that is no map: "labels, such as {action: a}".
  MapReader(const Value& value, std::string_view what);

  // Entries are read in the table's order.
  template <class T>
  void take(std::span<const Field<T>> table, T& out) {
    for (const Field<T>& field : table) {
      if (value_.shape() != nullptr) {
        field.read(described(field.key, field.about), out);
      } else if (const Entry* entry = known(field.key)) {
        field.read(value_.entry(*entry), out);
      }
    }
  }
  template <class T, std::size_t N>
  void take(const std::array<Field<T>, N>& table, T& out) {
    take(std::span<const Field<T>>(table), out);
  }

  // Reports keys that are both there; that only one of two is there; that none of them is.
  void exclude(std::string_view one, std::string_view other);
  void pair(std::string_view one, std::string_view other);
  // `unless`: the keys that were probably meant, from finish(); with any of those nothing is missing for sure.
  void need_one(std::initializer_list<std::string_view> keys, const std::vector<std::string>& unless,
                std::string_view message);
  // Reports `message`, once, if one of them does not hold; says whether all do.
  bool need(std::initializer_list<Dependency> dependencies, std::string_view message);
  [[nodiscard]] bool has(std::string_view key) const;

  // Keys of the contract that this version does not support; reported as such. Says whether any is there.
  bool refuse_later(std::span<const std::string_view> keys);
  // Reports what no table knew, each with the nearest key that one knew, and what is missing of `required`, unless it
  // is there misspelt. The keys that were probably meant are returned.
  std::vector<std::string> finish(std::initializer_list<std::string_view> required = {});

  [[nodiscard]] bool is_map() const { return is_map_; }
  [[nodiscard]] const Value& value() const { return value_; }
  // What is described, for what only a check of the whole map knows; null: a file is read.
  [[nodiscard]] Shape* shape() const { return value_.shape(); }

 private:
  // The entry of this key, which is no unknown one from now on; null when it is not there.
  const Entry* known(std::string_view key);
  [[nodiscard]] Value described(std::string_view key, std::string_view about) const;

  Value value_;
  bool is_map_ = false;
  std::vector<const Entry*> unknown_;
  std::vector<std::string> known_;
};

}  // namespace alertscaler::config
