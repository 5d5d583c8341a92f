#include <SQLiteCpp/Database.h>

#include "fixture.h"

// Somebody with the database's file changes a row for just as long as the server reads it. What is read is
// what is compared, so nothing of it is kept.

namespace cardea::store::test {

namespace {

constexpr card::RecordId kObject{card::RecordSpace::object, 1};
constexpr const char* kChanged = "table records, row card=1 id=1 space=1 was changed, and not by the server";

struct Protected : Furnished {
  Protected() {
    must(db->assign("card", "ann"));
    must(db->add(Device{"device", "org", "ann", DeviceRole::user, "pc", Bytes(32, 1), at(4), {}}));
    put(Bytes{1, 2, 3});
  }
  void protect() { must(db->changes().protect(SecretBytes{BytesView{Bytes(32, 0x5A)}})); }
  void put(Bytes value) {
    const card::Change change{kObject, std::move(value)};
    must(db->card_store("card")->commit({&change, 1}));
  }
  void tamper(const char* sql) {
    SQLite::Database file{(directory / "cardea.db").string(), SQLite::OPEN_READWRITE};
    file.exec(sql);
  }
  void spoil_record() { tamper("UPDATE records SET value = x'FF' WHERE card = 1 AND id = 1"); }
  void mend_record() { tamper("UPDATE records SET value = x'010203' WHERE card = 1 AND id = 1"); }
};

}  // namespace

TEST_CASE("[B8] a card's records are kept in memory only as the log of changes has them") {
  Protected it;
  it.protect();
  const auto store = it.db->card_store("card");  // for as long as it is there, what was read is kept
  it.spoil_record();
  CHECK_FAILS(store->get(kObject), Errc::corrupt, std::string{"card card is frozen: "} + kChanged);
  CHECK_FALSE(store->list(card::RecordSpace::object).has_value());
  CHECK_FALSE(store->generation().has_value());
  CHECK(it.db->changes().alarms() == std::vector<Alarm>{{"card", kChanged}});
  it.mend_record();
  CHECK(must(store->get(kObject)) == Bytes{1, 2, 3});
  it.spoil_record();
  CHECK(must(store->get(kObject)) == Bytes{1, 2, 3});
}

TEST_CASE("[B8] what was read of a card before the database was protected is read again") {
  Protected it;
  it.protect();
  it.reopen();
  const auto early = it.db->card_store("card");
  it.spoil_record();
  CHECK(must(early->get(kObject)) == Bytes{0xFF});
  it.mend_record();
  it.protect();
  CHECK(must(early->get(kObject)) == Bytes{1, 2, 3});
}

TEST_CASE(
    "[B8] a frozen card's records are read when they are right, and raise no second alarm when they are "
    "not") {
  Protected it;
  it.protect();
  it.spoil_record();
  must(it.db->changes().freeze("card", {kChanged, at(8)}));
  CHECK_FAILS(it.db->card_store("card")->get(kObject), Errc::corrupt,
              std::string{"card card is frozen: "} + kChanged);
  CHECK(it.db->changes().alarms().empty());
  it.mend_record();
  CHECK(must(it.db->card_store("card")->get(kObject)) == Bytes{1, 2, 3});
}

TEST_CASE("[B8] a card's row and a device's are those that were compared") {
  Protected it;
  it.protect();
  auto& changes = it.db->changes();
  CHECK(must(changes.checked_card("card", "device")).holder == "ann");
  CHECK(must(changes.checked_device("device")).role == DeviceRole::user);
  CHECK(changes.checked_card("nobody", "").error().code == Errc::not_found);
  CHECK_FAILS(changes.checked_device("nobody"), Errc::not_found, "there is no device nobody");

  it.tamper("UPDATE devices SET role = 2 WHERE id = 'device'");
  constexpr const char* kRole = "table devices, row id=device was changed, and not by the server";
  CHECK_FAILS(changes.checked_device("device"), Errc::corrupt, kRole);
  CHECK_FAILS(changes.checked_device("device"), Errc::corrupt, kRole);
  CHECK_FAILS(changes.checked_card("card", "device"), Errc::corrupt,
              std::string{"card card is frozen: "} + kRole);
  CHECK(changes.alarms() == std::vector<Alarm>{{"", kRole}, {"card", kRole}});
  it.tamper("UPDATE devices SET role = 1 WHERE id = 'device'");
  CHECK(must(changes.checked_device("device")).role == DeviceRole::user);

  it.tamper("UPDATE cards SET holder = NULL WHERE id = 'card'");
  CHECK(changes.checked_card("card", "").error().code == Errc::corrupt);
  it.tamper("UPDATE cards SET holder = 'ann' WHERE id = 'card'");
  CHECK(must(changes.checked_card("card", "")).holder == "ann");
}

}  // namespace cardea::store::test
