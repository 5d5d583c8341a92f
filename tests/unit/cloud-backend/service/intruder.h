#pragma once

#include <SQLiteCpp/SQLiteCpp.h>
#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "cardea/audit/row.h"

namespace cardea::test {

/// Values in the order of the table's columns.
using Record = std::vector<audit::Value>;

/// Rows that are taken away and rows that are put there; the other way round it is undone.
struct Edit {
  struct Part {
    std::string table;
    std::vector<Record> away;
    std::vector<Record> there;
  };
  std::vector<Part> parts;
};

/// Somebody with the database's file and a connection of their own, who also has the file as it once was.
class Intruder {
 public:
  struct Column {
    std::string name;
    std::string type;
    bool key = false;
    bool unique = false;  ///< by itself, without being the key
  };
  using Table = std::vector<Column>;

  explicit Intruder(const std::filesystem::path& file) : file_{file.string(), SQLite::OPEN_READWRITE} {
    file_.setBusyTimeout(20'000);
    file_.exec("PRAGMA foreign_keys = OFF; PRAGMA ignore_check_constraints = ON");
  }

  void copy_to(const std::filesystem::path& copy) { file_.exec("VACUUM INTO '" + copy.string() + "'"); }
  void keep_a_copy(const std::filesystem::path& copy) {
    copy_to(copy);
    file_.exec("ATTACH '" + copy.string() + "' AS older");
  }

  std::map<std::string, Table> schema() {
    std::map<std::string, Table> out;
    SQLite::Statement names{
        file_, "SELECT name FROM main.sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'"};
    while (names.executeStep())
      out[names.getColumn(0).getString()] = columns(names.getColumn(0).getString());
    return out;
  }

  std::vector<Record> rows(const std::string& table, const std::string& where = "1",
                           const char* in = "main") {
    SQLite::Statement query{
        file_, "SELECT * FROM " + std::string{in} + "." + table + " WHERE " + where + " ORDER BY 1, 2"};
    std::vector<Record> out;
    while (query.executeStep()) {
      Record record;
      for (int i = 0; i < query.getColumnCount(); ++i)
        record.push_back(value(query.getColumn(i)));
      out.push_back(std::move(record));
    }
    return out;
  }

  void make(const Edit& edit) {
    SQLite::Transaction transaction{file_, SQLite::TransactionBehavior::IMMEDIATE};
    for (const auto& part : edit.parts)
      for (const auto& record : part.away)
        remove(part.table, record);
    for (const auto& part : edit.parts)
      for (const auto& record : part.there)
        insert(part.table, record);
    transaction.commit();
  }
  void undo(Edit edit) {
    for (auto& part : edit.parts)
      std::swap(part.away, part.there);
    make(edit);
  }

 private:
  Table columns(const std::string& table) {
    Table out;
    SQLite::Statement list{file_,
                           "SELECT name, type, pk FROM pragma_table_info('" + table + "') ORDER BY cid"};
    while (list.executeStep())
      out.push_back({list.getColumn(0).getString(), list.getColumn(1).getString(),
                     list.getColumn(2).getInt() != 0, false});
    SQLite::Statement unique{file_,
                             "SELECT (SELECT group_concat(name) FROM pragma_index_info(l.name)) FROM "
                             "pragma_index_list('" +
                                 table + "') l WHERE l.\"unique\" AND l.origin <> 'pk'"};
    while (unique.executeStep()) {
      const auto at = std::ranges::find(out, unique.getColumn(0).getString(), &Column::name);
      if (at != out.end()) at->unique = true;
    }
    return out;
  }

  static audit::Value value(const SQLite::Column& column) {
    if (column.isInteger()) return std::int64_t{column.getInt64()};
    if (column.isText()) return column.getString();
    if (column.isNull()) return std::monostate{};
    const auto* data = static_cast<const std::uint8_t*>(column.getBlob());
    return Bytes(data, data + column.getBytes());
  }
  static void bind(SQLite::Statement& statement, const Record& record) {
    for (int i = 0; i < static_cast<int>(record.size()); ++i) {
      const auto& value = record[static_cast<std::size_t>(i)];
      if (const auto* number = std::get_if<std::int64_t>(&value)) {
        statement.bind(i + 1, *number);
      } else if (const auto* text = std::get_if<std::string>(&value)) {
        statement.bind(i + 1, *text);
      } else if (const auto* octets = std::get_if<Bytes>(&value)) {
        // Without a place, nothing at all would be NULL.
        statement.bind(i + 1, octets->empty() ? static_cast<const void*>("") : octets->data(),
                       static_cast<int>(octets->size()));
      }
    }
  }
  void remove(const std::string& table, const Record& record) {
    std::string where;
    for (const auto& column : columns(table))
      where += (where.empty() ? "" : " AND ") + ("\"" + column.name + "\" IS ?");
    SQLite::Statement statement{file_, "DELETE FROM main." + table + " WHERE " + where};
    bind(statement, record);
    REQUIRE(statement.exec() == 1);
  }
  void insert(const std::string& table, const Record& record) {
    std::string marks;
    for (std::size_t i = 0; i < record.size(); ++i)
      marks += i == 0 ? "?" : ", ?";
    SQLite::Statement statement{file_, "INSERT INTO main." + table + " VALUES (" + marks + ")"};
    bind(statement, record);
    REQUIRE(statement.exec() == 1);
  }

  SQLite::Database file_;
};

}  // namespace cardea::test
