#pragma once

#include <string>
#include <vector>

#include "cardea/result.h"
#include "connection.h"

namespace cardea::store {

struct Migration {
  int version;
  std::string name;
  std::string sql;
};

/// All of store/migrations, ascending from 1, as they were when this program was built.
const std::vector<Migration>& migrations();

/// Marks the file as ours ("CRDA"), so that no other program's database is taken for one.
inline constexpr int kApplicationId = 0x43524441;

/// Whether `migrate` would change anything in a database that is not new.
bool needs_migration(Connection& connection);

/// Brings an open database to the newest version, each migration in one transaction.
/// Errors: `conflict` for a database newer than this program, `invalid` for another program's, `corrupt`.
Result<void> migrate(Connection& connection);

/// SQLite's quick check. Errors: `corrupt`.
Result<void> check_integrity(Connection& connection);

}  // namespace cardea::store
