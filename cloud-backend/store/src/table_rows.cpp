#include "table_rows.h"

#include <sqlite3.h>

#include <algorithm>
#include <array>
#include <map>
#include <numeric>

#include "migrations.h"

namespace cardea::store {

namespace {

/// The log proves itself, by tags and checkpoints.
constexpr std::array<std::string_view, 3> kNotLogged{"change_log", "checkpoints", "probe"};

/// Not of a card, but what a card's keys hang on: a row that is missing is as wrong as one that was changed.
constexpr std::array<std::string_view, 2> kOfOrganisation{"kek_versions", "card_keys"};
constexpr std::string_view kOrganisation = "organisation";

std::string in_quotes(const std::string& name) {
  return "\"" + name + "\"";
}

std::optional<std::size_t> column_of_card(Connection& db, const Table& table) {
  const auto index = [&table](const std::string& name) {
    const auto at = std::ranges::find(table.columns, name, &Table::Column::name);
    return static_cast<std::size_t>(at - table.columns.begin());
  };
  if (table.name == "cards") return index("number");
  SQLite::Statement keys{db.raw(),
                         "SELECT \"from\" FROM pragma_foreign_key_list(?) WHERE \"table\" = 'cards'"};
  keys.bind(1, table.name);
  if (!keys.executeStep()) return std::nullopt;
  return index(keys.getColumn(0).getString());
}

Table read_table(Connection& db, const std::string& name) {
  Table table;
  table.name = name;
  SQLite::Statement columns{
      db.raw(), "SELECT name, pk, \"notnull\", dflt_value FROM pragma_table_info(?) ORDER BY cid"};
  columns.bind(1, name);
  std::string list;
  while (columns.executeStep()) {
    Table::Column column{columns.getColumn(0).getString(), columns.getColumn(1).getInt() != 0, {}};
    if (columns.getColumn(2).getInt() != 0 && !columns.getColumn(3).isNull()) {
      SQLite::Statement otherwise{db.raw(), "SELECT " + columns.getColumn(3).getString()};
      const Query query{otherwise};
      otherwise.executeStep();
      column.otherwise = query.value(0);
    }
    list += (list.empty() ? "" : ", ") + in_quotes(column.name);
    table.columns.push_back(std::move(column));
  }
  table.in_order.resize(table.columns.size());
  std::iota(table.in_order.begin(), table.in_order.end(), std::size_t{0});
  std::ranges::sort(table.in_order, {},
                    [&table](std::size_t i) -> const std::string& { return table.columns[i].name; });
  table.card = column_of_card(db, table);
  table.appended_only = name == "audit";
  table.all = "SELECT " + list + " FROM " + in_quotes(name);
  if (table.card) table.of_card = table.all + " WHERE " + in_quotes(table.columns[*table.card].name) + " = ?";
  table.by_id = table.all + " WHERE id = ?";
  const auto key = std::ranges::find(table.columns, true, &Table::Column::key);
  if (key != table.columns.end()) table.by_key = table.all + " WHERE " + in_quotes(key->name) + " = ?";
  if (std::ranges::find(kOfOrganisation, name) != kOfOrganisation.end()) {
    const auto column = std::ranges::find(table.columns, kOrganisation, &Table::Column::name);
    table.together = static_cast<std::size_t>(column - table.columns.begin());
    table.of_together = table.all + " WHERE " + in_quotes(column->name) + " = ?";
  }
  return table;
}

std::map<std::string, std::string> declarations(Connection& db) {
  std::map<std::string, std::string> out;
  SQLite::Statement list{db.raw(), "SELECT type, name, coalesce(sql, '') FROM sqlite_schema"};
  while (list.executeStep())
    out[list.getColumn(0).getString() + " " + list.getColumn(1).getString()] = list.getColumn(2).getString();
  return out;
}

void write(audit::RowWriter& writer, const std::string& name, const SQLite::Column& value) {
  const auto size = [&value] { return static_cast<std::size_t>(value.getBytes()); };
  switch (value.getType()) {
    case SQLITE_INTEGER:
      return writer.integer(name, value.getInt64());
    case SQLITE_FLOAT:
      return writer.real(name, value.getDouble());
    case SQLITE_TEXT: {
      const char* text = value.getText();
      return writer.text(name, {text, size()});
    }
    case SQLITE_BLOB: {
      const auto* octets = static_cast<const std::uint8_t*>(value.getBlob());
      return writer.blob(name, {octets, octets == nullptr ? 0 : size()});
    }
    default:
      return;  // NULL
  }
}

}  // namespace

std::vector<Table> logged_tables(Connection& db) {
  std::vector<std::string> names;
  {
    SQLite::Statement list{db.raw(), "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name"};
    while (list.executeStep())
      names.push_back(list.getColumn(0).getString());
  }
  std::vector<Table> tables;
  for (const auto& name : names) {
    if (name.starts_with("sqlite_") || std::ranges::find(kNotLogged, name) != kNotLogged.end()) continue;
    tables.push_back(read_table(db, name));
  }
  return tables;
}

std::optional<std::string> foreign_schema(Connection& db) {
  Connection fresh{":memory:", Access::write};
  if (const auto made = migrate(fresh); !made) return made.error().what;
  const auto right = declarations(fresh);
  const auto found = declarations(db);
  for (const auto& [name, sql] : found) {
    const auto at = right.find(name);
    if (at == right.end()) return "the schema's " + name + " is not the server's";
    if (at->second != sql) return "the schema's " + name + " was changed, and not by the server";
  }
  for (const auto& [name, sql] : right)
    if (!found.contains(name)) return "the schema's " + name + " was deleted, and not by the server";
  return std::nullopt;
}

std::int64_t schema_version(Connection& db) {
  auto version = db.query("PRAGMA schema_version");
  version.step();
  return version.integer(0);
}

std::string group_of_card(std::int64_t number) {
  return "card " + std::to_string(number);
}

std::string group_of_value(const std::string& table, const std::string& value) {
  return table + " of " + value;
}

std::string group_of_key(const std::string& key) {
  // Of the many keys, only those that may need it are taken apart.
  const auto named = [&key](std::string_view table) { return key.find(table) != std::string::npos; };
  if (std::ranges::none_of(kOfOrganisation, named)) return key;
  const auto row = audit::decode(as_bytes(key));
  if (!row || std::ranges::find(kOfOrganisation, row->table) == kOfOrganisation.end()) return key;
  const auto column = std::ranges::find(row->columns, kOrganisation, &audit::Column::name);
  const auto* value = column != row->columns.end() ? std::get_if<std::string>(&column->value) : nullptr;
  return value != nullptr ? group_of_value(row->table, *value) : key;
}

LoggedRow logged(const Table& table, const audit::Row& row) {
  LoggedRow out;
  const auto key = audit::encode_key(row);
  out.key.assign(key.begin(), key.end());
  out.group = out.key;
  if (table.card) {
    if (const auto* number = std::get_if<std::int64_t>(&row.columns[*table.card].value)) {
      out.group = group_of_card(*number);
    }
  } else if (table.together) {
    out.group = group_of_key(out.key);
  }
  out.hash = audit::leaf_hash(audit::encode_row(row));
  return out;
}

LoggedRow logged_at(const Table& table, const Query& query, Bytes& scratch) {
  using audit::RowWriter;
  LoggedRow out;
  RowWriter key{scratch, RowWriter::Form::key, table.name};
  for (const auto i : table.in_order)
    if (table.columns[i].key) write(key, table.columns[i].name, query.column(i));
  out.key.assign(scratch.begin(), scratch.end());
  out.group = out.key;
  if (table.card) {
    const auto number = query.column(*table.card);
    if (number.isInteger()) out.group = group_of_card(number.getInt64());
  } else if (table.together) {
    out.group = group_of_key(out.key);
  }
  RowWriter row{scratch, RowWriter::Form::row, table.name};
  for (const auto i : table.in_order)
    write(row, table.columns[i].name, query.column(i));
  out.hash = audit::leaf_hash(scratch);
  return out;
}

audit::Row row_at(const Table& table, const Query& query) {
  audit::Row row{table.name, {}};
  row.columns.reserve(table.columns.size());
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    row.columns.push_back({table.columns[i].name, query.value(static_cast<int>(i)), table.columns[i].key});
  }
  return row;
}

}  // namespace cardea::store
