// Whatever somebody does to any column of any table with a connection of their own: no key is used, and the
// card is frozen. Tables and columns are read from the schema, so that a new one is not forgotten.

#include "attacked_server.h"
#include "tamper_attacks.h"

namespace cardea::test {
namespace {

using namespace std::chrono_literals;

constexpr const char* kVerify = "00 20 00 80 08 313233343536FFFF";
const std::string kSign = "0087119A267C2482008120" + std::string(64, '0');

/// What a card's keys do not hang on, and why. Whoever reads these rows is refused them all the same.
const std::map<std::string, std::string> kNotAsked{
    {"audit", "says what was; `cardea audit verify` and receipts are for it"},
    {"enrolment_codes", "a device that enrols is asked about"},
    {"key_pool", "asked about when a spare key is taken"},
    {"person_identifiers", "asked about when a card gets its holder"},
    {"resident_keys", "says which of the HSM's objects are to be destroyed"},
};
/// What proves itself, and what means nothing.
const Names kNotLogged{"change_log", "checkpoints", "probe"};

/// Tables of which the server never changes a row that a card hangs on. (A device that was revoked opens
/// nothing.)
const Names kNeverChanged{"devices", "people"};

enum class When { closed, open };

std::string listed(const Names& names) {
  std::string out;
  for (const auto& name : names)
    out += name + " ";
  return out;
}

/// Who tries to use which card while it is done.
struct Trial {
  std::string card;
  std::string device = "anns";
  bool usual = true;  ///< the victim's card and holder
  /// Nothing in the file refers to the row yet: it is found when everything is looked at.
  bool idle = false;
};

Trial trial_of(const Attacked& f, const Attack& attack) {
  const auto& part = attack.edit.parts[0];
  Trial trial{f.victim.id};
  if (!part.away.empty()) return trial;
  // A row that was not there.
  trial.usual = part.table != "cards" && part.table != "devices";
  const auto& row = part.there[0];
  if (part.table == "cards") {
    trial.card = std::get<std::string>(row[1]);
  } else if (part.table == "devices") {
    trial.device = std::get<std::string>(row[0]);
  } else if (part.table == "kek_versions" || part.table == "card_keys") {
    trial.idle = row[0] != audit::Value{std::string{"org"}};
  } else if (part.table == "organisations" || part.table == "people") {
    trial.idle = true;
  } else {
    const auto columns = f.intruder_columns.at(part.table);
    const auto at = std::ranges::find(columns, "card", &Intruder::Column::name) - columns.begin();
    trial.idle = row[static_cast<std::size_t>(at)] != audit::Value{f.number};
  }
  return trial;
}

/// Whether the card's row, as the file has it now, still says that it is Ann's.
bool hers(Attacked& f, const std::string& card) {
  return !f.intruder.rows("cards", "id = '" + card + "' AND organisation = 'org' AND holder = 'ann'").empty();
}

/// Found when everything is looked at.
void check_found(Attacked& f, const Attack& attack) {
  f.intruder.make(attack.edit);
  const auto problems = f.must(f.database->changes().verify()).problems;
  f.intruder.undo(attack.edit);
  REQUIRE_FALSE(problems.empty());
  CHECK(problems[0].starts_with("table " + attack.table + ", row "));
}

/// `plan` says what to do to the rows as they are when it is asked: using a card changes some of them.
template <class Plan>
void try_it(Attacked& f, const Plan& plan, When when) {
  std::optional<service::OpenedSession> session;
  if (when == When::open) {
    session = f.opened(f.victim.id, "anns");
    REQUIRE(f.ask(*session, 1, kVerify) == "9000");
    REQUIRE(f.ask(*session, 2, kSign).ends_with("9000"));
  }
  const Attack attack = plan();
  const auto named = "table " + attack.table + ", row ";
  const std::string moment = when == When::open ? ", in a session" : ", before a session";
  INFO(attack.what << moment);
  const auto trial = trial_of(f, attack);
  const service::Caller caller{trial.device, "org", "ann", store::DeviceRole::user};
  if (trial.idle) check_found(f, attack);
  if (trial.idle || (session && !trial.usual)) {
    if (session) f.must(f.sessions.close(session->id, session->token));
    return;
  }
  const auto uses = f.vault.uses;

  f.intruder.make(attack.edit);
  if (session) {
    CHECK(f.ask(*session, 3, kSign) == "6581");
  } else {
    const auto opened = f.sessions.open(caller, trial.card);
    REQUIRE_FALSE(opened.has_value());
    CHECK(opened.error().code == (hers(f, trial.card) ? Errc::corrupt : Errc::not_found));
    if (opened.error().code == Errc::corrupt)
      CHECK(opened.error().what.starts_with("card " + trial.card + " is frozen: " + named));
  }
  CHECK(f.vault.uses == uses);
  // The leaf first: where the next checkpoint's proof happens to need it, the witness refuses the whole log.
  const Edit row{{attack.edit.parts.begin(), attack.edit.parts.begin() + 1}};
  f.intruder.undo({{attack.edit.parts.begin() + 1, attack.edit.parts.end()}});
  f.integrity.tick();
  const auto frozen = f.must(f.database->changes().frozen(trial.card));
  REQUIRE(frozen.has_value());
  CHECK(frozen->reason.starts_with(named));
  if (session) CHECK(f.ask(*session, 3, kSign) == "the card session has ended");
  f.intruder.undo(row);

  // Put right again, it stays frozen until somebody has looked at it.
  if (trial.usual) {
    const auto refused = f.sessions.open(caller, trial.card);
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error() == Error{Errc::corrupt, "card " + trial.card + " is frozen: " + frozen->reason});
  }
  CHECK(f.vault.uses == uses);
  f.must(f.database->changes().thaw(trial.card));
}

}  // namespace

TEST_CASE("[B8] every column of every table, five ways: no key is used, the card is frozen") {
  Attacked f;
  Names alike;
  Names never_changed;
  std::size_t cases = 0;
  for (const auto& of_table : f.intruder_columns) {
    const auto& table = of_table.first;
    const auto& columns = of_table.second;
    if (kNotLogged.contains(table) || kNotAsked.contains(table) || table == "freezes") continue;
    const auto where = f.concerned(table, columns);
    INFO(table);
    REQUIRE_FALSE(where.empty());  // a new table: say how a card's keys hang on it
    const auto count = f.intruder.rows(table, where).size();
    REQUIRE(count > 0);
    bool has_older = false;
    Names not_swapped;
    for (std::size_t n = 0; n < count; ++n) {
      Names here;
      for (const auto when : {When::closed, When::open}) {
        // As the row is now: using the card changes some of them.
        const auto number =
            Attacks{f.intruder, table, columns, f.intruder.rows(table, where).at(n)}.all(here).size();
        for (std::size_t i = 0; i < number; ++i) {
          try_it(
              f,
              [&] {
                auto attacks =
                    Attacks{f.intruder, table, columns, f.intruder.rows(table, where).at(n)}.all(here);
                REQUIRE(i < attacks.size());
                has_older = has_older || attacks[i].what.ends_with("as it was");
                return attacks[i];
              },
              when);
          ++cases;
        }
      }
      if (n == 0) {
        not_swapped = here;
      } else {
        std::erase_if(not_swapped, [&here](const auto& name) { return !here.contains(name); });
      }
    }
    alike.merge(not_swapped);
    if (!has_older) never_changed.insert(table);
  }
  MESSAGE(cases << " cases");
  CHECK(cases > 500);
  CHECK(listed(alike) == "");  // a column in which all rows are alike shows nothing when it is swapped
  CHECK(listed(never_changed) == listed(kNeverChanged));
}

TEST_CASE("[B8] a freeze that somebody takes away or changes holds") {
  Attacked f;
  const store::Freeze freeze{"a row was changed", f.clock.now()};
  f.must(f.database->changes().freeze("another", {"a row was deleted", f.clock.now() + 1s}));
  f.must(f.database->changes().freeze(f.victim.id, freeze));
  const auto row = [&f] { return f.intruder.rows("freezes", "card = '" + f.victim.id + "'").at(0); };
  const auto columns = f.intruder_columns.at("freezes");
  Names alike;
  const auto attacks = Attacks{f.intruder, "freezes", columns, row()}.all(alike);
  CHECK(listed(alike).empty());
  CHECK(attacks.size() == 9);
  for (const auto& attack : attacks) {
    INFO(attack.what);
    const auto uses = f.vault.uses;
    f.intruder.make(attack.edit);
    for (int i = 0; i < 2; ++i) {
      const auto refused = f.sessions.open(f.caller("anns"), f.victim.id);
      REQUIRE_FALSE(refused.has_value());
      CHECK(refused.error().code == Errc::corrupt);
      const bool added = attack.edit.parts[0].away.empty();
      CHECK(refused.error().what.starts_with(
          "card " + f.victim.id +
          " is frozen: " + (added ? freeze.reason : std::string{"table freezes, row card="})));
      f.integrity.tick();
    }
    CHECK(f.vault.uses == uses);
    f.intruder.undo(attack.edit);
    CHECK(f.must(f.database->changes().frozen(f.victim.id))->reason == freeze.reason);
  }
  f.must(f.database->changes().thaw(f.victim.id));
  (void)f.opened(f.victim.id);
}

/// `use` is true when it got something; then the row is not what it was, and all begins anew.
template <class Use>
void try_all(const std::string& table, const Use& use) {
  auto f = std::make_unique<Attacked>();
  const auto attack = [&](std::size_t i) -> std::optional<Attack> {
    Names alike;
    auto all =
        Attacks{f->intruder, table, f->intruder_columns.at(table), f->intruder.rows(table).at(0)}.all(alike);
    if (i < all.size()) return std::move(all[i]);
    CHECK(i > 0);
    return std::nullopt;
  };
  for (std::size_t i = 0; const auto now = attack(i); ++i) {
    INFO(now->what);
    check_found(*f, *now);
    f->intruder.make(now->edit);
    if (use(*f, *now)) {
      f = std::make_unique<Attacked>();
    } else {
      f->intruder.undo(now->edit);
    }
  }
}

TEST_CASE("[B8] what no card's keys hang on is refused where it is used") {
  const Attacked f;
  for (const auto& table : kNotAsked) {
    INFO(table.first << ": " << table.second);
    CHECK(f.intruder_columns.contains(table.first));
  }
  try_all("key_pool", [](Attacked& g, const Attack& attack) {
    const auto taken = g.database->key_ledger().take("org", card::Algorithm::p256);
    if (!taken) {
      CHECK(taken.error().code == Errc::corrupt);
      return false;
    }
    // The oldest one is taken: where that is another one now, it is as the server wrote it.
    REQUIRE(taken->has_value());
    const std::uint8_t which = attack.edit.parts[0].away.empty() ? 1 : 2;
    CHECK((*taken)->sealed == Bytes(80, which));
    CHECK((*taken)->public_key.point == Bytes(65, which));
    CHECK(attack.edit.parts[0].away.size() < 2);
    return true;
  });
  try_all("enrolment_codes", [](Attacked& g, const Attack& attack) {
    const store::Device device{"new", "org",        "ann",         store::DeviceRole::user,
                               "pc",  Bytes(32, 5), g.clock.now(), {}};
    const auto enrolled = g.database->redeem(Bytes(32, 1), device, g.clock.now());
    CHECK(enrolled.has_value() == attack.edit.parts[0].away.empty());  // only a row beside it means nothing
    return enrolled.has_value();
  });
}

TEST_CASE("[B8] what was put back while the server was down is refused when it is up again") {
  Attacked f;
  const auto key = f.must(f.vault.tenant_secret("cardea-server", "change-log/1", 32));
  std::size_t rows = 0;
  std::size_t leaves = 0;
  for (const auto& of_table : f.intruder_columns) {
    const auto& table = of_table.first;
    const auto& columns = of_table.second;
    if (kNotLogged.contains(table) || kNotAsked.contains(table) || table == "freezes") continue;
    for (const auto& row : f.intruder.rows(table, f.concerned(table, columns))) {
      Names alike;
      for (const auto& attack : Attacks{f.intruder, table, columns, row}.all(alike)) {
        const bool with_leaf = attack.what.ends_with("its leaf");
        if (!with_leaf && !attack.what.ends_with("row as it was")) continue;
        INFO(attack.what);
        const auto file = f.directory / ("down" + std::to_string(rows + leaves) + ".db").c_str();
        f.intruder.make(attack.edit);
        f.intruder.copy_to(file);
        f.intruder.undo(attack.edit);
        auto again = f.must(store::Database::open({file}));
        const auto found = f.must(again->changes().protect(key));
        if (with_leaf) {
          CHECK(found.broken.starts_with("table change_log, row number="));
        } else {
          CHECK(found.broken.empty());
          REQUIRE(found.problems.size() == 1);
          CHECK(found.problems[0].starts_with("table " + table + ", row "));
        }
        const auto& sentence = with_leaf ? found.broken : found.problems[0];
        const auto refused = again->changes().check_card(f.victim.id, "anns");
        REQUIRE_FALSE(refused.has_value());
        CHECK(refused.error() == Error{Errc::corrupt, "card " + f.victim.id + " is frozen: " + sentence});
        ++(with_leaf ? leaves : rows);
      }
    }
  }
  CHECK(rows == leaves);
  CHECK(rows >= 9);
}

TEST_CASE("[B8] a device that was revoked stays revoked, whatever its row says") {
  Attacked f;
  f.devices.revoked("bobs");
  const auto now = f.intruder.rows("devices", "id = 'bobs'");
  const auto then = f.intruder.rows("devices", "id = 'bobs'", "older");
  REQUIRE(now != then);
  const service::Caller bob{"bobs", "org", "bob", store::DeviceRole::user};
  CHECK(f.sessions.open(bob, f.twin.id).error() == Error{Errc::denied, "the device has been revoked"});
  f.intruder.make({{{"devices", now, then}}});
  CHECK(
      f.sessions.open(bob, f.twin.id).error() ==
      Error{Errc::corrupt, "card " + f.twin.id +
                               " is frozen: table devices, row id=bobs was changed, and not by the server"});
}

}  // namespace cardea::test
