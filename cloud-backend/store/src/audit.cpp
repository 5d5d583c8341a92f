#include <algorithm>
#include <limits>
#include <string>
#include <utility>

#include "sqlite_database.h"

namespace cardea::store {

namespace {

/// Each form of the question uses an index of its own.
const char* question(const AuditQuery& query) {
#define CARDEA_AUDIT_LINES                                                                              \
  "SELECT number, at, organisation, card, actor, action, success, detail FROM audit WHERE number > ?1 " \
  "AND (?2 IS NULL OR organisation = ?2) AND (?3 IS NULL OR card = ?3) "
#define CARDEA_AUDIT_OF_CARD                                                                     \
  "SELECT number, at, organisation, card, actor, action, success, detail FROM audit INDEXED BY " \
  "audit_by_card "                                                                               \
  "WHERE number > ?1 AND (?2 IS NULL OR organisation = ?2) AND card = ?3 "
#define CARDEA_AUDIT_OF_ORGANISATION                                                  \
  "SELECT number, at, organisation, card, actor, action, success, detail FROM audit " \
  "INDEXED BY audit_by_organisation WHERE number > ?1 AND organisation = ?2 AND (?3 IS NULL OR card = ?3) "
#define CARDEA_AUDIT_OLDEST "ORDER BY number LIMIT ?4"
#define CARDEA_AUDIT_NEWEST "ORDER BY number DESC LIMIT ?4"
  const bool newest = query.newest_first;
  if (query.card) {
    return newest ? CARDEA_AUDIT_OF_CARD CARDEA_AUDIT_NEWEST : CARDEA_AUDIT_OF_CARD CARDEA_AUDIT_OLDEST;
  }
  if (query.organisation) {
    return newest ? CARDEA_AUDIT_OF_ORGANISATION CARDEA_AUDIT_NEWEST
                  : CARDEA_AUDIT_OF_ORGANISATION CARDEA_AUDIT_OLDEST;
  }
  return newest ? CARDEA_AUDIT_LINES CARDEA_AUDIT_NEWEST : CARDEA_AUDIT_LINES CARDEA_AUDIT_OLDEST;
#undef CARDEA_AUDIT_LINES
#undef CARDEA_AUDIT_OF_CARD
#undef CARDEA_AUDIT_OF_ORGANISATION
#undef CARDEA_AUDIT_OLDEST
#undef CARDEA_AUDIT_NEWEST
}

AuditRow line_of(const Query& row) {
  AuditRow line;
  line.number = row.count(0);
  line.at = row.time(1);
  line.organisation = row.text(2);
  line.card = row.optional_text(3);
  line.actor = row.text(4);
  line.action = row.text(5);
  line.success = row.integer(6) != 0;
  line.detail = row.text(7);
  return line;
}

template <class T>
std::int64_t capped(T value) {
  constexpr auto kMost = std::numeric_limits<std::int64_t>::max();
  return static_cast<std::int64_t>(std::min<std::uint64_t>(value, static_cast<std::uint64_t>(kMost)));
}

}  // namespace

Result<void> SqliteDatabase::append(const AuditRow& row) {
  CARDEA_CHECK(rule::not_empty(row.actor, "an audit line's actor"));
  CARDEA_CHECK(rule::not_empty(row.action, "an audit line's action"));
  const std::string detail = row.detail.empty() ? "{}" : row.detail;
  return write([&](Connection& db) -> Result<void> {
    {
      auto json =
          db.query("SELECT CASE WHEN json_valid(?1) THEN json_type(?1) = 'object' ELSE 0 END", detail);
      json.step();
      if (json.integer(0) == 0) return fail(Errc::invalid, "an audit line's detail is not a JSON object");
    }
    db.run(
        "INSERT INTO audit (number, at, organisation, card, actor, action, success, detail) "
        "VALUES ((SELECT coalesce(max(number), 0) + 1 FROM audit), ?, ?, ?, ?, ?, ?, ?)",
        row.at, row.organisation, row.card, row.actor, row.action, std::int64_t{row.success ? 1 : 0}, detail);
    return {};
  });
}

Result<std::vector<AuditRow>> SqliteDatabase::audit(const AuditQuery& query) {
  return read([&query](Connection& db) -> Result<std::vector<AuditRow>> {
    std::vector<AuditRow> lines;
    auto rows =
        db.query(question(query), capped(query.after), query.organisation, query.card, capped(query.limit));
    while (rows.step())
      lines.push_back(line_of(rows));
    return lines;
  });
}

}  // namespace cardea::store
