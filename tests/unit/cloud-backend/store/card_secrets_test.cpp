#include <algorithm>

#include "fixture.h"

namespace cardea::store::test {

namespace {

const Bytes kKey(32, 7);
const Bytes kCopy(95, 1);
const Bytes kEscrowCopy(115, 2);

/// Sets PIN and PUK to values that are, or are not, the ones every card is made with.
void set_pins(Database& db, bool pin_factory, bool puk_factory) {
  const auto vault = pins_of(db, "card");
  const card::PinEvidence value{card::PlainPin{SecretBytes{as_bytes("12345678")}}};
  const card::PinUpdate updates[] = {{card::PinRef::application, &value, pin_factory, std::nullopt},
                                     {card::PinRef::puk, &value, puk_factory, std::nullopt}};
  must(vault->replace(updates));
}

std::vector<std::string> holders(Database& db) {
  return must(db.secret_holders("card"));
}

using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("a card's secret: its public key in the card's row, copies by holder, all of it durable") {
  Furnished f;
  CHECK(must(f.db->card("card")).public_key.empty());
  CHECK(holders(*f.db).empty());
  must(f.db->set_secret("card", kKey, {{"issuance", kCopy}, {"escrow", kEscrowCopy}}));
  f.reopen();
  CHECK(must(f.db->card("card")).public_key == kKey);
  CHECK(holders(*f.db) == Names{"escrow", "issuance"});
  CHECK(must(f.db->secret_copy("card", "escrow")) == kEscrowCopy);
  CHECK_FAILS(f.db->secret_copy("card", "pin"), Errc::not_found,
              "the card's secret has no copy for this holder");
  CHECK_FAILS(f.db->secret_copy("nobody", "issuance"), Errc::not_found,
              "the card's secret has no copy for this holder");
}

TEST_CASE("a card is added with its public key, or without") {
  Furnished f;
  auto row = a_card("second", 2);
  row.public_key = kKey;
  must(f.db->add(row));
  CHECK(must(f.db->card("second")).public_key == kKey);
  row = a_card("third", 3);
  row.public_key = Bytes(31, 1);
  CHECK_FALSE(f.db->add(row).has_value());
}

TEST_CASE("a new secret takes the copies of the old one away") {
  Furnished f;
  must(f.db->set_secret("card", kKey, {{"issuance", kCopy}}));
  must(f.db->put_copies("card", kKey, {{"pin", kCopy}, {"puk", kCopy}}));
  const Bytes fresh(32, 8);
  must(f.db->set_secret("card", fresh, {{"issuance", kCopy}}));
  CHECK(holders(*f.db) == Names{"issuance"});
  CHECK_FAILS(f.db->put_copies("card", kKey, {{"pin", kCopy}}), Errc::conflict,
              "the card's secret was replaced meanwhile");
  CHECK(holders(*f.db) == Names{"issuance"});
}

TEST_CASE("new values for PIN and PUK bring another secret with them, all of it or none") {
  Furnished f;
  must(f.db->set_secret("card", kKey, {{"pin", kCopy}, {"puk", kCopy}}));
  auto records = f.db->pin_records("card");
  const Bytes fresh(32, 8);
  const NewSecret secret{fresh, {{"issuance", kCopy}}};
  const auto update = [](card::PinRef ref, std::optional<std::uint64_t> replaces = {}) {
    const bool pin = ref == card::PinRef::application;
    return PinRecordUpdate{ref, {Bytes(16, 3), Bytes(9, 3), Bytes(192, 3)},    true,
                           3,   SecretCopy{pin ? "pin" : "puk", Bytes(95, 4)}, replaces};
  };
  const auto as_it_was = [&] {
    CHECK(must(f.db->card("card")).public_key == kKey);
    CHECK(holders(*f.db) == Names{"pin", "puk"});
    CHECK(must(f.db->secret_copy("card", "pin")) == kCopy);
    CHECK(records->status(card::PinRef::application).error().code == Errc::not_found);
  };
  const PinRecordUpdate both[] = {update(card::PinRef::application), update(card::PinRef::puk)};
  CHECK_FAILS(records->renew(both, fresh, secret), Errc::conflict,
              "the card's secret was replaced meanwhile");
  as_it_was();
  const PinRecordUpdate late[] = {update(card::PinRef::application), update(card::PinRef::puk, 5)};
  CHECK_FAILS(records->renew(late, kKey, secret), Errc::conflict, "the PIN has another value by now");
  as_it_was();
  CHECK_FAILS(records->renew(both, kKey, {Bytes(31, 8), {}}), Errc::invalid,
              "a card's public key has 32 octets");
  as_it_was();
  must(records->renew(both, kKey, secret));
  records.reset();
  f.reopen();
  CHECK(must(f.db->card("card")).public_key == fresh);
  CHECK(holders(*f.db) == Names{"issuance", "pin", "puk"});
  CHECK(must(f.db->secret_copy("card", "pin")) == Bytes(95, 4));
}

TEST_CASE("copies are replaced by holder; others stay") {
  Furnished f;
  must(f.db->set_secret("card", kKey, {{"issuance", kCopy}}));
  must(f.db->put_copies("card", kKey, {{"pin", kCopy}}));
  const Bytes second(95, 3);
  must(f.db->put_copies("card", kKey, {{"pin", second}}));
  CHECK(must(f.db->secret_copy("card", "pin")) == second);
  CHECK(must(f.db->secret_copy("card", "issuance")) == kCopy);
}

TEST_CASE("the issuance is over with the first change after which no factory value is left [B4]") {
  Furnished f;
  must(f.db->set_secret("card", kKey, {{"issuance", kCopy}, {"pin", kCopy}, {"puk", kCopy}}));
  set_pins(*f.db, true, true);
  CHECK(holders(*f.db) == Names{"issuance", "pin", "puk"});
  set_pins(*f.db, false, true);
  CHECK(holders(*f.db) == Names{"issuance", "pin", "puk"});
  set_pins(*f.db, true, false);
  CHECK(holders(*f.db) == Names{"issuance", "pin", "puk"});
  set_pins(*f.db, false, false);
  CHECK(holders(*f.db) == Names{"pin", "puk"});
  f.reopen();
  CHECK(holders(*f.db) == Names{"pin", "puk"});
}

TEST_CASE("as long as PIN or PUK has no copy, the issuance is not over: the keys would be lost") {
  Furnished f;
  must(f.db->set_secret("card", kKey, {{"issuance", kCopy}, {"pin", kCopy}}));
  set_pins(*f.db, false, false);
  CHECK(holders(*f.db) == Names{"issuance", "pin"});
  CHECK_FAILS(f.db->end_issuance("card"), Errc::conflict,
              "the PUK has no copy of the card's secret yet: the keys would be lost");
  must(f.db->put_copies("card", kKey, {{"puk", kCopy}}));
  CHECK(holders(*f.db) == Names{"pin", "puk"});
  must(f.db->end_issuance("card"));
}

TEST_CASE("an administrator ends the issuance of a card whose PINs are still the factory's") {
  Furnished f;
  must(f.db->set_secret("card", kKey, {{"issuance", kCopy}}));
  set_pins(*f.db, true, true);
  CHECK_FAILS(f.db->end_issuance("card"), Errc::conflict,
              "the PIN has no copy of the card's secret yet: the keys would be lost");
  must(f.db->put_copies("card", kKey, {{"pin", kCopy}, {"puk", kCopy}}));
  must(f.db->end_issuance("card"));
  CHECK(holders(*f.db) == Names{"pin", "puk"});
  CHECK_FAILS(f.db->end_issuance("nobody"), Errc::not_found, "there is no card nobody");
}

TEST_CASE("a deleted card leaves no copy behind") {
  Furnished f;
  must(f.db->set_secret("card", kKey, {{"issuance", kCopy}}));
  must(f.db->delete_card("card"));
  CHECK_FALSE(f.db->secret_copy("card", "issuance").has_value());
}

TEST_CASE("an organisation's escrow key comes and goes") {
  Furnished f;
  CHECK(must(f.db->organisation("org")).escrow_key.empty());
  must(f.db->set_escrow_key("org", kKey));
  f.reopen();
  CHECK(must(f.db->organisation("org")).escrow_key == kKey);
  must(f.db->set_escrow_key("org", {}));
  CHECK(must(f.db->organisation("org")).escrow_key.empty());
  CHECK_FAILS(f.db->set_escrow_key("org", Bytes(33)), Errc::invalid, "an escrow key has 32 octets");
  CHECK_FAILS(f.db->set_escrow_key("nobody", kKey), Errc::not_found, "there is no organisation nobody");
}

}  // namespace cardea::store::test
