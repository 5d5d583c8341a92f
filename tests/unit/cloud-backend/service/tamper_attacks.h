#pragma once

#include <algorithm>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <doctest/doctest.h>

#include "cardea/hex.h"
#include "intruder.h"

namespace cardea::test {

using Names = std::set<std::string>;

/// Another value of the same type: one bit, where there are bits.
inline audit::Value flipped(const audit::Value& value, const std::string& type) {
  if (const auto* number = std::get_if<std::int64_t>(&value)) return *number ^ 1;
  if (const auto* text = std::get_if<std::string>(&value)) {
    auto other = *text;
    if (other.empty()) return std::string{"~"};
    other.back() = static_cast<char>(other.back() ^ 1);
    return other;
  }
  if (const auto* octets = std::get_if<Bytes>(&value)) {
    auto other = *octets;
    if (other.empty()) return Bytes{1};
    other.back() ^= 1;
    return other;
  }
  if (type == "TEXT") return std::string{"x"};
  if (type == "BLOB") return Bytes(32, 1);
  return std::int64_t{1};
}

/// What is done, and what it must lead to.
struct Attack {
  std::string what;
  std::string table;
  Edit edit;
};

inline Record with(Record record, std::size_t column, audit::Value value) {
  record[column] = std::move(value);
  return record;
}

/// The same row at another time or place: equal in its key.
inline bool same_key(const Intruder::Table& columns, const Record& a, const Record& b) {
  for (std::size_t i = 0; i < columns.size(); ++i)
    if (columns[i].key && a[i] != b[i]) return false;
  return true;
}

/// Everything that can be done to one row of a table.
class Attacks {
 public:
  Attacks(Intruder& intruder, std::string table, Intruder::Table columns, Record row)
      : intruder_{intruder}, table_{std::move(table)}, columns_{std::move(columns)}, row_{std::move(row)} {}

  std::vector<Attack> all(Names& alike) {
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      add(columns_[i].name + " flipped", {row_}, {with(row_, i, another(i))});
      if (!swap(i)) alike.insert(table_ + "." + columns_[i].name);
    }
    swap_contents();
    put_back();
    add("row deleted", {row_}, {});
    duplicate();
    return std::move(attacks_);
  }

 private:
  void add(const std::string& what, std::vector<Record> away, std::vector<Record> there) {
    attacks_.push_back({table_ + ": " + what, table_, {{{table_, std::move(away), std::move(there)}}}});
  }
  audit::Value another(std::size_t i) const {
    // A key may be there already with one bit flipped.
    const auto* number = std::get_if<std::int64_t>(&row_[i]);
    if (number != nullptr && columns_[i].key) return *number + 1000;
    return flipped(row_[i], columns_[i].type);
  }
  bool free(const Record& record, const std::vector<Record>& all, const Record& but) const {
    return std::ranges::none_of(
        all, [&](const Record& row) { return row != row_ && row != but && same_key(columns_, row, record); });
  }
  /// The column's values of this row and another one change places.
  bool swap(std::size_t i) {
    const auto all = intruder_.rows(table_);
    for (const auto& other : all) {
      if (other[i] == row_[i]) continue;
      const auto mine = with(row_, i, other[i]);
      const auto theirs = with(other, i, row_[i]);
      if (mine == other || !free(mine, all, other) || !free(theirs, all, other)) continue;
      add(columns_[i].name + " swapped", {row_, other}, {mine, theirs});
      return true;
    }
    return false;
  }
  /// All that is not key changes places with that of another row.
  void swap_contents() {
    for (const auto& other : intruder_.rows(table_)) {
      auto mine = row_;
      auto theirs = other;
      for (std::size_t i = 0; i < columns_.size(); ++i)
        if (!columns_[i].key) std::swap(mine[i], theirs[i]);
      if (mine == row_) continue;
      return add("contents swapped", {row_, other}, {mine, theirs});
    }
  }
  /// An older version: column by column, as a row, and together with its leaf.
  void put_back() {
    for (const auto& older : intruder_.rows(table_, "1", "older")) {
      if (older == row_ || !same_key(columns_, older, row_)) continue;
      for (std::size_t i = 0; i < columns_.size(); ++i)
        if (older[i] != row_[i]) add(columns_[i].name + " as it was", {row_}, {with(row_, i, older[i])});
      add("row as it was", {row_}, {older});
      Attack with_leaf{table_ + ": row as it was, and its leaf", table_, {{{table_, {row_}, {older}}}}};
      audit::Row name{table_, {}};
      for (std::size_t i = 0; i < columns_.size(); ++i)
        name.columns.push_back({columns_[i].name, row_[i], columns_[i].key});
      const auto where = "row_key = x'" + to_hex(audit::encode_key(name)) + "' ORDER BY number DESC --";
      auto now = intruder_.rows("change_log", where).at(0);
      auto then = intruder_.rows("change_log", where, "older").at(0);
      REQUIRE(now != then);
      then[0] = now[0];  // where the newer one was
      with_leaf.edit.parts.push_back({"change_log", {now}, {then}});
      attacks_.push_back(std::move(with_leaf));
    }
  }
  /// A row like it, under another key: one column of it at a time.
  void duplicate() {
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      if (!columns_[i].key) continue;
      auto copy = with(row_, i, another(i));
      for (std::size_t j = 0; j < columns_.size(); ++j)
        if (columns_[j].unique) copy[j] = another(j);
      add("row duplicated, with another " + columns_[i].name, {}, {copy});
    }
  }

  Intruder& intruder_;
  std::string table_;
  Intruder::Table columns_;
  Record row_;
  std::vector<Attack> attacks_;
};

}  // namespace cardea::test
