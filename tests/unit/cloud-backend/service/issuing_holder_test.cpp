#include "issuing_office.h"

#include <SQLiteCpp/Database.h>

#include <set>

using namespace cardea;
using namespace cardea::test;
using store::Issuance;

TEST_CASE("issuing: the holder is made once, and found again by any identifier [D1]") {
  Office f;
  const auto first = f.finish(f.written("a", kAda).id);
  CHECK(first.card.row.issuance == Issuance::issued);
  REQUIRE(first.holder);
  CHECK(first.holder->name == "Ada Example");
  CHECK(first.holder->email == "ada@example.org");
  const auto ada = f.must(f.database->person("org", "ada@example.org"));
  CHECK(first.card.row.holder == ada.id);
  CHECK(f.actions(first.card.row.id).back() == "card.issued");

  // The same again changes nothing.
  const auto people = f.database->people("org").value().size();
  CHECK(f.finish(first.card.row.id).card.row.holder == ada.id);
  CHECK(f.database->people("org").value().size() == people);

  const auto holder = [&f](const char* request, const Wanted& wanted) {
    return f.finish(f.written(request, wanted).id).card.row.holder.value();
  };
  CHECK(holder("b", {{{"CN", "Ada Married"}}, "otherName:1.3.6.1.4.1.311.20.2.3;UTF8:ADA@corp.example"}) ==
        ada.id);
  CHECK(holder("c", {{{"CN", "A. Example"}, {"UID", "555000000017"}}, "email:new@example.org"}) == ada.id);
  CHECK(holder("d", {{{"CN", "Somebody"}}, "email:new@example.org"}) == ada.id);
  CHECK(f.database->people("org").value().size() == people);
  // A person whom an administrator has made known is found by the e-mail address.
  REQUIRE(f.database->add(store::Person{"eve", "org", "Eve", "Eve@Example.org", f.clock.now()}));
  CHECK(holder("e", {{{"CN", "Eve Example"}}, "email:eve@example.org"}) == "eve");
  // Names alone find nobody: two people may have one.
  const auto one = holder("f", {{{"CN", "Jo Example"}}, ""});
  CHECK(holder("g", {{{"CN", "Jo Example"}}, ""}) != one);
}

TEST_CASE(
    "issuing: certificates that name different people are refused, and the card stays half-issued [D1]") {
  Office f;
  const auto card = f.written("a", kAda);
  const auto refusal = [&](const Wanted& wanted) {
    f.certify(card.id, "9C", wanted);
    const auto view = f.finish(card.id);
    CHECK(f.issuance(card.id) == Issuance::issuing);
    REQUIRE(view.missing.size() == 1);
    return view.missing.front();
  };
  CHECK(refusal({{{"CN", "Ada Example"}, {"UID", "555000000025"}}, ""}) ==
        "one holder: the certificates in 9A and 9C name different people: their user identifiers are "
        "555000000017 and "
        "555000000025");
  CHECK(refusal({{{"CN", "Ada Example"}, {"UID", "555000000017"}}, "email:bob@example.org"}) ==
        "one holder: the certificates in 9A and 9C name different people: their e-mail addresses are "
        "ada@example.org "
        "and bob@example.org");
  CHECK(refusal({{{"CN", "Bob Example"}}, ""}) ==
        "one holder: the certificates in 9A and 9C name different people: 'Ada Example' and 'Bob Example', "
        "without an "
        "identifier that both have");
  f.certify(card.id, "9C", {{{"CN", "Ada Example (signature)"}, {"UID", "555000000017"}}, ""});
  CHECK(f.finish(card.id).missing.empty());
}

TEST_CASE("issuing: identifiers of two people are refused with a sentence [D1]") {
  Office f;
  REQUIRE(f.finish(f.written("a", {{{"CN", "Ada Example"}, {"UID", "1"}}, ""}).id).missing.empty());
  REQUIRE(f.finish(f.written("b", {{{"CN", "Bob Example"}}, "email:bob@example.org"}).id).missing.empty());
  const auto both = f.written("c", {{{"CN", "Ada Example"}, {"UID", "1"}}, "email:bob@example.org"});
  const auto error = f.conflict(both.id);
  CHECK(error.what.starts_with("the email bob@example.org in the certificates is that of Bob Example ("));
  CHECK(f.actions(both.id).back() == "card.issued failed");

  // An administrator has given it to somebody else before.
  const auto given = f.written("e", {{{"CN", "Ada Example"}, {"UID", "1"}}, ""});
  REQUIRE(f.cards.assign(given.id, "ann", "administrator"));
  CHECK(f.conflict(given.id).what.starts_with("the uid 1 in the certificates is that of Ada Example ("));
}

TEST_CASE("issuing: two organisations issue to the same names, and neither learns of the other [D1] [D3]") {
  Office f;
  const auto people = [&f](const char* organisation) {
    std::set<std::string> ids;
    for (const auto& person : f.must(f.database->people(organisation)))
      ids.insert(person.id);
    return ids;
  };
  const auto before = people("org");
  // The other organisation has every name first, and in its directory a person with an address to come.
  const auto theirs = f.written("a", kAda, "foreign");
  const auto far = f.must(f.issuing.finish(f.caller("foreign"), theirs.id));
  REQUIRE(far.missing.empty());
  REQUIRE(f.database->add(store::Person{"far", "other", "Bob", "bob@example.org", f.clock.now()}));
  CHECK(people("org") == before);

  const auto ours = f.finish(f.written("a", kAda).id);
  CHECK(ours.missing.empty());
  CHECK(ours.card.holder_name == "Ada Example");
  REQUIRE(ours.card.row.holder);
  CHECK(ours.card.row.holder != far.card.row.holder);
  CHECK(f.must(f.database->person("org", "ada@example.org")).id == ours.card.row.holder);
  CHECK(f.must(f.database->person("other", "ada@example.org")).id == far.card.row.holder);
  const Wanted bob{{{"CN", "Bob Example"}}, "email:bob@example.org"};
  CHECK(f.finish(f.written("b", bob).id).card.row.holder != "far");

  // Each finds its own again.
  CHECK(f.finish(f.written("c", kAda).id).card.row.holder == ours.card.row.holder);
  const auto again = f.written("c", kAda, "foreign");
  CHECK(f.must(f.issuing.finish(f.caller("foreign"), again.id)).card.row.holder == far.card.row.holder);
  CHECK(f.issuing.look(f.caller("ra"), theirs.id).error().code == Errc::not_found);
  CHECK(f.issuing.look(f.caller("foreign"), ours.card.row.id).error().code == Errc::not_found);
}

TEST_CASE("[B8] issuing: an identifier that somebody else wrote into the database names nobody") {
  Office f;
  f.must(f.database->changes().protect(SecretBytes{BytesView{Bytes(32, 7)}}));
  REQUIRE(f.finish(f.written("a", {{{"CN", "Ada Example"}, {"UID", "1"}}, ""}).id).missing.empty());
  const auto card = f.written("b", {{{"CN", "Ada Example"}, {"UID", "1"}}, ""});
  const auto other = f.written("c", {{{"CN", "Ada Example"}, {"UID", "2"}}, ""});
  SQLite::Database raw{(f.directory / "cardea.db").string(), SQLite::OPEN_READWRITE};
  const auto refused = [&f](const std::string& id) {
    const auto view = f.issuing.finish(f.caller("ra"), id);
    REQUIRE_FALSE(view);
    CHECK(view.error().code == Errc::corrupt);
    CHECK(f.issuance(id) == Issuance::issuing);
    return view.error().what;
  };
  SUBCASE("it was another's") {
    raw.exec("UPDATE person_identifiers SET person = 'bob'");
    CHECK(refused(card.id).find("was changed, and not by the server") != std::string::npos);
  }
  SUBCASE("it was nobody's") {
    raw.exec(
        "INSERT INTO person_identifiers (organisation, kind, value, person) VALUES ('org', 'uid', '2', "
        "'bob')");
    CHECK(refused(other.id).find("was added, and not by the server") != std::string::npos);
  }
  SUBCASE("it was hers") {
    raw.exec("DELETE FROM person_identifiers");
    CHECK(refused(card.id).find("was deleted, and not by the server") != std::string::npos);
  }
}
