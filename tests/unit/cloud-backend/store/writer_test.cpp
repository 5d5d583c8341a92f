#include "writer.h"

#include <thread>

#include "fixture.h"

namespace cardea::store::test {

namespace {

struct Fixture {
  TempDir directory;
  Connection connection{directory / "w.db", Access::write};
  Fixture() { connection.script("PRAGMA journal_mode = WAL; CREATE TABLE t (n INTEGER PRIMARY KEY) STRICT"); }
};

Writer::Work insert(std::int64_t n) {
  return [n](Connection& db) -> Result<void> {
    db.run("INSERT INTO t (n) VALUES (?)", n);
    return {};
  };
}

}  // namespace

TEST_CASE("a failing piece undoes only itself, though others share its transaction") {
  Fixture it;
  {
    Writer writer{it.connection};
    std::vector<std::thread> threads;
    for (std::int64_t n = 0; n < 32; ++n) {
      threads.emplace_back([&writer, n] {
        const auto result = writer.run([n](Connection& db) -> Result<void> {
          db.run("INSERT INTO t (n) VALUES (?)", n);
          if (n % 2 == 1) return fail(Errc::invalid, "odd");
          return {};
        });
        CHECK(result.has_value() == (n % 2 == 0));
      });
    }
    for (auto& thread : threads)
      thread.join();
    CHECK(writer.writes() == 16);
    CHECK(writer.commits() <= 16);
  }
  CHECK(it.connection.raw().execAndGet("SELECT count(*) = 16 AND sum(n % 2) = 0 FROM t").getInt() == 1);
}

TEST_CASE("a thrown constraint failure becomes an error and the writer goes on") {
  Fixture it;
  Writer writer{it.connection};
  must(writer.run(insert(1)));
  const auto twice = writer.run(insert(1));
  REQUIRE_FALSE(twice.has_value());
  CHECK(twice.error().code == Errc::conflict);
  must(writer.run(insert(2)));
}

TEST_CASE("published runs for what was committed, before the caller goes on, and not for failures") {
  Fixture it;
  Writer writer{it.connection};
  int published = 0;
  must(writer.run(insert(1), [&] { ++published; }));
  CHECK(published == 1);
  CHECK_FALSE(writer.run(insert(1), [&] { ++published; }).has_value());
  CHECK(published == 1);
}

TEST_CASE("a transaction that SQLite itself rolled back is repeated for the pieces that are not to blame") {
  Fixture it;
  Writer writer{it.connection};
  std::vector<std::thread> threads;
  for (std::int64_t n = 0; n < 8; ++n) {
    threads.emplace_back([&writer, n] {
      const auto result = writer.run([n](Connection& db) -> Result<void> {
        db.run("INSERT INTO t (n) VALUES (?)", n);
        if (n != 3) return {};
        db.script("ROLLBACK");  // what SQLite does by itself when the disk is full, for one
        return fail(Errc::exhausted, "full");
      });
      CHECK(result.has_value() == (n != 3));
    });
  }
  for (auto& thread : threads)
    thread.join();
  must(writer.run([](Connection& db) -> Result<void> {
    auto row = db.query("SELECT count(*), total(n) FROM t");
    row.step();
    CHECK(row.integer(0) == 7);
    CHECK(row.integer(1) == 25);
    return {};
  }));
}

}  // namespace cardea::store::test
