// Whatever somebody does to any column of any table with a connection of their own: no key is used, and the
// card is frozen. Tables and columns are read from the schema, so that a new one is not forgotten.

#include <set>

#include "cardea/service/integrity.h"
#include "cardea/service/recovery.h"
#include "cardea/test/block_cipher.h"
#include "fixture.h"
#include "intruder.h"
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

/// A server with rows in every table, all of them changed since a copy of the file was taken, and one card
/// that everything is tried on.
struct Attacked : Furnished {
  Attacked()
      : integrity{world,
                  sessions,
                  {directory / "witness", directory / "cosigned", nullptr, false, "cardea.invalid/changes"},
                  [](const char*, const std::string&) {}} {
    integrity.tick();
    must(database->changes().check_card(victim.id, "anns"));
    must(cards.assign(twin.id, "bob", "administrator"));
    add_strangers();
    make_key(victim);
    make_key(twin);
    first_life();
    intruder.keep_a_copy(directory / "older.db");
    clock.advance(1min);
    second_life();
    number = std::get<std::int64_t>(intruder.rows("cards", "id = '" + victim.id + "'").at(0).at(0));
    integrity.tick();
  }

  /// Rows of others that are like the victim's in no column.
  void add_strangers() {
    must(database->add(store::Organisation{"third", "Third", clock.now()}));
    must(database->add(store::Person{"cid", "third", "Cid", "cid@example.org", clock.now()}));
    must(database->add(store::Device{
        "cids", "third", "cid", store::DeviceRole::registrar, "cids", Bytes(32, 3), clock.now(), {}}));
    const auto card = must(cards.issue({"third", "cid", "piv-yubikey5", "the third"}, "administrator"));
    const store::PinRecordUpdate update{
        card::PinRef::application, {Bytes(16, 3), Bytes(9, 3), Bytes(192, 3)}, false, 5, {}};
    must(database->pin_records(card.id)->replace({&update, 1}, card.public_key));
    const auto version = must(database->pin_records(card.id)->status(card::PinRef::application)).version;
    must(database->pin_records(card.id)->spend(card::PinRef::application, {version, {3}, clock.now()}));
    must(cards.block(card.id, "administrator"));
    // One that a registration authority writes: what only such cards have differs from the victim's.
    service::NewCard blank{"third", std::nullopt, "piv-yubikey5", "blank"};
    blank.asked = store::BlankRequest{"cids", "request", clock.now()};
    must(cards.issue(blank, "administrator"));
  }

  static store::CardKeysRow card_keys(const char* organisation, std::uint64_t number, store::Time made) {
    const auto mark = static_cast<std::uint8_t>(organisation[1]);
    store::CardKeysRow row;
    row.organisation = organisation;
    row.number = number;
    row.key_version = mark & 0x7FU;
    row.check_values = Bytes(9, mark);
    row.masters = {Bytes(70, mark), Bytes(71, mark), Bytes(72, mark)};
    row.made_at = made;
    return row;
  }
  /// One organisation uses its set, the other has retired one and uses another.
  void add_card_keys() {
    auto& ledger = database->key_ledger();
    must(ledger.add(card_keys("org", 1, clock.now())));
    must(ledger.add(card_keys("other", 5, clock.now())));
    clock.advance(1s);
    must(ledger.retire_card_keys("other", clock.now()));
    auto row = card_keys("other", 6, clock.now());
    row.protocol = 2;
    row.options = 0x55;
    row.scheme = 2;
    row.algorithm = card::Algorithm::tdes;
    row.parts = 2;
    row.imported = true;
    must(ledger.add(row));
  }

  void first_life() {
    auto& ledger = database->key_ledger();
    for (const auto* organisation : {"org", "other"}) {
      must(ledger.add_kek_version(organisation, 2, clock.now()));
      must(database->set_escrow_key(organisation, Bytes(32, organisation[1])));
      clock.advance(1s);
    }
    add_card_keys();
    for (std::uint8_t n = 1; n < 3; ++n) {
      const auto& card = n == 1 ? victim : twin;
      must(database->set(card.id, store::RecoveryAnswers{Bytes(16, n),
                                                         Bytes(9, n),
                                                         {Bytes{n}, Bytes{2, n}, Bytes{3, n}},
                                                         {"a" + card.id, "b" + card.id, "c" + card.id},
                                                         clock.now()}));
      must(database->set(card.id, std::vector<store::RecoveryCode>{{Bytes(32, n), Bytes{n}},
                                                                   {Bytes(32, n + 2), Bytes{n, n}}}));
      must(database->add(store::RecoveryLink{Bytes(32, n),
                                             card.id,
                                             "administrator " + card.id,
                                             clock.now(),
                                             clock.now() + 1h + n * 1s,
                                             5,
                                             {},
                                             n == 2},
                         3));
      must(database->add(store::EnrolmentCode{Bytes(32, n), "org", "ann", store::DeviceRole::user,
                                              clock.now(), clock.now() + 1h}));
      store::SpareKeyRow spare;
      spare.organisation = "org";
      spare.public_key.algorithm = card::Algorithm::p256;
      spare.public_key.point = Bytes(65, n);
      spare.sealed = Bytes(80, n);
      spare.made_at = clock.now();
      must(ledger.add(spare));
      must(ledger.reserve({{n}, "org", card.id, {0x9C, n}, clock.now()}, 100));
      must(database->set_half(card.id, n == 1 ? "anns" : "bobs", Bytes(90, n)));
      clock.advance(1s);
    }
  }

  void second_life() {
    auto& ledger = database->key_ledger();
    must(ledger.add_kek_version("org", 3, clock.now()));
    must(ledger.advance("org", 2, 7, clock.now()));
    must(ledger.advance("org", 3, 1, {}));
    must(ledger.retire_below("org", 2, clock.now()));
    const auto record = must(ledger.key_records("org", 0, 1)).at(0);
    CHECK(must(ledger.replace_key_record(record, record.value)));
    must(ledger.set_key_mode("org", store::KeyMode::resident));
    CHECK(must(ledger.replace_masters(must(ledger.card_keys("org")).front(),
                                      {Bytes(70, 9), Bytes(70, 8), Bytes(70, 7)})));
    must(database->set_escrow_key("org", Bytes(32, 0x77)));
    must(database->revoke_device("bobs", clock.now()));
    must(database->set_half(victim.id, "anns", Bytes(90, 9)));
    must(database->set(victim.id, store::RecoveryAnswers{Bytes(16, 9),
                                                         Bytes(9, 1),
                                                         {Bytes{9}, Bytes{9, 9}, Bytes{9, 9, 9}},
                                                         {"d", "e", "f"},
                                                         clock.now()}));
    must(database->set(
        victim.id, std::vector<store::RecoveryCode>{{Bytes(32, 1), Bytes{7}}, {Bytes(32, 9), Bytes{9, 9}}}));
    must(database->spend_recovery_attempt(Bytes(32, 1), clock.now()));
    must(database->end_recovery(Bytes(32, 1), Bytes(32, 1), clock.now()));
    must(database->add(
        store::RecoveryLink{
            Bytes(32, 7), victim.id, "administrator", clock.now(), clock.now() + 1h, 5, {}, false},
        3));
    // A new PIN, and with it a new copy of the secret; then the key once more.
    const auto session = opened(victim.id);
    CHECK(ask(session, 1, "00 24 00 80 10 313233343536FFFF 363534333231FFFF") == "9000");
    CHECK(ask(session, 2, "00 24 00 80 10 363534333231FFFF 313233343536FFFF") == "9000");
    must(sessions.close(session.id, session.token));
    make_key(victim);
  }

  service::OpenedSession opened(const std::string& card, const char* device = "ra") {
    return must(sessions.open(caller(device), card));
  }
  std::string ask(const service::OpenedSession& session, std::uint64_t sequence, const std::string& apdu) {
    const auto reply = sessions.exchange(session.id, session.token, apdus(sequence, {apdu.c_str()}));
    if (!reply) return reply.error().what;
    return to_hex(must(api::parse_exchange_reply(*reply)).results[0].response);
  }

  /// A key in 9A, by the factory's management key.
  void make_key(const store::CardRow& card) {
    const auto session = opened(card.id);
    const auto challenge = ask(session, 1, "0087039B047C028100");
    REQUIRE(challenge.size() == 28);
    const auto answer = ecb_encrypt(card::Algorithm::tdes,
                                    from_hex("010203040506070801020304050607080102030405060708").value(),
                                    from_hex(challenge.substr(8, 16)).value());
    REQUIRE(ask(session, 2, "0087039B0C7C0A8208" + to_hex(*answer)) == "9000");
    REQUIRE(ask(session, 3, "0047009A05AC03800111").ends_with("9000"));
    must(sessions.close(session.id, session.token));
  }

  /// Which rows of a table the victim's keys hang on.
  std::string concerned(const std::string& table, const Intruder::Table& columns) const {
    if (table == "organisations") return "id = 'org'";
    if (table == "people") return "id = 'ann'";
    if (table == "devices") return "id = 'anns'";
    if (table == "kek_versions" || table == "card_keys") return "organisation = 'org'";
    if (table == "cards") return "number = " + std::to_string(number);
    if (std::ranges::find(columns, "card", &Intruder::Column::name) != columns.end())
      return "card = " + std::to_string(number);
    return "";
  }

  store::CardRow victim = issue("ann");
  store::CardRow twin = (clock.advance(1s), issue());
  service::Integrity integrity;
  Intruder intruder{directory / "cardea.db"};
  std::map<std::string, Intruder::Table> intruder_columns = intruder.schema();
  std::int64_t number = 0;
};

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
  f.integrity.tick();
  const auto frozen = f.must(f.database->changes().frozen(trial.card));
  REQUIRE(frozen.has_value());
  CHECK(frozen->reason.starts_with(named));
  if (session) CHECK(f.ask(*session, 3, kSign) == "the card session has ended");
  f.intruder.undo(attack.edit);

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
  for (const auto& [table, columns] : f.intruder_columns) {
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
  for (const auto& [table, why] : kNotAsked) {
    INFO(table << ": " << why);
    CHECK(f.intruder_columns.contains(table));
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
  for (const auto& [table, columns] : f.intruder_columns) {
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
