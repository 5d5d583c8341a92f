#include "cardea/service/cards.h"

#include "fixture.h"

using namespace cardea;
using namespace cardea::test;
using Actions = std::vector<std::string>;

TEST_CASE("cards: issuing says what it will do, does it, and says what it did [F3]") {
  Furnished f;
  const auto card = f.issue("ann");
  CHECK(card.state == store::CardState::active);
  CHECK(card.holder == "ann");
  CHECK(card.serial >= 10'000'000);
  const auto actions = f.actions(card.id);
  CHECK(actions.front() == "card.create.intent");
  CHECK(actions.back() == "card.create");
  const auto view = f.cards.show(card.id).value();
  CHECK(view.holder_name == "Ann");
  CHECK(view.row.label == "a card");
  REQUIRE((view.pins && view.pins->pin && view.pins->puk));
  CHECK(view.pins->pin->tries_left == 3);
  CHECK(view.pins->pin->tries_max == 3);
  CHECK(view.pins->pin->factory_value);
  CHECK(view.pins->puk->tries_left == 3);
  CHECK_FALSE(f.cards.list("Trust").value().front().pins);
  CHECK(f.cards.list("Trust").value().size() == 1);
  CHECK(f.cards.list("Other").value().empty());
  CHECK(f.cards.visible_to(f.caller("anns")).value().size() == 1);
  CHECK(f.cards.visible_to(f.caller("bobs")).value().empty());
}

TEST_CASE("cards: what cannot be issued") {
  Furnished f;
  CHECK(f.cards.issue({"nix", {}, "piv-nist", ""}, "a").error().code == Errc::not_found);
  CHECK(f.cards.issue({"org", "nix", "piv-nist", ""}, "a").error().code == Errc::not_found);
  CHECK(f.cards.issue({"org", {}, "nix", ""}, "a").error().code == Errc::invalid);
  CHECK(f.database->cards("org").value().empty());
}

TEST_CASE("cards: an issuance that fails leaves nothing but its log") {
  Furnished f;
  f.vault.available = false;
  CHECK(f.cards.issue({"org", {}, "piv-nist", ""}, "a").error() ==
        Error{Errc::unavailable, "the HSM has gone"});
  CHECK(f.database->cards("org").value().empty());
  const auto log = f.database->audit({}).value();
  REQUIRE(log.size() == 2);
  CHECK(log[0].action == "card.create.intent");
  CHECK(log[1].action == "card.create");
  CHECK_FALSE(log[1].success);
}

TEST_CASE("cards: what a kill leaves half-made is finished at the next start, and nothing else is touched") {
  Furnished f;
  const auto half = [&f](const char* id, std::uint32_t serial, Actions actions) {
    store::CardRow row{id, "org", {}, "piv-nist", id, serial, store::CardState::blocked, f.clock.now()};
    REQUIRE(f.database->add(row));
    for (const auto& action : actions) {
      store::AuditRow line;
      line.at = f.clock.now();
      line.organisation = "org";
      line.card = id;
      line.actor = "administrator";
      line.action = action;
      line.detail = "{}";
      REQUIRE(f.database->append(line));
    }
  };
  half("announced", 1, {"card.create.intent"});
  half("whole", 2, {"card.create.intent", "card.create"});
  half("blocked", 3, {"card.create.intent", "card.create", "card.block"});
  half("old", 4, Actions(150, "key.use"));  // blocked long ago, its beginning far back in the log
  const auto active = f.issue();

  CHECK(f.cards.finish_interrupted().value() == 2);
  CHECK(f.database->card("announced").error().code == Errc::not_found);
  CHECK(f.actions("announced") == Actions{"card.create.intent", "card.create failed"});
  CHECK(f.database->card("whole").value().state == store::CardState::active);
  CHECK(f.database->card("blocked").value().state == store::CardState::blocked);
  CHECK(f.database->card("old").value().state == store::CardState::blocked);
  CHECK(f.database->card(active.id).value().state == store::CardState::active);
  CHECK(f.cards.finish_interrupted().value() == 0);
}

TEST_CASE("cards: assigning ends sessions, since the right to open has changed") {
  Furnished f;
  const auto card = f.issue("ann");
  const auto s = f.sessions.open(f.caller("anns"), card.id).value();
  REQUIRE(f.cards.assign(card.id, "bob", "administrator"));
  CHECK(f.sessions.exchange(s.id, s.token, apdus(1, {"00 20 00 80"})).error().code == Errc::not_found);
  CHECK(f.sessions.open(f.caller("anns"), card.id).error().code == Errc::not_found);
  CHECK(f.sessions.open(f.caller("bobs"), card.id));
  CHECK(f.cards.assign(card.id, "nix", "administrator").error().code == Errc::not_found);
  REQUIRE(f.cards.assign(card.id, std::nullopt, "administrator"));
  CHECK(f.cards.show(card.id).value().holder_name.empty());
}
