#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "cardea/bytes.h"

namespace cardea::audit {

/// A value as a database holds it. Nothing: NULL.
using Value = std::variant<std::monostate, std::int64_t, double, std::string, Bytes>;

struct Column {
  std::string name;
  Value value;
  bool key = false;  ///< part of the primary key
};

/// One row of one table, in its canonical form (audit/README.md, "Rows"): the same octets whatever the
/// database's page layout, the columns' order, or columns that were added since and are empty.
struct Row {
  std::string table;
  std::vector<Column> columns;
};

/// What a leaf is made of while the row exists.
Bytes encode_row(const Row& row);
/// What names the row, and what a leaf is made of when the row is deleted.
Bytes encode_key(const Row& row);

/// Writes either form column by column, without a Row in between: for whoever compares many rows.
class RowWriter {
 public:
  enum class Form : std::uint8_t { row = 1, key = 2 };

  /// Empties `out`, and keeps its room. `out` outlives this.
  RowWriter(Bytes& out, Form form, std::string_view table);

  // The columns that are not NULL, in the order of their names' octets; of a key only those of the primary
  // key.
  void integer(std::string_view name, std::int64_t value);
  void real(std::string_view name, double value);
  void text(std::string_view name, std::string_view value);
  void blob(std::string_view name, BytesView value);

 private:
  void column(std::string_view name, std::uint8_t type, BytesView value);

  Bytes& out_;
  std::size_t count_at_;  ///< where the number of columns stands
};

/// Back from either. Nothing for octets that are not exactly one encoding. Columns have no `key` mark.
std::optional<Row> decode(BytesView encoding);
/// Whether it is the encoding of a deleted row.
bool is_tombstone(BytesView encoding);

/// For people: `cards id=…`.
std::string describe(BytesView key);

}  // namespace cardea::audit
