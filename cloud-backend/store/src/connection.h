#pragma once

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Exception.h>
#include <SQLiteCpp/Statement.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

#include "cardea/audit/row.h"
#include "cardea/bytes.h"
#include "cardea/result.h"
#include "cardea/store/rows.h"

namespace cardea::store {

/// One use of a prepared statement: bound, stepped, and reset when it goes out of scope. Throws
/// SQLite::Exception.
class Query {
 public:
  template <class... Values>
  explicit Query(SQLite::Statement& statement, const Values&... values) : statement_{statement} {
    int index = 0;
    (bind(++index, values), ...);
  }
  Query(const Query&) = delete;
  Query& operator=(const Query&) = delete;
  ~Query() { statement_.tryReset(); }

  /// True while there is a row.
  bool step() { return statement_.executeStep(); }

  [[nodiscard]] bool null(int column) const { return statement_.isColumnNull(column); }
  [[nodiscard]] std::int64_t integer(int column) const { return statement_.getColumn(column).getInt64(); }
  [[nodiscard]] std::uint64_t count(int column) const { return static_cast<std::uint64_t>(integer(column)); }
  [[nodiscard]] Time time(int column) const { return Time{std::chrono::milliseconds{integer(column)}}; }
  [[nodiscard]] std::string text(int column) const { return statement_.getColumn(column).getString(); }
  [[nodiscard]] Bytes blob(int column) const;
  [[nodiscard]] SQLite::Column column(std::size_t column) const {
    return statement_.getColumn(static_cast<int>(column));
  }
  /// With its type, for whoever does not know the table.
  [[nodiscard]] audit::Value value(int column) const;
  [[nodiscard]] std::optional<std::string> optional_text(int column) const {
    return null(column) ? std::nullopt : std::optional{text(column)};
  }
  [[nodiscard]] std::optional<Time> optional_time(int column) const {
    return null(column) ? std::nullopt : std::optional{time(column)};
  }

 private:
  void bind(int index, std::int64_t value) { statement_.bind(index, value); }
  void bind(int index, const std::string& value) { statement_.bind(index, value); }
  void bind(int index, BytesView value);
  void bind(int index, Time value) { bind(index, std::int64_t{value.time_since_epoch().count()}); }
  template <class T>
  void bind(int index, const std::optional<T>& value) {
    if (value) {
      bind(index, *value);
    } else {
      statement_.bind(index);  // NULL
    }
  }

  SQLite::Statement& statement_;
};

enum class Access : std::uint8_t { read, write };

/// An open database file with its prepared statements, for one thread at a time. Throws SQLite::Exception.
class Connection {
 public:
  Connection(const std::filesystem::path& file, Access access);

  /// `sql` is a literal: prepared statements are kept by its address.
  template <class... Values>
  Query query(const char* sql, const Values&... values) {
    return Query{prepare(sql), values...};
  }

  /// Whether the query yields a row.
  template <class... Values>
  bool exists(const char* sql, const Values&... values) {
    return query(sql, values...).step();
  }

  /// Runs a statement for its effect; returns the number of rows it changed.
  template <class... Values>
  std::int64_t run(const char* sql, const Values&... values) {
    query(sql, values...).step();
    return changes();
  }

  /// A whole script, not kept.
  void script(const std::string& sql) { database_.exec(sql); }
  [[nodiscard]] bool in_transaction() const;
  SQLite::Database& raw() { return database_; }

  /// `failure` in the house's terms.
  [[nodiscard]] Error translate(const SQLite::Exception& failure) const;

 private:
  SQLite::Statement& prepare(const char* sql);
  [[nodiscard]] std::int64_t changes() const;

  SQLite::Database database_;
  std::unordered_map<const char*, SQLite::Statement> statements_;
};

/// What SQLite reported; `system_errno` is the operating system's reason where there was one.
Error translate_sqlite(int extended_code, int system_errno, const std::string& message);

}  // namespace cardea::store
