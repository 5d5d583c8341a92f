#include <fcntl.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <system_error>

#include "migrations.h"
#include "sqlite_database.h"

namespace cardea::store {

namespace {

/// The file exists and is the owner's alone before SQLite writes to it; SQLite gives its companions (-wal,
/// -shm) the same mode. Must happen before SQLite opens it: closing any descriptor of a file drops all POSIX
/// locks on it.
Result<void> make_private(const std::filesystem::path& file) {
  const int descriptor = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  const int opened = errno;
  if (descriptor < 0) {
    return fail(opened == ENOSPC ? Errc::exhausted : Errc::unavailable,
                "cannot open the database " + file.string() + ": " + std::generic_category().message(opened));
  }
  const int failed = ::fchmod(descriptor, 0600);
  const int reason = errno;
  ::close(descriptor);
  if (failed != 0) {
    return fail(Errc::unavailable, "cannot protect the database " + file.string() + ": " +
                                       std::generic_category().message(reason));
  }
  return {};
}

void prepare_file(Connection& connection) {
  const auto mode = connection.raw().execAndGet("PRAGMA journal_mode = WAL").getString();
  if (mode != "wal")
    throw SQLite::Exception{"the file system does not support a write-ahead log", 10 /* SQLITE_IOERR */};
  connection.script("PRAGMA synchronous = FULL");
  // After a burst the log is cut back to this, so that it does not occupy the disk for ever.
  connection.script("PRAGMA journal_size_limit = 16777216");
}

/// Whether rows may differ from their log because the schema has just changed: they did not before.
Result<bool> prepare(const Options& options) {
  try {
    Connection connection{options.file, Access::write};
    try {
      if (options.verify_integrity) CARDEA_CHECK(check_integrity(connection));
      prepare_file(connection);
      const bool fits = needs_migration(connection) && ChangeLog{connection}.fits(connection).value_or(false);
      CARDEA_CHECK(migrate(connection));
      return fits;
    } catch (const SQLite::Exception& failure) {
      return tl::unexpected{connection.translate(failure)};
    }
  } catch (const SQLite::Exception& failure) {
    return tl::unexpected{translate_sqlite(failure.getExtendedErrorCode(), 0, failure.what())};
  }
}

Error about(const std::filesystem::path& file, Error error) {
  error.what = "database " + file.string() + ": " + error.what;
  return error;
}

}  // namespace

Result<std::unique_ptr<Database>> Database::open(const Options& options) {
  if (sodium_init() < 0) return fail(Errc::unavailable, "libsodium cannot be initialised");
  CARDEA_TRY(LockFile lock, LockFile::take(options.file.string() + ".lock"));
  CARDEA_CHECK(make_private(options.file));
  const auto prepared = prepare(options);
  if (!prepared) {
    return tl::unexpected{about(options.file, prepared.error())};
  }
  try {
    return std::make_unique<SqliteDatabase>(options.file, std::move(lock), *prepared);
  } catch (const SQLite::Exception& failure) {
    return tl::unexpected{
        about(options.file, translate_sqlite(failure.getExtendedErrorCode(), 0, failure.what()))};
  } catch (const std::exception& failure) {
    return fail(Errc::unavailable, std::string{"cannot open the database: "} + failure.what());
  }
}

SqliteDatabase::SqliteDatabase(std::filesystem::path file, LockFile lock, bool upgraded)
    : file_{std::move(file)},
      lock_{std::move(lock)},
      writing_{file_, Access::write},
      log_{writing_},
      readers_{file_},
      writer_{(prepare_file(writing_), writing_), &log_},
      changes_{*this, log_, upgraded} {}

Stats SqliteDatabase::stats() const {
  Stats stats;
  stats.commits = writer_.commits();
  stats.writes = writer_.writes();
  stats.pin_comparisons = pin_attempts_;
  std::error_code missing;
  const auto size = std::filesystem::file_size(file_.string() + "-wal", missing);
  if (!missing) stats.wal_bytes = size;
  return stats;
}

Result<void> SqliteDatabase::check() {
  CARDEA_CHECK(read([](Connection& db) -> Result<void> {
    if (!db.exists("SELECT 1 FROM probe")) return fail(Errc::corrupt, "the database lacks its probe row");
    return {};
  }));
  return write([](Connection& db) -> Result<void> {
    db.run("UPDATE probe SET count = count + 1");
    return {};
  });
}

}  // namespace cardea::store
