#include "fixture.h"

namespace cardea::store::test {

TEST_CASE("an organisation is found by id and by name, and both are unique") {
  Furnished it;
  must(it.db->add(Organisation{"org-b", "Blue", at(5)}));
  CHECK(must(it.db->organisation("org-b")).name == "Blue");
  CHECK(must(it.db->organisation("Blue")).id == "org-b");
  CHECK(must(it.db->organisation("Blue")).created_at == at(5));
  CHECK(must(it.db->organisations()).size() == 2);
  CHECK(must(it.db->organisations()).front().name == "Acme");
  CHECK_FAILS(it.db->add(Organisation{"org-b", "Other", at(5)}), Errc::conflict,
              "an organisation with the id org-b exists already");
  CHECK_FAILS(it.db->add(Organisation{"org-c", "Blue", at(5)}), Errc::conflict,
              "an organisation called Blue exists already");
  CHECK_FAILS(it.db->add(Organisation{"", "Empty", at(5)}), Errc::invalid, "the organisation's id is empty");
  CHECK_FAILS(it.db->add(Organisation{"org-d", "", at(5)}), Errc::invalid,
              "the organisation's name is empty");
  CHECK_FAILS(it.db->organisation("Red"), Errc::not_found, "there is no organisation Red");
}

TEST_CASE("an id wins over another organisation's name") {
  Furnished it;
  must(it.db->add(Organisation{"x", "y", at(1)}));
  must(it.db->add(Organisation{"y", "z", at(1)}));
  CHECK(must(it.db->organisation("y")).name == "z");
}

TEST_CASE("a person is found within the organisation only") {
  Furnished it;
  must(it.db->add(Organisation{"org-b", "Blue", at(1)}));
  CHECK(must(it.db->person("org", "ann")).name == "Ann");
  CHECK(must(it.db->person("org", "ANN@acme.example")).id == "ann");
  CHECK_FAILS(it.db->person("org-b", "ann"), Errc::not_found, "there is no person ann in this organisation");
  CHECK_FAILS(it.db->person("org", ""), Errc::not_found, "there is no person  in this organisation");
  CHECK(must(it.db->people("org")).size() == 1);
  CHECK(must(it.db->people("org-b")).empty());
}

TEST_CASE("e-mail addresses are unique in an organisation, but any number of people have none") {
  Furnished it;
  must(it.db->add(Organisation{"org-b", "Blue", at(1)}));
  CHECK_FAILS(it.db->add(Person{"ann2", "org", "Ann", "Ann@acme.example", at(1)}), Errc::conflict,
              "a person with the e-mail address Ann@acme.example exists already");
  must(it.db->add(Person{"ann3", "org-b", "Ann", "ann@acme.example", at(1)}));
  must(it.db->add(Person{"ben", "org", "Ben", "", at(1)}));
  must(it.db->add(Person{"cat", "org", "Cat", "", at(1)}));
  CHECK_FAILS(it.db->add(Person{"ben", "org-b", "Ben", "", at(1)}), Errc::conflict,
              "a person with the id ben exists already");
  CHECK_FAILS(it.db->add(Person{"dan", "none", "Dan", "", at(1)}), Errc::not_found,
              "there is no organisation none");
  CHECK_FAILS(it.db->add(Person{"dan", "org", "", "", at(1)}), Errc::invalid, "the person's name is empty");
}

TEST_CASE("cards: added, listed by organisation and by holder, blocked, assigned") {
  Furnished it;
  must(it.db->add(Organisation{"org-b", "Blue", at(1)}));
  must(it.db->add(Person{"bea", "org-b", "Bea", "", at(1)}));
  auto second = a_card("card-2", 4'000'000'000);
  second.holder = "ann";
  second.label = "signing";
  second.created_at = at(77);
  must(it.db->add(second));

  const auto found = must(it.db->card("card-2"));
  CHECK(found.organisation == "org");
  CHECK(found.holder == "ann");
  CHECK(found.profile == "piv-yubikey5");
  CHECK(found.label == "signing");
  CHECK(found.serial == 4'000'000'000);
  CHECK(found.state == CardState::active);
  CHECK(found.created_at == at(77));
  CHECK(must(it.db->cards("org")).size() == 2);
  CHECK(must(it.db->cards("org-b")).empty());
  REQUIRE(must(it.db->cards_of("org", "ann")).size() == 1);
  CHECK(must(it.db->cards_of("org-b", "ann")).empty());

  must(it.db->set_state("card-2", CardState::blocked));
  CHECK(must(it.db->card("card-2")).state == CardState::blocked);
  must(it.db->assign("card-2", std::nullopt));
  CHECK_FALSE(must(it.db->card("card-2")).holder.has_value());
  must(it.db->assign("card", "ann"));
  CHECK(must(it.db->card("card")).holder == "ann");

  CHECK_FAILS(it.db->assign("card", "bea"), Errc::not_found, "there is no person bea in this organisation");
  CHECK_FAILS(it.db->assign("none", "ann"), Errc::not_found, "there is no card none");
  CHECK_FAILS(it.db->set_state("none", CardState::active), Errc::not_found, "there is no card none");
  CHECK_FAILS(it.db->set_state("card", static_cast<CardState>(7)), Errc::invalid,
              "a card is active or blocked");
  CHECK_FAILS(it.db->card("none"), Errc::not_found, "there is no card none");
}

TEST_CASE("cards: what makes no sense is refused with the thing's name") {
  Furnished it;
  CHECK_FAILS(it.db->add(a_card("card", 9)), Errc::conflict, "a card with the id card exists already");
  CHECK_FAILS(it.db->add(a_card("other", 1)), Errc::conflict,
              "a card with the serial number 1 exists already");
  CHECK_FAILS(it.db->add(a_card("", 9)), Errc::invalid, "the card's id is empty");
  auto stray = a_card("other", 9);
  stray.organisation = "none";
  CHECK_FAILS(it.db->add(stray), Errc::not_found, "there is no organisation none");
  stray = a_card("other", 9);
  stray.holder = "nobody";
  CHECK_FAILS(it.db->add(stray), Errc::not_found, "there is no person nobody in this organisation");
  CHECK(must(it.db->cards("org")).size() == 1);
}

TEST_CASE("a deleted card takes its records and PINs along and leaves the audit lines") {
  Furnished it;
  const auto store = it.db->card_store("card");
  const auto pins = pins_of(*it.db, "card");
  const card::Change change{{card::RecordSpace::object, 1}, Bytes{1}};
  must(store->commit(std::span{&change, 1}));
  const card::PinEvidence pin = card::PlainPin{SecretBytes{as_bytes("123456")}};
  const card::PinUpdate update{card::PinRef::application, &pin, false, std::nullopt};
  must(pins->replace(std::span{&update, 1}));
  must(it.db->append({0, at(1), "org", "card", "administrator", "card.create", true, "{}"}));

  must(it.db->delete_card("card"));
  CHECK_FAILS(it.db->card("card"), Errc::not_found, "there is no card card");
  CHECK_FAILS(it.db->delete_card("card"), Errc::not_found, "there is no card card");
  CHECK_FAILS(store->get(change.id), Errc::not_found, "there is no card card");
  CHECK_FAILS(store->generation(), Errc::not_found, "there is no card card");
  CHECK_FAILS(store->commit({}), Errc::not_found, "there is no card card");
  CHECK_FAILS(pins->status(card::PinRef::application), Errc::not_found, "the card has no PIN");
  CHECK(must(it.db->audit({std::nullopt, "card"})).size() == 1);

  must(it.db->add(a_card("card", 1)));
  CHECK_FALSE(must(store->get(change.id)).has_value());
  CHECK_FAILS(pins->verify(card::PinRef::application, pin), Errc::not_found, "the card has no PIN");
}

TEST_CASE("everything is there after the database was closed and opened") {
  Furnished it;
  it.reopen();
  CHECK(must(it.db->organisations()).size() == 1);
  CHECK(must(it.db->people("org")).size() == 1);
  CHECK(must(it.db->cards("org")).size() == 1);
  must(it.db->check());
}

}  // namespace cardea::store::test
