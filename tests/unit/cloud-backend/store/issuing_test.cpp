#include "fixture.h"

namespace cardea::store::test {
namespace {

CardRow a_blank(std::string id, std::uint32_t serial, std::string key, Time asked = at(5)) {
  auto row = a_card(std::move(id), serial);
  row.issuance = Issuance::blank;
  row.asked = BlankRequest{"device", std::move(key), asked};
  return row;
}

Person somebody(const char* id, const char* email = "") {
  return {id, "org", "Somebody", email, at(3)};
}

}  // namespace

TEST_CASE("blank cards: found by their request, one card a request") {
  Furnished it;
  must(it.db->add(a_blank("b1", 10, "k1")));
  CHECK_FAILS(it.db->add(a_blank("b2", 11, "k1")), Errc::conflict,
              "this device has got a card for the request k1 already");
  must(it.db->add(a_blank("b2", 11, "k2")));
  it.reopen();
  const auto found = must(it.db->card_asked_for("org", "device", "k1"));
  CHECK(found.id == "b1");
  CHECK(found.issuance == Issuance::blank);
  CHECK(found.asked == BlankRequest{"device", "k1", at(5)});
  CHECK_FAILS(it.db->card_asked_for("org", "another", "k1"), Errc::not_found,
              "this device has got no card for the request k1");
  CHECK_FALSE(must(it.db->card("card")).asked);
  CHECK(must(it.db->cards_in("org", Issuance::blank)).size() == 2);
  CHECK(must(it.db->cards_in("other", Issuance::blank)).empty());
}

TEST_CASE("blank cards: handed out to one of two who want it") {
  Furnished it;
  const auto row = a_blank("b1", 10, "k1");
  must(it.db->add(row));
  must(it.db->hand_out("b1", row.asked, {"another", "k9", at(9)}, "new label"));
  CHECK(must(it.db->card("b1")).label == "new label");
  CHECK_FAILS(it.db->hand_out("b1", row.asked, {"third", "k9", at(9)}, ""), Errc::conflict,
              "the blank card was handed out meanwhile");
  CHECK(must(it.db->card_asked_for("org", "another", "k9")).id == "b1");
  const auto late = "the blank card was handed to another workstation";
  CHECK_FAILS(it.db->begin_issuing("b1", "device"), Errc::conflict, late);
  CHECK(must(it.db->card("b1")).issuance == Issuance::blank);
  must(it.db->begin_issuing("b1", "another"));
  CHECK_FAILS(it.db->begin_issuing("b1", "device"), Errc::conflict, late);
  CHECK_FAILS(it.db->hand_out("b1", BlankRequest{"another", "k9", at(9)}, {"third", "k1", at(9)}, ""),
              Errc::conflict, "the blank card was handed out meanwhile");
}

TEST_CASE("issuing: each step from the one before only") {
  Furnished it;
  must(it.db->add(a_blank("b1", 10, "k1")));
  const auto issuance = [&it] { return must(it.db->card("b1")).issuance; };
  CHECK_FAILS(it.db->finish_issuing("b1", somebody("new"), true, {}), Errc::conflict,
              "the card is not being issued");
  CHECK_FAILS(it.db->person("org", "new"), Errc::not_found, "there is no person new in this organisation");
  must(it.db->take_into_use("b1"));  // is not issued: stays
  CHECK(issuance() == Issuance::blank);
  must(it.db->begin_issuing("b1", "device"));
  must(it.db->begin_issuing("b1", "device"));
  CHECK(issuance() == Issuance::issuing);
  must(it.db->finish_issuing("b1", somebody("new", "new@acme.example"), true, {{"upn", "new@corp"}}));
  CHECK(issuance() == Issuance::issued);
  CHECK(must(it.db->card("b1")).holder == "new");
  must(it.db->begin_issuing("b1", "device"));
  CHECK(issuance() == Issuance::issued);
  must(it.db->take_into_use("b1"));
  CHECK(issuance() == Issuance::none);
  must(it.db->begin_issuing("card", "device"));  // was never blank
  CHECK(must(it.db->card("card")).issuance == Issuance::none);
  CHECK_FAILS(it.db->begin_issuing("none", "device"), Errc::not_found, "there is no card none");
}

TEST_CASE("issuing: identifiers name one person of the organisation, and a refusal changes nothing") {
  Furnished it;
  must(it.db->add(Organisation{"org-b", "Blue", at(1)}));
  for (const auto& [id, serial] : {std::pair{"b1", 10U}, std::pair{"b2", 11U}}) {
    must(it.db->add(a_blank(id, serial, id)));
    must(it.db->begin_issuing(id, "device"));
  }
  must(it.db->finish_issuing("b1", must(it.db->person("org", "ann")), false,
                             {{"uid", "1"}, {"upn", "ann@corp"}}));
  CHECK_FAILS(it.db->finish_issuing("b2", somebody("bea"), true, {{"upn", "bea@corp"}, {"uid", "1"}}),
              Errc::conflict, "somebody else has the uid 1");
  CHECK_FAILS(it.db->person("org", "bea"), Errc::not_found, "there is no person bea in this organisation");
  CHECK(must(it.db->people_known_as("org", {"upn", "bea@corp"})).empty());
  CHECK(must(it.db->card("b2")).issuance == Issuance::issuing);
  CHECK_FAILS(it.db->finish_issuing("b2", somebody("bea", "ann@acme.example"), true, {}), Errc::conflict,
              "a person with the e-mail address ann@acme.example exists already");
  CHECK_FAILS(it.db->finish_issuing("b2", Person{"far", "org-b", "Far", "", at(1)}, true, {}), Errc::conflict,
              "the card and its holder are of different organisations");
  // Her own identifiers again are no conflict.
  must(it.db->finish_issuing("b2", must(it.db->person("org", "ann")), false,
                             {{"uid", "1"}, {"email", "a@new.example"}}));
  CHECK(must(it.db->people_known_as("org", {"uid", "1"})).front().id == "ann");
  CHECK(must(it.db->people_known_as("org", {"email", "a@new.example"})).front().id == "ann");
  CHECK(must(it.db->people_known_as("org", {"email", "ANN@acme.example"})).front().id == "ann");
  CHECK(must(it.db->people_known_as("org", {"uid", "ann@acme.example"})).empty());
  CHECK(must(it.db->people_known_as("org", {"email", ""})).empty());
}

TEST_CASE("issuing: each organisation has names of its own, and no look into another's") {
  Furnished it;
  must(it.db->add(Organisation{"org-b", "Blue", at(1)}));
  must(it.db->add(a_blank("b1", 10, "k1")));
  auto theirs = a_blank("b2", 11, "k1");
  theirs.organisation = "org-b";
  must(it.db->add(theirs));
  const PersonIdentifier names[] = {{"uid", "1"}, {"upn", "ann@corp"}, {"email", "ann@acme.example"}};
  const auto finish = [&](const char* card, const Person& person, bool is_new) {
    must(it.db->begin_issuing(card, "device"));
    must(it.db->finish_issuing(card, person, is_new, {std::begin(names), std::end(names)}));
  };
  // Ann is known by her e-mail address in one of them, as its directory has it.
  CHECK(must(it.db->people_known_as("org-b", names[2])).empty());
  finish("b2", Person{"ann-b", "org-b", "Ann", "ann@acme.example", at(3)}, true);
  CHECK(must(it.db->people_known_as("org", names[0])).empty());
  CHECK(must(it.db->people_known_as("org", names[1])).empty());
  finish("b1", must(it.db->person("org", "ann")), false);
  it.reopen();
  for (const auto& name : names) {
    const auto ours = must(it.db->people_known_as("org", name));
    REQUIRE(ours.size() == 1);
    CHECK(ours[0].id == "ann");
    const auto others = must(it.db->people_known_as("org-b", name));
    REQUIRE(others.size() == 1);
    CHECK(others[0].id == "ann-b");
    CHECK(must(it.db->people_known_as("none", name)).empty());
  }
  CHECK(must(it.db->card("b1")).holder == "ann");
  CHECK(must(it.db->card("b2")).holder == "ann-b");
}

}  // namespace cardea::store::test
