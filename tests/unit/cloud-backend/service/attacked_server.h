#pragma once

#include <algorithm>
#include <chrono>
#include <map>
#include <string>

#include "cardea/service/integrity.h"
#include "cardea/service/recovery.h"
#include "cardea/test/block_cipher.h"
#include "fixture.h"
#include "intruder.h"

namespace cardea::test {

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
    clock.advance(std::chrono::minutes{1});
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
    clock.advance(std::chrono::seconds{1});
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
      must(database->set_escrow_key(organisation, Bytes(32, static_cast<std::uint8_t>(organisation[1]))));
      must(ledger.set_resident_cap(organisation, static_cast<std::size_t>(organisation[1])));
      clock.advance(std::chrono::seconds{1});
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
      must(
          database->add(store::RecoveryLink{Bytes(32, n),
                                            card.id,
                                            "administrator " + card.id,
                                            clock.now(),
                                            clock.now() + std::chrono::hours{1} + n * std::chrono::seconds{1},
                                            5,
                                            {},
                                            n == 2},
                        3));
      must(database->add(store::EnrolmentCode{Bytes(32, n), "org", "ann", store::DeviceRole::user,
                                              clock.now(), clock.now() + std::chrono::hours{1}}));
      store::SpareKeyRow spare;
      spare.organisation = "org";
      spare.public_key.algorithm = card::Algorithm::p256;
      spare.public_key.point = Bytes(65, n);
      spare.sealed = Bytes(80, n);
      spare.made_at = clock.now();
      must(ledger.add(spare));
      must(ledger.reserve({{n}, "org", card.id, {0x9C, n}, clock.now()}, {100, 100}));
      must(database->set_half(card.id, n == 1 ? "anns" : "bobs", Bytes(90, n)));
      clock.advance(std::chrono::seconds{1});
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
    must(ledger.set_resident_cap("org", 7));
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
    must(database->add(store::RecoveryLink{Bytes(32, 7),
                                           victim.id,
                                           "administrator",
                                           clock.now(),
                                           clock.now() + std::chrono::hours{1},
                                           5,
                                           {},
                                           false},
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
  store::CardRow twin = (clock.advance(std::chrono::seconds{1}), issue());
  service::Integrity integrity;
  Intruder intruder{directory / "cardea.db"};
  std::map<std::string, Intruder::Table> intruder_columns = intruder.schema();
  std::int64_t number = 0;
};

}  // namespace cardea::test
