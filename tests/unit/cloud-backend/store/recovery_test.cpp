#include "fixture.h"

namespace cardea::store::test {

namespace {

constexpr std::int64_t kMinute = 60'000;
constexpr std::int64_t kDay = 24 * 60 * kMinute;

RecoveryAnswers some_answers(std::uint8_t fill) {
  return {Bytes(16, fill),
          Bytes(9, fill),
          {Bytes(61, 1), Bytes(61, 2), Bytes(61, 3)},
          {"First pet?", "School?", "Year?"},
          at(5)};
}
RecoveryLink a_link(std::uint8_t fill, std::int64_t made) {
  return {Bytes(32, fill), "card", "administrator", at(made), at(made + 30 * kMinute), 5, std::nullopt};
}
RecoveryCode a_code(std::uint8_t fill) {
  return {Bytes(32, fill), Bytes(61, fill)};
}

}  // namespace

TEST_CASE("recovery answers: kept, replaced, gone with the card") {
  Furnished it;
  CHECK_FAILS(it.db->recovery_answers("card"), Errc::not_found, "the card's holder has left no answers");
  must(it.db->set("card", some_answers(1)));
  must(it.db->set("card", some_answers(2)));
  it.reopen();
  const auto found = must(it.db->recovery_answers("card"));
  CHECK(found.nonce == Bytes(16, 2));
  CHECK(found.ksf == Bytes(9, 2));
  CHECK(found.copies[2] == Bytes(61, 3));
  CHECK(found.questions[1] == "School?");
  CHECK(found.created_at == at(5));

  CHECK_FAILS(it.db->set("nocard", some_answers(1)), Errc::not_found, "there is no card nocard");
  auto odd = some_answers(1);
  odd.questions[0].clear();
  CHECK_FAILS(it.db->set("card", odd), Errc::invalid, "a question is empty");
  must(it.db->delete_card("card"));
  CHECK_FAILS(it.db->recovery_answers("card"), Errc::not_found, "the card's holder has left no answers");
}

TEST_CASE("recovery codes: a new list takes the place of the old one") {
  Furnished it;
  must(it.db->set("card", std::vector{a_code(1), a_code(2)}));
  must(it.db->set("card", std::vector{a_code(3), a_code(4), a_code(5)}));
  CHECK(must(it.db->recovery_codes("card")) == 3);
  CHECK(must(it.db->recovery_copy("card", Bytes(32, 4))) == Bytes(61, 4));
  CHECK_FAILS(it.db->recovery_copy("card", Bytes(32, 1)), Errc::not_found,
              "the recovery code is unknown or was used already");
  CHECK_FAILS(it.db->set("card", std::vector{a_code(6), a_code(6)}), Errc::invalid,
              "a code stands twice in the list");
  CHECK(must(it.db->recovery_codes("card")) == 3);
}

TEST_CASE("a recovery link has so many attempts, spent before anything is compared [D5]") {
  Furnished it;
  must(it.db->add(a_link(1, 1000), 3));
  const Bytes hash(32, 1);
  CHECK(must(it.db->recovery_link(hash, at(2000))).attempts == 5);
  for (unsigned left = 5; left-- > 0;) {
    const auto link = must(it.db->spend_recovery_attempt(hash, at(2000)));
    CHECK(link.attempts == left);
    CHECK(link.card == "card");
    it.reopen();
    CHECK(must(it.db->recovery_link(hash, at(2000))).attempts == left);
  }
  CHECK_FAILS(it.db->spend_recovery_attempt(hash, at(2000)), Errc::exhausted,
              "the recovery link has no attempts left");
}

TEST_CASE("a recovery link is good for one use and half an hour [D5]") {
  Furnished it;
  must(it.db->add(a_link(1, 0), 3));
  const Bytes hash(32, 1);
  CHECK_FAILS(it.db->recovery_link(hash, at(30 * kMinute)), Errc::denied, "the recovery link has expired");
  CHECK_FAILS(it.db->spend_recovery_attempt(hash, at(30 * kMinute)), Errc::denied,
              "the recovery link has expired");
  must(it.db->end_recovery(hash, std::nullopt, at(10)));
  CHECK_FAILS(it.db->recovery_link(hash, at(20)), Errc::not_found,
              "the recovery link is unknown or was used already");
  CHECK_FAILS(it.db->end_recovery(hash, std::nullopt, at(20)), Errc::not_found,
              "the recovery link is unknown or was used already");
  CHECK_FAILS(it.db->spend_recovery_attempt(Bytes(32, 9), at(20)), Errc::not_found,
              "the recovery link is unknown or was used already");
}

TEST_CASE("a new recovery link ends the one before; three a day [D5]") {
  Furnished it;
  must(it.db->add(a_link(1, 1000), 3));
  must(it.db->add(a_link(2, 2000), 3));
  CHECK_FAILS(it.db->recovery_link(Bytes(32, 1), at(2001)), Errc::not_found,
              "the recovery link is unknown or was used already");
  must(it.db->add(a_link(3, 3000), 3));
  CHECK_FAILS(it.db->add(a_link(4, 4000), 3), Errc::exhausted, "the card got 3 recovery links today");
  CHECK(must(it.db->recovery_link(Bytes(32, 3), at(4000))).attempts == 5);  // a refused one ends nothing
  must(it.db->add(a_link(4, 1000 + kDay), 3));
  CHECK_FAILS(it.db->add(a_link(5, 1999 + kDay), 3), Errc::exhausted, "the card got 3 recovery links today");
}

TEST_CASE("a recovery code ends with the link it was used on, both or neither") {
  Furnished it;
  must(it.db->set("card", std::vector{a_code(1), a_code(2)}));
  must(it.db->add(a_link(1, 1000), 3));
  CHECK_FAILS(it.db->end_recovery(Bytes(32, 1), Bytes(32, 7), at(2000)), Errc::conflict,
              "the recovery code was used already");
  must(it.db->end_recovery(Bytes(32, 1), Bytes(32, 2), at(2000)));
  CHECK(must(it.db->recovery_codes("card")) == 1);
  CHECK_FAILS(it.db->recovery_copy("card", Bytes(32, 2)), Errc::not_found,
              "the recovery code is unknown or was used already");
}

TEST_CASE("a new PIN and the end of its link are one transaction [D5]") {
  Furnished it;
  const Bytes key(32, 7);
  must(it.db->set_secret("card", key, {{"pin", Bytes(95, 1)}}));
  must(it.db->set("card", std::vector{a_code(1)}));
  must(it.db->add(a_link(1, 1000), 3));
  auto pins = it.db->pin_records("card");
  const auto update = [](std::uint8_t fill) {
    return PinRecordUpdate{card::PinRef::application,
                           {Bytes(16, fill), Bytes(9, fill), Bytes(192, fill)},
                           false,
                           std::nullopt,
                           SecretCopy{"pin", Bytes(95, fill)}};
  };
  const auto first = update(3);
  must(pins->replace({&first, 1}, key));
  const auto version = must(pins->status(card::PinRef::application)).version;

  // Where one half is refused, the other is not done either.
  const auto none_done = [&] {
    CHECK(must(pins->status(card::PinRef::application)).version == version);
    CHECK(must(it.db->secret_copy("card", "pin")) == Bytes(95, 3));
    CHECK(must(it.db->recovery_codes("card")) == 1);
    CHECK(must(it.db->recovery_link(Bytes(32, 1), at(2000))).attempts == 5);
  };
  CHECK_FAILS(pins->recover(update(4), key, {Bytes(32, 9), std::nullopt, at(2000)}), Errc::not_found,
              "the recovery link is unknown or was used already");
  none_done();
  CHECK_FAILS(pins->recover(update(4), key, {Bytes(32, 1), Bytes(32, 8), at(2000)}), Errc::conflict,
              "the recovery code was used already");
  none_done();
  CHECK_FAILS(pins->recover(update(4), Bytes(32, 8), {Bytes(32, 1), Bytes(32, 1), at(2000)}), Errc::conflict,
              "the card's secret was replaced meanwhile");
  none_done();

  must(pins->recover(update(4), key, {Bytes(32, 1), Bytes(32, 1), at(2000)}));
  pins.reset();  // before its database
  it.reopen();
  CHECK(must(it.db->pin_records("card")->status(card::PinRef::application)).version == version + 1);
  CHECK(must(it.db->secret_copy("card", "pin")) == Bytes(95, 4));
  CHECK(must(it.db->recovery_codes("card")) == 0);
  CHECK(it.db->recovery_link(Bytes(32, 1), at(2000)).error().code == Errc::not_found);
}

}  // namespace cardea::store::test
