#include "migrations.h"

#include <string>

namespace cardea::store {

namespace {

int pragma(Connection& connection, const char* sql) {
  return connection.raw().execAndGet(sql).getInt();
}

void apply(Connection& connection, const Migration& migration) {
  connection.script("BEGIN IMMEDIATE");
  try {
    connection.script(migration.sql);
    connection.script("PRAGMA application_id = " + std::to_string(kApplicationId));
    connection.script("PRAGMA user_version = " + std::to_string(migration.version));
    connection.script("COMMIT");
  } catch (const SQLite::Exception&) {
    if (connection.in_transaction()) connection.script("ROLLBACK");
    throw;
  }
}

}  // namespace

bool needs_migration(Connection& connection) {
  const int version = pragma(connection, "PRAGMA user_version");
  return version > 0 && version < migrations().back().version;
}

Result<void> migrate(Connection& connection) {
  const int owner = pragma(connection, "PRAGMA application_id");
  const int version = pragma(connection, "PRAGMA user_version");
  const bool empty = pragma(connection, "SELECT count(*) FROM sqlite_schema") == 0;
  if (owner != kApplicationId && !(owner == 0 && version == 0 && empty)) {
    return fail(Errc::invalid, "the file is a database of another program");
  }
  const auto& all = migrations();
  const int newest = all.back().version;
  if (version > newest) {
    return fail(Errc::conflict, "the database has schema version " + std::to_string(version) +
                                    ", this program knows versions up to " + std::to_string(newest) +
                                    ": start a newer program or restore an older backup");
  }
  for (const auto& migration : all) {
    if (migration.version > version) apply(connection, migration);
  }
  return {};
}

Result<void> check_integrity(Connection& connection) {
  const std::string verdict = connection.raw().execAndGet("PRAGMA quick_check(1)").getString();
  if (verdict != "ok") return fail(Errc::corrupt, "the database's file is damaged: " + verdict);
  return {};
}

}  // namespace cardea::store
