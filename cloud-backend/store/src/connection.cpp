#include "connection.h"

#include <sqlite3.h>

#include <cerrno>

namespace cardea::store {

namespace {

// A reader waits for nobody in WAL mode; this covers an operator's sqlite3 shell that holds the write lock
// for a moment.
constexpr int kBusyMilliseconds = 5000;

int open_flags(Access access) {
  // Each connection is used by one thread at a time, so SQLite's own mutexes would only cost.
  return (access == Access::write ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READWRITE) |
         SQLITE_OPEN_NOMUTEX;
}

bool means_no_room(int system_errno) {
  return system_errno == ENOSPC || system_errno == EDQUOT || system_errno == EFBIG;
}

}  // namespace

void Query::bind(int index, BytesView value) {
  // A null pointer would store NULL instead of an empty value.
  statement_.bind(index, value.empty() ? "" : static_cast<const void*>(value.data()),
                  static_cast<int>(value.size()));
}

Bytes Query::blob(int column) const {
  const auto value = statement_.getColumn(column);
  const auto* const data = static_cast<const std::uint8_t*>(value.getBlob());
  return data == nullptr ? Bytes{} : Bytes(data, data + value.getBytes());
}

audit::Value Query::value(int column) const {
  const auto value = statement_.getColumn(column);
  switch (value.getType()) {
    case SQLITE_INTEGER:
      return value.getInt64();
    case SQLITE_FLOAT:
      return value.getDouble();
    case SQLITE_TEXT:
      return value.getString();
    case SQLITE_BLOB:
      return blob(column);
    default:
      return std::monostate{};
  }
}

Connection::Connection(const std::filesystem::path& file, Access access)
    : database_{file.string(), open_flags(access), kBusyMilliseconds} {
  database_.exec("PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF; PRAGMA secure_delete = ON");
  if (access == Access::read) database_.exec("PRAGMA query_only = ON");
}

bool Connection::in_transaction() const {
  return sqlite3_get_autocommit(database_.getHandle()) == 0;
}

std::int64_t Connection::changes() const {
  return sqlite3_changes64(database_.getHandle());
}

SQLite::Statement& Connection::prepare(const char* sql) {
  const auto kept = statements_.find(sql);
  if (kept != statements_.end()) return kept->second;
  return statements_.emplace(sql, SQLite::Statement{database_, sql}).first->second;
}

Error Connection::translate(const SQLite::Exception& failure) const {
  return translate_sqlite(failure.getExtendedErrorCode(), sqlite3_system_errno(database_.getHandle()),
                          failure.what());
}

Error translate_sqlite(int extended_code, int system_errno, const std::string& message) {
  const auto error = [&message](Errc code, const char* sentence) {
    return Error{code, std::string{sentence} + ": " + message};
  };
  switch (extended_code & 0xFF) {
    case SQLITE_FULL:
      return error(Errc::exhausted, "no room left for the database");
    case SQLITE_NOMEM:
      return error(Errc::exhausted, "not enough memory for the database");
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
      if (means_no_room(system_errno)) return error(Errc::exhausted, "no room left for the database");
      return error(Errc::unavailable, "the database's file cannot be read or written");
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return error(Errc::corrupt, "the database's file is damaged");
    case SQLITE_CONSTRAINT:
      return error(Errc::conflict, "the database refuses the change");
    case SQLITE_TOOBIG:
    case SQLITE_MISMATCH:
      return error(Errc::invalid, "the database cannot hold the value");
    default:
      return error(Errc::unavailable, "the database does not answer");
  }
}

}  // namespace cardea::store
