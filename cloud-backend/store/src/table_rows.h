#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cardea/audit/hash.h"
#include "cardea/audit/row.h"
#include "connection.h"

namespace cardea::store {

/// A table whose rows are logged. Read from the schema, so that no table and no column is forgotten.
struct Table {
  struct Column {
    std::string name;
    bool key = false;
    audit::Value otherwise;  ///< what rows hold that are older than the column
  };

  std::string name;
  std::vector<Column> columns;
  std::vector<std::size_t> in_order;  ///< the columns in the order of their names' octets
  std::optional<std::size_t> card;    ///< the column that is the number of the card to which a row belongs
  bool appended_only = false;         ///< never read to decide anything, so not kept in memory
  std::string all;                    ///< SQL: every row
  std::string of_card;                ///< SQL: the rows of one card
  std::string by_id;                  ///< SQL: one row, by its column `id`
  std::string by_key;                 ///< SQL: one row, where one column is the key
  /// The column whose equal values make rows that are checked together, in a table of no card.
  std::optional<std::size_t> together;
  std::string of_together;  ///< SQL: those rows
};

/// All tables but the log itself, what belongs to it, and the row that is written to try the disk.
std::vector<Table> logged_tables(Connection& db);

/// One row in its forms.
struct LoggedRow {
  std::string key;    ///< audit::encode_key
  std::string group;  ///< rows that are checked together: those of a card, `Table::together`, else the key
  audit::Hash hash{};
};

LoggedRow logged(const Table& table, const audit::Row& row);
/// The row at which `query` (one of the table's) stands.
audit::Row row_at(const Table& table, const Query& query);
/// logged(table, row_at(table, query)), several times as fast. `scratch` is room that is used again.
LoggedRow logged_at(const Table& table, const Query& query, Bytes& scratch);
/// Tables, indexes, triggers and views as they were declared: a trigger of somebody else would have the
/// server itself make changes. Nothing when they are as this program makes them, else a sentence.
std::optional<std::string> foreign_schema(Connection& db);
/// Counts the changes of the schema, by anybody.
std::int64_t schema_version(Connection& db);
std::string group_of_card(std::int64_t number);
/// Of a row that belongs to no card.
std::string group_of_key(const std::string& key);
/// The rows of a table with `together` whose column has this value.
std::string group_of_value(const std::string& table, const std::string& value);

}  // namespace cardea::store
