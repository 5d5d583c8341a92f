#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Exception.h>

#include <thread>

#include "fixture.h"

namespace cardea::store::test {

namespace {

AuditRow line(std::string organisation, std::optional<std::string> card, std::string action) {
  return {999,   at(7),           std::move(organisation), std::move(card), "device:d1", std::move(action),
          false, R"({"tries":2})"};
}

}  // namespace

TEST_CASE("audit lines are numbered from 1 without gaps, also around failures") {
  Furnished it;
  must(it.db->append(line("org", "card", "pin.try")));
  auto odd = line("org", "card", "pin.try");
  odd.detail = "not JSON";
  CHECK_FAILS(it.db->append(odd), Errc::invalid, "an audit line's detail is not a JSON object");
  odd.detail = "[1]";
  CHECK_FAILS(it.db->append(odd), Errc::invalid, "an audit line's detail is not a JSON object");
  odd.detail = "";
  must(it.db->append(odd));
  it.reopen();
  must(it.db->append(line("", std::nullopt, "server.start")));

  const auto lines = must(it.db->audit({}));
  REQUIRE(lines.size() == 3);
  CHECK(lines[0].number == 1);
  CHECK(lines[0].at == at(7));
  CHECK(lines[0].organisation == "org");
  CHECK(lines[0].card == "card");
  CHECK(lines[0].actor == "device:d1");
  CHECK(lines[0].action == "pin.try");
  CHECK_FALSE(lines[0].success);
  CHECK(lines[0].detail == R"({"tries":2})");
  CHECK(lines[1].number == 2);
  CHECK(lines[1].detail == "{}");
  CHECK(lines[2].number == 3);
  CHECK_FALSE(lines[2].card.has_value());
}

TEST_CASE("audit lines are found by organisation, card, number and from either end") {
  Furnished it;
  for (const auto* organisation : {"a", "b"}) {
    for (const auto* card : {"c1", "c2"})
      must(it.db->append(line(organisation, card, "key.use")));
  }
  const auto numbers = [&it](const AuditQuery& query) {
    std::vector<std::uint64_t> found;
    for (const auto& row : must(it.db->audit(query)))
      found.push_back(row.number);
    return found;
  };
  using Numbers = std::vector<std::uint64_t>;
  CHECK(numbers({}) == Numbers{1, 2, 3, 4});
  CHECK(numbers({"b", std::nullopt}) == Numbers{3, 4});
  CHECK(numbers({"b", "c1"}) == Numbers{3});
  CHECK(numbers({std::nullopt, "c1"}) == Numbers{1, 3});
  CHECK(numbers({std::nullopt, "c1", 1}) == Numbers{3});
  CHECK(numbers({"b", std::nullopt, 0, 1, true}) == Numbers{4});
  CHECK(numbers({std::nullopt, "c2", 0, 100, true}) == Numbers{4, 2});
  CHECK(numbers({std::nullopt, std::nullopt, 2, 1}) == Numbers{3});
  CHECK(numbers({std::nullopt, std::nullopt, 0, 2, true}) == Numbers{4, 3});
}

TEST_CASE("the schema itself refuses to change, delete or skip audit lines") {
  Furnished it;
  must(it.db->append(line("org", "card", "pin.try")));
  SQLite::Database raw{(it.directory / "cardea.db").string(), SQLite::OPEN_READWRITE};
  CHECK_THROWS_WITH_AS(raw.exec("UPDATE audit SET success = 1"), "audit lines are never changed",
                       SQLite::Exception);
  CHECK_THROWS_WITH_AS(raw.exec("DELETE FROM audit"), "audit lines are never deleted", SQLite::Exception);
  CHECK_THROWS_WITH_AS(
      raw.exec("INSERT INTO audit SELECT 3, at, organisation, card, actor, action, success, detail "
               "FROM audit"),
      "audit lines are numbered without gaps", SQLite::Exception);
  CHECK_THROWS_WITH_AS(
      raw.exec("REPLACE INTO audit SELECT 1, 0, organisation, card, actor, action, success, detail "
               "FROM audit"),
      "audit lines are numbered without gaps", SQLite::Exception);
}

TEST_CASE("many threads append at once and no number is missing or twice") {
  Furnished it;
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&it] {
      for (int i = 0; i < 20; ++i)
        must(it.db->append(line("org", "card", "key.use")));
    });
  }
  for (auto& thread : threads)
    thread.join();
  const auto lines = must(it.db->audit({std::nullopt, std::nullopt, 0, 1000}));
  REQUIRE(lines.size() == 160);
  for (std::size_t i = 0; i < lines.size(); ++i)
    CHECK(lines[i].number == i + 1);
}

}  // namespace cardea::store::test
