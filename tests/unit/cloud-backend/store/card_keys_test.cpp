#include "fixture.h"

namespace cardea::store::test {

namespace {

CardKeysRow a_set(std::uint64_t number) {
  CardKeysRow row;
  row.organisation = "org";
  row.number = number;
  row.key_version = 0x30;
  row.protocol = 3;
  row.options = 0x70;
  row.scheme = 1;
  row.algorithm = card::Algorithm::aes192;
  row.check_values = Bytes{1, 2, 3};
  row.masters = {Bytes(90, static_cast<std::uint8_t>(number))};
  row.made_at = at(7);
  return row;
}

}  // namespace

TEST_CASE("card keys of an organisation: one set at a time, and the retired ones are remembered [A6]") {
  Furnished f;
  auto& ledger = f.db->key_ledger();
  CHECK(must(ledger.card_keys("org")).empty());
  must(ledger.add(a_set(1)));
  CHECK_FAILS(ledger.add(a_set(2)), Errc::conflict,
              "the organisation has card keys in use: retire them first");
  must(ledger.retire_card_keys("org", at(8)));
  CHECK_FAILS(ledger.retire_card_keys("org", at(8)), Errc::not_found,
              "the organisation has no card keys in use");
  CHECK_FAILS(ledger.add(a_set(1)), Errc::conflict, "somebody else was about to make card keys: try again");
  auto three = a_set(2);
  three.algorithm = card::Algorithm::tdes;
  three.parts = 2;
  three.protocol = 2;
  three.options = 0x55;
  three.scheme = 2;
  three.imported = true;
  three.check_values = Bytes(9, 4);
  three.masters = {Bytes(70, 1), Bytes(70, 2), Bytes(70, 3)};
  must(ledger.add(three));

  f.reopen();
  const auto sets = must(f.db->key_ledger().card_keys("org"));
  REQUIRE(sets.size() == 2);
  CHECK(sets[0].number == 2);
  CHECK(sets[0].key_version == 0x30);
  CHECK(sets[0].protocol == 2);
  CHECK(sets[0].options == 0x55);
  CHECK(sets[0].scheme == 2);
  CHECK(sets[0].algorithm == card::Algorithm::tdes);
  CHECK(sets[0].parts == 2);
  CHECK(sets[0].imported);
  CHECK(sets[0].check_values == three.check_values);
  CHECK(sets[0].masters == three.masters);
  CHECK(sets[0].made_at == at(7));
  CHECK_FALSE(sets[0].retired_at);
  CHECK(sets[1].masters.empty());
  CHECK(sets[1].check_values == Bytes{1, 2, 3});
  CHECK(sets[1].retired_at == at(8));
  CHECK(must(f.db->key_ledger().card_keys("other")).empty());
}

TEST_CASE("what is no set is not taken") {
  Furnished f;
  auto& ledger = f.db->key_ledger();
  auto row = a_set(1);
  row.masters.clear();
  CHECK(ledger.add(row).error().code == Errc::invalid);
  row.masters = {Bytes(90, 1), Bytes(90, 2)};
  CHECK(ledger.add(row).error().code == Errc::invalid);
  row = a_set(1);
  row.organisation = "nobody";
  CHECK(ledger.add(row).error().code == Errc::not_found);
  row = a_set(1);
  row.key_version = 0xFF;
  CHECK_FALSE(ledger.add(row).has_value());
}

TEST_CASE("master keys that were sealed anew take the place of those that were read [B10]") {
  Furnished f;
  auto& ledger = f.db->key_ledger();
  must(ledger.add(a_set(1)));
  const auto read = must(ledger.card_keys("org")).front();
  CHECK(ledger.replace_masters(read, {}).error().code == Errc::invalid);
  CHECK(must(ledger.replace_masters(read, {Bytes(95, 9)})));
  CHECK_FALSE(must(ledger.replace_masters(read, {Bytes(95, 8)})));
  CHECK(must(ledger.card_keys("org")).front().masters == std::vector<Bytes>{Bytes(95, 9)});
  const auto now = must(ledger.card_keys("org")).front();
  must(ledger.retire_card_keys("org", at(9)));
  CHECK_FALSE(must(ledger.replace_masters(now, {Bytes(95, 7)})));
  CHECK(must(ledger.card_keys("org")).front().masters.empty());
}

}  // namespace cardea::store::test
